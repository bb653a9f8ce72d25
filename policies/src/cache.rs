//! Findings that are known already: an object that did not change is not judged again.
//!
//! Entries are keyed by everything that judging an object depends on: the object's digest, its key and unit, and
//! the digest of the policies. Keep one cache per environment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use naksha_environments::digest::Digest;

use crate::custom::Judged;
use crate::rule::Examined;

/// Entries before those that the last check did not use are dropped. A large environment has 10,000 objects, and
/// its base another 10,000; an entry without findings takes some 200 bytes.
const MAX_ENTRIES: usize = 50_000;

#[derive(Debug, Default)]
pub struct FindingCache {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    examined: BTreeMap<Digest, (u64, Arc<Examined>)>,
    judged: BTreeMap<Digest, (u64, Arc<Vec<Judged>>)>,
    /// Counts checks.
    round: u64,
}

impl FindingCache {
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a check: what it uses is kept when room is made.
    pub(crate) fn begin(&self) {
        let mut inner = self.lock();
        if inner.examined.len() + inner.judged.len() > MAX_ENTRIES {
            let last = inner.round;
            inner.examined.retain(|_, (used, _)| *used >= last);
            inner.judged.retain(|_, (used, _)| *used >= last);
        }
        inner.round += 1;
    }

    pub(crate) fn examined(&self, key: Digest, examine: impl FnOnce() -> Examined) -> Arc<Examined> {
        {
            let mut inner = self.lock();
            let round = inner.round;
            if let Some((used, known)) = inner.examined.get_mut(&key) {
                *used = round;
                return Arc::clone(known);
            }
        }
        // Not under the lock: objects are examined in parallel.
        let made = Arc::new(examine());
        let mut inner = self.lock();
        let round = inner.round;
        inner.examined.insert(key, (round, Arc::clone(&made)));
        made
    }

    pub(crate) fn judged(&self, key: Digest) -> Option<Arc<Vec<Judged>>> {
        let mut inner = self.lock();
        let round = inner.round;
        let (used, known) = inner.judged.get_mut(&key)?;
        *used = round;
        Some(Arc::clone(known))
    }

    pub(crate) fn keep_judged(&self, key: Digest, judged: Arc<Vec<Judged>>) {
        let mut inner = self.lock();
        let round = inner.round;
        inner.judged.insert(key, (round, judged));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Entries are written whole: after a panic elsewhere they are still right.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
