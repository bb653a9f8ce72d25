//! The daemon of a scratch installation as a child process.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, anyhow, bail};
use naksha_environments::wire::StatusDocument;
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Scratch, wait_for};
use crate::cli::block_on;
use crate::client::Client;

/// A running daemon; killed when dropped.
#[derive(Debug)]
pub struct DaemonProcess {
    child: Child,
    client: Client,
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        // Only an error leaves it running, and there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl DaemonProcess {
    /// Starts `executable` as the daemon and waits until its socket answers.
    pub fn start<S: AsRef<OsStr>>(
        executable: &Path,
        scratch: &Scratch,
        arguments: &[S],
    ) -> anyhow::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(scratch.log())?;
        let child = Command::new(executable)
            .arg("daemon")
            .args(arguments)
            .env("NAKSHA_CONFIG", scratch.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("the daemon does not start")?;
        let mut daemon = Self { child, client: Client::new(scratch.socket()) };
        wait_for("the daemon's socket", || {
            if let Some(status) = daemon.child.try_wait()? {
                let log = std::fs::read_to_string(scratch.log()).unwrap_or_default();
                bail!("the daemon ended ({status}):\n{log}");
            }
            Ok(daemon.get::<Vec<StatusDocument>>("/api/v1/status").ok())
        })?;
        Ok(daemon)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the daemon's API.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Ok(block_on(self.client.get(path))??)
    }

    /// The status of an environment, once it fits.
    pub fn await_status<T: DeserializeOwned>(
        &self,
        environment: &str,
        what: &str,
        mut fits: impl FnMut(&T) -> bool,
    ) -> anyhow::Result<T> {
        let path = format!("/api/v1/status?environment={environment}");
        let mut seen = "it has no status".to_owned();
        let found = wait_for(&format!("{environment} to be {what}"), || {
            // A refusal means that the environment has no loop yet.
            let documents: Vec<Value> = self.get(&path).unwrap_or_default();
            let Some(document) = documents.into_iter().next() else { return Ok(None) };
            seen = format!("it is {}: {}", document["state"], document["why"]);
            let document = serde_json::from_value(document)?;
            Ok(fits(&document).then_some(document))
        });
        found.map_err(|error| anyhow!("{error:#}; {seen}"))
    }

    /// SIGKILL: no chance to clean up.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGKILL, without waiting for its end.
    pub fn kill_without_waiting(&self) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::KILL)?)
    }

    /// SIGTERM, without waiting for what comes of it.
    pub fn terminate(&self) -> anyhow::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait()?)
    }
}
