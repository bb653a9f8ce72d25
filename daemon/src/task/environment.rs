//! One environment's loop: wakes, reconciles once, says what came of it. One pass at a time.
//!
//! It takes no hint of what changed. It wakes when heads move, when its target may have changed, when somebody pokes
//! it, and by timer; a failed pass is tried again with backoff. A loop that panics says so and is started again with
//! nothing in memory: what it needs is in Git, the store and the target.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use naksha_environments::codes::daemon::TASK_PANICKED;
use naksha_environments::status::{EnvironmentStatus, State};
use naksha_executor::port::store::Scope;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, info, info_span, warn};

use super::keep::{Fall, Tasks};
use super::reconcile::{Pass, Reconciler};
use super::shared::Shared;
use super::{Feed, Reviewed};
use crate::failure::chain;
use crate::memory;
use crate::metrics::{EnvironmentLabels, ResultLabels};
use crate::registry::{ForgetOrder, Handle, Order, RebuildOrder};

/// First pause after a failed pass; doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Longest pause: an operator who mends something outside Git should not wait longer.
const LONGEST_RETRY: Duration = Duration::from_secs(120);

/// The task of one environment. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct EnvironmentTask {
    shared: Arc<Shared>,
    feed: Feed,
    handle: Handle,
}

impl EnvironmentTask {
    /// Starts the loop of an environment, unless it has one.
    pub fn start(tasks: &Tasks, shared: &Arc<Shared>, feed: &Feed, scope: Scope, stop: &CancellationToken) {
        let handle = Handle::new(scope);
        if !shared.registry.insert(handle.clone()) {
            return;
        }
        let name = format!("environment {}", handle.scope);
        let task = Self { shared: Arc::clone(shared), feed: feed.clone(), handle };
        let (again, stop) = (task.clone(), stop.clone());
        tasks.spawn_told(name, move || again.clone().run(stop.clone()), move |fall| task.fell(fall));
    }

    /// Runs until stopped, or until the environment is forgotten; then gives up the lease.
    async fn run(mut self, stop: CancellationToken) {
        let span = info_span!("environment", scope = %self.handle.scope);
        async {
            let Handle { scope, pulse, window, .. } = self.handle.clone();
            let (shared, feed) = (Arc::clone(&self.shared), self.feed.clone());
            let mut reconciler = Reconciler::new(shared, feed, scope, pulse, window);
            let (mut failures, mut is_first) = (0_u32, true);
            let mut soaked = self.shared.soaked.subscribe();
            while !stop.is_cancelled() {
                self.feed.state.mark_unchanged();
                soaked.mark_unchanged();
                self.feed.reviewed.iter_mut().for_each(Reviewed::mark_heard);
                // Before the pass: what was asked is judged by what the pass finds.
                let order = self.handle.take_order();
                let pass = self.pass(&mut reconciler, &stop).await;
                let is_forgotten = match order {
                    Some(Order::Forget(order)) => self.forget(&mut reconciler, order, &pass).await,
                    Some(Order::Rebuild(order)) => {
                        self.rebuild(&mut reconciler, order).await;
                        false
                    }
                    None => false,
                };
                if is_forgotten {
                    return;
                }
                failures = if pass.retry { failures.saturating_add(1) } else { 0 };
                let pause = if pass.retry { backoff(failures) } else { pass.next };
                // The first pass reads everything.
                let reads_all = !pass.retry && std::mem::take(&mut is_first);
                if reads_all || pass.steps >= memory::LARGE_APPLY {
                    memory::give_back();
                }
                let soaked = pass.awaits_gates.then_some(&mut soaked);
                if !self.wait(&mut reconciler, (pause, soaked), &stop).await {
                    break;
                }
            }
            reconciler.release().await;
        }
        .instrument(span)
        .await;
    }

    async fn pass(&self, reconciler: &mut Reconciler, stop: &CancellationToken) -> Pass {
        let started = Instant::now();
        let Handle { pulse, voice, .. } = &self.handle;
        pulse.beat();
        // A newer head, or a person who suspends, cancels what this pass waits for. Both are listened to from before
        // the pass reads anything.
        let cancel = stop.child_token();
        let (mut state, mut halts) = (self.feed.state.clone(), self.handle.halts());
        voice.begin();
        let before = state.borrow().heads.clone();
        let watcher = AbortOnDropHandle::new(tokio::spawn({
            let cancel = cancel.clone();
            async move {
                tokio::select! {
                    moved = state.wait_for(|state| state.heads != before) => drop(moved),
                    _ = halts.changed() => {}
                }
                cancel.cancel();
            }
        }));
        let pass = reconciler.pass(&cancel, voice).await;
        drop(watcher);
        pulse.rest();
        self.measure(&pass, started.elapsed());
        voice.say(Arc::clone(&pass.status));
        self.shared.spoken.send_replace(());
        pass
    }

