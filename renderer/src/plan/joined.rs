//! One row per object, from three sorted sequences: no lookup, and unchanged objects cost a few comparisons.

use std::cmp::Ordering;
use std::collections::btree_map;
use std::iter::Peekable;
use std::slice;
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
    /// The first, where several units want it: they are blocked then.
    pub(super) wanted: Option<Wanted<'a>>,
    pub(super) owned: Option<&'a Owned>,
    pub(super) observed: Option<&'a Observed>,
}

/// The objects of all units, by key.
pub(super) fn wanted(rendered: &Rendered) -> Vec<Wanted<'_>> {
    let wanted = rendered.objects_by_key();
    wanted.map(|(rendered, object)| Wanted { unit: &rendered.name, rendered, object }).collect()
}

/// Rows for every object that is wanted or owned, by key.
pub(super) fn rows<'a>(
    wanted: &'a [Wanted<'a>],
    inventory: &'a Inventory,
    observation: &'a Observation,
) -> impl Iterator<Item = Row<'a>> {
    let mut wanted = wanted.iter().peekable();
    let mut owned = inventory.objects.iter().peekable();
    let mut observed = observation.objects.iter().peekable();
    std::iter::from_fn(move || {
        let key = match (wanted.peek(), owned.peek()) {
            (Some(wanted), Some((owned, _))) => (&wanted.object.key).min(owned),
            (Some(wanted), None) => &wanted.object.key,
            (None, Some((owned, _))) => owned,
            (None, None) => return None,
        };
        let row = Row {
            key,
            wanted: next_wanted(&mut wanted, key),
            owned: next_value(&mut owned, key),
            observed: next_value(&mut observed, key),
        };
        Some(row)
    })
}

fn next_wanted<'a>(
    wanted: &mut Peekable<slice::Iter<'a, Wanted<'a>>>,
    key: &ObjectKey,
) -> Option<Wanted<'a>> {
    let first = wanted.next_if(|wanted| wanted.object.key == *key)?;
    while wanted.next_if(|wanted| wanted.object.key == *key).is_some() {}
    Some(*first)
}

/// The value at `key`, skipping what comes before it: keys that nobody wants or owns.
fn next_value<'a, V>(
    values: &mut Peekable<btree_map::Iter<'a, ObjectKey, V>>,
    key: &ObjectKey,
) -> Option<&'a V> {
    while let Some((next, _)) = values.peek() {
        match (*next).cmp(key) {
            Ordering::Less => {
                values.next();
            }
            Ordering::Equal => return values.next().map(|(_, value)| value),
            Ordering::Greater => return None,
        }
    }
    None
}
