//! Carries out what was admitted, and keeps the lease meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::ids::{Generation, UnitName};
use naksha_environments::object::Observation;
use naksha_environments::plan::{ApprovedPlan, Cause, Subject};
use naksha_environments::verdict::Admission;
use naksha_executor::port::store::{ApplyOutcome, AuditEntry, NewMessage, StepOutcome, StoreError};
use naksha_executor::realise::{self, Conclusion, Progress, RealiseOutcome, Timeouts, realise};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::healing::{healed, taken_back};
use super::last_apply::Failures;
use super::ownership::{LEASE, RENEW};
use super::report::Situation;
use super::{PassError, Reconciler, StatusSender};
use crate::history::{self, HEAL};
use crate::metrics::{EnvironmentLabels, ResultLabels};
use crate::target::OpenTarget;
use crate::task::publish::EVENTS;

/// For units that name no timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// The plan that goes ahead now: all of an admitted one, or the healing part of a held one.
pub(super) fn admitted(admission: &Admission) -> Option<&ApprovedPlan> {
    match admission {
        Admission::Apply(plan) => Some(plan),
        Admission::Hold { heal, .. } | Admission::Wait { heal, .. } => heal.as_ref(),
        Admission::Nothing => None,
    }
}

/// Applies, unless nothing is admitted or the environment is suspended.
pub(super) async fn apply(
    this: &mut Reconciler,
    generation: Generation,
    situation: &Situation<'_>,
    (target, observation): (&OpenTarget, &Observation),
    cancel: &CancellationToken,
    progress: &StatusSender,
) -> Result<Option<RealiseOutcome>, PassError> {
    let Some(plan) = admitted(&situation.judgement.admission) else { return Ok(None) };
    if situation.record.suspension.is_some() {
        return Ok(None);
    }
    let before = this.failures(&situation.judgement.plan).await?;
    let (first, before) = (situation.applying(), failed_before(&before));
    progress.say(situation.progressing(this, [first.clone()].into_iter().chain(before.clone()).collect()));
    let waits = Waits::default();
    let inventory = this.inventory().await?;
    let timeouts = timeouts(situation);
    let place = situation.sources.environment.target.place();
    let shared = Arc::clone(&this.shared);
    let (scope, pulse, secrets) = (this.scope.clone(), Arc::clone(&this.pulse), Arc::clone(&this.secrets));
    let tell = |event: &Progress| {
        pulse.beat();
        log(event);
        if let Some(waits) = waits.after(event) {
            let why = [first.clone()].into_iter().chain(waits).chain(before.clone());
            progress.amend(|status| status.why = why.collect());
        }
    };
    let conclude =
        |outcome: &RealiseOutcome| conclusion(situation, (plan, observation), outcome, &scope.to_string());
    // Of another revision nothing was waited for yet.
    let revisions = situation.sources.revisions();
    let waiting_since =
        this.waits.take().filter(|(of, _)| *of == revisions).map(|(_, since)| since).unwrap_or_default();
    let running = realise(realise::Input {
        plan,
        scope: &scope,
        generation,
        inventory: &inventory,
        waits: &waiting_since,
        heals: situation.sources.environment.sync.self_heal.then_some(observation),
        target: target.target().as_ref(),
        place: &place,
        store: shared.store.as_ref(),
        secrets: secrets.as_ref(),
        timeouts: &timeouts,
        cancel,
        progress: &tell,
        conclude: &conclude,
    });
    // A wait for health may outlast the lease. Both are polled side by side: the apply may hold the store's only
    // writer in the middle of a transaction, which a renewal that kept it from running would wait for in vain.
    let renewing = async {
        loop {
            tokio::time::sleep(RENEW).await;
            pulse.beat();
            match shared.store.lease(&scope, &shared.owner, LEASE).await {
                Ok(_) => {}
                Err(error @ (StoreError::Fenced { .. } | StoreError::Leased { .. })) => return error,
                Err(error) => warn!(%error, "the lease was not renewed; tried again"),
            }
        }
    };
    this.last_apply.begins();
    let outcome = tokio::select! {
        outcome = running => outcome.map_err(PassError::Realise)?,
        error = renewing => return Err(PassError::Store(error)),
    };
    this.last_apply.ends(&outcome.steps);
    this.waits = (!outcome.waits.is_empty()).then(|| (revisions, outcome.waits.clone()));
    measure(this, plan, &outcome);
    for action in healed(plan.plan(), &outcome) {
        if let Subject::Object(key) = &action.subject {
            this.fights.healed(key, Timestamp::now());
        }
    }
    this.shared.outbox.notify_one();
    Ok(Some(outcome))
}

/// While it is tried again, what failed before is still what people want to know.
fn failed_before(failures: &Failures) -> Vec<String> {
    failures.lines().into_iter().map(|line| format!("failed before: {line}")).collect()
}

/// Who waits for whom while an apply runs, "waiting for postgres: 1 of 2 replicas ready"; and what is tried again.
#[derive(Debug, Default)]
struct Waits(Mutex<BTreeMap<Who, String>>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Unit(Option<UnitName>),
    Step(String),
}

