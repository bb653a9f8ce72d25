//! Planning without a target: a base revision stands for what is there and what was applied last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::digest::Digest;
use naksha_environments::environment::Environment;
use naksha_environments::inventory::{Inventory, Owned, RegisteredWorkflow};
use naksha_environments::object::{DesiredObject, Health, KeyMap, Mark, Observation, Observed, Uid};
use naksha_environments::plan::{Action, Plan, Preconditions};
use naksha_environments::rendered::{Rendered, RenderedUnit, UnitState};
use naksha_environments::stateful::is_stateful;
use naksha_environments::workflow_change::Contexts;

use super::make::{PlanInput, plan};

/// The plan from `base` to `head`, as a laptop sees it: the objects that the base renders are taken as being
/// there, exactly as rendered, and as applied by us. No base: nothing is there.
///
/// Of a unit that the base cannot render, nothing is known: its objects are unknown, not new.
pub fn plan_between(
    base: Option<&Rendered>,
    head: &Rendered,
    environment: &Environment,
    contexts: Contexts<'_>,
    preconditions: Preconditions,
) -> Plan {
    let inventory = base.map(inventory_of).unwrap_or_default();
    let observation = observation_of(base, head, &inventory);
    let input = PlanInput {
        rendered: head,
        observation: &observation,
        inventory: &inventory,
        environment,
        preconditions,
        contexts,
        secrets: None,
        resting: None,
    };
    plan(&input)
}

fn mark_of(object: &DesiredObject) -> Mark {
    let uid = Some(Uid(object.key.to_string().into()));
    Mark { uid, version: "base".into(), fingerprint: object.digest() }
}

/// What a base stands for as the inventory: everything that it renders was applied, by us. For whoever judges such a
/// plan: guards ask what is owned.
pub fn inventory_of(base: &Rendered) -> Inventory {
    let owned = |unit: &RenderedUnit, object: &DesiredObject| Owned {
        unit: unit.name.clone(),
        api_version: object.api_version.clone(),
        desired: object.digest(),
        applied: object.body.clone(),
        mark: Some(mark_of(object)),
        secrets: BTreeMap::new(),
        stateful: is_stateful(&object.key),
    };
    let registered = |graph: &naksha_environments::workflow::WorkflowGraph| RegisteredWorkflow {
        digest: graph.digest(),
        graph: graph.to_json().clone(),
    };
    Inventory {
        objects: base
            .objects()
            .map(|(unit, object)| (object.key.clone(), Arc::new(owned(unit, object))))
            .collect(),
        workflows: base.workflows.iter().map(|(name, graph)| (name.clone(), registered(graph))).collect(),
    }
}

fn observation_of(base: Option<&Rendered>, head: &Rendered, inventory: &Inventory) -> Observation {
    let mut objects = KeyMap::default();
    for (name, unit) in &head.units {
        let before = base.and_then(|base| base.units.get(name)).map(|unit| &unit.state);
        let is_broken =
            base.is_some_and(|base| base.broken) || matches!(before, Some(UnitState::Broken { .. }));
        for object in unit.objects() {
            let observed = if is_broken {
                Observed::Unknown { reason: format!("the base does not render unit `{name}`") }
            } else {
                Observed::Absent
            };
            objects.insert(object.key.clone(), observed);
        }
    }
    for (key, owned) in &inventory.objects {
        if let Some(mark) = owned.mark.clone() {
            objects.insert(key.clone(), Observed::InSync { mark, health: Health::Healthy });
        }
    }
    Observation { objects }
}

/// A plan's actions by what brought them.
#[derive(Debug, Clone, Default)]
pub struct Split<'a> {
    /// The change under review.
    pub change: Vec<&'a Action>,
    /// The base alone would cause them: drift, and what was merged but not applied. They belong to no review.
    pub base: Vec<&'a Action>,
}

/// Splits the plan of a change (head against what is live) by the plan of its base (against the same).
pub fn split<'a>(head: &'a Plan, base: &Plan) -> Split<'a> {
    let known: BTreeSet<Digest> = base.actions.iter().map(|action| action.digest).collect();
    let (base, change) = head.actions.iter().partition(|action| known.contains(&action.digest));
    Split { change, base }
}
