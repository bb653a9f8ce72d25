//! What runs: a handle per environment, shared between the loops, the HTTP server and the publishers.
//!
//! A loop owns its environment; everybody else reads its status and pokes it. Handles are cheap to clone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use naksha_environments::ids::{EnvironmentName, RepositoryName};
use naksha_environments::status::EnvironmentStatus;
use naksha_executor::port::store::Scope;
use tokio::sync::{Notify, watch};

/// One environment's loop, from outside.
#[derive(Debug, Clone)]
pub struct Handle {
    pub scope: Scope,
    pub pulse: Arc<Pulse>,
    status: watch::Receiver<Option<Arc<EnvironmentStatus>>>,
    wake: Arc<Notify>,
    halt: Arc<Notify>,
}

impl Handle {
    pub fn new(
        scope: Scope,
        pulse: Arc<Pulse>,
        status: watch::Receiver<Option<Arc<EnvironmentStatus>>>,
        wake: Arc<Notify>,
        halt: Arc<Notify>,
    ) -> Self {
        Self { scope, pulse, status, wake, halt }
    }

    /// What it said last; absent until its first reconcile ended.
    pub fn status(&self) -> Option<Arc<EnvironmentStatus>> {
        self.status.borrow().clone()
    }

    /// Reconcile soon. Pokes do not queue up.
    pub fn poke(&self) {
        self.wake.notify_one();
    }

    /// Stops a running apply before its next step, and reconciles soon.
    pub fn halt(&self) {
        // Nobody listens between passes; the next one must not be stopped by this.
        self.halt.notify_waiters();
        self.poke();
    }

    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<EnvironmentStatus>>> {
        self.status.clone()
    }
}

/// Every environment that has a loop.
#[derive(Debug, Default)]
pub struct Registry {
    handles: RwLock<BTreeMap<Scope, Handle>>,
}

impl Registry {
    pub fn insert(&self, handle: Handle) {
        self.handles.write().unwrap_or_else(PoisonError::into_inner).insert(handle.scope.clone(), handle);
    }

    pub fn all(&self) -> Vec<Handle> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub fn get(&self, scope: &Scope) -> Option<Handle> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner).get(scope).cloned()
    }

    /// The environments of this name; several when several repositories have one.
    pub fn named(&self, repository: Option<&RepositoryName>, environment: &EnvironmentName) -> Vec<Handle> {
        let fits = |handle: &Handle| {
            handle.scope.environment == *environment
                && repository.is_none_or(|repository| handle.scope.repository == *repository)
        };
        self.all().into_iter().filter(fits).collect()
    }

    /// The loops that made no progress for `limit` while they were at work.
    pub fn stuck(&self, limit: Duration) -> Vec<(Scope, Duration)> {
        let since = |handle: Handle| handle.pulse.stuck_for().map(|since| (handle.scope, since));
        self.all().into_iter().filter_map(since).filter(|(_, since)| *since > limit).collect()
    }
}

/// When a loop last made progress. Beaten at every step of a reconcile; silent between reconciles.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Option<Instant>>);

impl Pulse {
    pub fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    pub fn rest(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn stuck_for(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|beat| beat.elapsed())
    }
}
