//! The inventory: what an environment owns, and what it last applied.
//!
//! It is written before the first change (a superset) and shrinks afterwards. Deleting needs an entry here with
//! the object's uid; a failed delete stays in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::digest::Digest;
use crate::ids::{UnitName, WorkflowName};
use crate::merge::UNCONFIRMED;
use crate::object::{Body, KeyMap, Mark, ObjectKey};
use crate::secret::SecretMark;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    objects: KeyMap<Arc<Owned>>,
    /// Objects of which something was intended and not confirmed: few, and asked for in every pass.
    open: BTreeSet<ObjectKey>,
    pub workflows: BTreeMap<WorkflowName, RegisteredWorkflow>,
}

impl Inventory {
    pub fn objects(&self) -> &KeyMap<Arc<Owned>> {
        &self.objects
    }

    /// Puts an object in, in the place of what was known of it.
    pub fn own(&mut self, key: ObjectKey, owned: Arc<Owned>) {
        if owned.is_open() {
            self.open.insert(key.clone());
        } else {
            self.open.remove(&key);
        }
        self.objects.insert(key, owned);
    }

    /// Puts in what is intended, unless the object is known already.
    pub fn intend(&mut self, key: &ObjectKey, intent: &Arc<Owned>) {
        if !self.objects.contains_key(key) {
            self.own(key.clone(), Arc::clone(intent));
        }
    }

    /// Replaces what is known of an object; one that is not known stays so.
    pub fn renew(&mut self, key: &ObjectKey, owned: &Arc<Owned>) {
        if self.objects.contains_key(key) {
            self.own(key.clone(), Arc::clone(owned));
        }
    }

    pub fn forget(&mut self, key: &ObjectKey) -> Option<Arc<Owned>> {
        self.open.remove(key);
        self.objects.remove(key)
    }

    /// Objects of which something was intended and not confirmed, by key: they are not there yet for all that is
    /// known, or what was applied last is less than what the entry says.
    pub fn open(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Owned>)> {
        self.open.iter().filter_map(|key| self.objects.get_key_value(key))
    }

    /// How many objects certainly are ours.
    pub fn confirmed(&self) -> usize {
        self.objects.len() - self.open().filter(|(_, owned)| owned.mark.is_none()).count()
    }
}

impl Extend<(ObjectKey, Arc<Owned>)> for Inventory {
    fn extend<T: IntoIterator<Item = (ObjectKey, Arc<Owned>)>>(&mut self, objects: T) {
        objects.into_iter().for_each(|(key, owned)| self.own(key, owned));
    }
}

impl FromIterator<(ObjectKey, Arc<Owned>)> for Inventory {
    fn from_iter<T: IntoIterator<Item = (ObjectKey, Arc<Owned>)>>(objects: T) -> Self {
        let mut inventory = Self::default();
        inventory.extend(objects);
        inventory
    }
}

/// One owned object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    pub unit: UnitName,
    pub api_version: Arc<str>,
    /// Digest of the desired object that was applied last ([`crate::object::DesiredObject::digest`]).
    pub desired: Digest,
    /// The masked body that was applied last: the third side of the diff.
    pub applied: Body,
    /// What the target answered. Absent while a first write is intended but not confirmed: the object may or may
    /// not exist, and if it does it is ours only when nobody else owned it before.
    pub mark: Option<Mark>,
    /// Keyed hashes of the secret values that were applied, by key of `data`.
    pub secrets: BTreeMap<String, SecretMark>,
    pub stateful: bool,
}

impl Owned {
    /// Whether fields were announced that may not have been written.
    pub fn is_announced(&self) -> bool {
        // What was applied just as it is wanted, as nearly everything is, need not be searched.
        self.applied.digest() != self.desired && self.applied.as_json().contains(UNCONFIRMED)
    }

    fn is_open(&self) -> bool {
        self.mark.is_none() || self.is_announced()
    }
}

/// The version of a workflow that is current in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredWorkflow {
    pub digest: Digest,
    /// The canonical JSON of the graph ([`crate::workflow::WorkflowGraph::to_json`]).
    pub graph: Arc<str>,
}
