//! The task that decides when to fetch.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fixture::{Source, main_branch};
use crate::git::{Mirror, RefChange, RefName, RepositorySignal, RepositoryState};

/// So long that only a signal can explain a fetch.
const NEVER: Duration = Duration::from_hours(24);

/// A running signal, and a way to wait for the end of its task.
fn start(mirror: Arc<Mirror>, stop: &CancellationToken) -> (RepositorySignal, JoinHandle<()>) {
    let (signal, driver) = RepositorySignal::new(mirror, main_branch(), NEVER);
    (signal, tokio::spawn(driver.run(stop.clone())))
}

async fn until(
    state: &mut watch::Receiver<RepositoryState>,
    what: impl FnMut(&RepositoryState) -> bool,
) -> RepositoryState {
    state.wait_for(what).await.expect("the task should live").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_in_a_local_repository_is_seen() {
    let source = Source::bare();
    let first = source.commit("main", &[("a", Some("1"))]);
    let (_folder, mirror) = source.mirror();
    let stop = CancellationToken::new();
    let (signal, task) = start(Arc::new(mirror), &stop);
    let mut state = signal.subscribe();
    let main = RefName::branch("main").unwrap();
    let seen = until(&mut state, |state| state.heads.get(&main) == Some(&first)).await;
    assert_eq!(seen.default_branch.as_ref(), Some(&main));
    let second = source.commit("main", &[("a", Some("2"))]);
    let seen = until(&mut state, |state| state.heads.get(&main) == Some(&second)).await;
    assert_eq!(seen.updates[&main].kind, RefChange::FastForward);
    source.delete("refs/heads/main");
    let seen = until(&mut state, |state| state.heads.is_empty()).await;
    assert_eq!(seen.updates[&main].kind, RefChange::Deleted);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_values_and_pass() {
    let source = Source::bare();
    let head = source.commit("main", &[("a", Some("1"))]);
    let (path, aside) = (source.path().to_owned(), source.folder.path().join("aside"));
    let (_folder, mirror) = source.mirror();
    std::fs::rename(&path, &aside).unwrap();
    let stop = CancellationToken::new();
    let (signal, task) = start(Arc::new(mirror), &stop);
    let mut state = signal.subscribe();
    let failed = until(&mut state, |state| state.failure.is_some()).await;
    let failure = failed.failure.unwrap();
    assert_eq!((failure.error.code().id(), failure.attempts), ("NK0703", 1));
    assert!(failed.fetched_at.is_none());
    std::fs::rename(&aside, &path).unwrap();
    signal.poke();
    let well = until(&mut state, |state| state.failure.is_none() && state.fetched_at.is_some()).await;
    assert_eq!(well.heads.values().collect::<Vec<_>>(), [&head]);
    // Once it is there it is watched, though it was not when the task started.
    let next = source.commit("main", &[("a", Some("2"))]);
    until(&mut state, |state| state.heads.values().any(|head| *head == next)).await;
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_refs_can_be_asked_for() {
    let source = Source::bare();
    let head = source.commit("main", &[("a", Some("1"))]);
    source.branch_at("release", &head);
    let (_folder, mirror) = source.mirror();
    let stop = CancellationToken::new();
    let (signal, task) = start(Arc::new(mirror), &stop);
    let mut state = signal.subscribe();
    until(&mut state, |state| state.heads.len() == 1).await;
    let release = RefName::branch("release").unwrap();
    signal.track(vec![release.clone()]);
    let seen = until(&mut state, |state| state.heads.contains_key(&release)).await;
    assert_eq!(seen.heads.len(), 1, "what is not tracked any more is not told");
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pokes_during_a_fetch_lead_to_one_more() {
    let source = Source::bare();
    source.commit("main", &[("a", Some("1"))]);
    let (_folder, mirror) = source.mirror();
    let mirror: Arc<Mirror> = Arc::new(mirror);
    let stop = CancellationToken::new();
    let (signal, task) = start(Arc::clone(&mirror), &stop);
    let mut state = signal.subscribe();
    until(&mut state, |state| state.fetches == 1).await;
    for _ in 0..100 {
        signal.poke();
    }
    let last = source.commit("main", &[("a", Some("2"))]);
    until(&mut state, |state| state.heads.values().any(|head| *head == last)).await;
    assert!(mirror.fetches() < 10, "a hundred pokes are {} fetches", mirror.fetches());
    stop.cancel();
    task.await.unwrap();
}
