//! What nobody touched: the units of an inventory that are as they were found last, seen from our side.
//!
//! A pass costs what moved. A unit that was found to be as it should be, that renders to the very same objects and owns
//! the very same, needs to be looked at only when its target says that something happened to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::UnitName;
use crate::inventory::{Holding, Inventory, Owned};
use crate::object::{DesiredObject, Mark, ObjectKey, Observation, SharedObjects};
use crate::rendered::{Rendered, RenderedUnit};

/// Units that were found to be as they should be, with what they were made of then. Whoever asks another target
/// begins anew.
#[derive(Debug, Default)]
pub struct Memory(BTreeMap<UnitName, Found>);

#[derive(Debug)]
struct Found {
    objects: SharedObjects,
    holding: Arc<Holding>,
}

impl Memory {
    /// The units of which nothing moved on our side since they were found.
    pub fn quiet(&self, rendered: &Rendered, inventory: &Arc<Inventory>) -> Quiet {
        let mut stirred = BTreeSet::new();
        // Three maps in the order of names, walked side by side: a thousand look-ups take ten times as long.
        let (mut found, mut wanted) = (self.0.iter().peekable(), rendered.units.iter().peekable());
        for (name, holding) in inventory.units() {
            // What owns nothing yet is looked at.
            while let Some((new, _)) = wanted.next_if(|(other, _)| *other < name) {
                stirred.insert(new.clone());
            }
            let objects =
                wanted.next_if(|(other, _)| *other == name).and_then(|(_, unit)| unit.shared_objects());
            while found.next_if(|(other, _)| *other < name).is_some() {}
            let found = found.next_if(|(other, _)| *other == name).map(|(_, found)| found);
            let is_found = found.zip(objects).is_some_and(|(found, objects)| {
                Arc::ptr_eq(&found.holding, holding) && Arc::ptr_eq(&found.objects, objects)
            });
            if !is_found {
                stirred.insert(name.clone());
            }
        }
        stirred.extend(wanted.map(|(new, _)| new.clone()));
        Quiet { inventory: Some(Arc::clone(inventory)), stirred }
    }

    /// Takes an answer in: units of which something was answered are not quiet after all, and those that were looked at
    /// and found in order are remembered.
    pub fn learn(&mut self, rendered: &Rendered, quiet: Quiet, observation: &Observation) -> Quiet {
        let quiet = quiet.without(observation);
        let Some(inventory) = &quiet.inventory else { return quiet };
        let is_fine = |unit: &RenderedUnit, object: &Arc<DesiredObject>, holding: &Holding| {
            is_as_wanted(unit, object, holding) && !observation.objects.contains_key(&object.key)
        };
        self.0.retain(|name, _| rendered.units.contains_key(name));
        for name in &quiet.stirred {
            let unit = rendered.units.get(name).and_then(|unit| Some((unit, unit.shared_objects()?)));
            let found = inventory.units().get(name).zip(unit).filter(|(holding, (unit, objects))| {
                objects.len() == holding.len() && objects.iter().all(|object| is_fine(unit, object, holding))
            });
            match found {
                Some((holding, (_, objects))) => {
                    let found = Found { objects: Arc::clone(objects), holding: Arc::clone(holding) };
                    self.0.insert(name.clone(), found);
                }
                None => drop(self.0.remove(name)),
            }
        }
        quiet
    }

    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Whether an object was written as it is wanted. One with secrets never is: what they hold may change at their source.
fn is_as_wanted(unit: &RenderedUnit, object: &DesiredObject, holding: &Holding) -> bool {
    let is_written = |owned: &Owned| {
        owned.mark.is_some() && owned.desired == object.digest() && !unit.must_see(object, owned)
    };
    object.secrets.is_empty() && holding.get(&object.key).is_some_and(|owned| is_written(owned))
}

/// The part of an inventory that stayed as it was.
#[derive(Debug, Clone, Default)]
pub struct Quiet {
    /// Absent: nothing is quiet.
    inventory: Option<Arc<Inventory>>,
    /// Units that are not: few, but for the first pass.
    stirred: BTreeSet<UnitName>,
}

impl Quiet {
    /// Everything that an inventory has.
    pub fn all(inventory: Arc<Inventory>) -> Self {
        Self { inventory: Some(inventory), stirred: BTreeSet::new() }
    }

    /// Whether the unit need not be looked at.
    pub fn has(&self, unit: &UnitName) -> bool {
        self.inventory.is_some() && !self.stirred.contains(unit)
    }

    /// The mark of an object, when it belongs to a quiet unit.
    pub fn mark(&self, key: &ObjectKey) -> Option<&Mark> {
        self.inventory.as_ref()?.get(key).filter(|owned| self.has(&owned.unit))?.mark.as_ref()
    }

    /// Every object of the quiet units with its mark, in no particular order.
    pub fn objects(&self) -> impl Iterator<Item = (&ObjectKey, &Mark)> {
        let units = self.inventory.iter().flat_map(|inventory| inventory.units());
        let units = units.filter(|(name, _)| self.has(name));
        let objects = units.flat_map(|(_, holding)| holding.iter());
        objects.filter_map(|(key, owned): (_, &Arc<Owned>)| Some((key, owned.mark.as_ref()?)))
    }

    fn without(mut self, observation: &Observation) -> Self {
        if let Some(inventory) = &self.inventory {
            let answered = observation.objects.keys().filter_map(|key| inventory.owner(key));
            let answered: Vec<UnitName> = answered.filter(|unit| self.has(unit)).cloned().collect();
            self.stirred.extend(answered);
        }
        self
    }
}
