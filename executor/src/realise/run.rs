//! One apply, from fence to finish, and what its parts share while it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::{Generation, UnitName};
use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::object::{Health, Mark, ObjectKey, Observation};
use naksha_environments::plan::{Action, ApprovedPlan, Cause, Payload, Plan, Subject, Verb};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::disturbance::Lookout;
use super::ends::Ledger;
use super::outcome::{RealiseError, RealiseOutcome, UnitEnd, Waiting};
use super::progress::Progress;
use super::recorder::Recorder;
use super::schedule::Schedule;
use super::{deletions, step, units, workflows};
use crate::port::secrets::SecretSource;
use crate::port::store::{
    ApplyEnd, ApplyId, ApplyOutcome, ApplyStart, AuditEntry, NewMessage, Revisions, Scope, StepOutcome,
    StepRecord, Store, StoreError,
};
use crate::port::target::{Question, Target};
use crate::retry;

/// Writes to one target at a time, over all units. A directory gains nothing beyond the queue depth of a disk. An API server
/// takes 100 streams on a connection; its adapter holds back what one is no faster with.
pub const MAX_WRITES_IN_FLIGHT: usize = 64;

/// For how long the store's word that the environment is ours is enough. A lease lasts far longer and ends by the store's
/// clock, which is asked how much of it is left; a shorter time would only ask more often.
const FENCE_HOLDS: Duration = Duration::from_secs(1);

/// What is realised, for whom, and with what.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub plan: &'a ApprovedPlan,
    pub scope: &'a Scope,
    pub generation: Generation,
    /// The inventory that the plan was made with.
    pub inventory: &'a Inventory,
    /// What was seen when the plan was made, where changes by others are healed: one that comes while health is waited for
    /// ends the apply, so that it is planned anew.
    pub heals: Option<&'a Observation>,
    /// Since when the health of units is waited for, where an apply of the same was ended by that.
    pub waits: &'a Waits,
    pub target: &'a dyn Target,
    /// Which target that is.
    pub place: &'a str,
    pub store: &'a dyn Store,
    pub secrets: &'a dyn SecretSource,
    pub timeouts: &'a Timeouts,
    /// Cancelled when a newer revision should take this one's place, or the process ends: no further step starts,
    /// and waiting for health ends at once.
    pub cancel: &'a CancellationToken,
    /// Told synchronously; must be quick.
    pub progress: &'a (dyn Fn(&Progress) + Send + Sync),
    /// What is written to audit and outbox together with the end.
    pub conclude: &'a (dyn Fn(&RealiseOutcome) -> Conclusion + Send + Sync),
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scope, generation) = (self.scope, self.generation);
        write!(f, "Input({scope}, plan {}, generation {generation})", self.plan.plan().id)
    }
}

/// Since when each unit's health is waited for.
pub type Waits = BTreeMap<UnitName, Instant>;

/// How long a unit's objects may take to become healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    pub units: BTreeMap<UnitName, Duration>,
    /// For units that name none.
    pub default: Duration,
}

impl Timeouts {
    pub(super) fn of(&self, unit: &UnitName) -> Duration {
        self.units.get(unit).copied().unwrap_or(self.default)
    }
}

/// What the end of an apply leaves in audit and outbox.
#[derive(Debug, Clone)]
pub struct Conclusion {
    pub audit: AuditEntry,
    pub messages: Vec<NewMessage>,
}

/// Carries out an approved plan. `Err` means that it could not be recorded (or not be executed at all), and that
/// nothing was written after that; what happened to single objects is in the outcome.
pub async fn realise(input: Input<'_>) -> Result<RealiseOutcome, RealiseError> {
    let plan: &Plan = input.plan.plan();
    // pure: who waits for whom
    let schedule = Schedule::of(plan, input.inventory)?;
    // I/O: still the owner?
    let fence = || input.store.check(input.scope, input.generation);
    stored("check the ownership of the environment", fence).await?;
    // I/O: a superset of what will be owned, before the first change
    let (intents, renewed) = intents(plan, input.inventory, input.place);
    if !renewed.is_empty() {
        let renew = || input.store.refresh_marks(input.scope, input.generation, &renewed);
        stored("renew what is intended", renew).await?;
    }
    // From here on this is what is known of those, also where a write fails and leaves it as it was.
    let mut inventory = input.inventory.clone();
    inventory.extend(renewed);
    let input = Input { inventory: &inventory, ..input };
    let start = ApplyStart {
        scope: input.scope.clone(),
        generation: input.generation,
        plan: plan.id.clone(),
        revisions: revisions(plan),
        place: input.place.into(),
        intents,
        at: Timestamp::now(),
    };
    let apply = stored("start the apply", || input.store.begin(&start)).await?;
    let run = Run::new(input, apply);
    run.tell(&Progress::Started { apply, plan: plan.id.clone(), steps: plan.actions.len() });
    // I/O: units, each when what it needs is ready
    let ends = units::apply(&run, &schedule).await;
    // I/O: workflows switch when the units are ready
    workflows::switch(&run, &schedule, &ends).await;
    // I/O: deletions, last
    deletions::remove(&run, &schedule, &ends).await;
    finish(run, ends).await
}

