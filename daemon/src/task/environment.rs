//! One environment's loop: wakes, reconciles once, says what came of it. One pass at a time.
//!
//! It takes no hint of what changed. It wakes when heads move, when its target may have changed, when somebody pokes
//! it, and by timer; a failed pass is tried again with backoff.

use std::sync::Arc;
use std::time::{Duration, Instant};

use naksha_environments::status::{EnvironmentStatus, State};
use naksha_executor::port::store::Scope;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, info_span, warn};

use super::Feed;
use super::reconcile::{Pass, Reconciler};
use super::shared::Shared;
use crate::metrics::{EnvironmentLabels, ResultLabels, StateLabels};
use crate::registry::{Handle, Pulse};

/// First pause after a failed pass; doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Longest pause: an operator who mends something outside Git should not wait longer.
const LONGEST_RETRY: Duration = Duration::from_secs(120);

/// The task of one environment.
#[derive(Debug)]
pub struct EnvironmentTask {
    shared: Arc<Shared>,
    feed: Feed,
    reconciler: Reconciler,
    status: watch::Sender<Option<Arc<EnvironmentStatus>>>,
    wake: Arc<Notify>,
    halt: Arc<Notify>,
    pulse: Arc<Pulse>,
}

impl EnvironmentTask {
    /// Makes the task and puts its handle into the registry.
    pub fn new(shared: Arc<Shared>, feed: Feed, scope: Scope) -> Self {
        let (status, receiver) = watch::channel(None);
        let (wake, halt, pulse) =
            (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Pulse::default()));
        let handle =
            Handle::new(scope.clone(), Arc::clone(&pulse), receiver, Arc::clone(&wake), Arc::clone(&halt));
        shared.registry.insert(handle);
        let reconciler = Reconciler::new(Arc::clone(&shared), feed.clone(), scope, Arc::clone(&pulse));
        Self { shared, feed, reconciler, status, wake, halt, pulse }
    }

    /// Runs until stopped, then gives up the lease.
    pub async fn run(mut self, stop: CancellationToken) {
        let span = info_span!("environment", scope = %self.reconciler.scope());
        async {
            let mut failures = 0_u32;
            while !stop.is_cancelled() {
                self.feed.state.mark_unchanged();
                let pass = self.pass(&stop).await;
                failures = if pass.retry { failures.saturating_add(1) } else { 0 };
                let pause = if pass.retry { backoff(failures) } else { pass.next };
                if !self.wait(pause, &stop).await {
                    break;
                }
            }
            self.reconciler.release().await;
        }
        .instrument(span)
        .await;
    }

    async fn pass(&mut self, stop: &CancellationToken) -> Pass {
        let started = Instant::now();
        self.pulse.beat();
        // A newer head, or a person who suspends, cancels what this pass waits for.
        let cancel = stop.child_token();
        let mut state = self.feed.state.clone();
        let (before, halt) = (state.borrow().heads.clone(), Arc::clone(&self.halt));
        let watcher = tokio::spawn({
            let cancel = cancel.clone();
            async move {
                tokio::select! {
                    moved = state.wait_for(|state| state.heads != before) => drop(moved),
                    () = halt.notified() => {}
                }
                cancel.cancel();
            }
        });
        let progress = self.status.clone();
        let pass = self.reconciler.pass(&cancel, &progress).await;
        watcher.abort();
        self.pulse.rest();
        self.measure(&pass, started.elapsed());
        self.status.send_replace(Some(Arc::clone(&pass.status)));
        pass
    }

    /// Sleeps until something happens or `pause` is over. False: stop.
    async fn wait(&mut self, pause: Duration, stop: &CancellationToken) -> bool {
        tokio::select! {
            () = stop.cancelled() => return false,
            moved = self.feed.state.changed() => return moved.is_ok(),
            () = self.wake.notified() => {}
            () = self.reconciler.target_changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
        true
    }

    fn measure(&self, pass: &Pass, took: Duration) {
        let scope = self.reconciler.scope();
        let (repository, environment) = (scope.repository.to_string(), scope.environment.to_string());
        let metrics = &self.shared.metrics;
        let labels = EnvironmentLabels { repository: repository.clone(), environment: environment.clone() };
        metrics.reconcile_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        let result = if pass.retry { "failure" } else { "success" }.to_owned();
        let by_result =
            ResultLabels { repository: repository.clone(), environment: environment.clone(), result };
        metrics.reconciles.get_or_create(&by_result).inc();
        metrics.objects.get_or_create(&labels).set(i64::try_from(pass.status.objects).unwrap_or(i64::MAX));
        let held = matches!(pass.status.state, State::Held { .. });
        metrics.held.get_or_create(&labels).set(i64::from(held));
        let previous = self.status.borrow().as_ref().map(|status| status.state.word());
        let word = pass.status.state.word();
        let gauge = |state: &str| {
            let (repository, environment) = (repository.clone(), environment.clone());
            StateLabels { repository, environment, state: state.to_owned() }
        };
        if let Some(previous) = previous.filter(|previous| *previous != word) {
            metrics.state.get_or_create(&gauge(previous)).set(0);
        }
        metrics.state.get_or_create(&gauge(word)).set(1);
        if previous != Some(word) {
            let why = pass.status.why.join("; ");
            if pass.retry { warn!(state = word, why, "state") } else { info!(state = word, why, "state") }
        }
    }
}

fn backoff(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_RETRY)
}
