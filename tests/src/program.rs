//! The program as a child process: one-shot commands, and the daemon.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use naksha::scratch::{self, Scratch};
use serde_json::Value;

use crate::must;

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
}

/// A running daemon; killed when dropped.
#[derive(Debug)]
pub struct DaemonProcess {
    process: scratch::DaemonProcess,
    log: PathBuf,
}

impl DaemonProcess {
    /// Starts the daemon and waits until its socket answers.
    pub fn start(program: &Program, scratch: &Scratch) -> Self {
        let process = must(scratch::DaemonProcess::start(&program.executable, scratch, &[] as &[&str]));
        Self { process, log: scratch.log() }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL.
    pub fn kill(self) {
        must(self.process.kill());
    }

    /// SIGKILL, without waiting for its end.
    pub fn kill_without_waiting(&self) {
        must(self.process.kill_without_waiting());
    }

    /// SIGTERM; the exit code.
    pub fn stop(self) -> Option<i32> {
        self.terminate();
        self.ended()
    }

    /// SIGTERM, without waiting for what comes of it.
    pub fn terminate(&self) {
        must(self.process.terminate());
    }

    /// Waits for its end; the exit code.
    pub fn ended(mut self) -> Option<i32> {
        must(self.process.ended()).code()
    }

    /// The status of one environment, once it fits.
    pub fn await_status(&self, environment: &str, what: &str, fits: impl FnMut(&Value) -> bool) -> Value {
        must(self.process.await_status(environment, what, fits))
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
