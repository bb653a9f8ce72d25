//! One row per object: what is wanted of it, what is owned, what was observed.

use std::sync::Arc;

use naksha_environments::ids::UnitName;
use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::object::{DesiredObject, Live, Mark, ObjectKey, Observation, Observed};
use naksha_environments::quiet::Quiet;
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
    pub(super) seen: Seen<'a>,
}

impl<'a> Row<'a> {
    fn new(
        wanted: Option<Wanted<'a>>,
        key: &'a ObjectKey,
        owned: Option<&'a Owned>,
        observation: &'a Observation,
    ) -> Self {
        let seen = Seen::of(observation.objects.get(key), asked(wanted.as_ref(), owned));
        Self { key, wanted, owned, seen }
    }
}

/// What is known of a live object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen<'a> {
    /// Nobody answered.
    Nothing,
    Absent,
    Unknown(&'a str),
    /// It is what our last write left.
    InSync(&'a Mark),
    Live(&'a Live),
}

impl<'a> Seen<'a> {
    /// What an answer says, or its absence: of what was asked about with a mark, that it is as the mark says.
    fn of(observed: Option<&'a Observed>, asked: Option<&'a Mark>) -> Self {
        match observed {
            Some(Observed::Absent) => Self::Absent,
            Some(Observed::Unknown { reason }) => Self::Unknown(reason),
            Some(Observed::InSync { mark, health: _ }) => Self::InSync(mark),
            Some(Observed::Live(live)) => Self::Live(live),
            None => asked.map_or(Self::Nothing, Self::InSync),
        }
    }
}

/// The mark that an object is asked about with, where "it is what our last write left" is answer enough. It is withheld
/// where Git wants something new: then the live object has to be read, so that fields which somebody else set are seen. So
/// it is where only the live object tells what is left alone.
pub(super) fn asked<'a>(wanted: Option<&Wanted<'_>>, owned: Option<&'a Owned>) -> Option<&'a Mark> {
    let owned = owned?;
    let is_applied = |wanted: &Wanted<'_>| {
        wanted.object.digest() == owned.desired && !wanted.rendered.must_see(wanted.object, owned)
    };
    owned.mark.as_ref().filter(|_| wanted.is_none_or(is_applied))
}

/// Rows for every object that is wanted or owned, in no particular order; without those of quiet units.
pub(super) fn rows<'a>(
    rendered: &'a Rendered,
    inventory: &'a Inventory,
    quiet: &'a Quiet,
    observation: &'a Observation,
) -> impl Iterator<Item = Row<'a>> {
    let units = rendered.units.values().filter(|unit| !quiet.has(&unit.name));
    let wanted = units.flat_map(move |unit| {
        let holding = inventory.units().get(&unit.name);
        unit.objects().iter().map(move |object| {
            let (key, wanted) = (&object.key, Some(Wanted { unit: &unit.name, rendered: unit, object }));
            // Nearly always it is where it is wanted.
            let owned = holding.and_then(|holding| holding.get(key)).or_else(|| inventory.get(key));
            Row::new(wanted, key, owned.map(AsRef::as_ref), observation)
        })
    });
    wanted.chain(unwanted(rendered, inventory, quiet, observation))
}

/// Rows for every object that is owned and not wanted.
fn unwanted<'a>(
    rendered: &'a Rendered,
    inventory: &'a Inventory,
    quiet: &'a Quiet,
    observation: &'a Observation,
) -> impl Iterator<Item = Row<'a>> {
    let makers = rendered.makers();
    let units = inventory.units().iter().filter(|(name, _)| !quiet.has(name));
    let owned = units.flat_map(|(_, holding)| holding.iter());
    let unwanted = owned.filter(|(key, _)| !makers.contains_key(*key));
    unwanted.map(|(key, owned)| Row::new(None, key, Some(owned), observation))
}

/// Rows for every object that is owned, as if nothing were wanted.
pub(super) fn owned<'a>(
    inventory: &'a Inventory,
    observation: &'a Observation,
) -> impl Iterator<Item = (&'a ObjectKey, &'a Owned, Seen<'a>)> {
    inventory.iter().map(|(key, owned)| {
        let seen = Seen::of(observation.objects.get(key), asked(None, Some(owned)));
        (key, owned.as_ref(), seen)
    })
}
