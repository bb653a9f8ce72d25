//! What a pass says: the environment's status, derived from what was just seen and done, in words.

mod units;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::environment::Lifecycle;
use naksha_environments::ids::{EnvironmentName, UnitName};
use naksha_environments::load::told_once;
use naksha_environments::moment::to_the_second;
use naksha_environments::object::{Health, Observation};
use naksha_environments::plan::Plan;
use naksha_environments::rendered::Rendered;
use naksha_environments::status::{EnvironmentStatus, State, UnitStatus, UnitSync};
use naksha_environments::verdict::Admission;
use naksha_environments::window::never_opens;
use naksha_environments::wire::why_document;
use naksha_executor::port::secrets::SecretError;
use naksha_executor::port::store::{ApplyOutcome, EnvironmentRecord, NewMessage, Suspension};
use naksha_executor::realise::RealiseOutcome;
use serde_json::json;

use super::judge::Judgement;
use super::last_apply::Failures;
use super::sources::{Idle, Ready};
use super::{Pass, PassError, Reconciler};
use crate::failure::{chain, code_of};
use crate::git::RefName;
use crate::task::publish::{EVENTS, NOTES, NotedStatus, SAID};
use units::{Seen, units};

/// With nothing to wait for, a pass without an environment is made again this often.
const IDLE: Duration = Duration::from_secs(300);
/// What is on its way to health is looked at this often when the target does not tell of changes.
const ON_ITS_WAY: Duration = Duration::from_secs(5);
/// What could not be observed is looked at this often.
const UNKNOWN_AGAIN: Duration = Duration::from_secs(30);
/// After healing beside a plan that waits. Not at once: a source that never gives the same answer twice is rotated each
/// time.
const AFTER_HEALING: Duration = Duration::from_secs(1);
/// Reasons listed one by one; more are counted.
const MAX_REASONS: usize = 20;

/// Everything a pass found out.
pub(super) struct Situation<'a> {
    pub(super) sources: &'a Ready,
    pub(super) record: &'a EnvironmentRecord,
    pub(super) rendered: &'a Rendered,
    pub(super) judgement: &'a Judgement,
}

impl Situation<'_> {
    pub(super) fn applying(&self) -> String {
        let plan = &self.judgement.plan;
        format!("applying plan {}: {} actions", plan.id.short(), plan.actions.len())
    }

    /// The status while an apply runs. What failed and is tried again has not got any better yet: whoever is called when an
    /// environment stays degraded would never be called otherwise.
    pub(super) fn progressing(&self, this: &Reconciler, why: Vec<String>) -> Arc<EnvironmentStatus> {
        let plan = &self.judgement.plan;
        let failed = this.said.as_ref().filter(|said| said.state == State::Degraded);
        let failed = failed.filter(|said| said.plan.as_ref() == Some(&plan.id));
        let state = if failed.is_some() { State::Degraded } else { State::Progressing };
        Arc::new(EnvironmentStatus {
            environment: this.scope.environment.clone(),
            state,
            why,
            control: Some(self.sources.control.revision.clone()),
            content: Some(self.sources.content.revision.clone()),
            applied: self.record.applied.as_ref().map(|applied| applied.content.clone()),
            applied_control: self.record.applied.as_ref().map(|applied| applied.control.clone()),
            plan: Some(plan.id.clone()),
            barred: self.record.barred.clone(),
            objects: this.owned,
            units: BTreeMap::new(),
            diagnostics: self.rendered.diagnostics.clone(),
            since: failed.map_or_else(Timestamp::now, |said| said.since),
        })
    }
}

impl Reconciler {
    /// Everything that is wrong with what was read and rendered, each thing once.
    fn diagnostics(&self, sources: &Ready, rendered: &Rendered) -> Vec<Diagnostic> {
        let mut loaded = sources.control.loaded.diagnostics.clone();
        if sources.content.revision != sources.control.revision {
            // What rules is read elsewhere: nobody mends it in a commit that is locked.
            let content = sources.content.loaded.diagnostics.iter();
            loaded.extend(content.filter(|found| !rules(found)).cloned());
        }
        let trunk = self.feed.trunk();
        let because =
            if self.feed.config.trunk.is_some() { "the daemon's configuration" } else { "the remote's HEAD" };
        let repository = sources.control.loaded.definitions.repository.as_deref();
        let differs =
            |trunk: &str| repository.and_then(|repository| repository.trunk_differs(trunk, because));
        loaded.extend(trunk.as_ref().and_then(RefName::branch_name).and_then(differs));
        told_once(loaded, [rendered])
    }

