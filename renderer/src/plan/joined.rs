//! One row per object: what is wanted of it, what is owned, what was observed.

use std::sync::Arc;

use naksha_environments::ids::UnitName;
use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::object::{DesiredObject, ObjectKey, Observation, Observed};
use naksha_environments::rendered::{Rendered, RenderedUnit};

/// An object and the unit that wants it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) unit: &'a UnitName,
    pub(super) rendered: &'a RenderedUnit,
    pub(super) object: &'a Arc<DesiredObject>,
}

/// Everything that is known of one object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) key: &'a ObjectKey,
    /// Where several units want it, a row for each: they are blocked then.
    pub(super) wanted: Option<Wanted<'a>>,
    pub(super) owned: Option<&'a Owned>,
    pub(super) observed: Option<&'a Observed>,
}

/// Rows for every object that is wanted or owned, in no particular order.
pub(super) fn rows<'a>(
    rendered: &'a Rendered,
    inventory: &'a Inventory,
    observation: &'a Observation,
) -> impl Iterator<Item = Row<'a>> {
    let wanted = rendered.objects().map(move |(rendered, object)| {
        let key = &object.key;
        let wanted = Some(Wanted { unit: &rendered.name, rendered, object });
        let owned = inventory.objects.get(key).map(AsRef::as_ref);
        Row { key, wanted, owned, observed: observation.objects.get(key) }
    });
    wanted.chain(unwanted(rendered, inventory, observation))
}

/// Rows for every object that is owned and not wanted.
fn unwanted<'a>(
    rendered: &'a Rendered,
    inventory: &'a Inventory,
    observation: &'a Observation,
) -> impl Iterator<Item = Row<'a>> {
    let makers = rendered.makers();
    let unwanted = inventory.objects.iter().filter(|(key, _)| !makers.contains_key(*key));
    unwanted.map(|(key, owned)| Row {
        key,
        wanted: None,
        owned: Some(owned),
        observed: observation.objects.get(key),
    })
}

/// Rows for every object that is owned, as if nothing were wanted.
pub(super) fn owned<'a>(
    inventory: &'a Inventory,
    observation: &'a Observation,
) -> impl Iterator<Item = (&'a ObjectKey, &'a Owned, Option<&'a Observed>)> {
    inventory.objects.iter().map(|(key, owned)| (key, owned.as_ref(), observation.objects.get(key)))
}
