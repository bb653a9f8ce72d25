//! What an observation proves about the inventory. Pure.
//!
//! An apply that was killed leaves the target ahead of the inventory by the steps that were in flight (see the
//! head of [`super`]). Before planning, [`confirm`] turns intents whose write did happen into ownership; after
//! planning, [`settle`] records what the plan found to be right already. The results go to
//! [`Store::refresh_marks`](crate::port::store::Store::refresh_marks), and `confirm`'s also into the inventory
//! that is planned with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::merge::merge;
use naksha_environments::object::{DesiredObject, Live, Mark, ObjectKey, Observation, Observed};
use naksha_environments::plan::{Plan, Subject};
use naksha_environments::rendered::Rendered;
use naksha_environments::secret::SecretMark;
use serde_json::Value;

use super::ends;
use crate::port::store::Scope;
use crate::port::target::{OWNER_ANNOTATION, owner_of};

/// Intents whose write is seen to have happened: the object carries our owner annotation and everything that was
/// intended. Neither is proof alone. Anybody can write the annotation, and the content may be a coincidence; but the
/// intent says that we were about to make just this where nothing of ours was.
pub fn confirm(
    scope: &Scope,
    inventory: &Inventory,
    observation: &Observation,
) -> BTreeMap<ObjectKey, Arc<Owned>> {
    let mut confirmed = BTreeMap::new();
    for (key, owned) in inventory.open().filter(|(_, owned)| owned.mark.is_none()) {
        if let Some(Observed::Live(live)) = observation.objects.get(key)
            && live.mark.uid.is_some()
            && was_written(scope, key, owned, live)
        {
            let secrets = marks_of(&owned.applied.value(), &live.body.value());
            let owned = Owned { mark: Some(live.mark.clone()), secrets, ..Owned::clone(owned) };
            let owned = owned.ended(key, &live.health).unwrap_or(owned);
            confirmed.insert(key.clone(), Arc::new(owned));
        }
    }
    confirmed
}

fn was_written(scope: &Scope, key: &ObjectKey, owned: &Owned, live: &Live) -> bool {
    let by_us = live.managed.as_ref().is_some_and(|managed| managed.by_us);
    let live = &live.body.value();
    let annotation =
        live.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(OWNER_ANNOTATION));
    if annotation.and_then(Value::as_str) != Some(&owner_of(scope, &owned.unit, key)) {
        return false;
    }
    let mut intended = owned.applied.value();
    if intended.get("kind").and_then(Value::as_str) == Some("Secret") {
        // The values are marks on one side and references on the other: their names have to do.
        let has = |name: &String| live.get("data").is_some_and(|data| data.get(name).is_some());
        let data = intended.get("data").and_then(Value::as_object);
        if !data.is_none_or(|data| data.keys().all(has)) {
            return false;
        }
        if let Some(fields) = intended.as_object_mut() {
            fields.shift_remove("data");
        }
    }
    // Where the target says that we wrote it, defaults that servers write into lists are no difference.
    let kind = intended.get("kind").and_then(Value::as_str).unwrap_or_default();
    contains(live, &intended) || by_us && merge(kind, Some(live), None, &intended, &[]) == *live
}

/// Whether `live` has everything that `intended` has. Lists are compared as a whole; where the target rewrites
/// them, the intent stays unconfirmed and the plan treats the object as somebody else's.
fn contains(live: &Value, intended: &Value) -> bool {
    match (live, intended) {
        (Value::Object(live), Value::Object(intended)) => intended
            .iter()
            .all(|(key, value)| value.is_null() || live.get(key).is_some_and(|live| contains(live, value))),
        (live, intended) => live == intended,
    }
}

/// The marks of the values that we wrote, by key of `data`.
fn marks_of(applied: &Value, live: &Value) -> BTreeMap<String, SecretMark> {
    let ours = applied.get("data").and_then(Value::as_object);
    let mark = |name: &String| {
        let text = live.get("data")?.get(name)?.as_str()?.strip_prefix("mark:")?;
        serde_json::from_value(Value::String(text.to_owned())).ok()
    };
    ours.into_iter()
        .flat_map(|ours| ours.keys())
        .filter_map(|name| Some((name.clone(), mark(name)?)))
        .collect()
}