type Intents = BTreeMap<ObjectKey, Arc<Owned>>;

/// Pure: objects that will be ours and that the inventory cannot prove yet. First those that it does not have, then
/// those of which an earlier apply left an unconfirmed intent (what is intended may have changed since), and those that
/// are in another target: in this one they are as new as any.
fn intents(plan: &Plan, inventory: &Inventory, place: &str) -> (Intents, Intents) {
    let (mut new, mut renewed) = (Intents::new(), Intents::new());
    let elsewhere = inventory.place.as_deref().is_some_and(|before| before != place);
    let is_new = |action: &Action| elsewhere && action.verb == Verb::Create;
    for action in &plan.actions {
        let (Payload::Write { desired, leave, .. }, Subject::Object(key), Some(unit)) =
            (&action.payload, &action.subject, &action.unit)
        else {
            continue;
        };
        let intent = || Arc::new(step::intent(unit, desired, leave, action.stateful));
        match inventory.get(key) {
            None => drop(new.insert(key.clone(), intent())),
            Some(owned) if owned.mark.is_none() || is_new(action) => {
                drop(renewed.insert(key.clone(), intent()));
            }
            Some(_) => {}
        }
    }
    let left = plan.blocked.keys().filter(|_| !renewed.is_empty() && elsewhere);
    let left = left.filter_map(|unit| inventory.units().get(unit)).flat_map(|holding| holding.iter());
    let unproven = |owned: &Owned| Arc::new(Owned { mark: None, end: None, ..owned.clone() });
    let left: Vec<_> = left.map(|(key, owned)| (key.clone(), unproven(owned))).collect();
    renewed.extend(left);
    (new, renewed)
}

/// Pure: where the environment is when the plan succeeded. A plan that only heals leaves it where it was: it may be
/// part of a plan that is held. So does one that leaves a broken unit out.
fn revisions(plan: &Plan) -> Option<Revisions> {
    if !plan.is_complete() || !plan.actions.iter().any(|action| action.cause == Cause::Change) {
        return None;
    }
    let (control, content) = (plan.preconditions.control.clone()?, plan.preconditions.content.clone()?);
    Some(Revisions { control, content })
}

async fn finish(run: Run<'_>, ends: BTreeMap<UnitName, UnitEnd>) -> Result<RealiseOutcome, RealiseError> {
    let Run { input, apply, state, .. } = run;
    let State { steps, waiting, waits, diagnostics, failure, is_disturbed, written: _, ledger: _ } =
        state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = failure {
        return Err(error);
    }
    let has_failed = steps.iter().any(|step| matches!(step.outcome, StepOutcome::Failed { .. }));
    let outcome = judge(&steps, is_disturbed && !has_failed || input.cancel.is_cancelled());
    let waiting =
        waiting.into_iter().map(|((unit, for_unit), reason)| Waiting { unit, for_unit, reason }).collect();
    let waits = if is_disturbed { waits } else { Waits::new() };
    let outcome = RealiseOutcome { apply, outcome, steps, units: ends, waiting, waits, diagnostics };
    let Conclusion { audit, messages } = (input.conclude)(&outcome);
    let end = ApplyEnd { outcome: outcome.outcome.clone(), at: Timestamp::now(), audit, messages };
    let finish = || input.store.finish(input.scope, input.generation, apply, &end);
    stored("record the end of the apply", finish).await?;
    (input.progress)(&Progress::Finished { outcome: outcome.outcome.clone() });
    Ok(outcome)
}

