//! What was rendered before: by a key that covers everything a unit's render reads.
//!
//! One cache serves all environments and revisions of a process: the trunk, the pins of environments, base and
//! head of pull requests. Failures are kept too. Nothing that depends on the machine is kept as if it were a
//! fact: a template that ran out of time or memory is tried again, ever more seldom.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::Digest;
use naksha_environments::environment::Environment;
use naksha_environments::ids::{EnvironmentName, UnitName};
use naksha_environments::object::{ObjectKey, SharedObjects};
use naksha_environments::repository::Repository;
use naksha_environments::secret::SecretMark;
use naksha_environments::source::ContentId;
use naksha_environments::unit::Unit;

use crate::template::scan::Scan;
use crate::variables::Values;

use super::across::Makers;

/// Rendered objects that are kept, in bytes: ten thousand objects of three kilobytes, four times over. Beyond,
/// what was not used for longest goes first.
const DEFAULT_BYTES: usize = 128 << 20;
/// What an object costs besides its body: keys, provenance, pointers.
const OBJECT_BYTES: usize = 400;
/// Renders after which an unused scan of a template, or what the units of an unused environment were, is forgotten.
const KEPT_RENDERS: u64 = 64;
/// A unit that ran out of its budget is tried again after 1, 2, 4 … at most this many renders.
const MAX_SKIPPED_RENDERS: u32 = 64;

/// One unit, rendered or failed.
#[derive(Debug)]
pub(super) struct UnitRender {
    pub(super) objects: SharedObjects,
    /// Why there are no objects.
    pub(super) broken: Option<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Objects that its pods need.
    pub(super) references: Vec<ObjectKey>,
    /// Namespaces that its objects live in.
    pub(super) namespaces: BTreeSet<Arc<str>>,
    /// Custom kinds that it defines.
    pub(super) custom_kinds: Vec<CustomKind>,
    pub(super) digest: Digest,
    pub(super) keeping: Keeping,
}

/// A kind that a CustomResourceDefinition makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CustomKind {
    pub(super) group: String,
    pub(super) kind: String,
    /// Its objects have no namespace.
    pub(super) cluster_scoped: bool,
}

/// How long a result is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// Until something that it was made of changes.
    Always,
    /// It ran out of time or memory, which also depends on the machine.
    Retried,
    /// It says nothing about the unit.
    Never,
}

/// Remembers renders. Cheap to look into: a key costs a few hashes.
#[derive(Debug)]
pub struct RenderCache {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Grows with every render.
    render: u64,
    bytes: usize,
    units: BTreeMap<Digest, Entry>,
    scans: BTreeMap<ContentId, (Arc<Scan>, u64)>,
    last: HashMap<EnvironmentName, LastUnits>,
    makers: HashMap<EnvironmentName, (Makers, u64)>,
}

#[derive(Debug)]
struct Entry {
    render: Arc<UnitRender>,
    bytes: usize,
    used: u64,
    /// For what is tried again: failures so far, and renders left to skip.
    failures: u32,
    skips: u32,
}

/// What a unit was last, in one environment.
#[derive(Debug, Clone)]
pub(super) struct Last {
    /// They follow from the definitions alone.
    pub(super) values: Arc<Values>,
    /// What the unit's folder was rendered to, when nothing else had a part in it: the id of the folder.
    pub(super) render: Option<(ContentId, Arc<UnitRender>)>,
}

/// What a unit is rendered within.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) environment: &'a Arc<Environment>,
    pub(super) repository: Option<&'a Arc<Repository>>,
    pub(super) mark: &'a SecretMark,
}

/// What units of an environment were last. Holds what they were made of, so that "the same definitions" is a
/// comparison of pointers.
#[derive(Debug)]
struct LastUnits {
    environment: Arc<Environment>,
    repository: Option<Arc<Repository>>,
    mark: SecretMark,
    units: HashMap<UnitName, (Arc<Unit>, Last)>,
    used: u64,
}

impl LastUnits {
    fn are_within(&self, around: &Around<'_>) -> bool {
        let same_repository = match (&self.repository, around.repository) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        Arc::ptr_eq(&self.environment, around.environment) && same_repository && self.mark == *around.mark
    }
}

impl Default for RenderCache {
    fn default() -> Self {
        Self::new(DEFAULT_BYTES)
    }
}

