//! An estate: the objects of an environment, as rendered or as the inventory remembers them, one shape for both.

use std::collections::BTreeSet;
use std::sync::Arc;

use naksha_environments::digest::Digest;
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::{Body, DesiredObject, ObjectKey};
use naksha_environments::rendered::{Rendered, UnitState};

/// One object.
#[derive(Debug, Clone)]
pub(crate) struct Item<'a> {
    pub(crate) unit: &'a UnitName,
    pub(crate) key: &'a ObjectKey,
    pub(crate) digest: Digest,
    pub(crate) body: &'a Body,
    /// Absent for what only the inventory knows.
    pub(crate) desired: Option<&'a Arc<DesiredObject>>,
}

#[derive(Debug)]
pub(crate) struct Estate<'a> {
    /// By unit, then in the unit's own order.
    pub(crate) items: Vec<Item<'a>>,
    /// Whether units are missing from it that may make objects: broken, without a driver, or not promoted yet.
    pub(crate) incomplete: bool,
}

impl<'a> Estate<'a> {
    pub(crate) fn of_rendered(rendered: &'a Rendered) -> Self {
        let mut items = Vec::new();
        for (unit, made) in &rendered.units {
            items.extend(made.objects().iter().map(|object| Item {
                unit,
                key: &object.key,
                digest: object.digest(),
                body: &object.body,
                desired: Some(object),
            }));
        }
        let incomplete = rendered.units.values().any(|unit| !matches!(unit.state, UnitState::Rendered(_)));
        Self { items, incomplete }
    }

    pub(crate) fn of_inventory(inventory: &'a Inventory) -> Self {
        let items = inventory.objects.iter().map(|(key, owned)| Item {
            unit: &owned.unit,
            key,
            digest: owned.desired,
            body: &owned.applied,
            desired: None,
        });
        Self { items: items.collect(), incomplete: false }
    }

    pub(crate) fn keys(&self) -> BTreeSet<&'a ObjectKey> {
        self.items.iter().map(|item| item.key).collect()
    }
}
