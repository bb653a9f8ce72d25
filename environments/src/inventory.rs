//! The inventory: what an environment owns, and what it last applied.
//!
//! It is written before the first change (a superset) and shrinks afterwards. Deleting needs an entry here with
//! the object's uid; a failed delete stays in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Index;
use std::sync::Arc;

use crate::digest::Digest;
use crate::environment::TargetRef;
use crate::ids::{UnitName, WorkflowName};
use crate::merge::UNCONFIRMED;
use crate::object::{Body, Health, KeyMap, Mark, ObjectKey};
use crate::run_once::{RunEnd, health_when_gone, is_job, runs_once};
use crate::secret::SecretMark;

/// What one unit owns.
pub type Holding = KeyMap<Arc<Owned>>;

/// Copies share what did not change, unit by unit: a write to one unit of a thousand copies that unit's objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    units: BTreeMap<UnitName, Arc<Holding>>,
    /// Which unit owns an object.
    owners: Arc<KeyMap<UnitName>>,
    /// Objects of which something was intended and not confirmed: few, and asked for in every pass.
    open: BTreeSet<ObjectKey>,
    /// Objects that run once, and were not seen to succeed: few, and looked at in every pass.
    undone: BTreeSet<ObjectKey>,
    pub workflows: BTreeMap<WorkflowName, RegisteredWorkflow>,
    /// The target in which all this is ([`TargetRef::place`]). Absent: nothing was applied yet, or that was not noted then.
    pub place: Option<Arc<str>>,
    /// What it has was found in the target after the database was lost, and nothing was applied completely since: what
    /// was there once, and is gone, is not in it.
    pub recovered: bool,
}

impl Inventory {
    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<Owned>> {
        self.units.get(self.owners.get(key)?)?.get(key)
    }

    pub fn owner(&self, key: &ObjectKey) -> Option<&UnitName> {
        self.owners.get(key)
    }

    pub fn contains(&self, key: &ObjectKey) -> bool {
        self.owners.contains_key(key)
    }

    /// Every object, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Owned>)> {
        self.units.values().flat_map(|holding| holding.iter())
    }

    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.owners.keys()
    }

    pub fn len(&self) -> usize {
        self.owners.len()
    }

    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// What each unit owns. Two of the same pointer hold the same; units that own nothing are left out.
    pub fn units(&self) -> &BTreeMap<UnitName, Arc<Holding>> {
        &self.units
    }

    /// Puts an object in, in the place of what was known of it.
    pub fn own(&mut self, key: ObjectKey, owned: Arc<Owned>) {
        if owned.is_open() {
            self.open.insert(key.clone());
        } else {
            self.open.remove(&key);
        }
        if owned.is_undone(&key) {
            self.undone.insert(key.clone());
        } else {
            self.undone.remove(&key);
        }
        let before = self.owners.get(&key);
        if before != Some(&owned.unit) {
            if let Some(before) = before.cloned() {
                self.take(&before, &key);
            }
            Arc::make_mut(&mut self.owners).insert(key.clone(), owned.unit.clone());
        }
        if let Some(holding) = self.units.get_mut(&owned.unit) {
            Arc::make_mut(holding).insert(key, owned);
        } else {
            let unit = owned.unit.clone();
            self.units.insert(unit, Arc::new(KeyMap::from_iter([(key, owned)])));
        }
    }

    /// Puts in what is intended, unless the object is known already.
    pub fn intend(&mut self, key: &ObjectKey, intent: &Arc<Owned>) {
        if !self.contains(key) {
            self.own(key.clone(), Arc::clone(intent));
        }
    }

    /// Replaces what is known of an object; one that is not known stays so.
    pub fn renew(&mut self, key: &ObjectKey, owned: &Arc<Owned>) {
        if self.contains(key) {
            self.own(key.clone(), Arc::clone(owned));
        }
    }

    pub fn forget(&mut self, key: &ObjectKey) -> Option<Arc<Owned>> {
        self.open.remove(key);
        self.undone.remove(key);
        // Most often asked about what is there; a copy for nothing is harmless and rare.
        let unit = Arc::make_mut(&mut self.owners).remove(key)?;
        self.take(&unit, key)
    }

    fn take(&mut self, unit: &UnitName, key: &ObjectKey) -> Option<Arc<Owned>> {
        let holding = self.units.get_mut(unit)?;
        let taken = Arc::make_mut(holding).remove(key);
        if holding.is_empty() {
            self.units.remove(unit);
        }
        taken
    }

    /// Objects of which something was intended and not confirmed, by key: they are not there yet for all that is
    /// known, or what was applied last is less than what the entry says.
    pub fn open(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Owned>)> {
        self.open.iter().filter_map(|key| Some((key, self.get(key)?)))
    }

    /// Objects that run once, and were not seen to succeed, by key. Some may be gone.
    pub fn undone(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Owned>)> {
        self.undone.iter().filter_map(|key| Some((key, self.get(key)?)))
    }

    /// Whether what is certainly ours is somewhere else than where the environment applies to now.
    pub fn is_elsewhere(&self, target: &TargetRef) -> bool {
        self.place.as_deref().is_some_and(|place| place != target.place()) && self.confirmed() > 0
    }

    /// How many objects certainly are ours.
    pub fn confirmed(&self) -> usize {
        self.len() - self.open().filter(|(_, owned)| owned.mark.is_none()).count()
    }
}

impl Index<&ObjectKey> for Inventory {
    type Output = Arc<Owned>;