    /// The end of a full pass.
    pub(super) async fn conclude(
        &mut self,
        situation: &Situation<'_>,
        observation: &Observation,
        applied: Option<&RealiseOutcome>,
    ) -> Result<Pass, PassError> {
        let Situation { sources, record, rendered, judgement } = *situation;
        let failures = self.failures(&judgement.plan).await?;
        let inventory = self.inventory().await?;
        let units = if has_ended(situation, applied) {
            // What it consisted of is not ours any more, or not there.
            BTreeMap::new()
        } else {
            let seen = Seen { observation, inventory: &inventory, whys: &self.whys };
            units(rendered, &judgement.plan, seen, applied, &failures, &self.fights)
        };
        let (state, mut why) = state(situation, &units, applied, &failures);
        why.extend(self.feed.trouble());
        let succeeded = applied.is_some_and(|outcome| outcome.outcome == ApplyOutcome::Succeeded);
        let complete = admits_all(&judgement.admission);
        let now_applied = (succeeded && judgement.plan.is_complete() || judgement.is_settled())
            && complete
            && record.suspension.is_none()
            && sources.frozen.is_none();
        let revisions =
            if now_applied && !rendered.broken { Some(sources.revisions()) } else { record.applied.clone() };
        let failed = applied.is_some_and(|outcome| matches!(outcome.outcome, ApplyOutcome::Failed { .. }));
        let status = EnvironmentStatus {
            environment: self.scope.environment.clone(),
            since: self.since(&state),
            state,
            why,
            control: Some(sources.control.revision.clone()),
            content: Some(sources.content.revision.clone()),
            applied: revisions.as_ref().map(|applied| applied.content.clone()),
            applied_control: revisions.map(|applied| applied.control),
            plan: (!(judgement.plan.is_empty() || succeeded && complete)).then(|| judgement.plan.id.clone()),
            barred: record.barred.clone(),
            objects: self.owned,
            units,
            diagnostics: self.diagnostics(sources, rendered),
        };
        let mut next = next(sources.environment.sync.interval, &status);
        let now = Timestamp::now();
        if let Some(end) = self.fights.ends(now) {
            next = next.min(Duration::try_from(now.duration_until(end)).unwrap_or(next));
        }
        if let Some(due) = self.whys.due_in(Instant::now()) {
            next = next.min(due);
        }
        // What healed beside a plan that waits changed that plan: it is told anew soon.
        if applied.is_some() && !complete && !failed {
            next = next.min(AFTER_HEALING);
        }
        // What may not be read, or is not served, may be so by now, and nobody tells.
        if !judgement.plan.unknown.is_empty() {
            next = next.min(UNKNOWN_AGAIN);
        }
        // A gate, or a forge, tells nobody when it is so far.
        let waits_for_others = matches!(judgement.admission, Admission::Wait { until: None, .. });
        if waits_for_others && !never_opens(&sources.environment.windows) {
            next = next.min(ON_ITS_WAY);
        }
        let status = self.say(status).await?;
        let steps = applied.map_or(0, |outcome| outcome.steps.len());
        let awaits_gates = judgement.awaits_gates;
        Ok(Pass { status, retry: failed, next, steps, awaits_gates })
    }

    /// The end of a pass that had nothing to reconcile.
    pub(super) async fn idle(&mut self, record: &EnvironmentRecord, idle: Idle) -> Result<Pass, PassError> {
        self.count_owned().await?;
        let Idle { state, why, diagnostics, control } = idle;
        let name = &self.scope.environment;
        let (state, why) = match &record.suspension {
            // Orphaned, it writes nothing either, and what helps is another thing.
            Some(suspension) if state != State::Orphaned => suspended(suspension, name, why),
            _ if state == State::Orphaned => (state, [why, vec![orphaned(name, self.owned)]].concat()),
            _ => (state, why),
        };
        let applied = record.applied.as_ref();
        let status = EnvironmentStatus {
            why,
            diagnostics,
            control,
            applied: applied.map(|applied| applied.content.clone()),
            applied_control: applied.map(|applied| applied.control.clone()),
            barred: record.barred.clone(),
            ..self.bare(state)
        };
        let status = self.say(status).await?;
        Ok(Pass { status, retry: false, next: IDLE, steps: 0, awaits_gates: false })
    }

