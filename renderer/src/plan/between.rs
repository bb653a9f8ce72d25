//! Planning without a target: a base revision stands for what is there and what was applied last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::digest::Digest;
use naksha_environments::environment::Environment;
use naksha_environments::inventory::{Inventory, Owned, RegisteredWorkflow};
use naksha_environments::object::{DesiredObject, Health, Mark, Observation, Observed, Uid};
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
    base: Option<(&Rendered, &Environment)>,
    head: &Rendered,
    environment: &Environment,
    contexts: Contexts<'_>,
    preconditions: Preconditions,
) -> Plan {
    let inventory = base.map(|(base, environment)| inventory_of(base, environment)).unwrap_or_default();
    let base = base.map(|(base, _)| base);
    let elsewhere = inventory.is_elsewhere(&environment.target);
    let observation = observation_of(base, head, &inventory, elsewhere);
    let input = PlanInput::new(head, &observation, &inventory, environment);
    plan(&PlanInput { preconditions, contexts, ..input })
}

fn mark_of(object: &DesiredObject) -> Mark {
    let uid = Some(Uid(object.key.to_string().into()));
    Mark { uid, version: "base".into(), fingerprint: object.digest() }
}

/// What a base stands for as the inventory: everything that it renders was applied, by us. For whoever judges such a
/// plan: guards ask what is owned.
pub fn inventory_of(base: &Rendered, environment: &Environment) -> Inventory {
    let owned = |unit: &RenderedUnit, object: &DesiredObject| Owned {
        unit: unit.name.clone(),
        api_version: object.api_version.clone(),
        desired: object.digest(),
        applied: object.body.clone(),
        mark: Some(mark_of(object)),
        secrets: BTreeMap::new(),
        stateful: is_stateful(&object.key),
        end: None,
    };
    let registered = |graph: &naksha_environments::workflow::WorkflowGraph| RegisteredWorkflow {
        digest: graph.digest(),
        graph: graph.to_json().clone(),
    };
    let objects = base.objects().map(|(unit, object)| (object.key.clone(), Arc::new(owned(unit, object))));
    let mut inventory: Inventory = objects.collect();
    inventory.place = Some(environment.target.place().into());
    inventory.workflows =
        base.workflows.iter().map(|(name, graph)| (name.clone(), registered(graph))).collect();
    inventory
}

/// What is owned is as the base rendered it, unless the head names another target: nothing is there then. What else the head wants is not there; nothing is known where the base
/// cannot be rendered.
fn observation_of(
    base: Option<&Rendered>,
    head: &Rendered,
    inventory: &Inventory,
    elsewhere: bool,
) -> Observation {
    let is_broken = |unit: &RenderedUnit| {
        let before = base.and_then(|base| base.units.get(&unit.name)).map(|unit| &unit.state);
        base.is_some_and(|base| base.broken) || matches!(before, Some(UnitState::Broken { .. }))
    };
    let new = head.objects().filter(|(_, object)| !inventory.contains(&object.key));
    let new = new.map(|(unit, object)| {
        let name = &unit.name;
        let unknown = || Observed::Unknown { reason: format!("the base does not render unit `{name}`") };
        (object.key.clone(), if is_broken(unit) { unknown() } else { Observed::Absent })
    });
    let owned = inventory.iter().filter_map(|(key, owned)| {
        let mark = owned.mark.clone()?;
        let in_sync = Observed::InSync { mark, health: Health::Healthy };
        Some((key.clone(), if elsewhere { Observed::Absent } else { in_sync }))
    });
    Observation { objects: new.chain(owned).collect() }
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
