//! Groups: what they share, and what none of their members may do to the others.
//!
//! The runtime has one thread, so that calls get in line in the order in which they are polled first.

use std::path::Path;
use std::pin::pin;
use std::slice;
use std::sync::Arc;
use std::task::Poll;

use futures::future::{join_all, poll_fn};
use naksha_environments::ids::Generation;
use naksha_executor::contract::store::samples::{scope, step};
use naksha_executor::port::store::{ApplyId, Effect, StepRecord, Store as _, StoreError};

use super::MAX_PARTS;
use crate::failure::{During as _, Failure};
use crate::sqlite::SqliteStore;
use crate::sqlite::tests::{large, objects, pragma, running, store};

/// A header of 32 bytes, then frames: 24 bytes and a page each (SQLite file format, 4).
const LOG_HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

/// Commits in the log: their last frame has the size of the database.
fn commits(database: &Path) -> usize {
    let log = std::fs::read(database.with_extension("db-wal")).unwrap();
    log[LOG_HEADER..].chunks_exact(FRAME).filter(|frame| frame[4..8] != [0; 4]).count()
}

async fn record(store: &SqliteStore, of: (Generation, ApplyId), step: &StepRecord) -> Result<(), StoreError> {
    store.record(&scope("dev"), of.0, of.1, slice::from_ref(step)).await
}

/// Records steps that all get in line at once.
async fn record_all(
    store: &SqliteStore,
    of: (Generation, ApplyId),
    steps: &[StepRecord],
) -> Vec<Result<(), StoreError>> {
    join_all(steps.iter().map(|step| record(store, of, step))).await
}

/// Recorded steps, in their order.
async fn subjects(store: &SqliteStore, (_, apply): (Generation, ApplyId)) -> Vec<String> {
    store.steps(apply).await.unwrap().into_iter().map(|step| step.subject).collect()
}

/// The result of `call`, or none when it was not done after so many polls, which follow each other so quickly that
/// there are several for each thing it waits for.
async fn dropped_after<T>(polls: usize, call: impl Future<Output = T>) -> Option<T> {
    let (mut call, mut left) = (pin!(call), polls);
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match call.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    })
    .await
}

/// Runs statements as one part, which then ends with `done`.
async fn part(store: &SqliteStore, sql: &'static str, done: Result<(), Failure>) -> Result<(), StoreError> {
    let ended = async {
        let mut turn = store.writer.turn().await?;
        sqlx::raw_sql(sql).execute(turn.connection()).await?;
        turn.end(done.map(|()| ((), None))).await
    };
    ended.await.during("test")
}

fn is_away(answer: &Result<(), StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable { .. }))
}

#[tokio::test]
async fn who_waits_together_is_committed_together() {
    let (_folder, path, store) = store().await;
    let apply = running(&store).await;
    assert_eq!(objects(&store).await, 0);
    let before = commits(&path);
    let steps: Vec<_> = (0..10).map(large).collect();
    assert!(record_all(&store, apply, &steps).await.iter().all(Result::is_ok));
    let version = pragma(&store, "SELECT inventory FROM environments").await;
    assert!(store.cache.get(&scope("dev"), version).is_some(), "memory followed, one after the other");
    assert_eq!(commits(&path), before + 1);
    for number in 10..13 {
        record(&store, apply, &large(number)).await.unwrap();
        assert_eq!(commits(&path), before + number - 8, "one alone waits for nobody");
    }
    assert_eq!(objects(&store).await, 13);
}

#[tokio::test]
async fn a_group_takes_only_so_many() {
    let (_folder, path, store) = store().await;
    let apply = running(&store).await;
    let before = commits(&path);
    let steps: Vec<_> = (0..=2 * MAX_PARTS).map(|number| step(&number.to_string(), Effect::None)).collect();
    assert!(record_all(&store, apply, &steps).await.iter().all(Result::is_ok));
    assert_eq!(commits(&path), before + 3);
    let asked: Vec<_> = steps.into_iter().map(|step| step.subject).collect();
    assert_eq!(subjects(&store, apply).await, asked, "the line is served in order");
}

