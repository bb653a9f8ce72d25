//! dangling-ref: references to what no unit of the environment makes.

use std::cell::LazyCell;
use std::collections::HashSet;
use std::sync::Arc;

use naksha_environments::digest::{Digest, Hasher};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::Subject;

use crate::cache::FindingCache;
use crate::check::ExaminedUnit;
use crate::estate::{Estate, UnitObjects};
use crate::found::{Found, Located};
use crate::rule::reference::Reference;

/// References of a unit that lead nowhere: which of its objects, and what is wrong.
pub(crate) type Dangling = Vec<(usize, Found)>;

/// `examined` goes with the units of `estate`, one to one. A unit is looked at again when something of it changed, or
/// what there is to refer to.
pub(crate) fn dangling(
    estate: &Estate<'_>,
    examined: &[Arc<ExaminedUnit>],
    cache: &FindingCache,
) -> Vec<Located> {
    let mut supply = Hasher::new("naksha/supplies/1").part([u8::from(estate.incomplete)]);
    for unit in examined {
        supply.add(unit.supply.as_bytes());
    }
    let supply = supply.finish();
    let known = LazyCell::new(|| Known::of(estate, examined));
    let keys: Vec<(Digest, Digest)> = estate.units.iter().map(|unit| (supply, unit.digest)).collect();
    let dangling = cache.all_dangling(&keys, |index| known.missed_by(&examined[index]));
    let units = estate.units.iter().zip(&dangling).filter(|(_, dangling)| !dangling.is_empty());
    let located = |(unit, dangling): (&UnitObjects<'_>, &Arc<Dangling>)| -> Vec<Located> {
        let located = |(index, found): &(usize, Found)| Located {
            unit: Some(unit.name.clone()),
            subject: Some(Subject::Object(unit.item(*index).key.clone())),
            place: None,
            found: found.clone(),
        };
        dangling.iter().map(located).collect()
    };
    units.flat_map(located).collect()
}

/// Kind, namespace, name.
type Name<'a> = (&'a str, Option<&'a str>, &'a str);

/// Everything that can be referred to.
struct Known<'a> {
    estate: &'a Estate<'a>,
    examined: &'a [Arc<ExaminedUnit>],
    /// What controllers make. Only asked, never listed.
    made: HashSet<Name<'a>>,
}

impl<'a> Known<'a> {
    fn of(estate: &'a Estate<'a>, examined: &'a [Arc<ExaminedUnit>]) -> Self {
        let units = estate.units.iter().zip(examined).filter(|(_, examined)| examined.makes);
        let objects = units.flat_map(|(unit, examined)| unit.items().zip(&examined.objects));
        let made = objects.flat_map(|(item, examined)| {
            let namespace = item.key.namespace.as_deref();
            examined.makes.iter().map(move |one| (one.kind, namespace, one.name.as_str()))
        });
        Self { estate, examined, made: made.collect() }
    }

    fn missed_by(&self, unit: &ExaminedUnit) -> Dangling {
        let mut found = Dangling::new();
        for (index, object) in unit.objects.iter().enumerate() {
            for (target, reference) in &object.references {
                let Some(message) = self.misses(target, reference) else { continue };
                let mut made = Found::new("dangling-ref", reference.field.clone(), message);
                // What a unit without a driver makes is not known: it may be just this.
                made.at_most_warning = self.estate.incomplete;
                found.push((index, made));
            }
        }
        found
    }

    fn misses(&self, target: &ObjectKey, reference: &Reference) -> Option<String> {
        let Reference { kind, name, key, who, .. } = reference;
        if !self.made.is_empty() && self.made.contains(&(*kind, target.namespace.as_deref(), name.as_str())) {
            return None;
        }
        let Some((unit, index)) = self.estate.place(target) else {
            return Some(format!("nothing makes {kind} `{name}`, for {who}"));
        };
        let (key, keys) = (key.as_ref()?, self.examined[unit].objects[index].keys.as_ref()?);
        let missing = !keys.contains(key);
        missing.then(|| format!("{kind} `{name}` has no key `{key}`, for {who}"))
    }
}
