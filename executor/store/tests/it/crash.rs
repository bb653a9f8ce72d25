//! A process that is killed in the middle of recording loses nothing that it was told is recorded.
//!
//! The child is this test binary itself, started again for one "test" that records until it is killed.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use futures::StreamExt as _;
use naksha_environments::ids::Generation;
use naksha_executor::contract::store::samples::{
    LONG, begin, key, lease, owned, plan_id, scope, start, step,
};
use naksha_executor::port::store::{ApplyOutcome, Effect, SharedStore, Store as _, StoreError};

use naksha_executor_store::SqliteStore;

use crate::folder::{STARTING, folder, open};

/// Names the database to the child; without it the child's test does nothing.
const CHILD: &str = "NAKSHA_STORE_TEST_CHILD";

/// How many it records at a time.
const AT_ONCE: &str = "NAKSHA_STORE_TEST_AT_ONCE";

/// The part of the child: records steps, and says after each one that it is recorded.
#[tokio::test]
async fn child_that_records_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let at_once = std::env::var(AT_ONCE).unwrap().parse().unwrap();
    let store: SharedStore = std::sync::Arc::new(open(Path::new(&path)).await.unwrap());
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    println!("\nbegun {}", generation.0);
    let steps = (0_u32..).map(|number| {
        let (store, dev) = (&store, &dev);
        async move {
            let effect = Effect::Own(key(&format!("web-{number}")), Arc::new(owned(&"x".repeat(2_000))));
            store.record(dev, generation, apply, &[step(&format!("step {number}"), effect)]).await.unwrap();
            println!("recorded {number}");
            std::io::stdout().flush().unwrap();
        }
    });
    futures::stream::iter(steps).buffer_unordered(at_once).collect::<()>().await;
}

fn start_child(path: &Path, at_once: usize) -> (Child, BufReader<ChildStdout>) {
    let starting = STARTING.lock();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_records_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .env(AT_ONCE, at_once.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(starting);
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// Reads until the child said `count` times that a step is recorded; which ones.
fn wait_for(lines: &mut BufReader<ChildStdout>, count: usize) -> BTreeSet<u32> {
    let recorded = lines.lines().map(Result::unwrap).filter_map(|line| number_of(&line));
    let recorded: BTreeSet<_> = recorded.take(count).collect();
    assert_eq!(recorded.len(), count, "the child ended");
    recorded
}

fn number_of(line: &str) -> Option<u32> {
    line.strip_prefix("recorded ")?.parse().ok()
}

#[tokio::test]
async fn what_was_recorded_is_there_after_a_kill() {
    for (count, at_once) in [(1, 1), (2, 1), (17, 1), (60, 1), (1, 8), (3, 8), (20, 8), (61, 8), (100, 32)] {
        let (_folder, path) = folder();
        let (mut child, mut lines) = start_child(&path, at_once);
        let mut said = wait_for(&mut lines, count);
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died.
        said.extend(lines.lines().map_while(Result::ok).filter_map(|line| number_of(&line)));

        let store: SharedStore = std::sync::Arc::new(open(&path).await.unwrap());
        let dev = scope("dev");
        let apply = &store.applies(&dev, 9).await.unwrap()[0];
        assert_eq!(apply.outcome, None);
        let steps = store.steps(apply.id).await.unwrap();
        let kept: BTreeSet<u32> =
            steps.iter().map(|step| step.subject.strip_prefix("step ").unwrap().parse().unwrap()).collect();
        let inventory = store.inventory(&dev).await.unwrap();
        assert!(said.is_subset(&kept), "{said:?} of {kept:?}");
        assert!(kept.len() <= said.len() + at_once, "what was in flight may have been written and not said");
        assert_eq!(
            (steps.len(), inventory.len()),
            (kept.len(), kept.len()),
            "a step and its effect go together"
        );
        assert!(kept.iter().all(|number| inventory.contains(&key(&format!("web-{number}")))));
        if at_once == 1 {
            assert!(kept.into_iter().eq(0..u32::try_from(steps.len()).unwrap()), "in their order");
        }
        go_on(&store, apply.id).await;
    }
}

/// The next process owns the environment at once and starts over.
async fn go_on(store: &SharedStore, left: naksha_executor::port::store::ApplyId) {
    let dev = scope("dev");
    let generation = store.lease(&dev, "two", LONG).await.unwrap();
    assert!(generation > Generation(1));
    let late = store.record(&dev, Generation(1), left, &[step("late", Effect::None)]).await;
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "{late:?}");
    assert_eq!(store.environment(&dev).await.unwrap().target, Some(plan_id('a')));
    store.begin(&start(&dev, generation, 'a')).await.unwrap();
    assert_eq!(store.applies(&dev, 9).await.unwrap()[1].outcome, Some(ApplyOutcome::Interrupted));
}

#[tokio::test]
async fn another_process_is_named() {
    let (_folder, path) = folder();
    let (mut child, mut lines) = start_child(&path, 1);
    wait_for(&mut lines, 1);
    let error = open(&path).await.expect_err("should be refused");
    let pid = child.id();
    assert!(matches!(error, StoreError::Locked { pid: Some(holder), .. } if holder == pid), "{error:?}");
    // A copy needs no lock: the owner goes on recording meanwhile.
    let copies = [path.with_file_name("living.db"), path.with_file_name("dead.db")];
    SqliteStore::backup_file(&path, &copies[0]).await.unwrap();
    wait_for(&mut lines, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    SqliteStore::backup_file(&path, &copies[1]).await.unwrap();
    for (copy, at_least) in copies.iter().zip([1, 2]) {
        let store = open(copy).await.unwrap();
        assert!(store.inventory(&scope("dev")).await.unwrap().len() >= at_least);
    }
    open(&path).await.unwrap().mark_key().await.unwrap();
}
