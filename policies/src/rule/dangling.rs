//! dangling-ref: references to what no unit of the environment makes.

use std::collections::HashSet;
use std::sync::Arc;

use naksha_environments::object::ObjectKey;
use naksha_environments::plan::Subject;

use crate::check::ExaminedUnit;
use crate::estate::{Estate, Item};
use crate::found::{Found, Located};
use crate::rule::object::Examined;
use crate::rule::reference::Reference;

/// `examined` goes with the units of `estate`, one to one.
pub(crate) fn dangling(estate: &Estate<'_>, examined: &[Arc<ExaminedUnit>]) -> Vec<Located> {
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
    examined: &'a [Arc<ExaminedUnit>],
) -> impl Iterator<Item = (Item<'a>, &'a Examined)> {
    estate.units.iter().zip(examined).flat_map(|(unit, examined)| unit.items().zip(examined.objects.iter()))
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
        let made = together(estate, examined).flat_map(|(item, examined)| {
            let namespace = item.key.namespace.as_deref();
            examined.makes.iter().map(move |one| (one.kind, namespace, one.name.as_str()))
        });
        Self { estate, examined, made: made.collect() }
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
