//! The daemon of the demo: this very program, as a child process.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};
use naksha_environments::wire::StatusDocument;
use serde::de::DeserializeOwned;

use super::PATIENCE;
use super::scratch::Scratch;
use crate::cli::block_on;
use crate::client::Client;

pub(super) struct DaemonProcess {
    child: Child,
    client: Client,
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        // Only an error leaves it running; the demo must not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl DaemonProcess {
    /// Starts the daemon and waits until its socket answers.
    pub(super) fn start(scratch: &Scratch) -> anyhow::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(scratch.log())?;
        let child = Command::new(std::env::current_exe()?)
            .args(["daemon", "--with-parent"])
            .arg("--config")
            .arg(scratch.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("the daemon does not start")?;
        let mut daemon = Self { child, client: Client::new(scratch.socket()) };
        let started = Instant::now();
        while daemon.get::<Vec<StatusDocument>>("/api/v1/status").is_err() {
            if let Some(status) = daemon.child.try_wait()? {
                bail!("the daemon ended: {status}");
            }
            if started.elapsed() > PATIENCE {
                bail!("the daemon does not answer");
            }
            pause();
        }
        Ok(daemon)
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Ok(block_on(self.client.get(path))??)
    }

    /// The status of an environment, once it fits.
    pub(super) fn await_status(
        &self,
        environment: &str,
        what: &str,
        fits: impl Fn(&StatusDocument) -> bool,
    ) -> anyhow::Result<StatusDocument> {
        let path = format!("/api/v1/status?environment={environment}");
        let started = Instant::now();
        let mut last = None;
        while started.elapsed() < PATIENCE {
            // A refusal means that the environment has no loop yet.
            if let Ok(documents) = self.get::<Vec<StatusDocument>>(&path) {
                last = documents.into_iter().next();
                if let Some(document) = last.take_if(|document| fits(document)) {
                    return Ok(document);
                }
            }
            pause();
        }
        let seen = last.map_or_else(String::new, |document| {
            format!("; it is {}: {}", document.state, document.why.join("; "))
        });
        bail!("{environment} did not become {what} within {} s{seen}", PATIENCE.as_secs())
    }

    /// SIGKILL: no chance to clean up.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    pub(super) fn wait(&mut self) -> anyhow::Result<()> {
        self.child.wait()?;
        Ok(())
    }
}

/// Runs this program as a user would, in a folder; returns what it printed.
pub(super) fn run(folder: &Path, scratch: &Scratch, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .arg("--config")
        .arg(scratch.config())
        .current_dir(folder)
        .output()?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(2) {
        bail!("`naksha {}` failed: {text}", arguments.join(" "));
    }
    Ok(text)
}

/// Between two looks at something that takes milliseconds.
pub(super) fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(5));
}
