//! When to fetch, and what was found: one task per repository, the only one that fetches in the daemon.
//!
//! ```text
//!   webhook, `naksha sync` ── poke() ──┐
//!   refs of a local repository ────────┼──▶ task ── fetch (blocking) ──▶ watch channel ──▶ environments
//!   a timer, jittered; backoff ────────┘
//! ```
//!
//! Signals carry nothing: a fetch reads everything anew. Signals during a fetch lead to one more. Failures are
//! values: which error, since when, how often; the heads known before stay. Readers are woken when a head, an
//! update or the failure changed, not by a poll that found nothing.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use naksha_environments::ids::Revision;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::error::GitError;
use super::mirror::{Fetched, Mirror};
use super::objects::open_exactly;
use super::refs::{RefChange, RefName, RefUpdate};

/// Asked for this often without a signal (Argo CD asks every three minutes; an ls-remote is cheap).
pub const REMOTE_POLL: Duration = Duration::from_mins(1);
/// A local repository is watched; the timer is for watches that the system lost.
pub const LOCAL_POLL: Duration = Duration::from_mins(5);
/// Part of a delay that is random, so that many daemons do not ask in step.
const JITTER: f64 = 0.2;
/// A push moves several refs in a row; one fetch takes them all.
const SETTLE: Duration = Duration::from_millis(20);
/// The first try after a failure, doubled each time.
const FIRST_BACKOFF: Duration = Duration::from_secs(2);
/// A remote that was down for an hour is found again within five minutes.
const MAX_BACKOFF: Duration = Duration::from_mins(5);

/// What is known of a repository's refs.
#[derive(Debug, Clone, Default)]
pub struct RepositoryState {
    /// Where each tracked ref is. A ref that is missing or deleted is not here; `updates` tells why.
    pub heads: BTreeMap<RefName, Revision>,
    /// Which refs the last fetch asked for: of others it says nothing.
    pub asked: Vec<RefName>,
    pub default_branch: Option<RefName>,
    /// The newest change of each tracked ref that was not "unchanged". A rewrite stays until the ref moves on by a
    /// fast-forward, a deletion until the branch is back.
    pub updates: BTreeMap<RefName, RefUpdate>,
    /// When the last fetch succeeded.
    pub fetched_at: Option<Timestamp>,
    /// Fetches that ended, well or not.
    pub fetches: u64,
    /// Present while fetching fails.
    pub failure: Option<FetchFailure>,
}

#[derive(Debug, Clone)]
pub struct FetchFailure {
    pub error: Arc<GitError>,
    /// The first failure after the last success.
    pub since: Timestamp,
    pub attempts: u32,
}

/// The task that watches one repository, from outside.
#[derive(Debug)]
pub struct RepositorySignal {
    wake: Arc<Notify>,
    tracked: watch::Sender<Vec<RefName>>,
    state: watch::Receiver<RepositoryState>,
}

impl RepositorySignal {
    /// The signal, and the task behind it, which the caller runs.
    pub fn new(mirror: Arc<Mirror>, refs: Vec<RefName>, poll: Duration) -> (Self, Driver) {
        let wake = Arc::new(Notify::new());
        let (tracked, tracked_here) = watch::channel(refs);
        let (sender, state) = watch::channel(RepositoryState::default());
        let driver = Driver { mirror, poll, wake: Arc::clone(&wake), tracked: tracked_here, sender };
        (Self { wake, tracked, state }, driver)
    }

    /// "Look now": from a webhook or a person. Many pokes during a fetch lead to one more fetch.
    pub fn poke(&self) {
        self.wake.notify_one();
    }

    /// Changes the refs that are tracked, and looks now if they differ.
    pub fn track(&self, refs: Vec<RefName>) {
        self.tracked.send_if_modified(|tracked| {
            let differs = *tracked != refs;
            if differs {
                *tracked = refs;
            }
            differs
        });
    }

    /// The state, and a way to wait for its next change.
    pub fn subscribe(&self) -> watch::Receiver<RepositoryState> {
        self.state.clone()
    }
}

/// The task that watches one repository. A clone goes on where another one ended.
#[derive(Debug, Clone)]
pub struct Driver {
    mirror: Arc<Mirror>,
    poll: Duration,
    wake: Arc<Notify>,
    tracked: watch::Receiver<Vec<RefName>>,
    sender: watch::Sender<RepositoryState>,
}

