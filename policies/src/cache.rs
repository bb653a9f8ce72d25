//! Findings that are known already: a unit that did not change is not judged again.
//!
//! Entries are keyed by everything that judging depends on: the digest of the unit's objects, and for the
//! repository's own rules their digest, too. Keep one cache per environment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use naksha_environments::digest::Digest;

use crate::check::ExaminedUnit;
use crate::custom::Judged;
use crate::rule::Dangling;

/// Checks after which an unused entry is forgotten. A daemon judges one environment at a few revisions at a time.
const KEPT_CHECKS: u64 = 8;

#[derive(Debug, Default)]
pub struct FindingCache {
    inner: Mutex<Inner>,
}

/// Only asked and swept, never listed.
#[derive(Debug, Default)]
struct Inner {
    examined: HashMap<Digest, (u64, Arc<ExaminedUnit>)>,
    judged: HashMap<Digest, (u64, Arc<Judged>)>,
    dangling: HashMap<Digest, (u64, Arc<Dangling>)>,
    /// Counts checks.
    check: u64,
}

impl FindingCache {
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a check, and forgets what the last ones did not use.
    pub(crate) fn begin(&self) {
        let mut inner = self.lock();
        inner.check += 1;
        if inner.check.is_multiple_of(KEPT_CHECKS) {
            let oldest = inner.check - KEPT_CHECKS;
            inner.examined.retain(|_, (used, _)| *used >= oldest);
            inner.judged.retain(|_, (used, _)| *used >= oldest);
            inner.dangling.retain(|_, (used, _)| *used >= oldest);
        }
    }

    /// What is known under `key`, or what `examine` gives.
    pub(crate) fn examined(&self, key: Digest, examine: impl FnOnce() -> ExaminedUnit) -> Arc<ExaminedUnit> {
        self.known_or_made(|inner| &mut inner.examined, key, || Arc::new(examine()))
    }

    /// What is known under `key`, or what `judge` gives.
    pub(crate) fn judged(&self, key: Digest, judge: impl FnOnce() -> Judged) -> Arc<Judged> {
        self.known_or_made(|inner| &mut inner.judged, key, || Arc::new(judge()))
    }

    /// What is known under `key`, or what `look` gives.
    pub(crate) fn dangling(&self, key: Digest, look: impl FnOnce() -> Dangling) -> Arc<Dangling> {
        self.known_or_made(|inner| &mut inner.dangling, key, || Arc::new(look()))
    }

    fn known_or_made<T: Clone>(
        &self,
        entries: fn(&mut Inner) -> &mut HashMap<Digest, (u64, T)>,
        key: Digest,
        make: impl FnOnce() -> T,
    ) -> T {
        {
            let mut inner = self.lock();
            let check = inner.check;
            if let Some((used, known)) = entries(&mut inner).get_mut(&key) {
                *used = check;
                return known.clone();
            }
        }
        // Not under the lock: units are examined in parallel.
        let new = make();
        let mut inner = self.lock();
        let check = inner.check;
        entries(&mut inner).insert(key, (check, new.clone()));
        new
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Entries are written whole: after a panic elsewhere they are still right.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