    /// The end of a pass that failed: the last words stand, with the reason on top.
    pub(super) async fn failed(&mut self, error: &PassError) -> Pass {
        let reason = told(error);
        tracing::warn!(error = %reason, "reconcile failed");
        let state = State::Unknown { reason: reason.clone() };
        let bare = self.bare(state);
        let status = match &self.last {
            // Since the start nothing was seen; what was applied before it is remembered all the same.
            None => EnvironmentStatus { why: vec![reason], ..self.remembered(bare).await },
            Some((last, at)) => {
                let last = EnvironmentStatus::clone(last);
                let as_of = format!("what is said of its units is as of {}", to_the_second(*at));
                EnvironmentStatus { state: bare.state, since: bare.since, why: vec![reason, as_of], ..last }
            }
        };
        // The store itself may be what failed; the next pass says it again.
        let status = match self.say(status.clone()).await {
            Ok(status) => status,
            Err(_) => Arc::new(status),
        };
        Pass { status, retry: true, next: IDLE, steps: 0, awaits_gates: false }
    }

    /// With what the store knows of it.
    async fn remembered(&self, bare: EnvironmentStatus) -> EnvironmentStatus {
        let store = &self.shared.store;
        let (record, inventory) =
            (store.environment(&self.scope).await.ok(), store.inventory(&self.scope).await.ok());
        let applied = record.and_then(|record| record.applied);
        EnvironmentStatus {
            applied: applied.as_ref().map(|applied| applied.content.clone()),
            applied_control: applied.map(|applied| applied.control),
            objects: inventory.map_or(bare.objects, |inventory| inventory.len()),
            ..bare
        }
    }

    fn bare(&mut self, state: State) -> EnvironmentStatus {
        let since = self.since(&state);
        let environment = self.scope.environment.clone();
        EnvironmentStatus { objects: self.owned, ..EnvironmentStatus::bare(environment, state, since) }
    }

    /// Since when the environment is in this state.
    fn since(&mut self, state: &State) -> Timestamp {
        let now = Timestamp::now();
        let since = match &self.state {
            Some((before, since)) if before.word() == state.word() => *since,
            _ => now,
        };
        self.state = Some((state.clone(), since));
        since
    }

    /// Tells a new status; one that says what was said before is not told.
    async fn say(&mut self, status: EnvironmentStatus) -> Result<Arc<EnvironmentStatus>, PassError> {
        let status = Arc::new(status);
        if self.said.as_ref() != Some(&status) {
            self.shared.sayings.say(&self.scope, &status);
            self.shared.store.enqueue(&self.messages(&status)).await.map_err(PassError::Store)?;
            self.said = Some(Arc::clone(&status));
            self.shared.outbox.notify_one();
        }
        if !matches!(status.state, State::Unknown { .. }) {
            self.last = Some((Arc::clone(&status), Timestamp::now()));
        }
        Ok(status)
    }

    /// Pure but for the time: what each sink is to tell.
    fn messages(&self, status: &EnvironmentStatus) -> Vec<NewMessage> {
        let (scope, at) = (self.scope.to_string(), Timestamp::now());
        let message = |sink: &&'static str| {
            let (topic, body) = match *sink {
                EVENTS => {
                    let event = json!({
                        "event": "state",
                        "scope": scope,
                        "state": status.state.word(),
                        "why": why_document(&status.why, &status.state),
                        "applied": status.applied,
                        "plan": status.plan,
                    });
                    (format!("state/{scope}/{}", at.as_nanosecond()), event.to_string())
                }
                NOTES => (
                    scope.clone(),
                    json!(NotedStatus::of(self.scope.repository.as_str(), status)).to_string(),
                ),
                _ => (scope.clone(), SAID.to_owned()),
            };
            NewMessage { sink: (*sink).to_owned(), topic, body, at }
        };
        self.shared.sinks.iter().map(message).collect()
    }
}

