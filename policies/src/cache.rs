//! Findings that are known already: a unit that did not change is not judged again.
//!
//! Entries are keyed by everything that judging depends on: the digest of the unit's objects, and for the
//! repository's own rules their digest, too. Keep one cache per environment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use naksha_environments::digest::Digest;
use naksha_environments::ids::UnitName;
use naksha_environments::variables::Variables;
use rayon::prelude::*;

use crate::check::ExaminedUnit;
use crate::custom::Judged;
use crate::rule::{Dangling, InVariables};

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
    /// By what there is to refer to, and the unit.
    dangling: HashMap<(Digest, Digest), (u64, Arc<Dangling>)>,
    /// Of each unit, with the variables that it was found in.
    variables: HashMap<UnitName, (u64, Arc<Variables>, Arc<InVariables>)>,
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
            inner.variables.retain(|_, (used, _, _)| *used >= oldest);
        }
    }

    /// What is known under `key`, or what `examine` gives.
    pub(crate) fn examined(&self, key: Digest, examine: impl FnOnce() -> ExaminedUnit) -> Arc<ExaminedUnit> {
        self.known_or_made(|inner| &mut inner.examined, key, || Arc::new(examine()))
    }

    /// What is known under each of `keys`. The others are examined, in parallel.
    pub(crate) fn all_examined(
        &self,
        keys: &[Digest],
        examine: impl Fn(usize) -> ExaminedUnit + Sync,
    ) -> Vec<Arc<ExaminedUnit>> {
        // Most are known: one lock for all of them.
        let mut known = self.known(|inner| &mut inner.examined, keys);
        let missing = known.par_iter_mut().enumerate().filter(|(_, known)| known.is_none());
        missing.for_each(|(index, known)| *known = Some(self.examined(keys[index], || examine(index))));
        known.into_iter().flatten().collect()
    }

    /// What is known under `key`, or what `judge` gives.
    pub(crate) fn judged(&self, key: Digest, judge: impl FnOnce() -> Judged) -> Arc<Judged> {
        self.known_or_made(|inner| &mut inner.judged, key, || Arc::new(judge()))
    }

    /// What is known under each of `keys`, or what `look` gives.
    pub(crate) fn all_dangling(
        &self,
        keys: &[(Digest, Digest)],
        look: impl Fn(usize) -> Dangling,
    ) -> Vec<Arc<Dangling>> {
        let known = self.known(|inner| &mut inner.dangling, keys).into_iter().zip(keys).enumerate();
        let make = |(index, (known, key)): (usize, (Option<_>, &_))| {
            let new = || self.known_or_made(|inner| &mut inner.dangling, *key, || Arc::new(look(index)));
            known.unwrap_or_else(new)
        };
        known.map(make).collect()
    }

    /// What is known of a unit with these very variables, or what `look` gives.
    pub(crate) fn in_variables(
        &self,
        unit: &UnitName,
        variables: &Arc<Variables>,
        look: impl FnOnce() -> InVariables,
    ) -> Arc<InVariables> {
        let mut inner = self.lock();
        let check = inner.check;
        match inner.variables.get_mut(unit) {
            Some((used, known, found)) if Arc::ptr_eq(known, variables) => {
                *used = check;
                Arc::clone(found)
            }
            _ => {
                let found = Arc::new(look());
                let entry = (check, Arc::clone(variables), Arc::clone(&found));
                inner.variables.insert(unit.clone(), entry);
                found
            }
        }
    }

    fn known<K: Eq + Hash, T: Clone>(
        &self,
        entries: fn(&mut Inner) -> &mut HashMap<K, (u64, T)>,
        keys: &[K],
    ) -> Vec<Option<T>> {
        let mut inner = self.lock();
        let check = inner.check;
        let entries = entries(&mut inner);
        let known = |key| {
            let (used, known) = entries.get_mut(key)?;
            *used = check;
            Some(known.clone())
        };
        keys.iter().map(known).collect()
    }

    fn known_or_made<K: Eq + Hash, T: Clone>(
        &self,
        entries: fn(&mut Inner) -> &mut HashMap<K, (u64, T)>,
        key: K,
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
