//! dangling-ref: references to what no unit of the environment makes.

use std::collections::{BTreeSet, HashMap, HashSet};

use naksha_environments::object::ObjectKey;
use naksha_environments::plan::Subject;

use crate::cache::ExaminedUnit;
use crate::estate::{Estate, Item};
use crate::found::{Found, Located};
use crate::rule::object::Examined;
use crate::rule::reference::Reference;

/// `examined` goes with the units of `estate`, one to one.
pub(crate) fn dangling(estate: &Estate<'_>, examined: &[ExaminedUnit]) -> Vec<Located> {
    let known = Known::of(estate, examined);
    let mut found = Vec::new();
    for (item, examined) in together(estate, examined) {
        for (target, reference) in &examined.references {
            let Some(message) = known.misses(target, reference) else { continue };
            let mut made = Found::new("dangling-ref", reference.field.clone(), message);
            // What a unit without a driver makes is not known: it may be just this.
            made.at_most_warning = estate.incomplete;
            let subject = Some(Subject::Object(item.key.clone()));
            found.push(Located { unit: Some(item.unit.clone()), subject, place: None, found: made });
        }
    }
    found
}

fn together<'a>(
    estate: &'a Estate<'a>,
    examined: &'a [ExaminedUnit],
) -> impl Iterator<Item = (Item<'a>, &'a Examined)> {
    estate.units.iter().zip(examined).flat_map(|(unit, examined)| unit.items().zip(examined.iter()))
}

/// Kind, namespace, name.
type Name<'a> = (&'a str, Option<&'a str>, &'a str);

/// Everything that can be referred to. Only asked, never listed.
struct Known<'a> {
    objects: HashSet<&'a ObjectKey>,
    made: HashSet<Name<'a>>,
    data: HashMap<&'a ObjectKey, &'a BTreeSet<String>>,
}

impl<'a> Known<'a> {
    fn of(estate: &'a Estate<'a>, examined: &'a [ExaminedUnit]) -> Self {
        let mut known = Self { objects: HashSet::new(), made: HashSet::new(), data: HashMap::new() };
        for (item, examined) in together(estate, examined) {
            known.objects.insert(item.key);
            let namespace = item.key.namespace.as_deref();
            known.made.extend(examined.makes.iter().map(|one| (one.kind, namespace, one.name.as_str())));
            if let Some(keys) = &examined.keys {
                known.data.insert(item.key, keys);
            }
        }
        known
    }

    fn misses(&self, target: &ObjectKey, reference: &Reference) -> Option<String> {
        let Reference { kind, name, key, who, .. } = reference;
        if !self.made.is_empty() && self.made.contains(&(*kind, target.namespace.as_deref(), name.as_str())) {
            return None;
        }
        if !self.objects.contains(target) {
            return Some(format!("nothing makes {kind} `{name}`, for {who}"));
        }
        let key = key.as_ref()?;
        let keys = self.data.get(target)?;
        let missing = !keys.contains(key);
        missing.then(|| format!("{kind} `{name}` has no key `{key}`, for {who}"))
    }
}
