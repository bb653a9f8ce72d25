//! A plan as it was stored, and what became of it: from its record, its last apply and what its environment says now.

use jiff::Timestamp;
use naksha_environments::plan::PlanId;
use naksha_environments::status::{EnvironmentStatus, State};
use naksha_environments::wire::{ApplyDocument, STORED_PLAN_VERSION, StepDocument, StoredPlanDocument};
use naksha_executor::port::store::{
    ApplyOutcome, ApplyRecord, PlanRecord, Scope, StepOutcome, StepRecord, Store, StoreError,
};

use crate::history::told;

/// The decision about what only a pull request showed.
const SHOWN: &str = "shown";

/// A stored plan with its newest apply. `status`: what its environment says now, where it says anything.
pub async fn stored_plan(
    store: &dyn Store,
    scope: &Scope,
    id: &PlanId,
    status: Option<&EnvironmentStatus>,
) -> Result<StoredPlanDocument, StoreError> {
    let gone = || StoreError::NotFound { what: format!("plan {id} of {scope}") };
    let record = store.plan(Some(scope), id.as_str()).await?.into_iter().next().ok_or_else(gone)?;
    let plan = store.plan_document(scope, id).await?.ok_or_else(gone)?;
    let apply = store.last_apply_of(scope, id).await?;
    let steps = match &apply {
        Some(apply) => store.steps(apply.id).await?.into_iter().map(step_document).collect(),
        None => Vec::new(),
    };
    let fate = fate(&record, apply.as_ref(), status);
    let PlanRecord { decision, reasons, at, .. } = record;
    Ok(StoredPlanDocument {
        version: STORED_PLAN_VERSION,
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        decision,
        reasons,
        at: at.to_string(),
        fate: fate.to_owned(),
        apply: apply.as_ref().map(apply_document),
        plan,
        steps,
    })
}

/// Pure. What became of a plan since it was decided on last.
fn fate(
    record: &PlanRecord,
    apply: Option<&ApplyRecord>,
    status: Option<&EnvironmentStatus>,
) -> &'static str {
    // An older apply is that of the same plan before it came back.
    if let Some(apply) = apply.filter(|apply| apply.started >= record.at) {
        return match &apply.outcome {
            None => "applying",
            Some(ApplyOutcome::Succeeded) => "applied",
            Some(ApplyOutcome::Failed { .. }) => "failed",
            Some(ApplyOutcome::Superseded) => "superseded",
            Some(ApplyOutcome::Interrupted) => "interrupted",
        };
    }
    if record.decision == SHOWN {
        return "shown";
    }
    // An environment that says nothing yet leaves the record's word standing.
    if status.is_some_and(|status| status.plan.as_ref() != Some(&record.plan)) {
        return "dropped";
    }
    let is_suspended = status.is_some_and(|status| matches!(status.state, State::Suspended { .. }));
    match record.decision.as_str() {
        "hold" => "held",
        "wait" => "waiting",
        _ if is_suspended => "suspended",
        _ => "approved",
    }
}

fn apply_document(apply: &ApplyRecord) -> ApplyDocument {
    let ApplyRecord { id, plan: _, revisions: _, outcome, started, ended, steps, failed } = apply;
    let (outcome, detail) = told(outcome.as_ref());
    ApplyDocument {
        id: id.0,
        started: started.to_string(),
        ended: ended.map(|ended| ended.to_string()),
        outcome: outcome.to_owned(),
        detail,
        steps: *steps,
        failed: *failed,
    }
}

fn step_document(step: StepRecord) -> StepDocument {
    let (outcome, reason) = match step.outcome {
        StepOutcome::Done => ("done", None),
        StepOutcome::Failed { reason } => ("failed", Some(reason)),
        StepOutcome::Skipped { reason } => ("skipped", Some(reason)),
    };
    StepDocument {
        subject: step.subject,
        verb: step.verb,
        outcome: outcome.to_owned(),
        reason,
        attempts: step.attempts,
        milliseconds: elapsed_ms(step.started, step.ended),
    }
}

fn elapsed_ms(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millisecond() - from.as_millisecond()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use naksha_environments::ids::{EnvironmentName, RepositoryName};
    use naksha_executor::port::store::ApplyId;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn id(digit: char) -> PlanId {
        PlanId::parse(&digit.to_string().repeat(32)).unwrap()
    }

    /// What became of plan `a`, decided on at second 10.
    fn check(
        decision: &str,
        apply: Option<(i64, Option<ApplyOutcome>)>,
        now: Option<(State, char)>,
    ) -> &'static str {
        let environment = EnvironmentName::parse("dev").unwrap();
        let record = PlanRecord {
            scope: Scope {
                repository: RepositoryName::parse("infra").unwrap(),
                environment: environment.clone(),
            },
            plan: id('a'),
            parent: None,
            revisions: None,
            decision: decision.to_owned(),
            reasons: Vec::new(),
            at: at(10),
        };
        let apply = apply.map(|(seconds, outcome)| ApplyRecord {
            id: ApplyId(1),
            plan: id('a'),
            revisions: None,
            outcome,
            started: at(seconds),
            ended: None,
            steps: 0,
            failed: 0,
        });
        let status = now.map(|(state, plan)| EnvironmentStatus {
            plan: Some(id(plan)),
            ..EnvironmentStatus::bare(environment, state, at(20))
        });
        fate(&record, apply.as_ref(), status.as_ref())
    }

    #[test]
    fn the_word_follows_the_facts() {
        let held = || State::Held { reasons: Vec::new() };
        let suspended = || State::Suspended { by: "ada".to_owned(), reason: "a look".to_owned() };
        let failed = || Some(ApplyOutcome::Failed { reason: "no".to_owned() });
        let done = || Some(ApplyOutcome::Succeeded);
        assert_eq!(check("apply", Some((11, done())), Some((State::Synced, 'b'))), "applied");
        assert_eq!(check("apply", Some((11, failed())), None), "failed");
        assert_eq!(check("apply", Some((11, Some(ApplyOutcome::Superseded))), None), "superseded");
        assert_eq!(check("apply", Some((11, Some(ApplyOutcome::Interrupted))), None), "interrupted");
        assert_eq!(check("apply", Some((11, None)), Some((State::Progressing, 'a'))), "applying");
        assert_eq!(check("hold", None, Some((held(), 'a'))), "held");
        assert_eq!(check("hold", Some((5, done())), Some((held(), 'a'))), "held", "applied before, and back");
        assert_eq!(check("hold", None, Some((suspended(), 'a'))), "held");
        assert_eq!(check("hold", None, Some((held(), 'b'))), "dropped");
        assert_eq!(check("hold", None, None), "held", "nothing else is known");
        assert_eq!(check("shown", None, Some((State::Synced, 'b'))), "shown");
        assert_eq!(check("wait", None, Some((State::Synced, 'b'))), "dropped");
        assert_eq!(check("apply", None, Some((suspended(), 'a'))), "suspended");
        assert_eq!(check("apply", None, Some((State::Progressing, 'a'))), "approved");
        assert_eq!(check("apply", None, Some((State::Progressing, 'b'))), "dropped");
    }
}
