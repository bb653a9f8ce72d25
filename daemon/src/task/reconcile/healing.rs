//! What a heal took back, and from whom, in words for people. Pure.

use std::collections::BTreeSet;

use naksha_environments::object::Observation;
use naksha_environments::plan::{Action, Cause, Plan, Subject, Verb};
use naksha_environments::wire::EventDocument;
use naksha_executor::port::store::StepOutcome;
use naksha_executor::realise::RealiseOutcome;

/// Objects that are named; the others are counted.
const MAX_NAMED: usize = 3;

/// What of `plan` takes back what somebody else did, and was carried out. What only records that all is well takes nothing back.
pub(super) fn healed<'a>(plan: &'a Plan, outcome: &RealiseOutcome) -> Vec<&'a Action> {
    let done = outcome.steps.iter().filter(|step| step.outcome == StepOutcome::Done);
    let done: BTreeSet<&str> = done.map(|step| step.subject.as_str()).collect();
    let is_healed = |action: &&Action| {
        action.cause == Cause::Drift
            && !action.only_records()
            && done.contains(action.subject.to_string().as_str())
    };
    plan.actions.iter().filter(is_healed).collect()
}

/// What somebody else had done to each object that was healed: "kubectl-edit changed `spec.replicas` of …".
pub(super) fn taken_back(healed: &[&Action], observation: &Observation) -> Vec<String> {
    let mut told: Vec<String> =
        healed.iter().take(MAX_NAMED).map(|action| words(action, observation)).collect();
    match healed.len().saturating_sub(MAX_NAMED) {
        0 => {}
        1 => told.push("and 1 more object".to_owned()),
        more => told.push(format!("and {more} more objects")),
    }
    told
}

fn words(action: &Action, observation: &Observation) -> String {
    let subject = &action.subject;
    let Subject::Object(key) = subject else { return subject.to_string() };
    let Some(first) = action.changes.first().filter(|_| action.verb != Verb::Create) else {
        return format!("{subject} was gone");
    };
    // Who took a field away left no name on it.
    let owner = || observation.owners(key)?.of(&first.path);
    let who = first.before.as_ref().and_then(|_| owner()).unwrap_or("somebody");
    let did = if first.before.is_some() { "changed" } else { "removed" };
    let more = match action.changes.len() - 1 {
        0 => String::new(),
        1 => " and 1 more field".to_owned(),
        more => format!(" and {more} more fields"),
    };
    // Names of fields and managers are whatever somebody wrote.
    EventDocument::text(&format!("{who} {did} `{}`{more} of {subject}", first.path))
}