impl Driver {
    /// Fetches at once, then on every signal, until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut watched = None;
        loop {
            // Before the fetch: what happens after this point is either seen by the fetch or wakes the next.
            if watched.is_none() {
                watched = watch_local(&self.mirror, &self.wake);
            }
            let refs = self.tracked.borrow_and_update().clone();
            let mirror = Arc::clone(&self.mirror);
            let fetching = tokio::task::spawn_blocking(move || mirror.fetch(&refs));
            // A fetch may hang for minutes, and is safe to be cut off at any point.
            let fetched = tokio::select! {
                fetched = fetching => fetched,
                () = stop.cancelled() => return,
            };
            match fetched {
                Ok(result) => self.publish(result, Timestamp::now()),
                Err(error) => {
                    // A panic in libgit2's bindings; the next try may fare better.
                    warn!(repository = %self.mirror.url(), %error, "fetch panicked");
                    let reason = "the fetch panicked".to_owned();
                    let url = self.mirror.url().to_owned();
                    self.publish(Err(GitError::Storage { url, doing: "fetch", reason }), Timestamp::now());
                }
            }
            let mirror = Arc::clone(&self.mirror);
            // After the news are out. What it has to say is in the log.
            let tidying = tokio::task::spawn_blocking(move || mirror.tidy());
            tokio::select! {
                _ = tidying => {}
                () = stop.cancelled() => return,
            }
            let attempts = self.sender.borrow().failure.as_ref().map_or(0, |failure| failure.attempts);
            let delay = delay(self.poll, attempts, RandomState::new().hash_one(0_u8));
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {
                    tokio::time::sleep(SETTLE).await;
                    // What was signalled meanwhile is taken by the fetch that starts now.
                    let _ = self.wake.notified().now_or_never();
                }
                Ok(()) = self.tracked.changed() => {}
                () = tokio::time::sleep(delay) => {}
            }
            if stop.is_cancelled() {
                return;
            }
        }
    }

    fn publish(&self, result: Result<Fetched, GitError>, now: Timestamp) {
        if let Err(error) = &result {
            warn!(repository = %self.mirror.url(), code = %error.code(), %error, "fetch failed");
        }
        self.sender.send_if_modified(|state| absorb(state, result, now));
    }
}

/// Takes the outcome of a fetch into the state; true when readers should know. Pure.
fn absorb(state: &mut RepositoryState, result: Result<Fetched, GitError>, now: Timestamp) -> bool {
    state.fetches += 1;
    let fetched = match result {
        Ok(fetched) => fetched,
        Err(error) => {
            let before = state.failure.take();
            let news = before.as_ref().is_none_or(|before| *before.error != error);
            let (since, attempts) = before.map_or((now, 0), |before| (before.since, before.attempts));
            state.failure = Some(FetchFailure { error: Arc::new(error), since, attempts: attempts + 1 });
            return news;
        }
    };
    let Fetched { updates, default_branch, bytes: _ } = fetched;
    let heads: BTreeMap<_, _> =
        updates.iter().filter_map(|update| Some((update.name.clone(), update.new.clone()?))).collect();
    let asked: Vec<RefName> = updates.iter().map(|update| update.name.clone()).collect();
    let mut newest: BTreeMap<_, _> =
        state.updates.iter().filter(|(name, _)| updates.iter().any(|update| update.name == **name)).collect();
    newest.extend(
        updates
            .iter()
            .filter(|update| update.kind != RefChange::Unchanged)
            .map(|update| (&update.name, update)),
    );
    let newest: BTreeMap<RefName, RefUpdate> =
        newest.into_iter().map(|(name, update)| (name.clone(), update.clone())).collect();
    let news = state.failure.is_some()
        || state.fetched_at.is_none()
        || state.heads != heads
        || state.asked != asked
        || state.updates != newest
        || state.default_branch != default_branch;
    *state = RepositoryState {
        heads,
        asked,
        default_branch,
        updates: newest,
        fetched_at: Some(now),
        fetches: state.fetches,
        failure: None,
    };
    news
}

/// The time until the next fetch without a signal: `random` picks within ± 20 %. Pure.
fn delay(poll: Duration, failed_attempts: u32, random: u64) -> Duration {
    let base = match failed_attempts {
        0 => poll,
        attempts => FIRST_BACKOFF.saturating_mul(1_u32 << (attempts - 1).min(16)).min(MAX_BACKOFF),
    };
    #[allow(clippy::cast_precision_loss, reason = "a random part of a delay needs no 64 bits")]
    let part = random as f64 / u64::MAX as f64;
    base.mul_f64(1.0 - JITTER + 2.0 * JITTER * part)
}

