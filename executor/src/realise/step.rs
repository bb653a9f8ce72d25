//! One step: one action, carried out and recorded with its effect on the inventory.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::codes::Code;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::{Owned, RegisteredWorkflow};
use naksha_environments::merge;
use naksha_environments::object::{Body, DesiredObject, Mark, ObjectKey};
use naksha_environments::plan::{Action, FieldPath, Payload, Subject, Verb};
use tracing::warn;

use super::progress::Progress;
use super::recorder::{AtWork, record};
use super::run::{Run, Turn};
use super::write::{refused_conflict, remove, write};
use crate::port::store::{Effect, StepOutcome, StepRecord};

/// Why a step was not done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It was tried, or may not be. `restore`: what the inventory had before, when certainly nothing was written.
    Failed { code: Code, reason: String, hint: &'static str, restore: Option<Box<(ObjectKey, Owned)>> },
    /// Nothing further may start.
    Halted,
}

pub(super) fn failed(code: Code, reason: String, hint: &'static str) -> Refusal {
    Refusal::Failed { code, reason, hint, restore: None }
}

/// Carries out one action; true when it is done.
pub(super) async fn perform(run: &Run<'_>, action: &Action) -> bool {
    let mut turn = run.turn().await;
    if run.halt.is_cancelled() {
        skip(run, action, STOPPED).await;
        return false;
    }
    match (&action.payload, &action.subject) {
        (Payload::Write { desired, expect: Some(expect), leave }, Subject::Object(key))
            if action.verb == Verb::Replace =>
        {
            replace(run, &mut turn, action, key, desired, expect, leave).await
        }
        (Payload::Write { desired, expect, leave }, Subject::Object(key)) => {
            let verb = action.verb.as_str();
            step(run, action, verb, write(run, &mut turn, action, key, desired, expect.as_ref(), leave)).await
        }
        (Payload::Remove { .. }, Subject::Object(key)) if action.verb == Verb::Disown => {
            let forget = std::future::ready((0, Ok(Effect::Forget(key.clone()))));
            step(run, action, action.verb.as_str(), forget).await
        }
        (Payload::Remove { expect }, Subject::Object(key)) => {
            step(
                run,
                action,
                action.verb.as_str(),
                remove(run, &mut turn, key, expect.as_ref(), Effect::Forget(key.clone())),
            )
            .await
        }
        (Payload::Register { graph, .. }, Subject::Workflow(name)) => {
            let version = RegisteredWorkflow { digest: graph.digest(), graph: graph.to_json().clone() };
            let register = std::future::ready((0, Ok(Effect::Register(name.clone(), version))));
            step(run, action, action.verb.as_str(), register).await
        }
        (Payload::Retire { .. }, Subject::Workflow(name)) => {
            let retire = std::future::ready((0, Ok(Effect::Retire(name.clone()))));
            step(run, action, action.verb.as_str(), retire).await
        }
        // `Schedule::of` let no other pair through.
        (_, Subject::Object(_) | Subject::Workflow(_)) => false,
    }
}

/// Why steps are skipped once a newer revision waits, a person suspended the environment, or the process ends.
pub(super) const STOPPED: &str = "the apply was stopped before it";

/// Marks an action as not tried. Cancelled applies do not record every step: their end says it for all.
pub(super) async fn skip(run: &Run<'_>, action: &Action, reason: &str) {
    let work = run.recorder.begins();
    let halted = run.halt.is_cancelled();
    let reason = if halted { STOPPED } else { reason };
    let outcome = StepOutcome::Skipped { reason: reason.to_owned() };
    let record = record_of(action, action.verb.as_str(), outcome, 0, Timestamp::now(), Effect::None);
    if halted {
        run.ended(record);
    } else {
        save(run, work, &action.subject, action.unit.as_ref(), action.verb.as_str(), record).await;
    }
}

/// Drops an inventory entry whose object is gone and wanted by nobody: a record, and no write to the target.
pub(super) async fn forget(run: &Run<'_>, key: &ObjectKey) {
    if run.halt.is_cancelled() {
        return;
    }
    let work = run.recorder.begins();
    let now = Timestamp::now();
    let unit = run.input.inventory.get(key).map(|owned| owned.unit.clone());
    let record = StepRecord {
        subject: key.to_string(),
        unit: unit.clone(),
        verb: "forget".to_owned(),
        outcome: StepOutcome::Done,
        attempts: 0,
        started: now,
        ended: now,
        effect: Effect::Forget(key.clone()),
    };
    save(run, work, &Subject::Object(key.clone()), unit.as_ref(), "forget", record).await;
}

