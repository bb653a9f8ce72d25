//! What runs: a handle per environment, shared between the loops, the HTTP server and the publishers.
//!
//! A loop owns its environment; everybody else reads its status and pokes it. Handles are cheap to clone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use naksha_environments::ids::RepositoryName;
use naksha_environments::object::ObjectKey;
use naksha_environments::status::EnvironmentStatus;
use naksha_executor::port::store::{AuditEntry, Scope};
use tokio::sync::{Notify, oneshot, watch};

use crate::http::api::Rebuilt;
use crate::scene::Window;

/// One environment's loop, from outside.
#[derive(Debug, Clone)]
pub struct Handle {
    pub scope: Scope,
    pub pulse: Arc<Pulse>,
    pub voice: Voice,
    pub window: Window,
    wake: Arc<Notify>,
    halts: watch::Sender<u64>,
    order: Arc<Mutex<Option<Order>>>,
}

/// What a person asks of a loop, because nobody else writes there. It looks at its environment once more, then does it.
#[derive(Debug)]
pub enum Order {
    Forget(ForgetOrder),
    Rebuild(RebuildOrder),
}

/// The inventory is to be recovered from the target.
#[derive(Debug)]
pub struct RebuildOrder {
    /// Absent: only to say what would be taken.
    pub taking: Option<AuditEntry>,
    pub answer: oneshot::Sender<Result<Rebuilt, String>>,
}

/// A person gives the environment up. The loop looks at it once more, and does so if its definition is gone.
#[derive(Debug)]
pub struct ForgetOrder {
    pub audit: AuditEntry,
    pub answer: oneshot::Sender<Result<Vec<ObjectKey>, String>>,
}

impl Handle {
    pub fn new(scope: Scope) -> Self {
        let (pulse, voice, window, wake) =
            (Arc::default(), Voice::default(), Window::default(), Arc::default());
        Self { scope, pulse, voice, window, wake, halts: watch::Sender::new(0), order: Arc::default() }
    }

    /// What it said last; absent until its first reconcile ended.
    pub fn status(&self) -> Option<Arc<EnvironmentStatus>> {
        self.voice.status()
    }

    /// Reconcile soon. Pokes do not queue up.
    pub fn poke(&self) {
        self.wake.notify_one();
    }

    /// Resolves when somebody poked since it resolved last.
    pub async fn poked(&self) {
        self.wake.notified().await;
    }

    /// Stops a running apply before its next step, and reconciles soon.
    pub fn halt(&self) {
        self.halts.send_modify(|halts| *halts += 1);
        self.poke();
    }

    /// Asks the loop to forget its environment. The answer: the objects that are left to nobody, or why not. It does not
    /// come when the loop dies, or when somebody else asks meanwhile.
    pub fn forget(&self, audit: AuditEntry) -> oneshot::Receiver<Result<Vec<ObjectKey>, String>> {
        let (answer, receiver) = oneshot::channel();
        self.order(Order::Forget(ForgetOrder { audit, answer }));
        receiver
    }

    /// Asks the loop to recover its inventory from the target: to say what would be taken, or to take it. As
    /// [`Self::forget`].
    pub fn rebuild(&self, taking: Option<AuditEntry>) -> oneshot::Receiver<Result<Rebuilt, String>> {
        let (answer, receiver) = oneshot::channel();
        self.order(Order::Rebuild(RebuildOrder { taking, answer }));
        receiver
    }

    fn order(&self, order: Order) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
        self.poke();
    }

    /// What was asked since the last time.
    pub fn take_order(&self) -> Option<Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells of every halt from now on.
    pub fn halts(&self) -> watch::Receiver<u64> {
        self.halts.subscribe()
    }
}

/// Where a loop says how its environment is, and in which pass it found that out.
#[derive(Debug, Clone, Default)]
pub struct Voice(watch::Sender<Spoken>);

#[derive(Debug, Clone, Default)]
struct Spoken {
    /// Passes that began.
    begun: u64,
    /// The pass that spoke last.
    pass: u64,
    status: Option<Arc<EnvironmentStatus>>,
}

impl Voice {
    pub fn status(&self) -> Option<Arc<EnvironmentStatus>> {
        self.0.borrow().status.clone()
    }

    /// A pass begins; what is said from now on is said by it.
    pub fn begin(&self) {
        self.0.send_if_modified(|spoken| {
            spoken.begun += 1;
            false
        });
    }

    pub fn say(&self, status: Arc<EnvironmentStatus>) {
        self.0.send_modify(|spoken| {
            spoken.pass = spoken.begun;
            spoken.status = Some(status);
        });
    }

    /// Changes what was said last, when something was.
    pub fn amend(&self, change: impl FnOnce(&mut EnvironmentStatus)) {
        self.0.send_modify(|spoken| {
            if let Some(status) = &mut spoken.status {
                change(Arc::make_mut(status));
            }
        });
    }

    /// Waits until something is said that fits.
    #[cfg(test)]
    pub(crate) async fn until(&self, fits: impl Fn(&EnvironmentStatus) -> bool) -> Arc<EnvironmentStatus> {
        let mut said = self.0.subscribe();
        let spoken = said.wait_for(|spoken| spoken.status.as_deref().is_some_and(&fits)).await;
        spoken.ok().and_then(|spoken| spoken.status.clone()).expect("should be said by a sender of ours")
    }

    /// Waits until a pass has spoken that begins after this call: it knows what the caller recorded before. True: within
    /// `limit`. The call counts, not when the answer is waited for.
    pub fn next_pass(&self, limit: Duration) -> impl Future<Output = bool> + use<> {
        let mut said = self.0.subscribe();
        let awaited = said.borrow().begun + 1;
        async move {
            let spoke = said.wait_for(|spoken| spoken.pass >= awaited);
            tokio::time::timeout(limit, spoke).await.is_ok_and(|spoke| spoke.is_ok())
        }
    }
}

/// Every environment that has a loop.
#[derive(Debug, Default)]
pub struct Registry {
    handles: RwLock<BTreeMap<Scope, Handle>>,
    listed: RwLock<BTreeSet<RepositoryName>>,
    removals: watch::Sender<u64>,
}

impl Registry {
    /// Adds a handle, unless its environment has one.
    pub fn insert(&self, handle: Handle) -> bool {
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = !handles.contains_key(&handle.scope);
        if is_new {
            handles.insert(handle.scope.clone(), handle);
        }
        is_new
    }

    pub fn remove(&self, scope: &Scope) {
        self.handles.write().unwrap_or_else(PoisonError::into_inner).remove(scope);
        self.removals.send_modify(|removals| *removals += 1);
    }

    /// Tells of every removal from now on: what was removed may be back.
    pub fn removals(&self) -> watch::Receiver<u64> {
        self.removals.subscribe()
    }

    /// Every environment of this repository, as it was read last, has a handle now.
    pub fn list(&self, repository: &RepositoryName) {
        self.listed.write().unwrap_or_else(PoisonError::into_inner).insert(repository.clone());
    }

    /// Whether the environments of a repository are known.
    pub fn lists(&self, repository: &RepositoryName) -> bool {
        self.listed.read().unwrap_or_else(PoisonError::into_inner).contains(repository)
    }

    pub fn all(&self) -> Vec<Handle> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub fn get(&self, scope: &Scope) -> Option<Handle> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner).get(scope).cloned()
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