/// Inventory entries to refresh after planning: new marks of objects that are in sync, objects for which the plan had
/// nothing to do although they were written since, by us (and not recorded) or by others beside us, and ends of what
/// runs once. Nothing that the inventory has already.
pub fn settle(
    plan: &Plan,
    rendered: &Rendered,
    observation: &Observation,
    inventory: &Inventory,
) -> BTreeMap<ObjectKey, Arc<Owned>> {
    let mut settled = marked(plan, rendered, observation, inventory);
    // What answers nothing is in sync and healthy, unless it was asked about because Git wants something else now.
    let is_quiet = |key: &ObjectKey, owned: &Owned| {
        !observation.objects.contains_key(key)
            && rendered.maker(key).is_none_or(|(_, object)| object.digest() == owned.desired)
    };
    let quiet = inventory.undone().filter(|(key, owned)| is_quiet(key, owned)).map(|(key, _)| key);
    for key in observation.objects.keys().chain(quiet) {
        let owned = settled.get(key).or_else(|| inventory.get(key));
        if let Some(ended) = owned.and_then(|owned| ends::seen(observation, key, owned)) {
            settled.insert(key.clone(), Arc::new(ended));
        }
    }
    settled
}

/// New marks, and what is as it is wanted without our writing it.
fn marked(
    plan: &Plan,
    rendered: &Rendered,
    observation: &Observation,
    inventory: &Inventory,
) -> BTreeMap<ObjectKey, Arc<Owned>> {
    let mut settled = BTreeMap::new();
    let mut changed: Vec<(&ObjectKey, &Owned, &Mark)> = Vec::new();
    for (key, observed) in &observation.objects {
        let Some(owned) = inventory.get(key) else { continue };
        let Some(before) = &owned.mark else { continue };
        match observed {
            Observed::InSync { mark, .. } if mark != before && !owned.is_announced() => {
                let renewed = Owned { mark: Some(mark.clone()), ..Owned::clone(owned) };
                settled.insert(key.clone(), Arc::new(renewed));
            }
            Observed::Live(live) if live.mark.uid == before.uid => changed.push((key, owned, &live.mark)),
            _ => {}
        }
    }
    // Announced by an apply that died before it wrote, and Git went back.
    for (key, owned) in inventory.open() {
        let Some(before) = owned.mark.as_ref().filter(|_| owned.is_announced()) else { continue };
        match observation.objects.get(key) {
            None => changed.push((key, owned, before)),
            Some(Observed::InSync { mark, .. }) => changed.push((key, owned, mark)),
            _ => {}
        }
    }
    if changed.is_empty() {
        return settled;
    }
    let acted: BTreeSet<&ObjectKey> =
        plan.actions.iter().filter_map(|action| object_of(&action.subject)).collect();
    for (key, owned, mark) in changed {
        let open = acted.contains(key) || plan.drifted.contains_key(key) || plan.unknown.contains_key(key);
        let blocked = plan.blocked.contains_key(&owned.unit);
        if open || blocked {
            continue;
        }
        // One that moves is not right already: its new unit may be blocked.
        if let Some((_, object)) = rendered.maker(key).filter(|(unit, _)| unit.name == owned.unit) {
            let renewed = as_applied(owned, object, mark);
            if renewed != *owned {
                settled.insert(key.clone(), Arc::new(renewed));
            }
        }
    }
    settled
}

/// The plan found nothing to do, so what is wanted is what is applied. The marks of secrets stay: another value at a
/// known reference would have been something to do.
fn as_applied(owned: &Owned, desired: &DesiredObject, mark: &Mark) -> Owned {
    let mut owned = Owned { mark: Some(mark.clone()), ..owned.clone() };
    if owned.desired == desired.digest() {
        // Fields that are left to others are in `desired` and never were in `applied`.
        if owned.is_announced() {
            owned.applied = desired.body.clone();
        }
    } else {
        // Another definition: what is there says how it does.
        owned.end = None;
        owned.desired = desired.digest();
        owned.applied = desired.body.clone();
        owned.api_version = desired.api_version.clone();
    }
    owned
}

fn object_of(subject: &Subject) -> Option<&ObjectKey> {
    match subject {
        Subject::Object(key) => Some(key),
        Subject::Workflow(_) => None,
    }
}
