//! A planner just good enough to drive applies: what the real one decides, without its explanations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::digest::Digest;
use naksha_environments::ids::{UnitName, WorkflowName};
use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::merge::merge;
use naksha_environments::object::{DesiredObject, Mark, ObjectKey, Observation, Observed, mark_placeholder};
use naksha_environments::plan::{Action, Cause, Payload, Plan, PlanId, Subject, Verb};
use naksha_environments::rendered::Rendered;
use naksha_environments::run_once::runs_once;
use naksha_environments::workflow::WorkflowGraph;
use naksha_environments::workflow_change::WorkflowChange;
use serde_json::Value;

pub(super) fn plan(rendered: &Rendered, inventory: &Inventory, observation: &Observation) -> Plan {
    let mut plan = Plan::empty(&rendered.environment);
    let mut desired: BTreeSet<&ObjectKey> = BTreeSet::new();
    for (name, unit) in &rendered.units {
        plan.order.insert(name.clone(), unit.depends_on.keys().cloned().collect());
        for object in unit.objects() {
            desired.insert(&object.key);
            let owned = inventory.get(&object.key).map(AsRef::as_ref);
            match verb_for(name, object, owned, &observation.of(&object.key, asked(owned))) {
                Ok(Some((verb, expect))) => plan.actions.push(write(name, object, verb, expect)),
                Ok(None) => plan.unchanged += 1,
                Err(reason) => {
                    plan.unseen.insert(name.clone(), format!("{} is unknown: {reason}", object.key));
                    plan.unknown.insert(object.key.clone(), reason);
                }
            }
        }
    }
    let owned: BTreeMap<_, _> = inventory.iter().collect();
    for (key, owned) in owned.into_iter().filter(|(key, _)| !desired.contains(*key)) {
        match observation.of(key, asked(Some(owned))) {
            Observed::Absent => drop(plan.forget.insert(key.clone())),
            Observed::Unknown { reason } => drop(plan.unknown.insert(key.clone(), reason)),
            Observed::InSync { mark, .. } => plan.actions.push(remove(key, owned, Verb::Delete, mark)),
            Observed::Live(live) => {
                let ours = owned.mark.as_ref().is_some_and(|mark| mark.uid == live.mark.uid);
                let verb = if ours { Verb::Delete } else { Verb::Disown };
                plan.actions.push(remove(key, owned, verb, live.mark));
            }
        }
    }
    plan_workflows(&mut plan, rendered, inventory);
    plan.id = PlanId::of(&rendered.environment, &plan.actions);
    plan
}

fn asked(owned: Option<&Owned>) -> Option<&Mark> {
    owned?.mark.as_ref()
}

fn verb_for(
    unit: &UnitName,
    object: &DesiredObject,
    owned: Option<&Owned>,
    observed: &Observed,
) -> Result<Option<(Verb, Option<Mark>)>, String> {
    let (mark, live) = match observed {
        Observed::Unknown { reason } => return Err(reason.clone()),
        Observed::Absent => {
            let was_applied = |owned: &Owned| owned.mark.is_some() && owned.desired == object.digest();
            let ran = owned.is_some_and(was_applied) && runs_once(&object.key, &object.body);
            return Ok(if ran { None } else { Some((Verb::Create, None)) });
        }
        Observed::InSync { mark, .. } => (mark, None),
        Observed::Live(live) => (&live.mark, Some(live.body.value())),
    };
    let proven = |owned: &&Owned| owned.mark.as_ref().is_some_and(|ours| ours.uid == mark.uid);
    let Some(owned) = owned.filter(proven) else { return Ok(Some((Verb::Adopt, Some(mark.clone())))) };
    if owned.unit != *unit {
        return Ok(Some((Verb::Move { from: owned.unit.clone() }, Some(mark.clone()))));
    }
    let (applied, desired) = (owned.applied.value(), object.body.value());
    if applied["spec"]["immutable"] != desired["spec"]["immutable"] {
        return Ok(Some((Verb::Replace, Some(mark.clone()))));
    }
    let same = match live {
        None => owned.desired == object.digest(),
        Some(live) => {
            let live = translate(live, owned);
            merge(&object.key.kind, Some(&live), Some(&applied), &desired, &[]) == live
        }
    };
    Ok(if same { None } else { Some((Verb::Update, Some(mark.clone()))) })
}

/// Marks of values that we wrote, as the references they came from.
fn translate(mut live: Value, owned: &Owned) -> Value {
    let applied = owned.applied.value();
    for (name, mark) in &owned.secrets {
        let value = live["data"].get_mut(name).filter(|value| **value == mark_placeholder(mark));
        if let (Some(value), Some(ours)) = (value, applied["data"].get(name)) {
            *value = ours.clone();
        }
    }
    live
}

fn action(unit: Option<&UnitName>, subject: Subject, verb: Verb, wave: i32, payload: Payload) -> Action {
    let digest = match &payload {
        Payload::Write { desired, .. } => {
            Digest::of_bytes(format!("{subject} {verb:?} {:?}", desired.digest()).as_bytes())
        }
        _ => Digest::of_bytes(format!("{subject} {verb:?}").as_bytes()),
    };
    Action {
        digest,
        unit: unit.cloned(),
        subject,
        verb,
        cause: Cause::Change,
        changes: Vec::new(),
        conflicts: Vec::new(),
        stateful: false,
        wave,
        payload,
    }
}

fn write(unit: &UnitName, object: &Arc<DesiredObject>, verb: Verb, expect: Option<Mark>) -> Action {
    let payload = Payload::Write { desired: object.clone(), expect, leave: Vec::new() };
    action(Some(unit), Subject::Object(object.key.clone()), verb, object.wave, payload)
}

fn remove(key: &ObjectKey, owned: &Owned, verb: Verb, expect: Mark) -> Action {
    let wave = owned.applied.value()["metadata"]["annotations"]["naksha.dev/wave"]
        .as_str()
        .map_or(0, |wave| wave.parse().unwrap());
    action(
        Some(&owned.unit),
        Subject::Object(key.clone()),
        verb,
        wave,
        Payload::Remove { expect: Some(expect) },
    )
}

fn plan_workflows(plan: &mut Plan, rendered: &Rendered, inventory: &Inventory) {
    for (name, graph) in &rendered.workflows {
        if inventory.workflows.get(name).map(|version| version.digest) != Some(graph.digest) {
            let payload = Payload::Register { graph: graph.clone(), change: change(name, Some(graph)) };
            plan.actions.push(action(None, Subject::Workflow(name.clone()), Verb::Update, 0, payload));
        }
    }
    for name in inventory.workflows.keys().filter(|name| !rendered.workflows.contains_key(*name)) {
        let payload = Payload::Retire { change: change(name, None) };
        plan.actions.push(action(None, Subject::Workflow(name.clone()), Verb::Delete, 0, payload));
    }
}

fn change(name: &WorkflowName, after: Option<&Arc<WorkflowGraph>>) -> Box<WorkflowChange> {
    Box::new(WorkflowChange {
        workflow: name.clone(),
        before: None,
        after: after.map(|graph| graph.digest),
        nodes: Vec::new(),
        edges: Vec::new(),
        settings: Vec::new(),
        grants: Vec::new(),
    })
}