/// Pure: the word for the whole.
fn judge(steps: &[StepRecord], halted: bool) -> ApplyOutcome {
    let skipped = steps.iter().filter(|step| matches!(step.outcome, StepOutcome::Skipped { .. })).count();
    if halted && skipped > 0 {
        return ApplyOutcome::Superseded;
    }
    let mut failed = steps.iter().filter_map(|step| match &step.outcome {
        StepOutcome::Failed { reason } => Some((&step.subject, reason)),
        StepOutcome::Done | StepOutcome::Skipped { .. } => None,
    });
    let first = failed.next();
    let more = failed.count() + skipped;
    let and_more = match more {
        0 => String::new(),
        1 => " (and 1 more step was not done)".to_owned(),
        more => format!(" (and {more} more steps were not done)"),
    };
    match first {
        Some((subject, reason)) => ApplyOutcome::Failed { reason: format!("{subject}: {reason}{and_more}") },
        None if skipped > 0 => {
            let reason = steps.iter().find_map(|step| match &step.outcome {
                StepOutcome::Skipped { reason } => Some(reason.clone()),
                StepOutcome::Done | StepOutcome::Failed { .. } => None,
            });
            ApplyOutcome::Failed { reason: reason.unwrap_or_default() }
        }
        None => ApplyOutcome::Succeeded,
    }
}

/// Calls the store, again with backoff when it is only busy or away.
pub(super) async fn stored<T, F>(doing: &'static str, mut call: impl FnMut() -> F) -> Result<T, RealiseError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut attempt = 1;
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let transient = matches!(error, StoreError::Unavailable { .. });
        let pause = retry::STORE.pause(attempt, retry::spread()).filter(|_| transient);
        let Some(pause) = pause else { return Err(RealiseError::Store { doing, source: error }) };
        debug!(attempt, %error, "the store is away; trying again");
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// One apply while it runs.
pub(super) struct Run<'a> {
    pub input: Input<'a>,
    pub apply: ApplyId,
    pub recorder: Recorder,
    permits: Semaphore,
    /// Until when nobody else can own the environment, by the store's last word.
    ours_until: Mutex<Option<Instant>>,
    /// Cancelled with the input's token, when the store cannot be written, and when somebody disturbed what was settled: nothing
    /// further starts.
    pub halt: CancellationToken,
    /// Held while somebody looks whether the target is there at all.
    looking: tokio::sync::Mutex<()>,
    pub lookout: Lookout,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    steps: Vec<StepRecord>,
    written: BTreeMap<ObjectKey, (Mark, Health)>,
    waiting: BTreeMap<(Option<UnitName>, UnitName), String>,
    waits: Waits,
    diagnostics: Vec<Diagnostic>,
    failure: Option<RealiseError>,
    is_disturbed: bool,
    ledger: Ledger,
}

impl<'a> Run<'a> {
    fn new(input: Input<'a>, apply: ApplyId) -> Self {
        let halt = input.cancel.child_token();
        let permits = Semaphore::new(MAX_WRITES_IN_FLIGHT);
        let ledger = Ledger::new(input.plan.plan(), input.inventory);
        let state = Mutex::new(State { ledger, ..State::default() });
        let (recorder, ours_until) = (Recorder::default(), Mutex::default());
        Self {
            input,
            apply,
            recorder,
            permits,
            ours_until,
            halt,
            looking: tokio::sync::Mutex::default(),
            lookout: Lookout::default(),
            state,
        }
    }

    /// Whether the environment is still ours, and nothing keeps us from writing.
    pub(super) async fn fence(&self) -> Result<(), RealiseError> {
        let now = Instant::now();
        let known = || *self.ours_until.lock().unwrap_or_else(PoisonError::into_inner);
        if known().is_some_and(|until| now < until) {
            return Ok(());
        }
        let Input { store, scope, generation, .. } = self.input;
        let check = || store.check(scope, generation);
        let left = stored("check the ownership of the environment", check).await?;
        // Counted from before the question: the answer was true some time after that.
        let until = now + left.min(FENCE_HOLDS);
        *self.ours_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        Ok(())
    }

