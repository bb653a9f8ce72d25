//! Keeps the daemon's tasks alive: one that panics is noticed at once, told, counted, and started again.
//!
//! A task is a way to make a future, so that it can be made again. It keeps nothing over a panic but what lies
//! outside of it; everything it was doing is safe to be repeated. What cannot be made again (a listener) is *vital*:
//! its end is the end of the process, and whatever supervises the process starts it anew.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

use crate::metrics::{Metrics, TaskLabels};

/// Pause before a task that panicked once is started again: what panicked by accident is back in a second.
const FIRST: Duration = Duration::from_secs(1);
/// The pause doubles up to this: what panics at once costs a start a minute, and a line in the log.
const LONGEST: Duration = Duration::from_secs(60);
/// A task that ran this long had recovered: its next panic is a first one.
const RECOVERED: Duration = Duration::from_secs(600);

/// How a task fell, for those who tell about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fall {
    pub message: String,
    /// Until it is started again.
    pub pause: Duration,
}

/// The running tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    running: Arc<Mutex<BTreeSet<String>>>,
    dead: watch::Sender<Option<String>>,
    stop: CancellationToken,
    metrics: Arc<Metrics>,
}

impl Tasks {
    pub fn new(metrics: Arc<Metrics>, stop: CancellationToken) -> Self {
        let (tracker, running) = (TaskTracker::new(), Arc::default());
        Self { tracker, running, dead: watch::Sender::new(None), stop, metrics }
    }

    /// Runs a task until it ends by itself, or is told to stop.
    pub fn spawn<F>(&self, name: String, make: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_told(name, make, |_| {});
    }

    /// As [`Tasks::spawn`]; `tell` hears of every panic before the pause.
    pub fn spawn_told<F>(
        &self,
        name: String,
        mut make: impl FnMut() -> F + Send + 'static,
        mut tell: impl FnMut(&Fall) + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.tracker.spawn(async move {
            let _present = tasks.enter(&name);
            let mut falls = 0_u32;
            loop {
                let started = Instant::now();
                let Err(panic) = AssertUnwindSafe(make()).catch_unwind().await else { return };
                falls = if started.elapsed() > RECOVERED { 1 } else { falls.saturating_add(1) };
                let fall = Fall { message: words(panic.as_ref()), pause: pause(falls) };
                tasks.count(&name);
                error!(task = name, error = fall.message, again_in = ?fall.pause, "task panicked");
                tell(&fall);
                tokio::select! {
                    () = tokio::time::sleep(fall.pause) => {}
                    () = tasks.stop.cancelled() => return,
                }
            }
        });
    }

    /// Runs what cannot be started again. Its end, before everything is stopped, is that of the process.
    pub fn spawn_vital(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let tasks = self.clone();
        self.tracker.spawn(async move {
            let _present = tasks.enter(name);
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                tasks.count(name);
                error!(task = name, error = words(panic.as_ref()), "task panicked");
            }
            if !tasks.stop.is_cancelled() {
                tasks.dead.send_replace(Some(name.to_owned()));
            }
        });
    }

    /// Waits until a vital task ended before its time; which one.
    pub async fn dead(&self) -> String {
        let mut dead = self.dead.subscribe();
        match dead.wait_for(Option::is_some).await.map(|name| name.clone()) {
            Ok(Some(name)) => name,
            // The sender is ours.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Waits until every task ended; they do when the token is cancelled.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The tasks that did not end yet, by name.
    pub fn running(&self) -> Vec<String> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn count(&self, name: &str) {
        self.metrics.task_panics.get_or_create(&TaskLabels { task: name.to_owned() }).inc();
    }

    fn enter(&self, name: &str) -> Present {
        debug!(task = name, "task started");
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        Present { name: name.to_owned(), running: Arc::clone(&self.running) }
    }
}

/// A task's place in the list of those that run.
struct Present {
    name: String,
    running: Arc<Mutex<BTreeSet<String>>>,
}

impl Drop for Present {
    fn drop(&mut self) {
        debug!(task = self.name, "task ended");
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

fn pause(falls: u32) -> Duration {
    FIRST.saturating_mul(1 << falls.saturating_sub(1).min(16)).min(LONGEST)
}

/// What a panic said.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it said nothing".to_owned())
}

#[cfg(test)]
mod tests;
