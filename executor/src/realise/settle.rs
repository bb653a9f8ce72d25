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
use naksha_environments::merge::{merge, without};
use naksha_environments::object::{Body, DesiredObject, Live, Mark, ObjectKey, Observation, Observed};
use naksha_environments::plan::{FieldPath, LeftTo, Plan, Subject};
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
    let mut changed: Vec<(&ObjectKey, &Arc<Owned>, &Mark)> = Vec::new();
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
            let left = left_to_others(plan, observation, key);
            let renewed = as_applied(owned, object, mark, &left);
            // What has to be read in every pass is mostly known already.
            if renewed != **owned {
                settled.insert(key.clone(), Arc::new(renewed));
            }
        }
    }
    settled
}

/// Fields of an object that the plan leaves to others.
#[derive(Default)]
struct Left {
    all: Vec<FieldPath>,
    /// Those that are not ours any more, as far as the target says whose they are.
    gone: Vec<FieldPath>,
}

fn left_to_others(plan: &Plan, observation: &Observation, key: &ObjectKey) -> Left {
    let fields = plan.left.get(key).map(|left| left.fields.as_slice()).unwrap_or_default();
    let owners = match observation.objects.get(key) {
        Some(Observed::Live(live)) => live.owners(),
        _ => None,
    };
    let mut left = Left::default();
    // What the target makes of our value is ours.
    for field in fields.iter().filter(|field| field.to != LeftTo::Target) {
        let path = &field.change.path;
        left.all.push(path.clone());
        if owners.is_none_or(|owners| owners.of(path).is_some()) {
            left.gone.push(path.clone());
        }
    }
    left
}

/// The plan found nothing to do, so what is wanted is what is applied, but for fields that are left to others: of those it is
/// what it was, until somebody else has them. The mark that is kept speaks of their values too; were they still called
/// applied, nobody could tell them from what the target made of a write of ours. The marks of secrets stay: another value at
/// a known reference would have been something to do.
fn as_applied(owned: &Owned, desired: &DesiredObject, mark: &Mark, left: &Left) -> Owned {
    let mut owned = Owned { mark: Some(mark.clone()), ..owned.clone() };
    if owned.desired != desired.digest() {
        owned.applied = wanted_beside(&owned.applied, desired, &left.all);
        // Another definition: what is there says how it does.
        owned.end = None;
        owned.desired = desired.digest();
        owned.api_version = desired.api_version.clone();
    } else if owned.is_announced() {
        // Fields that were left to others by a write are in `desired` and never were in `applied`.
        owned.applied = desired.body.clone();
    }
    if !left.gone.is_empty() {
        owned.applied = Body::new(&without(&owned.applied.value(), &left.gone));
    }
    owned
}

/// What is wanted, with what was applied before in the fields `left`.
fn wanted_beside(applied: &Body, desired: &DesiredObject, left: &[FieldPath]) -> Body {
    if left.is_empty() {
        return desired.body.clone();
    }
    let applied = applied.value();
    Body::new(&merge(&desired.key.kind, Some(&applied), Some(&applied), &desired.body.value(), left))
}

fn object_of(subject: &Subject) -> Option<&ObjectKey> {
    match subject {
        Subject::Object(key) => Some(key),
        Subject::Workflow(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use naksha_environments::digest::Digest;
    use naksha_environments::ids::UnitName;
    use naksha_environments::object::Provenance;
    use naksha_environments::source::TreePath;
    use serde_json::json;

    use super::*;

    fn deployment(replicas: u32) -> DesiredObject {
        DesiredObject {
            key: ObjectKey::new("apps", "Deployment", Some("shop"), "web"),
            api_version: "apps/v1".into(),
            body: Body::new(&json!({"spec": {"replicas": replicas, "paused": true}})),
            secrets: BTreeMap::new(),
            wave: 0,
            provenance: Provenance {
                path: TreePath::parse("units/web/web.yaml").expect("should be a path"),
                line: 1,
                rendered: false,
            },
        }
    }

    fn mark(version: &str) -> Mark {
        Mark { uid: None, version: version.into(), fingerprint: Digest::of_bytes(version.as_bytes()) }
    }

    /// What was applied, after two replicas were applied and the plan left `left` to others, of which `gone` are theirs.
    fn applied(wanted: u32, left: &[&str], gone: &[&str]) -> Value {
        let before = deployment(2);
        let owned = Owned {
            unit: UnitName::parse("web").expect("should be a name"),
            api_version: "apps/v1".into(),
            desired: before.digest(),
            applied: before.body.clone(),
            mark: Some(mark("1")),
            secrets: BTreeMap::new(),
            stateful: false,
            end: None,
        };
        let paths = |names: &[&str]| {
            names.iter().map(|name| FieldPath::default().key("spec").key(name)).collect::<Vec<_>>()
        };
        let (wanted, left) = (deployment(wanted), Left { all: paths(left), gone: paths(gone) });
        let settled = as_applied(&owned, &wanted, &mark("2"), &left);
        assert_eq!((settled.desired, settled.mark), (wanted.digest(), Some(mark("2"))));
        settled.applied.value()["spec"].clone()
    }

    #[test]
    fn what_is_left_to_others_is_not_called_applied() {
        assert_eq!(applied(2, &[], &[]), json!({"replicas": 2, "paused": true}));
        assert_eq!(applied(3, &[], &[]), json!({"replicas": 3, "paused": true}));
        // Somebody else has it: it was ours once, and is not.
        assert_eq!(applied(2, &["replicas"], &["replicas"]), json!({"paused": true}));
        assert_eq!(applied(3, &["replicas"], &["replicas"]), json!({"paused": true}));
        // It is ours still, and what Git wants now was never written.
        assert_eq!(applied(3, &["replicas"], &[]), json!({"replicas": 2, "paused": true}));
    }
}
