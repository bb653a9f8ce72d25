//! What was planned and applied, read from the store for the API and the command line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::plan::PlanId;
use naksha_executor::port::store::{
    ApplyOutcome, ApplyRecord, AuditEntry, PlanRecord, Scope, StepOutcome, StepRecord, Store, StoreError,
    Suspension,
};

use crate::git::RefName;
use crate::http::api::{HistoryEntry, StepDocument, StoredPlan};
use crate::task::Heads;

/// Shortest prefix that names a plan: long enough that a typing slip names none.
pub const MIN_PLAN_PREFIX: usize = 8;

/// Most entries that are given at once: more than anybody reads, and a few hundred kilobytes.
pub const MAX_ENTRIES: u32 = 1000;

/// Every apply, and every plan that was not applied since it was proposed last; newest first.
pub async fn entries(store: &dyn Store, scope: &Scope, limit: u32) -> Result<Vec<HistoryEntry>, StoreError> {
    let limit = limit.min(MAX_ENTRIES);
    let plans = store.plans(scope, limit).await?;
    let applies = store.applies(scope, limit).await?;
    Ok(merged(scope, plans, &applies, limit as usize))
}

/// Pure. The newest `limit` of each are enough for the newest `limit` of both.
fn merged(scope: &Scope, plans: Vec<PlanRecord>, applies: &[ApplyRecord], limit: usize) -> Vec<HistoryEntry> {
    let mut entries = Vec::new();
    // A plan has one row, whose time is that of its last proposal: the first apply after it is the one it led to.
    let mut led_to: BTreeMap<&PlanId, &ApplyRecord> = BTreeMap::new();
    for apply in applies {
        led_to.entry(&apply.plan).or_insert(apply);
    }
    let (done, open): (Vec<_>, Vec<_>) = plans
        .into_iter()
        .partition(|plan| led_to.get(&plan.plan).is_some_and(|apply| apply.started >= plan.at));
    entries.extend(open.into_iter().map(|plan| proposed(scope, plan)));
    for apply in applies {
        let is_last = led_to.get(&apply.plan).is_some_and(|last| last.id == apply.id);
        let plan = done.iter().find(|plan| is_last && plan.plan == apply.plan);
        entries.push(carried_out(scope, apply, plan));
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries.truncate(limit);
    entries
}

/// A plan that waits, or that another one took the place of.
fn proposed(scope: &Scope, plan: PlanRecord) -> HistoryEntry {
    let PlanRecord { scope: _, plan, parent: _, revisions, decision, reasons, at } = plan;
    HistoryEntry {
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        plan: plan.to_string(),
        at,
        revision: revisions.map(|revisions| revisions.content.to_string()),
        decision,
        reasons,
        outcome: None,
        detail: None,
        ended: None,
        steps: 0,
        failed: 0,
    }
}

/// An apply. What only heals records no revisions: the plan, where it is still that of this apply, knows them.
fn carried_out(scope: &Scope, apply: &ApplyRecord, plan: Option<&PlanRecord>) -> HistoryEntry {
    let (outcome, detail) = match &apply.outcome {
        None => ("running", None),
        Some(ApplyOutcome::Succeeded) => ("succeeded", None),
        Some(ApplyOutcome::Failed { reason }) => ("failed", Some(reason.clone())),
        Some(ApplyOutcome::Superseded) => ("superseded", None),
        Some(ApplyOutcome::Interrupted) => ("interrupted", None),
    };
    let revisions = apply.revisions.as_ref().or_else(|| plan.and_then(|plan| plan.revisions.as_ref()));
    HistoryEntry {
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        plan: apply.plan.to_string(),
        at: apply.started,
        revision: revisions.map(|revisions| revisions.content.to_string()),
        decision: "apply".to_owned(),
        reasons: Vec::new(),
        outcome: Some(outcome.to_owned()),
        detail,
        ended: apply.ended,
        steps: apply.steps,
        failed: apply.failed,
    }
}

/// Whether a prefix is long enough to name a plan.
pub fn check_prefix(prefix: &str) -> Result<(), PlanNotFound> {
    if prefix.len() < MIN_PLAN_PREFIX {
        return Err(PlanNotFound::TooShort { prefix: prefix.to_owned() });
    }
    Ok(())
}

/// The one plan that a prefix names, in an environment of this name where one is given.
pub async fn one_plan(
    store: &dyn Store,
    environment: Option<&EnvironmentName>,
    prefix: &str,
) -> Result<Result<(Scope, PlanId), PlanNotFound>, StoreError> {
    if let Err(error) = check_prefix(prefix) {
        return Ok(Err(error));
    }
    let plans = store.plan(None, prefix).await?;
    let mut found: Vec<_> = plans
        .into_iter()
        .filter(|plan| environment.is_none_or(|environment| plan.scope.environment == *environment))
        .map(|plan| (plan.scope, plan.plan))
        .collect();
    Ok(match found.len() {
        0 => Err(PlanNotFound::None { prefix: prefix.to_owned() }),
        1 => Ok(found.remove(0)),
        _ => {
            let names = found.iter().map(|(scope, plan)| format!("{plan} ({scope})")).collect();
            Err(PlanNotFound::Several { prefix: prefix.to_owned(), names })
        }
    })
}

/// Why a prefix names no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanNotFound {
    #[error("`{prefix}` is too short: give {MIN_PLAN_PREFIX} digits of the plan id or more")]
    TooShort { prefix: String },
    #[error("there is no plan `{prefix}`")]
    None { prefix: String },
    #[error("`{prefix}` names several plans: {}", names.join(", "))]
    Several { prefix: String, names: Vec<String> },
}

