//! What was planned and applied, read from the store for the API and the command line.

use jiff::Timestamp;
use naksha_environments::plan::PlanId;
use naksha_executor::port::store::{
    ApplyOutcome, ApplyRecord, AuditEntry, PlanRecord, Scope, StepOutcome, StepRecord, Store, StoreError,
};

use crate::http::api::{HistoryEntry, StepDocument, StoredPlan};
use crate::task::Heads;

/// Shortest prefix that names a plan: long enough that a typing slip names none.
pub const MIN_PLAN_PREFIX: usize = 8;

/// Plans and what became of them, newest first.
pub async fn entries(store: &dyn Store, scope: &Scope, limit: u32) -> Result<Vec<HistoryEntry>, StoreError> {
    let plans = store.plans(scope, limit).await?;
    let applies = store.applies(scope, limit.saturating_mul(2)).await?;
    let entry = |plan: PlanRecord| {
        let apply = applies.iter().find(|apply| apply.plan == plan.plan && apply.started >= plan.at);
        history_entry(plan, apply)
    };
    Ok(plans.into_iter().map(entry).collect())
}

fn history_entry(plan: PlanRecord, apply: Option<&ApplyRecord>) -> HistoryEntry {
    let PlanRecord { scope, plan, parent: _, revisions, document: _, decision, reasons, at } = plan;
    let (outcome, detail) = match apply.map(|apply| &apply.outcome) {
        None => (None, None),
        Some(None) => (Some("running"), None),
        Some(Some(ApplyOutcome::Succeeded)) => (Some("succeeded"), None),
        Some(Some(ApplyOutcome::Failed { reason })) => (Some("failed"), Some(reason.clone())),
        Some(Some(ApplyOutcome::Superseded)) => (Some("superseded"), None),
        Some(Some(ApplyOutcome::Interrupted)) => (Some("interrupted"), None),
    };
    HistoryEntry {
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        plan: plan.to_string(),
        at,
        revision: revisions.map(|revisions| revisions.content.to_string()),
        decision,
        reasons,
        outcome: outcome.map(str::to_owned),
        detail,
        ended: apply.and_then(|apply| apply.ended),
        steps: apply.map_or(0, |apply| apply.steps),
        failed: apply.map_or(0, |apply| apply.failed),
    }
}

/// The one plan that a prefix names; the message says why there is none, or which there are.
pub async fn one_plan(
    store: &dyn Store,
    prefix: &str,
) -> Result<Result<(Scope, PlanId), String>, StoreError> {
    if prefix.len() < MIN_PLAN_PREFIX {
        return Ok(Err(format!(
            "`{prefix}` is too short: give {MIN_PLAN_PREFIX} digits of the plan id or more"
        )));
    }
    let mut found: Vec<_> =
        store.plan(None, prefix).await?.into_iter().map(|plan| (plan.scope, plan.plan)).collect();
    found.dedup();
    Ok(match found.len() {
        0 => Err(no_such_plan(prefix)),
        1 => Ok(found.remove(0)),
        _ => {
            let names: Vec<_> = found.iter().map(|(scope, plan)| format!("{plan} ({scope})")).collect();
            Err(format!("`{prefix}` names several plans: {}", names.join(", ")))
        }
    })
}

pub fn no_such_plan(prefix: &str) -> String {
    format!("there is no plan `{prefix}`; `naksha history` lists them")
}

/// A stored plan with the steps of its newest apply.
pub async fn stored_plan(store: &dyn Store, prefix: &str) -> Result<Option<StoredPlan>, StoreError> {
    let Ok((scope, id)) = one_plan(store, prefix).await? else {
        return Ok(None);
    };
    let Some(plan) = store.plan(Some(&scope), id.as_str()).await?.into_iter().next() else {
        return Ok(None);
    };
    let applies = store.applies(&scope, u32::MAX).await?;
    let steps = match applies.iter().find(|apply| apply.plan == id) {
        Some(apply) => store.steps(apply.id).await?.into_iter().map(step_document).collect(),
        None => Vec::new(),
    };
    Ok(Some(StoredPlan {
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        decision: plan.decision,
        reasons: plan.reasons,
        at: plan.at,
        plan: plan.document,
        steps,
    }))
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

/// Lifts a suspension and a bar, and accepts the heads as they are now.
pub async fn resume(
    store: &dyn Store,
    scope: &Scope,
    heads: &Heads,
    audit: &AuditEntry,
) -> Result<(), StoreError> {
    let record = store.environment(scope).await?;
    if record.suspension.is_some() {
        store.suspend(scope, None, audit).await?;
    }
    if !record.barred.is_empty() {
        store.unbar(scope, audit).await?;
    }
    heads.accept(store, scope).await
}