/// Watches the refs of a local repository; `None` for remotes, and where the system cannot.
fn watch_local(mirror: &Mirror, wake: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let path = mirror.config().url.local_path()?;
    // Refs of a linked working tree are in the repository that it belongs to.
    let folder = open_exactly(path).ok()?.commondir().canonicalize().ok()?;
    let wake = Arc::clone(wake);
    let start = || -> notify::Result<RecommendedWatcher> {
        let root = folder.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error is an overflow: something happened, nobody knows what.
            if event.map_or(true, |event| moves_a_ref(&root, &event)) {
                wake.notify_one();
            }
        })?;
        watcher.watch(&folder.join("refs"), RecursiveMode::Recursive)?;
        // HEAD and packed-refs are replaced by renaming, so their folder is watched.
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    };
    start()
        .inspect_err(|error| warn!(repository = %mirror.url(), %error, "local repository cannot be watched, polling it"))
        .inspect(|_| debug!(repository = %mirror.url(), "watching refs"))
        .ok()
}

/// Whether a change of files beneath `root` can be a change of refs that are tracked. Our own notes are not.
fn moves_a_ref(root: &Path, event: &Event) -> bool {
    let is_change = matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
    let is_ref = |path: &PathBuf| {
        let Ok(path) = path.strip_prefix(root) else { return true };
        let is_lock = path.extension().is_some_and(|extension| extension == "lock");
        let is_own = path.starts_with("refs/notes") || path.starts_with("refs/naksha");
        let is_head = path == Path::new("HEAD") || path == Path::new("packed-refs");
        is_head || (path.starts_with("refs") && !is_own && !is_lock)
    };
    is_change && (event.need_rescan() || event.paths.iter().any(is_ref))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(kind: RefChange, old: Option<&str>, new: Option<&str>) -> RefUpdate {
        let revision = |digit: &str| Revision::parse(&digit.repeat(40)).unwrap();
        let name = RefName::branch("main").unwrap();
        RefUpdate { name, old: old.map(revision), new: new.map(revision), kind }
    }

    fn fetched(update: RefUpdate) -> Fetched {
        Fetched { updates: vec![update], default_branch: None, bytes: 0 }
    }

    #[test]
    fn readers_are_woken_by_news_only() {
        let mut state = RepositoryState::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let down = || GitError::Unreachable { url: "x".to_owned(), reason: "no route".to_owned() };
        assert!(absorb(&mut state, Ok(fetched(update(RefChange::New, None, Some("1")))), at(1)));
        assert!(!absorb(&mut state, Ok(fetched(update(RefChange::Unchanged, Some("1"), Some("1")))), at(2)));
        assert!(absorb(&mut state, Err(down()), at(3)));
        assert!(!absorb(&mut state, Err(down()), at(4)));
        let failure = state.failure.clone().unwrap();
        assert_eq!((failure.since, failure.attempts, state.fetched_at), (at(3), 2, Some(at(2))));
        assert_eq!(state.heads.len(), 1, "heads stay known while the remote is down");
        assert!(absorb(&mut state, Ok(fetched(update(RefChange::Unchanged, Some("1"), Some("1")))), at(5)));
        assert!(state.failure.is_none());
        assert!(absorb(&mut state, Ok(fetched(update(RefChange::Deleted, Some("1"), None))), at(6)));
        assert!(state.heads.is_empty());
        assert_eq!(state.updates[&RefName::branch("main").unwrap()].kind, RefChange::Deleted);
        assert_eq!(state.fetches, 6);
    }

    #[test]
    fn delays_are_jittered_and_backed_off() {
        let minute = Duration::from_mins(1);
        assert_eq!(delay(minute, 0, 0), Duration::from_secs(48));
        assert!((delay(minute, 0, u64::MAX).as_secs_f64() - 72.0).abs() < 0.001);
        assert_eq!(delay(minute, 1, 0), FIRST_BACKOFF.mul_f64(0.8));
        assert_eq!(delay(minute, 2, 0), FIRST_BACKOFF.mul_f64(1.6));
        assert_eq!(delay(minute, 40, 0), MAX_BACKOFF.mul_f64(0.8));
    }
}
