//! What needs the inside of the store: its connections, and futures that are dropped half-way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::slice;
use std::sync::Arc;
use std::task::Poll;

use futures::future::poll_fn;
use naksha_environments::ids::Generation;
use naksha_environments::inventory::Owned;
use naksha_environments::object::Body;
use naksha_executor::contract::store::samples::{
    LONG, PLACE, begin, end, intent, key, lease, message, owned, proposal, revision, revisions, scope, start,
    step,
};
use naksha_executor::port::store::{
    ApplyEnd, ApplyId, ApplyOutcome, ApplyStart, Effect, Proposal, SharedStore, StepRecord, Store as _,
    StoreError,
};
use serde_json::json;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::cache::Cache;
use super::{SqliteStore, inventory, retention};

pub(super) async fn store() -> (TempDir, PathBuf, Arc<SqliteStore>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    let store = SqliteStore::open(&path).await.unwrap();
    (folder, path, Arc::new(store))
}

pub(super) async fn running(store: &Arc<SqliteStore>) -> (Generation, ApplyId) {
    let shared: SharedStore = store.clone();
    let generation = lease(&shared, &scope("dev")).await;
    (generation, begin(&shared, &scope("dev"), generation, (None, 'a')).await)
}

/// A step that owns an object of 8 KiB.
pub(super) fn large(number: usize) -> StepRecord {
    let body = json!({"data": "x".repeat(8 * 1024), "number": number});
    let object = Owned { applied: Body::new(&body), ..owned("web") };
    step(&format!("step {number}"), Effect::Own(key(&format!("web-{number}")), Arc::new(object)))
}

/// How many objects the inventory has, in memory and on disk.
pub(super) async fn objects(store: &SqliteStore) -> usize {
    let remembered = store.inventory(&scope("dev")).await.unwrap();
    let mut conn = store.readers.acquire().await.unwrap();
    let read = inventory::load(&mut conn, &scope("dev"), &Cache::default(), None).await.unwrap();
    assert_eq!(*remembered, *read);
    read.len()
}

pub(super) async fn pragma(store: &SqliteStore, sql: &str) -> i64 {
    let mut conn = store.writer.pool.acquire().await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut *conn).await.unwrap()
}

#[tokio::test]
async fn a_full_disk_stops_and_goes_on() {
    let (_folder, path, store) = store().await;
    let dev = scope("dev");
    let (generation, apply) = running(&store).await;
    let pages = pragma(&store, "PRAGMA page_count").await;
    pragma(&store, &format!("PRAGMA max_page_count = {}", pages + 20)).await;
    let mut recorded = 0;
    let error = loop {
        match store.record(&dev, generation, apply, &[large(recorded)]).await {
            Ok(()) => recorded += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Unavailable { doing: "record steps", .. }), "{error:?}");
    assert_eq!(error.code().id(), "NK0806");
    assert!(recorded > 0);
    assert_eq!(store.steps(apply).await.unwrap().len(), recorded, "the failed one left nothing");
    assert_eq!(store.inventory(&dev).await.unwrap().len(), recorded);

    // The connection that met the full disk may have been replaced, and the limit was its own.
    pragma(&store, "PRAGMA max_page_count = 100000").await;
    store.record(&dev, generation, apply, &[large(recorded)]).await.unwrap();
    store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.unwrap();
    assert_eq!(store.inventory(&dev).await.unwrap().len(), recorded + 1);
    store.close().await;
    drop(store);
    SqliteStore::open(&path).await.unwrap();
}

