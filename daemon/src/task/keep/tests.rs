//! Tasks that panic come back; vital ones take the process along; all end when they are told to.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{LONGEST, Tasks};
use crate::metrics::Metrics;

fn tasks() -> (Tasks, CancellationToken, Arc<Metrics>) {
    let (metrics, stop) = (Arc::new(Metrics::new()), CancellationToken::new());
    (Tasks::new(Arc::clone(&metrics), stop.clone()), stop, metrics)
}

/// Panics at its first `times` starts, then runs until it is told to stop.
fn falling(tasks: &Tasks, stop: &CancellationToken, times: u32) -> (Arc<AtomicU32>, Arc<Mutex<Vec<u64>>>) {
    let (starts, pauses) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (counted, told, stop) = (Arc::clone(&starts), Arc::clone(&pauses), stop.clone());
    let make = move || {
        let (start, stop) = (counted.fetch_add(1, Ordering::SeqCst), stop.clone());
        async move {
            assert!(start >= times, "start number {start}");
            stop.cancelled().await;
        }
    };
    tasks.spawn_told("falling".to_owned(), make, move |fall| {
        assert!(fall.message.starts_with("start number"), "{fall:?}");
        told.lock().unwrap().push(fall.pause.as_secs());
    });
    (starts, pauses)
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_is_counted_told_and_started_again() {
    let (tasks, stop, metrics) = tasks();
    let (starts, pauses) = falling(&tasks, &stop, 9);
    let begun = Instant::now();
    while starts.load(Ordering::SeqCst) < 10 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(*pauses.lock().unwrap(), [1, 2, 4, 8, 16, 32, 60, 60, 60], "no busy loop, no end");
    assert!(begun.elapsed() < LONGEST * 5);
    let panics =
        metrics.task_panics.get_or_create(&crate::metrics::TaskLabels { task: "falling".to_owned() }).get();
    assert_eq!(panics, 9);
    assert_eq!(tasks.running(), ["falling"]);
    stop.cancel();
    tasks.ended().await;
    assert!(tasks.running().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_pause_before_a_start_ends_when_everything_is_stopped() {
    let (tasks, stop, _) = tasks();
    let (_, pauses) = falling(&tasks, &stop, u32::MAX);
    while pauses.lock().unwrap().len() < 7 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let told = Instant::now();
    stop.cancel();
    tasks.ended().await;
    assert_eq!(told.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_vital_task_that_ends_is_the_end() {
    for panics in [true, false] {
        let (tasks, stop, _) = tasks();
        tasks.spawn_vital("server", async move { assert!(!panics, "no more") });
        assert_eq!(tasks.dead().await, "server");
        stop.cancel();
        tasks.ended().await;
    }
}

#[tokio::test]
async fn a_vital_task_may_end_when_everything_does() {
    let (tasks, stop, _) = tasks();
    let stopped = stop.clone();
    tasks.spawn_vital("server", async move { stopped.cancelled().await });
    stop.cancel();
    tasks.ended().await;
    assert!(tokio::time::timeout(Duration::from_millis(1), tasks.dead()).await.is_err());
}
