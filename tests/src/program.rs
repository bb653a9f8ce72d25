//! The program as a child process: one-shot commands, and the daemon.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{await_some, await_true};

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Printed {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Printed {
    /// The output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The same, which must have ended with this code.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

/// The program and the configuration that it is given.
#[derive(Debug, Clone)]
pub struct Program {
    pub executable: PathBuf,
    pub config: PathBuf,
}

impl Program {
    /// Runs a command in `folder` and waits for it.
    pub fn run(&self, folder: &Path, arguments: &[&str]) -> Printed {
        let output = Command::new(&self.executable)
            .args(arguments)
            .env("NAKSHA_CONFIG", &self.config)
            .env("NO_COLOR", "1")
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .expect("should run the program");
        Printed {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("should print UTF-8"),
            err: String::from_utf8(output.stderr).expect("should print UTF-8"),
        }
    }

    /// Starts the daemon and waits until its socket answers.
    pub fn start_daemon(&self, log: &Path) -> DaemonProcess {
        let file = OpenOptions::new().create(true).append(true).open(log).expect("should open the log");
        let child = Command::new(&self.executable)
            .arg("daemon")
            .env("NAKSHA_CONFIG", &self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("should start the daemon");
        let mut daemon = DaemonProcess { child, program: self.clone(), log: log.to_owned() };
        await_true("the daemon's socket", || {
            if let Some(status) = daemon.child.try_wait().expect("should look at the child") {
                panic!("the daemon ended ({status}):\n{}", daemon.log());
            }
            daemon.program.run(Path::new("/"), &["status", "--format", "json"]).code == 0
        });
        daemon
    }
}

/// A running daemon; killed when dropped.
#[derive(Debug)]
pub struct DaemonProcess {
    child: Child,
    program: Program,
    log: PathBuf,
}

impl Drop for DaemonProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl DaemonProcess {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("should kill the daemon");
        self.child.wait().expect("should reap the daemon");
    }

    /// SIGTERM; the exit code.
    pub fn stop(self) -> Option<i32> {
        self.terminate();
        self.ended()
    }

    /// SIGTERM, without waiting for what comes of it.
    pub fn terminate(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("should signal the daemon");
    }

    /// Waits for its end; the exit code.
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().expect("should reap the daemon").code()
    }

    /// The status of one environment, once it fits.
    pub fn await_status(&self, environment: &str, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        await_some(&format!("{environment} to be {what}"), || {
            let printed = self.program.run(Path::new("/"), &["status", environment, "--format", "json"]);
            let documents: Value = serde_json::from_str(&printed.out).ok()?;
            let document = documents.get(0)?.clone();
            if document != last {
                last = document.clone();
            }
            fits(&document).then_some(document)
        })
    }

    /// Waits until the environment has applied this commit and says so.
    pub fn await_applied(&self, environment: &str, commit: &str) -> Value {
        self.await_status(environment, &format!("synced at {commit}"), |status| {
            status["state"] == "synced" && status["applied"] == commit
        })
    }

    pub fn await_state(&self, environment: &str, state: &str) -> Value {
        self.await_status(environment, state, |status| status["state"] == state)
    }
}
