//! dangling-ref: references to what no unit of the environment makes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::object::ObjectKey;
use naksha_environments::plan::Subject;

use crate::estate::{Estate, Item};
use crate::found::{Found, Located};
use crate::rule::object::Examined;
use crate::rule::reference::Reference;

/// `examined` goes with the items of `estate`, one to one.
pub(crate) fn dangling(estate: &Estate<'_>, examined: &[Arc<Examined>]) -> Vec<Located> {
    let known = Known::of(estate, examined);
    let mut found = Vec::new();
    for (item, examined) in estate.items.iter().zip(examined) {
        for reference in &examined.references {
            let Some(message) = known.misses(item, reference) else { continue };
            let mut made = Found::new("dangling-ref", reference.field.clone(), message);
            // What a unit without a driver makes is not known: it may be just this.
            made.at_most_warning = estate.incomplete;
            let subject = Some(Subject::Object(item.key.clone()));
            found.push(Located { unit: Some(item.unit.clone()), subject, place: None, found: made });
        }
    }
    found
}

type Name<'a> = (&'a str, Option<&'a str>, &'a str);

/// Everything that can be referred to.
struct Known<'a> {
    keys: BTreeSet<&'a ObjectKey>,
    /// Kind, namespace, name.
    made: BTreeSet<Name<'a>>,
    data: BTreeMap<Name<'a>, &'a BTreeSet<String>>,
}

impl<'a> Known<'a> {
    fn of(estate: &Estate<'a>, examined: &'a [Arc<Examined>]) -> Self {
        let mut made = BTreeSet::new();
        let mut data = BTreeMap::new();
        for (item, examined) in estate.items.iter().zip(examined) {
            let namespace = item.key.namespace.as_deref();
            made.extend(examined.makes.iter().map(|one| (one.kind, namespace, one.name.as_str())));
            if let Some(keys) = &examined.keys {
                data.insert((&*item.key.kind, namespace, &*item.key.name), keys);
            }
        }
        Self { keys: estate.keys(), made, data }
    }

    fn misses(&self, item: &Item<'_>, reference: &Reference) -> Option<String> {
        let Reference { group, kind, name, namespace, key, who, field: _ } = reference;
        let namespace = namespace.as_deref().or(item.key.namespace.as_deref());
        if self.made.contains(&(*kind, namespace, name.as_str())) {
            return None;
        }
        let wanted = ObjectKey::new(group, kind, namespace, name);
        if !self.keys.contains(&wanted) {
            return Some(format!("nothing makes {kind} `{name}`, for {who}"));
        }
        let key = key.as_ref()?;
        let keys = self.data.get(&(*kind, namespace, name.as_str()))?;
        let missing = !keys.contains(key);
        missing.then(|| format!("{kind} `{name}` has no key `{key}`, for {who}"))
    }
}