/// Wherever a caller goes away, first in its group or last, the others are committed and it is in whole or not at all.
#[tokio::test]
async fn who_goes_away_harms_nobody() {
    for place in 0..4 {
        let (_folder, _path, store) = store().await;
        let apply = running(&store).await;
        // Many commits, and none of them has to outlive a power cut.
        sqlx::query("PRAGMA synchronous = OFF").execute(&store.writer.pool).await.unwrap();
        // About ten polls for each thing that a write waits for.
        for polls in (0..).step_by(3) {
            let steps: Vec<_> = (polls * 4..polls * 4 + 4).map(large).collect();
            let calls = steps.iter().enumerate().map(async |(at, step)| {
                let polls = if at == place { polls } else { usize::MAX };
                dropped_after(polls, record(&store, apply, step)).await.map(Result::unwrap)
            });
            let answers = join_all(calls).await;
            // The one that is gone may be in the group after theirs. Whoever comes later is answered after it.
            record(&store, (Generation(7), apply.1), &steps[0]).await.unwrap_err();
            let kept = subjects(&store, apply).await;
            assert_eq!(objects(&store).await, kept.len(), "a step and its effect go together");
            for (at, step) in steps.iter().enumerate().filter(|(at, _)| *at != place) {
                assert!(
                    answers[at].is_some() && kept.contains(&step.subject),
                    "{at} of {place} after {polls}"
                );
            }
            if answers[place].is_some() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn who_goes_away_alone_leaves_nothing_open() {
    let (_folder, _path, store) = store().await;
    let apply = running(&store).await;
    let mut kept = 0;
    for polls in (0..).step_by(2) {
        let answer = dropped_after(polls, record(&store, apply, &large(polls))).await;
        // The connection is free again without another write: its transaction ended.
        drop(store.writer.pool.acquire().await.unwrap());
        let now = store.steps(apply.1).await.unwrap().len();
        assert!(now == kept || now == kept + 1);
        kept = now;
        assert_eq!(objects(&store).await, kept);
        if answer.is_some() {
            break;
        }
    }
}

#[tokio::test]
async fn a_panic_in_a_part_harms_nobody() {
    let (_folder, _path, store) = store().await;
    let apply = running(&store).await;
    let steps: Vec<_> = (0..4).map(large).collect();
    let panics = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut turn = store.writer.turn().await.map_err(|_| ()).unwrap();
            sqlx::query("DELETE FROM objects").execute(turn.connection()).await.unwrap();
            sqlx::query("DELETE FROM steps").execute(turn.connection()).await.unwrap();
            panic!("in the middle of its part");
        })
    };
    let early = record_all(&store, apply, &steps[..2]);
    let (early, panicked) = tokio::join!(early, panics);
    assert!(panicked.unwrap_err().is_panic());
    let late = record_all(&store, apply, &steps[2..]).await;
    assert!(early.iter().chain(&late).all(Result::is_ok));
    assert_eq!(store.steps(apply.1).await.unwrap().len(), 4);
    assert_eq!(objects(&store).await, 4);
}

/// Parts of a group whose commit fails are all told, and so is who was refused because of one of them.
#[tokio::test]
async fn a_commit_that_fails_fails_for_all() {
    const RELEASE: &str = "UPDATE leases SET generation = generation + 1";
    const DANGLING: &str = "PRAGMA defer_foreign_keys = ON;
        INSERT INTO leases (environment, generation, owner, until_ms, lasts_ms) VALUES (99, 1, 'one', 0, 0)";
    let (_folder, path, store) = store().await;
    let apply = running(&store).await;
    assert_eq!(objects(&store).await, 0);
    let before = commits(&path);
    let (first, second) = (large(1), large(2));
    let (done, released, refused, dangling) = tokio::join!(
        record(&store, apply, &first),
        part(&store, RELEASE, Ok(())),
        record(&store, apply, &second),
        part(&store, DANGLING, Ok(())),
    );
    assert!([&done, &released, &refused, &dangling].into_iter().all(is_away), "{done:?} {refused:?}");
    assert!(dangling.unwrap_err().code().id() == "NK0806");
    assert_eq!((objects(&store).await, commits(&path)), (0, before));
    record(&store, apply, &second).await.unwrap();
    assert_eq!(objects(&store).await, 1);
}

