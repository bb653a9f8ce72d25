//! One worker process: starting it, one exchange with it, and why it died.

use std::io::{BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use naksha_renderer::template::TemplateJob;

use crate::frame::{self, FrameError, Hello, PROTOCOL};
use crate::limits::START_DEADLINE;
use crate::pool::WorkersConfig;
use crate::watchdog::{Shared, Watchdog, lock};
use crate::worker::Answer;

/// Most of a dead worker's stderr that is looked at.
const STDERR_BYTES: u64 = 4 << 10;

/// A worker that is alive, as far as is known. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Shared,
    /// Absent once it is being buried.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Limits that it could not put on itself.
    pub(crate) unenforced: Vec<String>,
}

/// Why a worker is no longer there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// The watchdog killed it.
    Late,
    /// It could not get more memory, or its stack was full.
    Memory,
    Other(String),
}

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("a folder for it cannot be made")]
    Folder(#[source] std::io::Error),
    #[error("it cannot be run")]
    Spawn(#[source] std::io::Error),
    #[error("it did not say hello: {reason}")]
    Hello { reason: String },
    #[error("it speaks version {version} of the protocol, and this program speaks {PROTOCOL}")]
    Version { version: u32 },
}

impl Process {
    pub(crate) fn start(config: &WorkersConfig, watchdog: &Watchdog) -> Result<Self, StartError> {
        let folder =
            tempfile::Builder::new().prefix("naksha-render-").tempdir().map_err(StartError::Folder)?;
        let mut child = Command::new(&config.command)
            .args(&config.arguments)
            .env_clear()
            .envs(config.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(StartError::Spawn)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let child = Arc::new(Mutex::new(child));
        let (Some(input), Some(output)) = (input, output) else {
            return Err(StartError::Hello { reason: "its pipes are missing".to_owned() });
        };
        let mut process =
            Self { child, input: Some(input), output: BufReader::new(output), unenforced: Vec::new() };
        let deadline = watchdog.watch(&process.child, START_DEADLINE);
        let hello = frame::read::<Hello>(&mut process.output);
        let met = deadline.met();
        // Its working directory is now a deleted folder, in which nothing can be made.
        drop(folder);
        match hello {
            Ok(hello) if hello.naksha_render_worker == PROTOCOL => {
                tracing::debug!(enforced = ?hello.enforced, missing = ?hello.missing, "template worker started");
                process.unenforced = hello.missing;
                Ok(process)
            }
            Ok(hello) => Err(StartError::Version { version: hello.naksha_render_worker }),
            Err(error) => {
                let death = process.bury(&error, met);
                Err(StartError::Hello { reason: death.in_words() })
            }
        }
    }

    /// Sends a job and waits for its answer. After an error the process is gone.
    pub(crate) fn exchange(
        mut self,
        job: &TemplateJob,
        time: Duration,
        watchdog: &Watchdog,
    ) -> Result<(Self, Answer), Death> {
        let deadline = watchdog.watch(&self.child, time);
        let sent = self.input.as_mut().ok_or(FrameError::Closed).and_then(|input| frame::write(input, job));
        let answer = sent.and_then(|()| frame::read::<Answer>(&mut self.output));
        let met = deadline.met();
        match answer {
            // An answer that came together with the kill is lost with its worker.
            Ok(answer) if met => Ok((self, answer)),
            Ok(_) => Err(self.bury(&FrameError::Closed, met)),
            Err(error) => Err(self.bury(&error, met)),
        }
    }

    /// Makes sure that it is dead, and finds out what it died of.
    fn bury(mut self, error: &FrameError, met: bool) -> Death {
        self.input = None;
        let mut child = lock(&self.child);
        // A process that is ending already keeps the status that it is ending with.
        let _ = child.kill();
        let status = child.wait();
        let mut said = String::new();
        if let Some(stderr) = child.stderr.take() {
            let _ = stderr.take(STDERR_BYTES).read_to_string(&mut said);
        }
        match (met, status) {
            (false, _) => Death::Late,
            (true, Ok(status)) => cause(status, &said, error),
            (true, Err(wait)) => Death::Other(format!("its end cannot be seen: {wait}")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Death {
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Late => "it took too long".to_owned(),
            Self::Memory => "it ran out of memory".to_owned(),
            Self::Other(reason) => reason.clone(),
        }
    }
}

fn cause(status: ExitStatus, said: &str, error: &FrameError) -> Death {
    if said.contains("memory allocation of") || said.contains("overflowed its stack") {
        return Death::Memory;
    }
    match error {
        FrameError::Garbage(_) | FrameError::TooLong { .. } => Death::Other(format!("{error}")),
        FrameError::Closed | FrameError::Io(_) => match status.signal() {
            Some(signal) => Death::Other(format!("it was ended by signal {signal}")),
            None => Death::Other(format!("it ended with {status}")),
        },
    }
}