/// A stored plan with the steps of its newest apply.
pub async fn stored_plan(store: &dyn Store, scope: &Scope, id: &PlanId) -> Result<StoredPlan, StoreError> {
    let gone = || StoreError::NotFound { what: format!("plan {id} of {scope}") };
    let plan = store.plan(Some(scope), id.as_str()).await?.into_iter().next().ok_or_else(gone)?;
    let document = store.plan_document(scope, id).await?.ok_or_else(gone)?;
    let steps = match store.last_apply_of(scope, id).await? {
        Some(apply) => store.steps(apply.id).await?.into_iter().map(step_document).collect(),
        None => Vec::new(),
    };
    Ok(StoredPlan {
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        decision: plan.decision,
        reasons: plan.reasons,
        at: plan.at,
        plan: document,
        steps,
    })
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

/// What a person's `resume` lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifted {
    Suspension(Suspension),
    /// Sources that may be proposed again.
    Bar(Vec<Revision>),
    /// Refs whose rewritten history is accepted.
    History(Vec<RefName>),
}

/// Lifts a suspension and a bar, and accepts the heads as they are now. Nothing to lift is no error.
pub async fn resume(
    store: &dyn Store,
    scope: &Scope,
    heads: &Heads,
    audit: &AuditEntry,
) -> Result<Vec<Lifted>, StoreError> {
    let record = store.environment(scope).await?;
    let mut lifted = Vec::new();
    if let Some(suspension) = record.suspension {
        store.suspend(scope, None, audit).await?;
        lifted.push(Lifted::Suspension(suspension));
    }
    if !record.barred.is_empty() {
        store.unbar(scope, audit).await?;
        lifted.push(Lifted::Bar(record.barred.into_keys().collect()));
    }
    let rewritten = heads.accept(store, scope).await?;
    if !rewritten.is_empty() {
        lifted.push(Lifted::History(rewritten));
    }
    Ok(lifted)
}

impl Lifted {
    /// As documents write it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Suspension(_) => "suspension",
            Self::Bar(_) => "bar",
            Self::History(_) => "history",
        }
    }
}

impl std::fmt::Display for Lifted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Suspension(Suspension { by, reason, since: _ }) => {
                write!(f, "the suspension by {by} is lifted ({reason})")
            }
            Self::Bar(sources) => {
                let sources: Vec<_> = sources.iter().map(|source| source.short().to_string()).collect();
                write!(f, "{} may be promoted again", sources.join(", "))
            }
            Self::History(refs) => {
                let refs = refs.iter().map(|name| name.branch_name().unwrap_or(name.as_str()));
                let refs: Vec<_> = refs.map(|name| format!("`{name}`")).collect();
                write!(f, "the rewritten history of {} is accepted", refs.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests;
