//! guard-mass-delete, guard-empty-render, guard-prune-unit, guard-stateful, guard-crd-removal, guard-target-moved,
//! guard-recovered: what a person must have said yes to.

use std::collections::BTreeMap;

use naksha_environments::environment::{Environment, Lifecycle};
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{Action, FieldPath, Payload, Plan, Subject, Verb};
use naksha_environments::rendered::{Rendered, UnitState};
use naksha_environments::run_once::runs_once;
use naksha_environments::stateful::is_stateful;

use crate::found::{Found, Located};

/// Fewer deletions than this are no share of anything: one of three objects is 33 %, and an ordinary change.
const MIN_FOR_PERCENT: usize = 5;

pub(crate) fn guards(
    plan: &Plan,
    rendered: &Rendered,
    inventory: &Inventory,
    environment: &Environment,
) -> Vec<Located> {
    let mut found = Vec::new();
    found.extend(target_moved(plan, inventory, environment));
    found.extend(mass_delete(plan, inventory, environment));
    found.extend(recovered(plan, inventory));
    found.extend(may_have_run(plan, inventory));
    found.extend(units(plan, rendered, inventory));
    found.extend(plan.actions.iter().filter_map(|action| one(action, inventory)));
    found
}

/// What is owned is not in the new target: it would be left in the old one, owned by nobody. A target that was moved
/// with all that is in it is fine.
fn target_moved(plan: &Plan, inventory: &Inventory, environment: &Environment) -> Option<Located> {
    let before = inventory.place.as_deref().filter(|_| inventory.is_elsewhere(&environment.target))?;
    let is_ours = |key: &ObjectKey| inventory.get(key).is_some_and(|owned| owned.mark.is_some());
    let is_left = |action: &&Action| match &action.subject {
        Subject::Object(key) => {
            matches!(action.verb, Verb::Create | Verb::Adopt | Verb::Disown) && is_ours(key)
        }
        Subject::Workflow(_) => false,
    };
    let planned = plan.actions.iter().filter(is_left).count();
    if planned == 0 || environment.lifecycle == Lifecycle::Disown {
        return None;
    }
    // Of those nothing is planned, and they are left there all the same.
    let blocked = plan.blocked.keys().filter_map(|unit| inventory.units().get(unit));
    let left = planned + blocked.map(|holding| holding.len()).sum::<usize>();
    let (left, now) = (objects(left), environment.target.place());
    let message =
        format!("the target was `{before}` and is `{now}` now: {left} would be left there, owned by nobody");
    Some(located(None, None, Found::new("guard-target-moved", FieldPath::default(), message)))
}

/// Names of objects that a finding lists; the rest is counted.
const MAX_NAMED: usize = 5;

/// That it is ours says only the target, since the database was lost, and nobody has said since that it is wanted.
fn recovered(plan: &Plan, inventory: &Inventory) -> Option<Located> {
    let is_recovered = |key: &ObjectKey| inventory.get(key).is_some_and(|owned| owned.is_recovered());
    let going = plan.actions.iter().filter_map(|action| match (&action.verb, &action.subject) {
        (Verb::Delete | Verb::Replace, Subject::Object(key)) => Some(key).filter(|key| is_recovered(key)),
        _ => None,
    });
    let named = names(going)?;
    let message =
        format!("known only from the target since the database was lost, and would be deleted: {named}");
    Some(located(None, None, Found::new("guard-recovered", FieldPath::default(), message)))
}

/// What runs once and is gone left nothing from which it could be recovered: it looks as if it had never been.
fn may_have_run(plan: &Plan, inventory: &Inventory) -> Option<Located> {
    if !inventory.recovered {
        return None;
    }
    let made =
        plan.actions.iter().filter_map(|action| match (&action.verb, &action.subject, &action.payload) {
            (Verb::Create, Subject::Object(key), Payload::Write { desired, .. }) => {
                runs_once(key, &desired.body).then_some(key)
            }
            _ => None,
        });
    let named = names(made)?;
    let message = format!(
        "the database was lost since, so that it may have run already and been removed, and would run again: {named}"
    );
    Some(located(None, None, Found::new("guard-recovered", FieldPath::default(), message)))
}

/// The first few by name. None: there are none.
fn names<'a>(keys: impl Iterator<Item = &'a ObjectKey>) -> Option<String> {
    let all: Vec<String> = keys.map(ToString::to_string).collect();
    let mut named = all.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > MAX_NAMED {
        named.push_str(&format!(", and {} more", all.len() - MAX_NAMED));
    }
    (!all.is_empty()).then_some(named)
}