impl RenderCache {
    /// Keeps about `limit` bytes of rendered objects.
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::new(State::default()) }
    }

    /// How many rendered units are kept.
    pub fn len(&self) -> usize {
        self.lock().units.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Entries are put in whole, so a panic elsewhere leaves nothing half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self) {
        self.lock().render += 1;
    }

    /// Forgets what is too much, the longest unused first.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        let oldest = state.render.saturating_sub(KEPT_RENDERS);
        state.scans.retain(|_, (_, used)| *used >= oldest);
        state.last.retain(|_, known| known.used >= oldest);
        state.makers.retain(|_, (_, used)| *used >= oldest);
        if state.bytes <= self.limit {
            return;
        }
        let mut by_age: Vec<(u64, Digest)> =
            state.units.iter().map(|(key, entry)| (entry.used, *key)).collect();
        by_age.sort_unstable();
        // Some room, so that not every render has to tidy up.
        let target = self.limit / 4 * 3;
        for (_, key) in by_age {
            if state.bytes <= target {
                break;
            }
            // What is in use elsewhere takes its room anyway, and is asked for past this map.
            let is_idle = |entry: &Entry| Arc::strong_count(&entry.render) == 1;
            if state.units.get(&key).is_some_and(is_idle)
                && let Some(entry) = state.units.remove(&key)
            {
                state.bytes -= entry.bytes;
            }
        }
    }

    pub(super) fn unit(&self, key: &Digest) -> Option<Arc<UnitRender>> {
        let mut state = self.lock();
        let render = state.render;
        let entry = state.units.get_mut(key)?;
        entry.used = render;
        if entry.render.keeping == Keeping::Retried {
            entry.skips = entry.skips.checked_sub(1)?;
        }
        Some(Arc::clone(&entry.render))
    }

    pub(super) fn keep_unit(&self, key: Digest, render: &Arc<UnitRender>) {
        if render.keeping == Keeping::Never {
            return;
        }
        let bytes =
            render.objects.iter().map(|object| object.body.as_json().len() + OBJECT_BYTES).sum::<usize>();
        let bytes = bytes + OBJECT_BYTES * (1 + render.diagnostics.len() + render.references.len());
        let mut state = self.lock();
        let used = state.render;
        let before = state.units.remove(&key);
        let failures = before.as_ref().map_or(0, |before| before.failures) + 1;
        state.bytes -= before.map_or(0, |before| before.bytes);
        state.bytes += bytes;
        let skips = 1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX).min(MAX_SKIPPED_RENDERS);
        state.units.insert(key, Entry { render: Arc::clone(render), bytes, used, failures, skips });
    }

    pub(super) fn scan(&self, content: &ContentId) -> Option<Arc<Scan>> {
        let mut state = self.lock();
        let render = state.render;
        let (scan, used) = state.scans.get_mut(content)?;
        *used = render;
        Some(Arc::clone(scan))
    }

    pub(super) fn keep_scan(&self, content: &ContentId, scan: &Arc<Scan>) {
        let mut state = self.lock();
        let render = state.render;
        state.scans.insert(content.clone(), (Arc::clone(scan), render));
    }

    /// Who made which objects of an environment last.
    pub(super) fn makers(&self, environment: &EnvironmentName) -> Option<Makers> {
        let mut state = self.lock();
        let render = state.render;
        let (makers, used) = state.makers.get_mut(environment)?;
        *used = render;
        Some(makers.clone())
    }

    pub(super) fn keep_makers(&self, environment: &EnvironmentName, makers: &Makers) {
        let mut state = self.lock();
        let render = state.render;
        state.makers.insert(environment.clone(), (makers.clone(), render));
    }

    /// What units were last, within the very same definitions; goes with `units`, one to one.
    pub(super) fn last<'u>(
        &self,
        around: &Around<'_>,
        units: impl Iterator<Item = Option<&'u Arc<Unit>>>,
    ) -> Vec<Option<Last>> {
        let mut state = self.lock();
        let render = state.render;
        let known = state.last.get_mut(&around.environment.name).filter(|known| known.are_within(around));
        let Some(known) = known else { return units.map(|_| None).collect() };
        known.used = render;
        let last = |unit: &Arc<Unit>| {
            let (of, last) = known.units.get(&unit.name)?;
            Arc::ptr_eq(of, unit).then(|| last.clone())
        };
        units.map(|unit| unit.and_then(last)).collect()
    }

    /// Remembers what units are; `None`: there is nothing new to remember of it.
    pub(super) fn keep_last<'u>(
        &self,
        around: &Around<'_>,
        units: impl Iterator<Item = (&'u Arc<Unit>, Option<Last>)>,
    ) {
        let mut state = self.lock();
        let used = state.render;
        let name = around.environment.name.clone();
        if state.last.get(&name).is_some_and(|known| !known.are_within(around)) {
            state.last.remove(&name);
        }
        let known = state.last.entry(name).or_insert_with(|| LastUnits {
            environment: Arc::clone(around.environment),
            repository: around.repository.cloned(),
            mark: around.mark.clone(),
            units: HashMap::new(),
            used,
        });
        for (unit, last) in units {
            if let Some(last) = last {
                known.units.insert(unit.name.clone(), (Arc::clone(unit), last));
            }
        }
    }
}