/// When to look again, if nothing wakes the loop before.
fn next(interval: Duration, status: &EnvironmentStatus) -> Duration {
    match &status.state {
        State::Progressing => interval.min(ON_ITS_WAY),
        // What failed or is unhealthy for good does not get better by looking at it.
        State::Degraded if is_on_its_way(&status.units) => interval.min(ON_ITS_WAY),
        State::Waiting { until: Some(until), .. } => {
            let left = until.as_millisecond() - Timestamp::now().as_millisecond();
            interval.min(Duration::from_millis(u64::try_from(left).unwrap_or(0) + 1))
        }
        _ => interval,
    }
}

fn is_on_its_way(units: &BTreeMap<UnitName, UnitStatus>) -> bool {
    units.values().any(|unit| matches!(unit.health, Health::Progressing(_)))
}

/// Pure. Whether something is wrong with a file that is read at the trunk's head alone.
fn rules(found: &Diagnostic) -> bool {
    let path = found.place.as_ref().map_or("", |place| place.path.as_str());
    ["environments/", "policies/", "approvals/", "health/"].iter().any(|folder| path.starts_with(folder))
}

/// "NK0601: the target cannot be observed: …; what to do"
fn told(error: &PassError) -> String {
    match code_of(error) {
        Some((code, hint)) => format!("{code}: {}; {hint}", chain(error)),
        None => chain(error),
    }
}

/// The environment's state, and the answer to "why is this not applied?".
fn state(
    situation: &Situation<'_>,
    units: &BTreeMap<UnitName, UnitStatus>,
    applied: Option<&RealiseOutcome>,
    failures: &Failures,
) -> (State, Vec<String>) {
    let Situation { sources, record, rendered, judgement } = situation;
    let mut why = unit_reasons(units);
    why.extend(failures.beside(units));
    let mut unread = unread(situation);
    unread.extend(unread_secrets(situation, &why));
    let is_unread = !unread.is_empty();
    why.extend(unread);
    if let Some(suspension) = &record.suspension {
        return suspended(suspension, &rendered.environment, why);
    }
    if rendered.broken {
        why.insert(0, "its definitions have errors; nothing is applied or pruned".to_owned());
        return (State::Broken, why);
    }
    match &judgement.admission {
        Admission::Hold { reasons, .. } => {
            let mut said: Vec<_> =
                reasons.iter().map(|reason| format!("{}; {}", reason.message, reason.lift)).collect();
            said.extend(why);
            return (State::Held { reasons: reasons.clone() }, said);
        }
        Admission::Wait { until, reason, .. } => {
            why.insert(0, reason.clone());
            return (State::Waiting { until: *until, reason: reason.clone() }, why);
        }
        Admission::Apply(_) | Admission::Nothing => {}
    }
    if let Some(frozen) = &sources.frozen {
        why.insert(0, format!("{}; {}", frozen.message, frozen.lift));
        return (State::Held { reasons: vec![frozen.clone()] }, why);
    }
    why.extend(
        judgement
            .plan
            .unknown
            .iter()
            .take(MAX_REASONS)
            .map(|(key, reason)| format!("{key} is unknown: {reason}")),
    );
    if why.is_empty() && has_ended(situation, applied) {
        let how = if sources.environment.lifecycle == Lifecycle::Destroy {
            State::Destroyed
        } else {
            State::Disowned
        };
        return (how, why);
    }
    let superseded = applied.is_some_and(|outcome| outcome.outcome == ApplyOutcome::Superseded);
    let state = match why.is_empty() {
        true => State::Synced,
        false if is_unread => State::Degraded,
        false if superseded || only_progress(units, applied, &judgement.plan) => State::Progressing,
        false => State::Degraded,
    };
    let state = if state == State::Synced && (superseded || is_on_its_way(units)) {
        State::Progressing
    } else {
        state
    };
    (state, why)
}

/// Definitions of this environment, other than units, that cannot be read: what is there of them stays as it is.
fn unread(situation: &Situation<'_>) -> Vec<String> {
    let policies = &situation.sources.control.loaded.definitions.broken.policies;
    let policies =
        policies.iter().map(|name| format!("policy `{name}` cannot be read: what it forbids is not known"));
    let workflows = situation.rendered.broken_workflows.iter();
    let workflows = workflows.map(|name| format!("workflow `{name}` cannot be read and stays as it is"));
    policies.chain(workflows).take(MAX_REASONS).collect()
}