/// A caller that goes away (a timeout, a shutdown) leaves either all of a write or nothing, and no lock.
#[tokio::test]
async fn a_dropped_call_leaves_no_transaction_open() {
    let (_folder, _path, store) = store().await;
    let dev = scope("dev");
    let (generation, apply) = running(&store).await;
    for polls in 0..12 {
        let step = large(polls);
        let mut call = store.record(&dev, generation, apply, slice::from_ref(&step));
        for _ in 0..polls {
            let once = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready()));
            if once.await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        store.lease(&dev, "one", LONG).await.unwrap();
        let steps = store.steps(apply).await.unwrap().len();
        assert_eq!(store.inventory(&dev).await.unwrap().len(), steps);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_locks_nobody_out() {
    let (_folder, _path, store) = store().await;
    let (generation, _) = running(&store).await;
    sqlx::query("UPDATE leases SET until_ms = until_ms + 3600000").execute(&store.writer.pool).await.unwrap();
    let other = store.lease(&scope("dev"), "two", LONG).await.unwrap();
    assert!(other > generation);
}

#[tokio::test]
async fn a_pass_without_news_writes_nothing() {
    let (folder, _path, store) = store().await;
    let dev = scope("dev");
    let (generation, _) = running(&store).await;
    let held = Proposal { approved: false, ..proposal(&dev, generation, 'b', Some('a')) };
    store.propose(&held).await.unwrap();
    store.see_ref(&dev.repository, "main", &revision('a')).await.unwrap();
    let here = revisions('b');
    store.advance(&dev, generation, Some(&here), Some(PLACE), &BTreeSet::new()).await.unwrap();
    let size = || std::fs::metadata(folder.path().join("state.db-wal")).unwrap().len();
    let before = size();
    store.propose(&held).await.unwrap();
    store.see_ref(&dev.repository, "main", &revision('a')).await.unwrap();
    store.advance(&dev, generation, Some(&here), Some(PLACE), &BTreeSet::new()).await.unwrap();
    store.check(&dev, generation).await.unwrap();
    store.inventory(&dev).await.unwrap();
    assert_eq!(size(), before);
}

#[tokio::test]
async fn audit_rows_are_never_edited() {
    let (_folder, _path, store) = store().await;
    let dev = scope("dev");
    let (generation, apply) = running(&store).await;
    store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.unwrap();
    let edited = sqlx::query("UPDATE audit SET who = 'nobody'").execute(&store.writer.pool).await;
    assert!(edited.unwrap_err().to_string().contains("never edited"));
}

#[tokio::test]
async fn dropped_history_gives_its_space_back() {
    let (_folder, _path, store) = store().await;
    let dev = scope("dev");
    let (generation, apply) = running(&store).await;
    let mut end = ApplyEnd { ..end(ApplyOutcome::Succeeded) };
    for number in 0..200 {
        end.messages.push(message(&number.to_string(), &"x".repeat(4_000)));
    }
    store.finish(&dev, generation, apply, &end).await.unwrap();
    let before = pragma(&store, "PRAGMA page_count").await;
    let now = end.at + jiff::SignedDuration::from_hours(24 * 365);
    let dropped = store.retain(std::time::Duration::from_mins(1), now).await.unwrap();
    assert!(dropped >= 200, "{dropped}");
    assert!(pragma(&store, "PRAGMA page_count").await < before / 2);
    let mut conn = store.writer.pool.acquire().await.unwrap();
    retention::shrink(&mut conn).await.unwrap();
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_damage() {
    let (_folder, _path, store) = store().await;
    let dev = scope("dev");
    let (generation, apply) = running(&store).await;
    store.record(&dev, generation, apply, &[large(1)]).await.unwrap();
    for sql in [
        "UPDATE objects SET desired = 'sha256:12'",
        "UPDATE environments SET target = 'none', inventory = inventory + 1",
    ] {
        sqlx::query(sql).execute(&store.writer.pool).await.unwrap();
    }
    let inventory = store.inventory(&dev).await;
    assert!(matches!(inventory, Err(StoreError::Corrupt { .. })), "{inventory:?}");
    let record = store.environment(&dev).await.unwrap_err();
    let said = "the database is damaged: a row has an impossible `plan`: plan `none` is not a valid name: \
        a plan id has 32 lower-case hex digits";
    assert_eq!(record.to_string(), said);
}

/// The inventory in memory and the one on disk, whatever happened in between.
#[tokio::test]
async fn memory_and_disk_agree() {
    let (_folder, _path, store) = store().await;
    let dev = scope("dev");
    let (generation, apply) = running(&store).await;
    let same = async || objects(&store).await;
    assert_eq!(same().await, 0);
    for number in 0..4 {
        store.record(&dev, generation, apply, &[large(number)]).await.unwrap();
        assert_eq!(same().await, number + 1);
    }
    let tasks: Vec<_> = (4..20)
        .map(|number| {
            let (store, dev) = (store.clone(), dev.clone());
            tokio::spawn(async move {
                let effect =
                    if number % 4 == 0 { Effect::Forget(key("web-1")) } else { large(number).effect };
                store.record(&dev, generation, apply, &[step("a step", effect)]).await.unwrap();
                store.inventory(&dev).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(same().await, 15);
    let marks = BTreeMap::from(
        [("web-0", "new"), ("web-1", "gone")].map(|(at, name)| (key(at), Arc::new(owned(name)))),
    );
    store.refresh_marks(&dev, generation, &marks).await.unwrap();
    assert_eq!(same().await, 15);
    let intents = BTreeMap::from(
        [("web-0", "web"), ("more", "more")].map(|(at, name)| (key(at), Arc::new(intent(name)))),
    );
    store.begin(&ApplyStart { intents, ..start(&dev, generation, 'a') }).await.unwrap();
    assert_eq!(same().await, 16);
    store
        .advance(&dev, generation, None, Some(PLACE), &BTreeSet::from([key("more"), key("none")]))
        .await
        .unwrap();
    assert_eq!(same().await, 15);
    // A write that this process did not see is noticed.
    let sql = "DELETE FROM objects; UPDATE environments SET inventory = inventory + 1";
    sqlx::raw_sql(sql).execute(&store.writer.pool).await.unwrap();
    assert_eq!(same().await, 0);
}
