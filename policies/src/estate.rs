//! An estate: the objects of an environment, as rendered or as the inventory remembers them, one shape for both.

use std::collections::HashMap;
use std::sync::Arc;

use naksha_environments::digest::{Digest, Hasher};
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::{Holding, Inventory, Owned};
use naksha_environments::object::{Body, DesiredObject, ObjectKey};
use naksha_environments::rendered::{Rendered, UnitState};

/// One object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) unit: &'a UnitName,
    pub(crate) key: &'a ObjectKey,
    pub(crate) body: &'a Body,
    /// Absent for what only the inventory knows.
    pub(crate) desired: Option<&'a DesiredObject>,
}

/// The objects of one unit, in its own order.
#[derive(Debug)]
pub(crate) struct UnitObjects<'a> {
    pub(crate) name: &'a UnitName,
    /// Two units of one digest have the same objects.
    pub(crate) digest: Digest,
    objects: Objects<'a>,
}

#[derive(Debug)]
enum Objects<'a> {
    Desired(&'a [Arc<DesiredObject>]),
    Owned(Vec<(&'a ObjectKey, &'a Owned)>),
}

impl<'a> UnitObjects<'a> {
    pub(crate) fn len(&self) -> usize {
        match &self.objects {
            Objects::Desired(objects) => objects.len(),
            Objects::Owned(objects) => objects.len(),
        }
    }

    pub(crate) fn item(&self, index: usize) -> Item<'a> {
        let unit = self.name;
        match &self.objects {
            Objects::Desired(objects) => {
                let object = &*objects[index];
                Item { unit, key: &object.key, body: &object.body, desired: Some(object) }
            }
            Objects::Owned(objects) => {
                let (key, owned) = objects[index];
                Item { unit, key, body: &owned.applied, desired: None }
            }
        }
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Item<'a>> + '_ {
        (0..self.len()).map(|index| self.item(index))
    }
}

/// Who knows whose an object is.
#[derive(Debug)]
enum Owners<'a> {
    Rendered(&'a Rendered),
    Inventory(&'a Inventory),
}

#[derive(Debug)]
pub(crate) struct Estate<'a> {
    /// By name.
    pub(crate) units: Vec<UnitObjects<'a>>,
    /// Whether units are missing from it that may make objects: broken, without a driver, or not promoted yet.
    pub(crate) incomplete: bool,
    owners: Owners<'a>,
}

impl<'a> Estate<'a> {
    pub(crate) fn of_rendered(rendered: &'a Rendered) -> Self {
        let unit = |(name, made): (&'a UnitName, &'a naksha_environments::rendered::RenderedUnit)| {
            let objects = Objects::Desired(made.objects());
            UnitObjects { name, digest: made.digest, objects }
        };
        let incomplete = rendered.units.values().any(|unit| !matches!(unit.state, UnitState::Rendered(_)));
        Self {
            units: rendered.units.iter().map(unit).collect(),
            incomplete,
            owners: Owners::Rendered(rendered),
        }
    }

    pub(crate) fn of_inventory(inventory: &'a Inventory) -> Self {
        let unit = |(name, holding): (&'a UnitName, &'a Arc<Holding>)| {
            let mut objects: Vec<(&ObjectKey, &Owned)> =
                holding.iter().map(|(key, owned)| (key, owned.as_ref())).collect();
            objects.sort_unstable_by_key(|(key, _)| *key);
            let mut hasher = Hasher::new("naksha/owned-unit/1");
            for (_, owned) in &objects {
                hasher.add(owned.applied.digest().as_bytes());
            }
            UnitObjects { name, digest: hasher.finish(), objects: Objects::Owned(objects) }
        };
        let units = inventory.units().iter().map(unit).collect();
        Self { units, incomplete: false, owners: Owners::Inventory(inventory) }
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Item<'a>> + '_ {
        self.units.iter().flat_map(UnitObjects::items)
    }

    /// Where an object is: which unit, which of its objects.
    pub(crate) fn place(&self, key: &ObjectKey) -> Option<(usize, usize)> {
        let unit = match self.owners {
            Owners::Rendered(rendered) => rendered.makers().get(key)?,
            Owners::Inventory(inventory) => inventory.owner(key)?,
        };
        let at = self.units.binary_search_by(|other| other.name.cmp(unit)).ok()?;
        let index = self.units[at].items().position(|item| item.key == key)?;
        Some((at, index))
    }

    pub(crate) fn find(&self, key: &ObjectKey) -> Option<Item<'a>> {
        let (unit, index) = self.place(key)?;
        Some(self.units[unit].item(index))
    }

    /// Which units there are, and what is in each.
    pub(crate) fn digests(&self) -> HashMap<&'a UnitName, Digest> {
        self.units.iter().map(|unit| (unit.name, unit.digest)).collect()
    }
}