    /// Forgets the environment if its definition is gone. True: it is forgotten, and the loop ends.
    async fn forget(&self, reconciler: &mut Reconciler, order: ForgetOrder, pass: &Pass) -> bool {
        let ForgetOrder { audit, answer } = order;
        let scope = &self.handle.scope;
        // Nobody hears an answer that comes too late.
        if pass.status.state != State::Orphaned {
            let why = pass.status.why.first().map(|why| format!(" ({why})")).unwrap_or_default();
            let _ = answer.send(Err(format!("{scope} is {}{why}", pass.status.state.word())));
            return false;
        }
        match reconciler.forget(&audit).await {
            Ok(left) => {
                self.shared.registry.remove(scope);
                self.shared.metrics.forget(scope);
                let _ = answer.send(Ok(left));
                true
            }
            Err(error) => {
                warn!(error = chain(&error), "the environment is not forgotten");
                let _ = answer.send(Err(chain(&error)));
                false
            }
        }
    }

    /// Recovers the inventory from the target, or says what that would be. What was taken is planned with at once.
    async fn rebuild(&self, reconciler: &mut Reconciler, order: RebuildOrder) {
        let RebuildOrder { taking, answer } = order;
        let rebuilt = reconciler.rebuild(taking.as_ref()).await;
        if let Err(error) = &rebuilt {
            warn!(error = chain(error), "the inventory is not recovered");
        }
        if taking.is_some() {
            self.handle.poke();
        }
        // Nobody hears an answer that comes too late.
        let _ = answer.send(rebuilt.map_err(|error| chain(&error)));
    }

    /// Sleeps until something happens or `pause` is over. False: stop.
    async fn wait(
        &mut self,
        reconciler: &mut Reconciler,
        (pause, soaked): (Duration, Option<&mut watch::Receiver<()>>),
        stop: &CancellationToken,
    ) -> bool {
        let more_has_soaked = async {
            match soaked {
                Some(soaked) => drop(soaked.changed().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return false,
            moved = self.feed.state.changed() => return moved.is_ok(),
            () = more_is_reviewed(&mut self.feed.reviewed) => {}
            () = more_has_soaked => {}
            () = self.handle.poked() => reconciler.doubt(),
            () = reconciler.target_changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
        true
    }

    fn measure(&self, pass: &Pass, took: Duration) {
        let scope = &self.handle.scope;
        let (repository, environment) = (scope.repository.to_string(), scope.environment.to_string());
        let metrics = &self.shared.metrics;
        let labels = EnvironmentLabels { repository: repository.clone(), environment: environment.clone() };
        metrics.reconcile_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        let result = if pass.retry { "failure" } else { "success" }.to_owned();
        metrics.reconciles.get_or_create(&ResultLabels { repository, environment, result }).inc();
        metrics.objects.get_or_create(&labels).set(i64::try_from(pass.status.objects).unwrap_or(i64::MAX));
        let held = matches!(pass.status.state, State::Held { .. });
        metrics.held.get_or_create(&labels).set(i64::from(held));
        let word = pass.status.state.word();
        if metrics.set_state(scope, word) {
            let why = pass.status.why.join("; ");
            if pass.retry { warn!(state = word, why, "state") } else { info!(state = word, why, "state") }
        }
    }

    /// Says that the loop panicked; what it said last stands beneath.
    fn fell(&self, fall: &Fall) {
        let Handle { scope, pulse, voice, .. } = &self.handle;
        pulse.rest();
        let reason = format!(
            "{TASK_PANICKED}: the loop of this environment panicked ({}); it is started again in {} s",
            fall.message,
            fall.pause.as_secs()
        );
        let (state, since, why) = (State::Unknown { reason: reason.clone() }, Timestamp::now(), vec![reason]);
        self.shared.metrics.set_state(scope, state.word());
        let status = match voice.status() {
            Some(last) => EnvironmentStatus { state, since, why, ..EnvironmentStatus::clone(&last) },
            None => {
                EnvironmentStatus { why, ..EnvironmentStatus::bare(scope.environment.clone(), state, since) }
            }
        };
        voice.say(Arc::new(status));
    }
}

/// Never, where nobody reviews anything.
async fn more_is_reviewed(reviewed: &mut Option<Reviewed>) {
    match reviewed {
        Some(reviewed) => reviewed.changed().await,
        None => std::future::pending().await,
    }
}

fn backoff(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_RETRY)
}
