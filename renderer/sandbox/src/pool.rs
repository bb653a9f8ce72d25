//! A small pool of workers: each job takes an idle one, or starts one while there are fewer than allowed.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use naksha_renderer::template::{TemplateEngine, TemplateFailure, TemplateJob, TemplateOutput};

use crate::limits::{JOB_DEADLINE, MEMORY_LIMIT_BYTES};
use crate::process::{Death, Process, StartError};
use crate::watchdog::{Watchdog, lock};
use crate::worker::Answer;

/// How workers are started.
#[derive(Debug, Clone)]
pub struct WorkersConfig {
    /// The program: `naksha` itself.
    pub command: PathBuf,
    /// Its arguments: `render-worker`.
    pub arguments: Vec<OsString>,
    /// All that its environment holds: settings of its allocator, say. Nothing of ours is inherited.
    pub variables: Vec<(OsString, OsString)>,
    /// How many may run at once.
    pub size: NonZeroUsize,
    /// How long one job may take.
    pub deadline: Duration,
}

impl WorkersConfig {
    /// One worker per core, with the standard deadline.
    pub fn new(command: PathBuf, arguments: Vec<OsString>) -> Self {
        let size = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { command, arguments, variables: Vec::new(), size, deadline: JOB_DEADLINE }
    }
}

/// Why the pool cannot work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the thread that watches template workers cannot be started")]
    Watchdog(#[source] std::io::Error),
    #[error("template worker `{command}` cannot be started: {reason}")]
    Worker { command: PathBuf, reason: String },
}

/// Worker processes that render templates. Dropping it ends them.
#[derive(Debug)]
pub struct Workers {
    config: WorkersConfig,
    state: Mutex<State>,
    returned: Condvar,
    watchdog: Watchdog,
    unenforced: Vec<String>,
}

#[derive(Debug)]
struct State {
    idle: Vec<Process>,
    /// Idle ones and those at work.
    alive: usize,
}

impl Workers {
    /// Starts the first worker, so that a program that cannot be one is found out now. The others start when
    /// they are needed.
    pub fn start(config: WorkersConfig) -> Result<Self, Error> {
        let watchdog = Watchdog::start().map_err(Error::Watchdog)?;
        let first = spawn(&config, &watchdog)
            .map_err(|error| Error::Worker { command: config.command.clone(), reason: in_words(&error) })?;
        let unenforced = first.unenforced.clone();
        let state = Mutex::new(State { idle: vec![first], alive: 1 });
        Ok(Self { config, state, returned: Condvar::new(), watchdog, unenforced })
    }

    /// Limits that this system did not let a worker put on itself. Empty where everything is enforced.
    pub fn unenforced(&self) -> &[String] {
        &self.unenforced
    }

    /// An idle worker, a fresh one, or the next that becomes idle.
    fn take(&self) -> Result<Process, TemplateFailure> {
        let mut state = lock(&self.state);
        loop {
            if let Some(process) = state.idle.pop() {
                return Ok(process);
            }
            if state.alive < self.config.size.get() {
                break;
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.alive += 1;
        drop(state);
        spawn(&self.config, &self.watchdog).map_err(|error| {
            self.put(None);
            let reason =
                format!("`{}` cannot be started: {}", self.config.command.display(), in_words(&error));
            TemplateFailure::Engine { reason }
        })
    }

    /// Gives a worker back, or (`None`) the place of one that is gone.
    fn put(&self, process: Option<Process>) {
        let mut state = lock(&self.state);
        match process {
            Some(process) => state.idle.push(process),
            None => state.alive -= 1,
        }
        self.returned.notify_one();
    }
}

impl TemplateEngine for Workers {
    fn render(&self, job: &TemplateJob) -> Result<TemplateOutput, TemplateFailure> {
        match self.exchange(job)? {
            // It may have died before the job came, of something that was not the job. A job that kills every
            // worker shows that by the second one.
            Err(Death::Other(_)) => self.exchange(job)?.unwrap_or_else(|death| Err(self.failure(death))),
            answered => answered.unwrap_or_else(|death| Err(self.failure(death))),
        }
    }
}

impl Workers {
    fn exchange(&self, job: &TemplateJob) -> Result<Result<Answer, Death>, TemplateFailure> {
        let process = self.take()?;
        match process.exchange(job, self.config.deadline, &self.watchdog) {
            Ok((process, answer)) => {
                self.put(Some(process));
                Ok(Ok(answer))
            }
            Err(death) => {
                self.put(None);
                tracing::warn!(?death, "template worker lost");
                Ok(Err(death))
            }
        }
    }

    fn failure(&self, death: Death) -> TemplateFailure {
        let limit_ms = u64::try_from(self.config.deadline.as_millis()).unwrap_or(u64::MAX);
        match death {
            Death::Late => TemplateFailure::Time { limit_ms },
            Death::Memory => TemplateFailure::Memory { limit_bytes: MEMORY_LIMIT_BYTES },
            Death::Other(reason) => TemplateFailure::Engine { reason },
        }
    }
}

fn spawn(config: &WorkersConfig, watchdog: &Watchdog) -> Result<Process, StartError> {
    Process::start(config, watchdog)
}

/// An error with what it came from, in one line.
fn in_words(error: &StartError) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