/// How often something was tried, and what it came to.
pub(super) type Tried = (u32, Result<Effect, Refusal>);

/// Runs `doing` as one step and records what it came to, with its effect on the inventory, in one transaction.
async fn step(
    run: &Run<'_>,
    action: &Action,
    verb: &'static str,
    doing: impl Future<Output = Tried>,
) -> bool {
    let work = run.recorder.begins();
    let (subject, unit) = (action.subject.clone(), action.unit.clone());
    run.tell(&Progress::StepStarted { subject: subject.clone(), unit, verb });
    let started = Timestamp::now();
    let (attempts, result) = doing.await;
    let (outcome, effect) = match result {
        Ok(effect) => {
            run.tell(&Progress::StepWritten { subject, verb });
            (StepOutcome::Done, effect)
        }
        Err(Refusal::Failed { code, reason, hint, restore }) => {
            let mut found = Diagnostic::new(code, format!("{subject}: {reason}")).hint(hint);
            found.unit.clone_from(&action.unit);
            run.found(found);
            let effect = restore.map_or(Effect::None, |entry| {
                let (key, owned) = *entry;
                Effect::Own(key, Arc::new(owned))
            });
            (StepOutcome::Failed { reason }, effect)
        }
        Err(Refusal::Halted) => {
            let outcome = StepOutcome::Skipped { reason: STOPPED.to_owned() };
            run.ended(record_of(action, verb, outcome, attempts, started, Effect::None));
            return false;
        }
    };
    let done = outcome == StepOutcome::Done;
    let record = record_of(action, verb, outcome, attempts, started, effect);
    save(run, work, &action.subject, action.unit.as_ref(), verb, record).await && done
}

async fn save(
    run: &Run<'_>,
    work: AtWork<'_>,
    subject: &Subject,
    unit: Option<&UnitName>,
    verb: &'static str,
    step: StepRecord,
) -> bool {
    let Some(step) = record(run, work, step).await else {
        warn!(%subject, "a step could not be recorded; the apply ends here");
        return false;
    };
    let (subject, unit, outcome) = (subject.clone(), unit.cloned(), step.outcome.clone());
    let attempts = step.attempts;
    run.recorded(step);
    run.tell(&Progress::StepEnded { subject, unit, verb, outcome, attempts });
    true
}

fn record_of(
    action: &Action,
    verb: &str,
    outcome: StepOutcome,
    attempts: u32,
    started: Timestamp,
    effect: Effect,
) -> StepRecord {
    StepRecord {
        subject: action.subject.to_string(),
        unit: action.unit.clone(),
        verb: verb.to_owned(),
        outcome,
        attempts,
        started,
        ended: Timestamp::now(),
        effect,
    }
}

/// Delete and create, recorded as the two steps that they are: killed in between, the inventory's entry is an
/// intent like any other.
async fn replace(
    run: &Run<'_>,
    turn: &mut Turn<'_>,
    action: &Action,
    key: &ObjectKey,
    desired: &DesiredObject,
    expect: &Mark,
    leave: &[FieldPath],
) -> bool {
    let Some(unit) = &action.unit else { return false };
    if let Some(refusal) = refused_conflict(action) {
        return step(run, action, action.verb.as_str(), std::future::ready((0, Err(refusal)))).await;
    }
    let intended = intent(unit, desired, leave, action.stateful);
    let removal = remove(run, turn, key, Some(expect), Effect::Own(key.clone(), Arc::new(intended)));
    step(run, action, "delete", removal).await
        && step(run, action, "create", write(run, turn, action, key, desired, None, leave)).await
}

/// What stands in the inventory for an object that is about to be written.
pub(super) fn intent(unit: &UnitName, desired: &DesiredObject, leave: &[FieldPath], stateful: bool) -> Owned {
    // What is left to somebody else was never applied by us: in the inventory it would look like drift.
    let applied = match leave {
        [] => desired.body.clone(),
        leave => Body::new(&merge::without(&desired.body.value(), leave)),
    };
    Owned {
        unit: unit.clone(),
        api_version: desired.api_version.clone(),
        desired: desired.digest(),
        applied,
        mark: None,
        secrets: BTreeMap::new(),
        stateful,
        end: None,
    }
}