fn deletes(plan: &Plan) -> impl Iterator<Item = (&Action, &ObjectKey)> {
    plan.actions.iter().filter_map(|action| match (&action.verb, &action.subject) {
        (Verb::Delete, Subject::Object(key)) => Some((action, key)),
        _ => None,
    })
}

fn mass_delete(plan: &Plan, inventory: &Inventory, environment: &Environment) -> Option<Located> {
    let deleted = deletes(plan).count();
    let owned = inventory.len();
    let guards = environment.guards;
    let percent = (deleted * 100).checked_div(owned).unwrap_or(0);
    let message = if environment.lifecycle == Lifecycle::Destroy && deleted > 0 {
        format!("the environment is being destroyed: {}", objects(deleted))
    } else if deleted > guards.max_deletions {
        format!("{} would be deleted, more than {}", objects(deleted), guards.max_deletions)
    } else if deleted >= MIN_FOR_PERCENT && percent > usize::from(guards.max_deletion_percent) {
        let limit = guards.max_deletion_percent;
        format!("{} of {owned} would be deleted, more than {limit} %", objects(deleted))
    } else {
        return None;
    };
    Some(located(None, None, Found::new("guard-mass-delete", FieldPath::default(), message)))
}

fn objects(count: usize) -> String {
    if count == 1 { "1 object".to_owned() } else { format!("{count} objects") }
}

/// Units that lose everything they own.
fn units(plan: &Plan, rendered: &Rendered, inventory: &Inventory) -> Vec<Located> {
    let mut losing: BTreeMap<&UnitName, usize> = BTreeMap::new();
    for (_, key) in deletes(plan) {
        if let Some(owned) = inventory.get(key) {
            *losing.entry(&owned.unit).or_default() += 1;
        }
    }
    let lost = losing.into_iter();
    lost.filter_map(|(unit, count)| {
        let found = match rendered.units.get(unit).map(|made| &made.state) {
            None => Found::new(
                "guard-prune-unit",
                FieldPath::default(),
                format!("unit `{unit}` is no longer listed, and {} of it would be deleted", objects(count)),
            ),
            Some(UnitState::Rendered(made)) if made.is_empty() => Found::new(
                "guard-empty-render",
                FieldPath::default(),
                format!(
                    "unit `{unit}` renders nothing any more, and {} of it would be deleted",
                    objects(count)
                ),
            ),
            Some(_) => return None,
        };
        Some(located(Some(unit.clone()), None, found))
    })
    .collect()
}

fn one(action: &Action, inventory: &Inventory) -> Option<Located> {
    let Subject::Object(key) = &action.subject else { return None };
    let what = match action.verb {
        Verb::Delete => "deleted",
        Verb::Replace => "deleted and made again",
        _ => return None,
    };
    let owned = inventory.get(key);
    let found = if is_definition(key) {
        let lost = objects_of(key, inventory);
        let also =
            if lost == 0 { String::new() } else { format!(", and {} of its kind with it", objects(lost)) };
        let message = format!("the definition `{}` would be {what}{also}", key.name);
        Found::new("guard-crd-removal", FieldPath::default(), message)
    } else if action.stateful || is_stateful(key) || owned.is_some_and(|owned| owned.stateful) {
        let message = format!("it holds data and would be {what}");
        Found::new("guard-stateful", FieldPath::default(), message)
    } else {
        return None;
    };
    let unit = action.unit.clone().or_else(|| owned.map(|owned| owned.unit.clone()));
    Some(located(unit, Some(action.subject.clone()), found))
}

fn is_definition(key: &ObjectKey) -> bool {
    &*key.group == "apiextensions.k8s.io" && &*key.kind == "CustomResourceDefinition"
}

/// Owned objects of the kind that a definition defines. Its name is `<plural>.<group>`; its body says the kind.
fn objects_of(definition: &ObjectKey, inventory: &Inventory) -> usize {
    let Some(owned) = inventory.get(definition) else { return 0 };
    let body = owned.applied.value();
    let spec = body.get("spec");
    let group = spec.and_then(|spec| spec.get("group")).and_then(serde_json::Value::as_str);
    let names = spec.and_then(|spec| spec.get("names"));
    let kind = names.and_then(|names| names.get("kind")).and_then(serde_json::Value::as_str);
    let (Some(group), Some(kind)) = (group, kind) else { return 0 };
    inventory.keys().filter(|key| &*key.group == group && &*key.kind == kind).count()
}

fn located(unit: Option<UnitName>, subject: Option<Subject>, found: Found) -> Located {
    Located { unit, subject, place: None, found }
}
