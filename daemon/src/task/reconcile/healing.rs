//! What a heal takes back, and from whom, in words for people. Pure.

use naksha_environments::object::Observation;
use naksha_environments::plan::{Action, Cause, Plan, Subject, Verb};

/// Objects that are named; the others are counted.
const MAX_NAMED: usize = 3;

/// What somebody else did to each object that `plan` heals: "kubectl-edit changed `spec.replicas` of …".
pub(super) fn taken_back(plan: &Plan, observation: &Observation) -> Vec<String> {
    let drifted: Vec<&Action> = plan.actions.iter().filter(|action| takes_back(action)).collect();
    let mut told: Vec<String> =
        drifted.iter().take(MAX_NAMED).map(|action| words(action, observation)).collect();
    match drifted.len().saturating_sub(MAX_NAMED) {
        0 => {}
        1 => told.push("and 1 more object".to_owned()),
        more => told.push(format!("and {more} more objects")),
    }
    told
}

/// Whether an action undoes what somebody did; one that only records that all is well undoes nothing.
pub(super) fn takes_back(action: &Action) -> bool {
    action.cause == Cause::Drift && !action.only_records()
}

fn words(action: &Action, observation: &Observation) -> String {
    let subject = &action.subject;
    let Subject::Object(key) = subject else { return subject.to_string() };
    let Some(first) = action.changes.first().filter(|_| action.verb != Verb::Create) else {
        return format!("{subject} was gone");
    };
    let who = observation.owners(key).and_then(|owners| owners.of(&first.path)).unwrap_or("somebody");
    let more = match action.changes.len() - 1 {
        0 => String::new(),
        1 => " and 1 more field".to_owned(),
        more => format!(" and {more} more fields"),
    };
    let did = if first.before.is_some() { "changed" } else { "removed" };
    format!("{who} {did} `{}`{more} of {subject}", first.path)
}