#[tokio::test]
async fn a_refusal_harms_nobody() {
    let (_folder, path, store) = store().await;
    let apply = running(&store).await;
    let before = commits(&path);
    let steps: Vec<_> = (0..6).map(large).collect();
    let stale = (Generation(7), apply.1);
    let calls = steps.iter().enumerate().map(|(at, step)| {
        let of = if at % 3 == 0 { stale } else { apply };
        record(&store, of, step)
    });
    for (at, answer) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(matches!(answer, Err(StoreError::Fenced { .. })), at % 3 == 0, "{answer:?}");
    }
    assert_eq!((objects(&store).await, commits(&path)), (4, before + 1));
    for step in &steps[..2] {
        record(&store, stale, step).await.unwrap_err();
    }
    assert_eq!(commits(&path), before + 1, "who is refused alone writes nothing");
}

/// As SQLite does on a full disk, before or after the caller went away.
#[tokio::test]
async fn a_transaction_that_ended_by_itself_is_told() {
    for polls in (0..80).step_by(8).chain([usize::MAX]) {
        let (_folder, path, store) = store().await;
        let apply = running(&store).await;
        let before = commits(&path);
        let steps: Vec<_> = (0..3).map(large).collect();
        let refusal = || Err(Failure::row("test", "it is refused"));
        let (first, ended, last) = tokio::join!(
            record(&store, apply, &steps[0]),
            dropped_after(polls, part(&store, "ROLLBACK", refusal())),
            record(&store, apply, &steps[2]),
        );
        // The last one is in the group that was lost, or in the next.
        let kept = usize::from(first.is_ok()) + usize::from(last.is_ok());
        assert!(ended.as_ref().is_none_or(is_away), "{ended:?}");
        assert_eq!(objects(&store).await, kept);
        assert_eq!(store.steps(apply.1).await.unwrap().len(), kept);
        if polls == usize::MAX {
            assert!(is_away(&first) && last.is_ok(), "{first:?} {last:?}");
            assert_eq!(commits(&path), before + 1);
        }
        record(&store, apply, &steps[1]).await.unwrap();
        assert_eq!(objects(&store).await, kept + 1);
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_loses_nothing_that_was_answered() {
    let (_folder, _path, store) = store().await;
    let apply = running(&store).await;
    let pages = pragma(&store, "PRAGMA page_count").await;
    pragma(&store, &format!("PRAGMA max_page_count = {}", pages + 40)).await;
    let mut done = Vec::new();
    for round in 0.. {
        let steps: Vec<_> = (round * 4..round * 4 + 4).map(large).collect();
        let answers = record_all(&store, apply, &steps).await;
        let recorded = steps.iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
        done.extend(recorded.map(|(step, _)| step.subject.clone()));
        if let Some(error) = answers.into_iter().find_map(Result::err) {
            assert!(matches!(error, StoreError::Unavailable { doing: "record steps", .. }), "{error:?}");
            break;
        }
    }
    assert_eq!(subjects(&store, apply).await, done);
    assert_eq!(objects(&store).await, done.len());
    pragma(&store, "PRAGMA max_page_count = 100000").await;
    record(&store, apply, &large(1_000)).await.unwrap();
}

#[tokio::test]
async fn closing_waits_for_the_open_group() {
    let (_folder, path, store) = store().await;
    let apply = running(&store).await;
    let steps: Vec<_> = (0..6).map(large).collect();
    let (answers, ()) = tokio::join!(record_all(&store, apply, &steps), store.close());
    assert!(is_away(&record(&store, apply, &large(9)).await));
    drop(store);
    let store = SqliteStore::open(&path).await.unwrap();
    let kept = store.steps(apply.1).await.unwrap().len();
    assert_eq!(kept, answers.iter().filter(|answer| answer.is_ok()).count());
}