    /// Waits for one's turn to write.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let mut turn = Turn { permits: &self.permits, permit: None };
        turn.take().await;
        turn
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, progress: &Progress) {
        (self.input.progress)(progress);
    }

    /// The store is lost or somebody else owns the environment: nothing further starts.
    pub(super) fn fail(&self, error: RealiseError) {
        self.state().failure.get_or_insert(error);
        self.halt.cancel();
    }

    /// Since when the health of a unit is waited for: not from anew because somebody disturbed the wait.
    pub(super) fn waits_since(&self, unit: &UnitName) -> Instant {
        let before = self.input.waits.get(unit).copied();
        *self.state().waits.entry(unit.clone()).or_insert_with(|| before.unwrap_or_else(Instant::now))
    }

    /// Somebody changed what was settled: the rest is planned anew, together with what heals that.
    pub(super) fn disturbed(&self) {
        self.state().is_disturbed = true;
        self.halt.cancel();
    }

    /// A write was tried as often as it may be, and what kept it may pass. When the target does not even let itself be looked
    /// at, all others would end like this, one after the other: nothing further starts.
    pub(super) async fn suspect_loss(&self) {
        let Ok(_looking) = self.looking.try_lock() else { return };
        if self.halt.is_cancelled() {
            return;
        }
        if let Err(error) = self.input.target.observe(Question::default()).await {
            warn!(%error, "the target is lost; the apply ends here");
            self.halt.cancel();
        }
    }

    pub(super) fn ended(&self, step: StepRecord) {
        self.state().steps.push(step);
    }

    /// The step and what it did are in the store.
    pub(super) fn recorded(&self, step: StepRecord) {
        self.state().ledger.follow(&step.effect);
        self.ended(step);
    }

    /// How these ended is in the store.
    pub(super) fn ended_runs(&self, ended: BTreeMap<ObjectKey, Arc<Owned>>) {
        let ledger = &mut self.state().ledger;
        for (key, owned) in ended {
            ledger.put(key, owned);
        }
    }

    /// What the inventory has of an object now.
    pub(super) fn entry(&self, key: &ObjectKey) -> Option<Arc<Owned>> {
        let recorded = self.state().ledger.entry(key).cloned();
        recorded.or_else(|| self.input.inventory.get(key).cloned())
    }

    /// What runs once, and was not seen to succeed.
    pub(super) fn undone(&self) -> Vec<ObjectKey> {
        self.state().ledger.undone().cloned().collect()
    }

    pub(super) fn found(&self, diagnostic: Diagnostic) {
        self.state().diagnostics.push(diagnostic);
    }

    pub(super) fn wrote(&self, key: &ObjectKey, mark: Mark, health: Health) {
        self.state().written.insert(key.clone(), (mark, health));
    }

    /// What this apply wrote of an object.
    pub(super) fn written(&self, key: &ObjectKey) -> Option<(Mark, Health)> {
        self.state().written.get(key).cloned()
    }

    /// Tells that `unit` waits, once per reason.
    pub(super) fn waits(&self, unit: Option<&UnitName>, for_unit: &UnitName, reason: &str) {
        let pair = (unit.cloned(), for_unit.clone());
        let before = self.state().waiting.insert(pair, reason.to_owned());
        if before.as_deref() != Some(reason) {
            let (unit, for_unit) = (unit.cloned(), for_unit.clone());
            self.tell(&Progress::Waiting { unit, for_unit, reason: reason.to_owned() });
        }
    }

    /// As [`Self::waits`], unless a better reason was told already.
    pub(super) fn begins_to_wait(&self, unit: &UnitName, for_unit: &UnitName, reason: &str) {
        let told = self.state().waiting.contains_key(&(Some(unit.clone()), for_unit.clone()));
        if !told {
            self.waits(Some(unit), for_unit, reason);
        }
    }

    pub(super) fn waits_no_more(&self, unit: Option<&UnitName>, for_unit: &UnitName) {
        self.state().waiting.remove(&(unit.cloned(), for_unit.clone()));
    }
}

/// One of the writes that may run at a time. Given back while a write only waits for its next try, or to be recorded, so
/// that neither holds up the others.
pub(super) struct Turn<'r> {
    permits: &'r Semaphore,
    permit: Option<SemaphorePermit<'r>>,
}

impl Turn<'_> {
    pub(super) fn give_back(&mut self) {
        self.permit = None;
    }

    /// Unless it is held already.
    pub(super) async fn take(&mut self) {
        if self.permit.is_none() {
            // The semaphore lives as long as the apply and is never closed.
            self.permit = self.permits.acquire().await.ok();
        }
    }
}
