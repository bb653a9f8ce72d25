//! Units in a status: what of each is applied, and how it does.

use std::collections::{BTreeMap, BTreeSet};

use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::{Health, ObjectKey, Observation, Observed};
use naksha_environments::plan::{Action, Blocked, Plan, Subject};
use naksha_environments::rendered::Rendered;
use naksha_environments::status::{UnitStatus, UnitSync};
use naksha_executor::port::store::StepOutcome;
use naksha_executor::realise::RealiseOutcome;

use super::super::fights::Fights;
use super::super::last_apply::Failures;
use super::super::whys::Whys;

/// What is there: as it was looked at before the apply, and what is owned after it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) observation: &'a Observation,
    pub(super) inventory: &'a Inventory,
    /// What keeps objects from being healthy, as far as it was looked up.
    pub(super) whys: &'a Whys,
}

/// Every unit: what of it is applied, and how it does.
pub(super) fn units(
    rendered: &Rendered,
    plan: &Plan,
    seen: Seen<'_>,
    applied: Option<&RealiseOutcome>,
    failures: &Failures,
    fights: &Fights,
) -> BTreeMap<UnitName, UnitStatus> {
    let mut units = BTreeMap::new();
    // Few are: one walk over all objects, and none per unit.
    let unwell: BTreeMap<&ObjectKey, Health> = seen
        .observation
        .objects
        .iter()
        .filter_map(|(key, observed)| {
            let health = health_of(observed).filter(|health| !health.is_healthy())?;
            Some((key, health.because(seen.whys.of(key))))
        })
        .collect();
    let ended = ended(seen, plan);
    let to_do = to_do(plan, applied);
    let written = written(plan, applied);
    for (name, unit) in &rendered.units {
        let end = applied.and_then(|outcome| outcome.units.get(name));
        let looked_at = if unwell.is_empty() { &[] } else { unit.objects() };
        // An apply tells of what it wrote, or waited for; of the rest the look before it does.
        let is_told = |key: &ObjectKey| end.is_some() && written.contains(key);
        let observed = looked_at.iter().map(|object| &object.key).filter(|key| !is_told(key));
        let observed = observed.filter_map(|key| unwell.get(key).cloned());
        let told = ended.get(name).cloned().into_iter().chain(end.map(|end| end.health.clone()));
        let health = worst(observed.chain(told));
        let state = match (plan.blocked.get(name), failures.of_unit(name), end) {
            (Some(blocked), _, _) => blocked_sync(blocked),
            (None, Some(failed), _) => UnitSync::Failed(failed),
            (None, None, Some(end)) if end.sync != UnitSync::Synced => end.sync.clone(),
            _ if to_do.contains(name) => UnitSync::Pending,
            _ if plan.unseen.contains_key(name) => UnitSync::Waiting(plan.unseen[name].clone()),
            (None, None, _) => {
                let keys = unit.objects().iter().map(|object| &object.key);
                drift_sync(plan, fights, seen.observation, keys)
            }
        };
        let is_missing = health.is_healthy() && state != UnitSync::Synced && !is_there(seen.inventory, name);
        let health = if is_missing { Health::Missing } else { health };
        units.insert(name.clone(), UnitStatus { state, health, objects: unit.objects().len() });
    }
    units
}

/// How units do by what ran once in them, and is gone; the worst, where that is not well. What the plan makes again or
/// forgets is left out.
fn ended<'a>(seen: Seen<'a>, plan: &Plan) -> BTreeMap<&'a UnitName, Health> {
    let gone = seen.observation.objects.iter().filter(|(_, observed)| matches!(observed, Observed::Absent));
    let mut ended = BTreeMap::new();
    for (key, _) in gone {
        let Some(owned) = seen.inventory.get(key) else { continue };
        let Some(health) = owned.health_when_gone(key).filter(|health| !health.is_healthy()) else {
            continue;
        };
        let subject = Subject::Object(key.clone());
        let is_left = plan.actions.iter().all(|action| action.subject != subject);
        if is_left && !plan.forget.contains(key) {
            let known = ended.remove(&owned.unit);
            ended.insert(&owned.unit, worst(known.into_iter().chain([health])));
        }
    }
    ended
}

