//! Ends of objects that run once: seen while they are there, and recorded, because what is gone tells nothing.
//!
//! An apply that waits looks at all of them, also at those that nobody waits for: they may be gone before the next pass.
//! What the plan changes is left out until its step is recorded, so that no end of a former run is noted for the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::object::{ObjectKey, Observation, Observed};
use naksha_environments::plan::{Plan, Subject};

use super::run::{Run, stored};
use crate::port::store::Effect;

/// What the inventory has of objects since the apply began, and which of them were not seen to succeed.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: BTreeMap<ObjectKey, Arc<Owned>>,
    undone: BTreeSet<ObjectKey>,
}

impl Ledger {
    pub(super) fn new(plan: &Plan, inventory: &Inventory) -> Self {
        let mut undone: BTreeSet<ObjectKey> = inventory.undone().map(|(key, _)| key.clone()).collect();
        if !undone.is_empty() {
            for action in &plan.actions {
                if let Subject::Object(key) = &action.subject {
                    undone.remove(key);
                }
            }
        }
        Self { entries: BTreeMap::new(), undone }
    }

    /// What a step did is recorded.
    pub(super) fn follow(&mut self, effect: &Effect) {
        match effect {
            Effect::Own(key, owned) => self.put(key.clone(), Arc::clone(owned)),
            Effect::Forget(key) => {
                self.entries.remove(key);
                self.undone.remove(key);
            }
            Effect::None | Effect::Register(..) | Effect::Retire(_) => {}
        }
    }

    pub(super) fn put(&mut self, key: ObjectKey, owned: Arc<Owned>) {
        if owned.is_undone(&key) {
            self.undone.insert(key.clone());
        } else {
            self.undone.remove(&key);
        }
        self.entries.insert(key, owned);
    }

    pub(super) fn entry(&self, key: &ObjectKey) -> Option<&Arc<Owned>> {
        self.entries.get(key)
    }

    pub(super) fn undone(&self) -> impl Iterator<Item = &ObjectKey> {
        self.undone.iter()
    }
}

/// The entry with the end that an observation shows and the entry does not have. Another object under the same name
/// says nothing.
pub(super) fn seen(observation: &Observation, key: &ObjectKey, owned: &Owned) -> Option<Owned> {
    let mark = owned.mark.as_ref()?;
    match observation.of(key, Some(mark)) {
        Observed::InSync { health, .. } => owned.ended(key, &health),
        Observed::Live(live) if live.mark.uid == mark.uid => owned.ended(key, &live.health),
        Observed::Live(_) | Observed::Absent | Observed::Unknown { .. } => None,
    }
}

/// Records the ends that an observation shows. It was asked about `undone`, too; what it leaves out is in sync and healthy.
pub(super) async fn record(run: &Run<'_>, observation: &Observation, undone: &[ObjectKey]) {
    let ended = observation.objects.keys().chain(undone).filter_map(|key| {
        let entry = run.entry(key)?;
        let owned = seen(observation, key, &entry)?;
        Some((key.clone(), Arc::new(owned)))
    });
    let ended: BTreeMap<ObjectKey, Arc<Owned>> = ended.collect();
    if ended.is_empty() {
        return;
    }
    let record = || run.input.store.refresh_marks(run.input.scope, run.input.generation, &ended);
    match stored("record how something ended", record).await {
        Ok(()) => run.ended_runs(ended),
        Err(error) => run.fail(error),
    }
}