    /// For an object that is known to be there.
    fn index(&self, key: &ObjectKey) -> &Arc<Owned> {
        self.get(key).expect("should be asked for what it has")
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
    /// How the object that [`Self::mark`] names ended, where it runs once and that was seen. A write begins without.
    pub end: Option<RunEnd>,
}

impl Owned {
    /// The entry after a look at its object, when that shows an end which the entry does not have.
    pub fn ended(&self, key: &ObjectKey, health: &Health) -> Option<Self> {
        let end = RunEnd::of(health).filter(|end| self.end.as_ref() != Some(end))?;
        runs_once(key, &self.applied).then(|| Self { end: Some(end), ..self.clone() })
    }

    /// The health of its object when that is gone. None: it runs more than once, or was never there.
    pub fn health_when_gone(&self, key: &ObjectKey) -> Option<Health> {
        let ran = self.mark.is_some() && runs_once(key, &self.applied);
        ran.then(|| health_when_gone(key, self.end.as_ref()))
    }

    /// Whether it runs once, was made, and was not seen to succeed. One that failed may succeed yet; and of what is no Job,
    /// being healthy need not be the end.
    pub fn is_undone(&self, key: &ObjectKey) -> bool {
        let is_over = self.end == Some(RunEnd::Succeeded) && is_job(key);
        self.mark.is_some() && !is_over && runs_once(key, &self.applied)
    }

    /// Whether fields were announced that may not have been written.
    pub fn is_announced(&self) -> bool {
        // What was applied just as it is wanted, as nearly everything is, need not be searched.
        self.applied.digest() != self.desired && self.applied.as_json().contains(UNCONFIRMED)
    }

    /// What stands in [`Self::desired`] of an object that was found in its target after the database was lost: nobody has
    /// said since that it is wanted.
    pub fn recovered() -> Digest {
        Digest::of_bytes(b"naksha/recovered")
    }

    /// Whether the object was found in its target after the database was lost, and nothing was compared with it since.
    pub fn is_recovered(&self) -> bool {
        self.desired == Self::recovered()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("", "ConfigMap", Some("naksha"), name)
    }

    fn owned(unit: &str, text: &str) -> Arc<Owned> {
        let applied = Body::new(&serde_json::json!({"data": text}));
        Arc::new(Owned {
            unit: UnitName::parse(unit).unwrap(),
            api_version: "v1".into(),
            desired: applied.digest(),
            applied,
            mark: None,
            secrets: BTreeMap::new(),
            stateful: false,
            end: None,
        })
    }

    #[test]
    fn a_copy_shares_what_is_not_written_to() {
        let entry = |name: &str, unit: &str| (key(name), owned(unit, "1"));
        let before = Inventory::from_iter([entry("a", "web"), entry("b", "web"), entry("c", "db")]);
        let mut after = before.clone();
        after.own(key("a"), owned("web", "2"));
        let is_shared = |unit: &str| {
            let unit = UnitName::parse(unit).unwrap();
            Arc::ptr_eq(&before.units()[&unit], &after.units()[&unit])
        };
        assert!(is_shared("db") && !is_shared("web"));
        assert_eq!((&before[&key("a")], &after[&key("a")]), (&owned("web", "1"), &owned("web", "2")));
    }

    #[test]
    fn an_object_has_one_owner() {
        let mut inventory = Inventory::from_iter([(key("a"), owned("web", "1"))]);
        inventory.own(key("a"), owned("db", "1"));
        let units: Vec<&str> = inventory.units().keys().map(UnitName::as_str).collect();
        assert_eq!((units, inventory.len(), inventory.iter().count()), (vec!["db"], 1, 1));
        inventory.intend(&key("a"), &owned("web", "2"));
        assert_eq!(inventory[&key("a")], owned("db", "1"), "known already");
        inventory.renew(&key("b"), &owned("web", "2"));
        assert_eq!(inventory.len(), 1, "not known");
        assert_eq!(inventory.open().count(), 1);
        assert_eq!(inventory.forget(&key("a")), Some(owned("db", "1")));
        assert_eq!(inventory, Inventory::default());
        assert_eq!(inventory.forget(&key("a")), None);
    }

    #[test]
    fn what_runs_once_is_undone_until_its_end_was_seen() {
        let job = ObjectKey::new("batch", "Job", Some("naksha"), "migrate");
        let applied = Body::new(&serde_json::json!({"spec": {"ttlSecondsAfterFinished": 60}}));
        let mark = Mark { uid: None, version: "1".into(), fingerprint: applied.digest() };
        let intent = Owned { applied, ..Owned::clone(&owned("web", "1")) };
        let running = Owned { mark: Some(mark), ..intent.clone() };
        let mut inventory =
            Inventory::from_iter([(job.clone(), Arc::new(intent)), (key("a"), owned("web", "1"))]);
        assert_eq!(inventory.undone().count(), 0, "it is not there yet");
        inventory.own(job.clone(), Arc::new(running.clone()));
        assert_eq!(inventory.undone().map(|(key, _)| key).collect::<Vec<_>>(), [&job]);
        assert_eq!(running.ended(&job, &Health::Progressing("one pod runs".to_owned())), None);
        let failed = running.ended(&job, &Health::Degraded("it failed".to_owned())).unwrap();
        inventory.own(job.clone(), Arc::new(failed.clone()));
        assert_eq!(inventory.undone().count(), 1, "it may succeed yet");
        let ended = failed.ended(&job, &Health::Healthy).unwrap();
        assert_eq!(ended.ended(&job, &Health::Healthy), None, "known");
        assert_eq!(owned("web", "1").ended(&key("a"), &Health::Healthy), None, "it does not run once");
        inventory.own(job.clone(), Arc::new(ended));
        assert_eq!(inventory.undone().count(), 0);
        inventory.own(job.clone(), Arc::new(running));
        inventory.forget(&job);
        assert_eq!(inventory.undone().count(), 0);
    }
}