/// Objects that an apply wrote, or tried to.
fn written<'a>(plan: &'a Plan, applied: Option<&RealiseOutcome>) -> BTreeSet<&'a ObjectKey> {
    let actions = plan.actions.iter().filter(|_| applied.is_some());
    let object = |action: &'a Action| match &action.subject {
        Subject::Object(key) => Some(key),
        Subject::Workflow(_) => None,
    };
    actions.filter_map(object).collect()
}

/// Whether anything of a unit was ever written. What was only announced has no mark yet.
fn is_there(inventory: &Inventory, unit: &UnitName) -> bool {
    let holding = inventory.units().get(unit);
    holding.is_some_and(|holding| holding.iter().any(|(_, owned)| owned.mark.is_some()))
}

/// Units of which some action was not carried out. An apply says how a unit ended only where it wrote something of it:
/// whether deletions were, its steps tell.
fn to_do<'a>(plan: &'a Plan, applied: Option<&RealiseOutcome>) -> BTreeSet<&'a UnitName> {
    let mut done: BTreeMap<&str, bool> = BTreeMap::new();
    for step in applied.iter().flat_map(|outcome| &outcome.steps) {
        // A replacement is two steps.
        *done.entry(&step.subject).or_insert(true) &= step.outcome == StepOutcome::Done;
    }
    let is_done = |action: &Action| {
        !done.is_empty() && done.get(action.subject.to_string().as_str()).is_some_and(|done| *done)
    };
    plan.actions.iter().filter(|action| !is_done(action)).filter_map(|action| action.unit.as_ref()).collect()
}

fn blocked_sync(blocked: &Blocked) -> UnitSync {
    match blocked {
        Blocked::Broken(reason) => UnitSync::Broken(reason.clone()),
        Blocked::Unsupported(source) => UnitSync::Unsupported(source),
        Blocked::NotYet => UnitSync::NotYet,
        Blocked::DependsOn(unit) => UnitSync::Waiting(format!("waiting for {unit}")),
    }
}

fn drift_sync<'a>(
    plan: &Plan,
    fights: &Fights,
    observation: &Observation,
    keys: impl Iterator<Item = &'a ObjectKey>,
) -> UnitSync {
    if plan.drifted.is_empty() {
        return UnitSync::Synced;
    }
    let mut drifted = keys.filter(|key| plan.drifted.contains_key(*key));
    let Some(first) = drifted.next() else { return UnitSync::Synced };
    let words = || format!("{first} is not as it was applied, and this environment does not heal");
    let field = plan.drifted.get(first).and_then(|changes| changes.first()).map(|change| &change.path);
    let who = observation.owners(first).zip(field).and_then(|(owners, field)| owners.of(field));
    let words = fights.words(first, field, who).unwrap_or_else(words);
    UnitSync::Drifted(match drifted.count() {
        0 => words,
        1 => format!("{words} (and 1 more object)"),
        more => format!("{words} (and {more} more objects)"),
    })
}

fn health_of(observed: &Observed) -> Option<Health> {
    match observed {
        // What is absent is pending, or was just made; that is the unit's state, not its health.
        Observed::Absent => None,
        Observed::InSync { health, .. } => Some(health.clone()),
        Observed::Live(live) => Some(live.health.clone()),
        Observed::Unknown { reason } => Some(Health::Unknown(reason.clone())),
    }
}

fn worst(healths: impl Iterator<Item = Health>) -> Health {
    let rank = |health: &Health| match health {
        Health::Healthy => 0,
        Health::Suspended => 1,
        Health::Progressing(_) => 2,
        Health::Unknown(_) => 3,
        Health::Missing => 4,
        Health::Degraded(_) => 5,
    };
    healths.max_by_key(rank).unwrap_or(Health::Healthy)
}
