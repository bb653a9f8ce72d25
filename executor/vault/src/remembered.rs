//! What was read a moment ago, and what is being read: one request for everybody who asks for the same path.
//!
//! Whoever asks gets what came of a request that was begun at most [`KEPT_FOR`] before. What failed is shared with those who waited for it,
//! and with nobody later. Nothing stays in memory longer than that, whether or not somebody asks again. A reading goes on when nobody
//! waits for it any more: it may hold a login that others wait for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::entry::Entry;
use crate::failure::Failure;

/// Long enough for all units of a pass, and for the requests that a pull request needs; short enough for whoever has just replaced
/// a value and looks whether it arrives.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(5);

/// What comes of reading an entry.
pub(crate) type Reading = Shared<BoxFuture<'static, Result<Arc<Entry>, Failure>>>;

/// Readings by their paths.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<HashMap<Arc<str>, Begun>>);

struct Begun {
    at: Instant,
    reading: Reading,
}

impl Remembered {
    /// The reading of this path that all share. `read` is for the first of them. Must be called inside a tokio runtime.
    pub(crate) fn reading<F>(self: &Arc<Self>, path: &Arc<str>, read: impl FnOnce() -> F) -> Reading
    where
        F: Future<Output = Result<Entry, Failure>> + Send + 'static,
    {
        let mut all = self.all();
        let now = Instant::now();
        if let Some(begun) = all.get(path).filter(|begun| begun.is_good(now)) {
            return begun.reading.clone();
        }
        let reading = ended(tokio::spawn(read())).boxed().shared();
        all.insert(Arc::clone(path), Begun { at: now, reading: reading.clone() });
        tokio::spawn(forget(Arc::downgrade(self), now + KEPT_FOR));
        reading
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Arc<str>, Begun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    fn is_good(&self, now: Instant) -> bool {
        now.duration_since(self.at) < KEPT_FOR && !matches!(self.reading.peek(), Some(Err(_)))
    }
}

async fn ended(task: JoinHandle<Result<Entry, Failure>>) -> Result<Arc<Entry>, Failure> {
    let broken_off = |_| Err(Failure::Unavailable("reading was broken off".to_owned()));
    task.await.unwrap_or_else(broken_off).map(Arc::new)
}

/// Lets go of what is too old at that time. Those who wait for it have it still.
async fn forget(remembered: Weak<Remembered>, at: Instant) {
    tokio::time::sleep_until(at).await;
    if let Some(remembered) = remembered.upgrade() {
        remembered.all().retain(|_, begun| begun.is_good(at));
    }
}

#[cfg(test)]
mod tests;
