//! The inventories in memory, because a pass reads one each time and seldom changes it.
//!
//! An entry is used only when its version is the one in the database, which moves in the same transaction as the
//! rows: a write that this cache did not see (a dropped call, a failed commit) costs a reload, never a stale answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use naksha_environments::inventory::Inventory;
use naksha_executor::port::store::{Effect, Scope};

/// Objects kept in memory over all environments: about 50 MiB beside what is rendered, and 2 KiB each for what Git has
/// otherwise. What does not fit is read each time.
const CACHED_OBJECTS: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: Mutex<BTreeMap<Scope, Entry>>,
}

#[derive(Debug)]
struct Entry {
    version: i64,
    inventory: Arc<Inventory>,
}

/// What a write does to an inventory, and the version that the inventory has then.
pub(super) struct Change {
    scope: Scope,
    version: i64,
    edit: Box<dyn FnOnce(&mut Inventory) + Send>,
}

impl Change {
    pub(super) fn new(
        scope: &Scope,
        version: i64,
        edit: impl FnOnce(&mut Inventory) + Send + 'static,
    ) -> Self {
        Self { scope: scope.clone(), version, edit: Box::new(edit) }
    }
}

impl Cache {
    /// The inventory as of `version`.
    pub(super) fn get(&self, scope: &Scope, version: i64) -> Option<Arc<Inventory>> {
        let entries = self.entries();
        let entry = entries.get(scope).filter(|entry| entry.version == version)?;
        Some(Arc::clone(&entry.inventory))
    }

    /// Keeps what was read at `version`, unless something newer is there or it does not fit.
    pub(super) fn put(&self, scope: &Scope, version: i64, inventory: Arc<Inventory>) {
        let mut entries = self.entries();
        if entries.get(scope).is_some_and(|entry| entry.version >= version) {
            return;
        }
        entries.remove(scope);
        let kept: usize = entries.values().map(|entry| entry.inventory.len()).sum();
        if kept + inventory.len() <= CACHED_OBJECTS {
            entries.insert(scope.clone(), Entry { version, inventory });
        }
    }

    /// Follows writes that were committed, in their order. An entry that missed an earlier one is left behind, and
    /// read again by who needs it.
    pub(super) fn follow(&self, changes: Vec<Change>) {
        let mut entries = self.entries();
        for Change { scope, version, edit } in changes {
            if let Some(entry) = entries.get_mut(&scope).filter(|entry| entry.version + 1 == version) {
                edit(Arc::make_mut(&mut entry.inventory));
                entry.version = version;
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Scope, Entry>> {
        // A panic elsewhere leaves an entry at its old version at worst, and that is never used.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a step did, to an inventory in memory.
pub(super) fn apply(inventory: &mut Inventory, effect: Effect) {
    match effect {
        Effect::None => {}
        Effect::Own(key, owned) => {
            inventory.own(key, owned);
        }
        Effect::Forget(key) => {
            inventory.forget(&key);
        }
        Effect::Register(name, workflow) => {
            inventory.workflows.insert(name, workflow);
        }
        Effect::Retire(name) => {
            inventory.workflows.remove(&name);
        }
    }
}
