//! The decision for one workflow: register a version, or retire.

use std::sync::Arc;

use naksha_environments::ids::WorkflowName;
use naksha_environments::inventory::RegisteredWorkflow;
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{Action, Cause, Change, Payload, Subject, Verb};
use naksha_environments::workflow::WorkflowGraph;
use naksha_environments::workflow_change::{Contexts, Version, WorkflowChange};
use serde_json::Value;

use crate::diff::{Sides, compare, shown};

/// The action that makes `graph` the current version; none when it is.
pub(super) fn register(
    graph: &Arc<WorkflowGraph>,
    current: Option<&RegisteredWorkflow>,
    contexts: &Contexts<'_>,
) -> Option<Action> {
    if current.is_some_and(|current| current.digest == graph.digest()) {
        return None;
    }
    let after = parsed(graph.to_json());
    let before = current.map(|current| parsed(&current.graph));
    let change = WorkflowChange::between(
        &graph.name,
        current.zip(before.as_ref()).map(|(current, json)| Version { digest: current.digest, json }),
        Some(Version { digest: graph.digest(), json: &after }),
        contexts,
    );
    let verb = if current.is_some() { Verb::Update } else { Verb::Create };
    let changes = changes_of(&graph.name, &after, before.as_ref());
    let payload = Payload::Register { graph: Arc::clone(graph), change: Box::new(change) };
    Some(action(&graph.name, verb, changes, payload))
}

/// The action that ends a workflow.
pub(super) fn retire(name: &WorkflowName, current: &RegisteredWorkflow, contexts: &Contexts<'_>) -> Action {
    let before = parsed(&current.graph);
    let version = Version { digest: current.digest, json: &before };
    let change = WorkflowChange::between(name, Some(version), None, contexts);
    action(name, Verb::Delete, Vec::new(), Payload::Retire { change: Box::new(change) })
}

/// A recorded graph that does not parse compares as an empty one: everything in it is new then.
fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

fn changes_of(name: &WorkflowName, after: &Value, before: Option<&Value>) -> Vec<Change> {
    let key = ObjectKey::new("naksha.dev", "Workflow", None, name.as_str());
    let sides = Sides { desired: after, live: before, applied: before };
    let diffs = compare("Workflow", sides);
    let change = |diff: crate::diff::FieldDiff| Change {
        before: diff.live.as_ref().map(|value| shown(&key, &diff.path, value)),
        after: diff.desired.as_ref().map(|value| shown(&key, &diff.path, value)),
        path: diff.path,
    };
    diffs.into_iter().map(change).collect()
}

fn action(name: &WorkflowName, verb: Verb, changes: Vec<Change>, payload: Payload) -> Action {
    let subject = Subject::Workflow(name.clone());
    Action {
        digest: Action::digest_of(&subject, &verb, &changes),
        unit: None,
        subject,
        verb,
        cause: Cause::Change,
        changes,
        conflicts: Vec::new(),
        stateful: false,
        wave: 0,
        payload,
    }
}
