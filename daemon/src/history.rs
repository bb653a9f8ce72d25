//! What was planned and applied, read from the store for the API and the command line.

use std::collections::BTreeMap;

use naksha_environments::ids::EnvironmentName;
use naksha_environments::plan::PlanId;
use naksha_executor::port::store::{
    ApplyOutcome, ApplyRecord, AuditEntry, PlanRecord, Scope, Store, StoreError,
};

use crate::http::api::HistoryEntry;

/// Shortest prefix that names a plan: long enough that a typing slip names none.
pub const MIN_PLAN_PREFIX: usize = 8;

/// Most entries that are given at once: more than anybody reads, and a few hundred kilobytes.
pub const MAX_ENTRIES: u32 = 1000;

/// What the audit, events and history call an apply that only healed.
pub const HEAL: &str = "heal";

/// Rows of the audit that are looked through for each row of history: its end, and what people did in between. An apply
/// whose end is further back is called `apply`.
const AUDIT_PER_APPLY: u32 = 4;

/// Every apply, and every plan that was not applied since it was proposed last; newest first.
pub async fn entries(store: &dyn Store, scope: &Scope, limit: u32) -> Result<Vec<HistoryEntry>, StoreError> {
    let limit = limit.min(MAX_ENTRIES);
    let plans = store.plans(scope, limit).await?;
    let applies = store.applies(scope, limit).await?;
    let mut entries = merged(scope, plans, &applies, limit as usize);
    if entries.iter().any(|entry| entry.outcome.is_some()) {
        let audit = store.audit(Some(scope), limit.saturating_mul(AUDIT_PER_APPLY)).await?;
        let healed: Vec<&AuditEntry> =
            audit.iter().map(|record| &record.entry).filter(|entry| entry.what == HEAL).collect();
        for entry in &mut entries {
            tell_heal(entry, &healed);
        }
    }
    Ok(entries)
}

/// Between how an apply ended and what it took back, in the result that the audit keeps.
const TOOK_BACK: &str = ": ";

/// Pure. The result of an apply for the audit.
pub fn ended(outcome: &str, healed: &[String]) -> String {
    if healed.is_empty() {
        return outcome.to_owned();
    }
    format!("{outcome}{TOOK_BACK}{}", healed.join("; "))
}

/// Pure. What an apply was is written to the audit with its end.
fn tell_heal(entry: &mut HistoryEntry, healed: &[&AuditEntry]) {
    let Some(ended) = entry.ended else { return };
    let is_its_end = |audit: &&AuditEntry| {
        let plan = audit.plan.as_ref().map(PlanId::as_str);
        plan == Some(&*entry.plan) && entry.at <= audit.at && audit.at <= ended
    };
    let Some(audit) = healed.iter().find(|audit| is_its_end(audit)) else { return };
    HEAL.clone_into(&mut entry.decision);
    if let Some((_, what)) = audit.result.split_once(TOOK_BACK) {
        entry.detail.get_or_insert_with(|| what.to_owned());
    }
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
        apply: None,
        outcome: None,
        detail: None,
        ended: None,
        steps: 0,
        failed: 0,
    }
}

/// An apply. What only heals records no revisions: the plan, where it is still that of this apply, knows them.
fn carried_out(scope: &Scope, apply: &ApplyRecord, plan: Option<&PlanRecord>) -> HistoryEntry {
    let (outcome, detail) = told(apply.outcome.as_ref());
    let revisions = apply.revisions.as_ref().or_else(|| plan.and_then(|plan| plan.revisions.as_ref()));
    HistoryEntry {
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        plan: apply.plan.to_string(),
        at: apply.started,
        revision: revisions.map(|revisions| revisions.content.to_string()),
        decision: "apply".to_owned(),
        reasons: Vec::new(),
        apply: Some(apply.id.0),
        outcome: Some(outcome.to_owned()),
        detail,
        ended: apply.ended,
        steps: apply.steps,
        failed: apply.failed,
    }
}

/// How an apply ended, in a word, and why where it failed.
pub fn told(outcome: Option<&ApplyOutcome>) -> (&'static str, Option<String>) {
    match outcome {
        None => ("running", None),
        Some(ApplyOutcome::Succeeded) => ("succeeded", None),
        Some(ApplyOutcome::Failed { reason }) => ("failed", Some(reason.clone())),
        Some(ApplyOutcome::Superseded) => ("superseded", None),
        Some(ApplyOutcome::Interrupted) => ("interrupted", None),
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

#[cfg(test)]
mod tests;