/// Secrets that cannot be read: what was applied of them stays. What a step said of one already is not said twice.
fn unread_secrets(situation: &Situation<'_>, why: &[String]) -> Vec<String> {
    let told = |error: &&SecretError| why.iter().any(|why| why.contains(&error.to_string()));
    let unread = situation.judgement.unread.iter().filter(|error| !told(error));
    let words = |error: &SecretError| format!("{}: {error}; what was applied of it stays", error.code());
    unread.map(words).take(MAX_REASONS).collect()
}

/// Whether the environment was destroyed or disowned, and that is done.
fn has_ended(situation: &Situation<'_>, applied: Option<&RealiseOutcome>) -> bool {
    let (plan, lifecycle) = (&situation.judgement.plan, situation.sources.environment.lifecycle);
    let succeeded = applied.is_some_and(|outcome| outcome.outcome == ApplyOutcome::Succeeded);
    let nothing_left = plan.is_empty() || succeeded && admits_all(&situation.judgement.admission);
    lifecycle != Lifecycle::Active && nothing_left && plan.unknown.is_empty()
}

/// Whether nothing of the plan is held back.
fn admits_all(admission: &Admission) -> bool {
    matches!(admission, Admission::Apply(_) | Admission::Nothing)
}

fn suspended(
    suspension: &Suspension,
    environment: &EnvironmentName,
    mut why: Vec<String>,
) -> (State, Vec<String>) {
    let (by, reason) = (suspension.by.clone(), suspension.reason.clone());
    why.insert(0, format!("suspended by {by}: {reason}; `naksha resume {environment}` lifts it"));
    (State::Suspended { by, reason }, why)
}

fn orphaned(environment: &EnvironmentName, owned: usize) -> String {
    let what = match owned {
        0 => "it owns nothing any more".to_owned(),
        1 => "it still owns 1 object".to_owned(),
        owned => format!("it still owns {owned} objects"),
    };
    format!("{what}; restore its definition, or give it up: `naksha forget {environment} --reason …`")
}

/// Whether everything that is not as it should be is on its way there.
fn only_progress(
    units: &BTreeMap<UnitName, UnitStatus>,
    applied: Option<&RealiseOutcome>,
    plan: &Plan,
) -> bool {
    let failed = applied.is_some_and(|outcome| matches!(outcome.outcome, ApplyOutcome::Failed { .. }));
    let fine = |unit: &UnitStatus| {
        let sync = matches!(unit.state, UnitSync::Synced | UnitSync::Pending | UnitSync::Waiting(_));
        let health = match unit.health {
            Health::Healthy | Health::Progressing(_) | Health::Suspended => true,
            // Never applied: that is its state, not an illness.
            Health::Missing => unit.state != UnitSync::Synced,
            Health::Degraded(_) | Health::Unknown(_) => false,
        };
        sync && health
    };
    !failed && plan.unknown.is_empty() && units.values().all(fine)
}

fn unit_reasons(units: &BTreeMap<UnitName, UnitStatus>) -> Vec<String> {
    let reason = |name: &UnitName, unit: &UnitStatus| match &unit.state {
        UnitSync::Waiting(reason) => Some(format!("{name}: {reason}")),
        UnitSync::Failed(reason) => Some(format!("{name} failed: {reason}")),
        UnitSync::Broken(reason) => Some(format!("{name} is left as it is: {reason}")),
        UnitSync::Drifted(reason) => Some(format!("{name} drifted: {reason}")),
        UnitSync::Unsupported(source) => Some(format!("{name}: this version cannot apply `{source}`")),
        UnitSync::NotYet => Some(format!("{name}: it comes with the next promotion")),
        UnitSync::Synced | UnitSync::Pending => match &unit.health {
            // What was never applied is missing; that it is pending says so.
            Health::Healthy | Health::Suspended | Health::Missing => None,
            other => Some(format!(
                "{name} is {}: {}",
                other.word().to_lowercase(),
                other.message().unwrap_or("no details")
            )),
        },
    };
    units.iter().filter_map(|(name, unit)| reason(name, unit)).take(MAX_REASONS).collect()
}

#[cfg(test)]
mod tests;
