//! Kills a worker at its deadline: one thread for all workers, asleep until the nearest deadline.

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A child process that two threads may reach: the one that talks to it and the watchdog.
pub(crate) type Shared = Arc<Mutex<Child>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while holding one of these locks leaves nothing half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
struct Watched {
    /// By the order in which they were added.
    deadlines: BTreeMap<u64, (Instant, Shared)>,
    next: u64,
    closed: bool,
}

#[derive(Debug)]
pub(crate) struct Watchdog {
    watched: Arc<(Mutex<Watched>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

/// One deadline. Finishing says whether it was met.
#[derive(Debug)]
pub(crate) struct Deadline<'w> {
    watchdog: &'w Watchdog,
    id: u64,
}

impl Watchdog {
    pub(crate) fn start() -> std::io::Result<Self> {
        let watched = Arc::new((Mutex::new(Watched::default()), Condvar::new()));
        let for_thread = Arc::clone(&watched);
        let thread =
            thread::Builder::new().name("render-watchdog".to_owned()).spawn(move || run(&for_thread))?;
        Ok(Self { watched, thread: Some(thread) })
    }

    /// Kills `child` after `time`, unless the deadline is finished before.
    pub(crate) fn watch(&self, child: &Shared, time: Duration) -> Deadline<'_> {
        let (watched, changed) = &*self.watched;
        let mut watched = lock(watched);
        let id = watched.next;
        watched.next += 1;
        watched.deadlines.insert(id, (Instant::now() + time, Arc::clone(child)));
        changed.notify_one();
        Deadline { watchdog: self, id }
    }
}

impl Deadline<'_> {
    /// True when the child was not killed.
    pub(crate) fn met(self) -> bool {
        self.remove()
    }

    fn remove(&self) -> bool {
        lock(&self.watchdog.watched.0).deadlines.remove(&self.id).is_some()
    }
}

impl Drop for Deadline<'_> {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        lock(&self.watched.0).closed = true;
        self.watched.1.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run((watched, changed): &(Mutex<Watched>, Condvar)) {
    let mut guard = lock(watched);
    while !guard.closed {
        let now = Instant::now();
        let due: Vec<u64> =
            guard.deadlines.iter().filter(|(_, (at, _))| *at <= now).map(|(id, _)| *id).collect();
        for id in due {
            if let Some((_, child)) = guard.deadlines.remove(&id) {
                // It may be dead already; then there is nothing to kill.
                let _ = lock(&child).kill();
            }
        }
        let nearest = guard.deadlines.values().map(|(at, _)| at.saturating_duration_since(now)).min();
        guard = match nearest {
            Some(time) => changed.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner).0,
            None => changed.wait(guard).unwrap_or_else(PoisonError::into_inner),
        };
    }
}