impl Waits {
    /// The list after an event, when the event changed it.
    fn after(&self, event: &Progress) -> Option<Vec<String>> {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Progress::Waiting { unit, for_unit, reason } => {
                let who = unit.as_ref().map_or("workflows", UnitName::as_str);
                let words = format!("{who}: waiting for {for_unit}: {reason}");
                waits.insert(Who::Unit(unit.clone()), words);
            }
            Progress::StepRetried { subject, reason, .. } => {
                let subject = subject.to_string();
                let words = format!("{subject}: {reason}");
                waits.insert(Who::Step(subject), words);
            }
            Progress::StepEnded { subject, .. } => drop(waits.remove(&Who::Step(subject.to_string()))?),
            Progress::StepStarted { unit, .. } => drop(waits.remove(&Who::Unit(unit.clone()))?),
            Progress::UnitReady { unit } | Progress::UnitFailed { unit, .. } => {
                drop(waits.remove(&Who::Unit(Some(unit.clone())))?);
            }
            _ => return None,
        }
        Some(waits.values().cloned().collect())
    }
}

fn timeouts(situation: &Situation<'_>) -> Timeouts {
    let units = &situation.sources.content.loaded.definitions.units;
    let units = units.iter().map(|(name, unit)| (name.clone(), unit.timeout)).collect();
    Timeouts { units, default: DEFAULT_TIMEOUT }
}

fn log(event: &Progress) {
    match event {
        Progress::Started { .. } | Progress::Finished { .. } => info!("{event}"),
        Progress::StepRetried { .. } | Progress::UnitFailed { .. } => warn!("{event}"),
        Progress::StepEnded { outcome: StepOutcome::Failed { .. }, .. } => warn!("{event}"),
        Progress::Waiting { .. }
        | Progress::StepStarted { .. }
        | Progress::StepWritten { .. }
        | Progress::StepEnded { .. }
        | Progress::UnitReady { .. } => debug!("{event}"),
    }
}

/// What the end of the apply leaves in audit and outbox.
fn conclusion(
    situation: &Situation<'_>,
    (plan, observation): (&ApprovedPlan, &Observation),
    outcome: &RealiseOutcome,
    scope: &str,
) -> Conclusion {
    let (plan, at) = (plan.plan(), Timestamp::now());
    let healed = taken_back(&healed(plan, outcome), observation);
    if !healed.is_empty() {
        info!(what = healed.join("; "), "took back");
    }
    let heals = plan.actions.iter().all(|action| action.cause != Cause::Change);
    let what = if heals { HEAL } else { "apply" };
    let result = outcome_word(&outcome.outcome);
    let revision = situation.sources.content.revision.clone();
    let failed: Vec<_> = outcome
        .steps
        .iter()
        .filter_map(|step| match &step.outcome {
            StepOutcome::Failed { reason } => Some(json!({"subject": step.subject, "reason": reason})),
            StepOutcome::Done | StepOutcome::Skipped { .. } => None,
        })
        .collect();
    let body = json!({
        "event": what,
        "scope": scope,
        "revision": revision,
        "plan": plan.id,
        "outcome": result,
        "steps": outcome.steps.len(),
        "failed": failed,
        "healed": healed,
    })
    .to_string();
    let topic = format!("{what}/{scope}/{}", outcome.apply.0);
    let audit = AuditEntry {
        at,
        who: "daemon".to_owned(),
        what: what.to_owned(),
        revision: Some(revision),
        plan: Some(plan.id.clone()),
        result: history::ended(result, &healed),
    };
    Conclusion { audit, messages: vec![NewMessage { sink: EVENTS.to_owned(), topic, body, at }] }
}

fn outcome_word(outcome: &ApplyOutcome) -> &'static str {
    match outcome {
        ApplyOutcome::Succeeded => "succeeded",
        ApplyOutcome::Failed { .. } => "failed",
        ApplyOutcome::Superseded => "superseded",
        ApplyOutcome::Interrupted => "interrupted",
    }
}

fn measure(this: &Reconciler, plan: &ApprovedPlan, outcome: &RealiseOutcome) {
    let metrics = &this.shared.metrics;
    let (repository, environment) = (this.scope.repository.to_string(), this.scope.environment.to_string());
    let labels = |result: &str| {
        let (repository, environment) = (repository.clone(), environment.clone());
        ResultLabels { repository, environment, result: result.to_owned() }
    };
    metrics.applies.get_or_create(&labels(outcome_word(&outcome.outcome))).inc();
    let mut done = 0;
    for step in &outcome.steps {
        let word = match step.outcome {
            StepOutcome::Done => "done",
            StepOutcome::Failed { .. } => "failed",
            StepOutcome::Skipped { .. } => "skipped",
        };
        done += u64::from(word == "done");
        metrics.steps.get_or_create(&labels(word)).inc();
    }
    if done > 0 && plan.plan().actions.iter().all(|action| action.cause == Cause::Drift) {
        let environment =
            EnvironmentLabels { repository: repository.clone(), environment: environment.clone() };
        metrics.healed.get_or_create(&environment).inc_by(done);
    }
}
