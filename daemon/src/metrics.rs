//! Metrics, in the names and units that Prometheus users expect. On by default.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Mutex, PoisonError};

use naksha_executor::port::store::Scope;
use naksha_executor_kubernetes::{Pressure, pressures};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::task::Heads;

/// From 1 ms to 131 s, doubling: a cached pass and a wait for health both fall inside.
const DURATION_BUCKETS: (f64, f64, u16) = (0.001, 2.0, 18);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EnvironmentLabels {
    pub repository: String,
    pub environment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResultLabels {
    pub repository: String,
    pub environment: String,
    pub result: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StateLabels {
    pub repository: String,
    pub environment: String,
    pub state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RepositoryLabels {
    pub repository: String,
}

/// What is looked after on a forge: `pull requests`, `merges`, ….
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ForgeTaskLabels {
    pub repository: String,
    pub about: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClusterLabels {
    pub cluster: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TaskLabels {
    pub task: String,
}

/// Every metric of the daemon.
pub struct Metrics {
    registry: Registry,
    pub reconciles: Family<ResultLabels, Counter>,
    pub reconcile_seconds: Family<EnvironmentLabels, Histogram, fn() -> Histogram>,
    state: Family<StateLabels, Gauge>,
    /// The state that each environment's gauge is at.
    states: Mutex<BTreeMap<Scope, &'static str>>,
    pub objects: Family<EnvironmentLabels, Gauge>,
    pub applies: Family<ResultLabels, Counter>,
    pub steps: Family<ResultLabels, Counter>,
    pub healed: Family<EnvironmentLabels, Counter>,
    pub held: Family<EnvironmentLabels, Gauge>,
    pub fetches: Family<RepositoryLabels, Counter>,
    pub fetch_failing: Family<RepositoryLabels, Gauge>,
    pub forge_left: Family<RepositoryLabels, Gauge>,
    pub forge_failing: Family<ForgeTaskLabels, Gauge>,
    pub forge_refused: Family<ForgeTaskLabels, Gauge>,
    pub pull_plan_seconds: Family<RepositoryLabels, Histogram, fn() -> Histogram>,
    cluster_allowed: Family<ClusterLabels, Gauge>,
    cluster_in_flight: Family<ClusterLabels, Gauge>,
    cluster_throttled: Family<ClusterLabels, Counter>,
    pub outbox_pending: Gauge,
    pub task_panics: Family<TaskLabels, Counter>,
    pub resident_bytes: Gauge<i64, AtomicI64>,
    pub start_seconds: Gauge<f64, AtomicU64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn durations() -> Histogram {
    let (start, factor, length) = DURATION_BUCKETS;
    Histogram::new(exponential_buckets(start, factor, length))
}

fn register_pulls(
    registry: &mut Registry,
    left: &Family<RepositoryLabels, Gauge>,
    [failing, refused]: [&Family<ForgeTaskLabels, Gauge>; 2],
    seconds: &Family<RepositoryLabels, Histogram, fn() -> Histogram>,
) {
    registry.register(
        "naksha_forge_requests_left",
        "Requests that a forge takes of us until its limit begins anew",
        left.clone(),
    );
    registry.register(
        "naksha_forge_failing",
        "Times in a row that a forge could not be asked about this",
        failing.clone(),
    );
    registry.register(
        "naksha_forge_refused",
        "Pull requests that could not be looked at or told, each by itself",
        refused.clone(),
    );
    registry.register(
        "naksha_pull_plan_duration_seconds",
        "How long it took to work out what is to be said of a pull request",
        seconds.clone(),
    );
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(durations),
            state: Family::default(),
            states: Mutex::default(),
            objects: Family::default(),
            applies: Family::default(),
            steps: Family::default(),
            healed: Family::default(),
            held: Family::default(),
            fetches: Family::default(),
            fetch_failing: Family::default(),
            forge_left: Family::default(),
            forge_failing: Family::default(),
            forge_refused: Family::default(),
            pull_plan_seconds: Family::new_with_constructor(durations),
            cluster_allowed: Family::default(),
            cluster_in_flight: Family::default(),
            cluster_throttled: Family::default(),
            outbox_pending: Gauge::default(),
            task_panics: Family::default(),
            resident_bytes: Gauge::default(),
            start_seconds: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let Self {
            registry,
            reconciles,
            reconcile_seconds,
            state,
            states: _,
            objects,
            applies,
            steps,
            healed,
            held,
            fetches,
            fetch_failing,
            forge_left,
            forge_failing,
            forge_refused,
            pull_plan_seconds,
            cluster_allowed,
            cluster_in_flight,
            cluster_throttled,
            outbox_pending,
            task_panics,
            resident_bytes,
            start_seconds,
        } = self;
        registry.register("naksha_reconcile", "Reconciles by result", reconciles.clone());
        registry.register(
            "naksha_reconcile_duration_seconds",
            "How long a reconcile took",
            reconcile_seconds.clone(),
        );
        registry.register("naksha_environment_state", "1 for the state an environment is in", state.clone());
        registry.register("naksha_environment_objects", "Objects that an environment owns", objects.clone());
        registry.register("naksha_environment_held", "1 while a plan is held", held.clone());
        registry.register("naksha_apply", "Applies by outcome", applies.clone());
        registry.register("naksha_apply_steps", "Steps by outcome", steps.clone());
        registry.register("naksha_drift_healed", "Objects taken back after drift", healed.clone());
        registry.register("naksha_git_fetch", "Fetches that were tried", fetches.clone());
        registry.register(
            "naksha_git_failing",
            "1 while a repository cannot be fetched",
            fetch_failing.clone(),
        );
        register_pulls(registry, forge_left, [forge_failing, forge_refused], pull_plan_seconds);
        registry.register(
            "naksha_cluster_requests_allowed",
            "Requests that a cluster is sent at a time at most, by what it says to them",
            cluster_allowed.clone(),
        );
        registry.register(
            "naksha_cluster_requests_in_flight",
            "Requests that a cluster has not answered yet",
            cluster_in_flight.clone(),
        );
        registry.register(
            "naksha_cluster_throttled",
            "Answers of a cluster that said: too many requests",
            cluster_throttled.clone(),
        );
        registry.register(
            "naksha_outbox_pending",
            "Status messages not delivered yet",
            outbox_pending.clone(),
        );
        registry.register("naksha_task_panics", "Panics of the daemon's tasks", task_panics.clone());
        registry.register("process_resident_memory_bytes", "Resident memory", resident_bytes.clone());
        registry.register("process_start_time_seconds", "Start time, Unix seconds", start_seconds.clone());
    }

    /// Moves an environment's state: 1 for this one, 0 for the one before. True when it is another one.
    pub fn set_state(&self, scope: &Scope, word: &'static str) -> bool {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let before = states.insert(scope.clone(), word).filter(|before| *before != word);
        if let Some(before) = before {
            self.state.get_or_create(&state_labels(scope, before)).set(0);
        }
        self.state.get_or_create(&state_labels(scope, word)).set(1) != 1
    }

    /// Drops what says how an environment is. What happened stays counted.
    pub fn forget(&self, scope: &Scope) {
        let word = self.states.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
        if let Some(word) = word {
            self.state.remove(&state_labels(scope, word));
        }
        let labels = EnvironmentLabels {
            repository: scope.repository.to_string(),
            environment: scope.environment.to_string(),
        };
        self.objects.remove(&labels);
        self.held.remove(&labels);
    }

    /// The exposition text (OpenMetrics), with what is read when it is asked for.
    pub fn text(&self, heads: &Heads) -> String {
        for feed in heads.feeds() {
            let labels = RepositoryLabels { repository: feed.name().to_string() };
            let counter = self.fetches.get_or_create(&labels);
            counter.inc_by(feed.mirror.fetches().saturating_sub(counter.get()));
            drop(counter);
            self.fetch_failing.get_or_create(&labels).set(i64::from(feed.trouble().is_some()));
        }
        self.read_pressures();
        if let Some(bytes) = resident_bytes() {
            self.resident_bytes.set(bytes);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("should write to a string");
        text
    }

    fn read_pressures(&self) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for Pressure { cluster, allowed, in_flight, throttled } in pressures() {
            let labels = ClusterLabels { cluster: cluster.to_string() };
            self.cluster_allowed.get_or_create(&labels).set(number(allowed));
            self.cluster_in_flight.get_or_create(&labels).set(number(in_flight));
            let counter = self.cluster_throttled.get_or_create(&labels);
            counter.inc_by(throttled.saturating_sub(counter.get()));
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn state_labels(scope: &Scope, state: &str) -> StateLabels {
    let (repository, environment) = (scope.repository.to_string(), scope.environment.to_string());
    StateLabels { repository, environment, state: state.to_owned() }
}

/// Resident set size, where the kernel tells it (proc(5), statm).
fn resident_bytes() -> Option<i64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(i64::try_from(rustix::param::page_size()).ok()?)
}
