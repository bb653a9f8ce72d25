//! Who shares a reading, and for how long.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::mount::Version;

const INSTANT: Duration = Duration::from_millis(1);

/// Counts how often it is read from.
#[derive(Default)]
struct Source {
    reads: AtomicUsize,
    fails: bool,
    /// Lets readings end.
    open: Notify,
}

impl Source {
    async fn read(self: Arc<Self>) -> Result<Entry, Failure> {
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        self.open.notified().await;
        if self.fails {
            return Err(Failure::Unavailable(read.to_string()));
        }
        Entry::read(Version::One, format!(r#"{{"data":{{"a":{read}}}}}"#).as_bytes())
    }
}

struct Stage {
    source: Arc<Source>,
    remembered: Arc<Remembered>,
    path: Arc<str>,
}

impl Stage {
    fn new(source: Source) -> Self {
        Self { source: Arc::new(source), remembered: Arc::default(), path: "kv/a".into() }
    }

    fn reading(&self) -> Reading {
        let source = Arc::clone(&self.source);
        self.remembered.reading(&self.path, || source.read())
    }

    /// What a reading gives that may end.
    async fn value(&self) -> Result<String, Failure> {
        self.source.open.notify_one();
        self.reading().await.and_then(|entry| Ok(entry.value("a")?.expose().to_owned()))
    }

    fn reads(&self) -> usize {
        self.source.reads.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_ask_at_once_share_one_reading() {
    let stage = Stage::new(Source::default());
    let (first, second) = (stage.reading(), stage.reading());
    // The first of them gives up; the others do not.
    drop(first);
    stage.source.open.notify_one();
    assert_eq!(second.await.unwrap().value("a").unwrap().expose(), "0");
    assert_eq!(stage.value().await, Ok("0".to_owned()));
    assert_eq!(stage.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_for_longer() {
    let stage = Stage::new(Source::default());
    assert_eq!(stage.value().await, Ok("0".to_owned()));
    tokio::time::advance(KEPT_FOR.saturating_sub(INSTANT)).await;
    assert_eq!(stage.value().await, Ok("0".to_owned()));
    tokio::time::advance(INSTANT).await;
    tokio::task::yield_now().await;
    assert!(stage.remembered.all().is_empty(), "it should be gone though nobody asked");
    // One permit is left of the reading that was not needed.
    assert_eq!(stage.value().await, Ok("1".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_long_is_waited_for_by_those_who_came_early() {
    let stage = Stage::new(Source::default());
    let early = stage.reading();
    tokio::task::yield_now().await;
    tokio::time::advance(KEPT_FOR).await;
    let late = stage.reading();
    tokio::task::yield_now().await;
    assert_eq!(stage.reads(), 2);
    stage.source.open.notify_waiters();
    assert_eq!(early.await.unwrap().value("a").unwrap().expose(), "0");
    assert_eq!(late.await.unwrap().value("a").unwrap().expose(), "1");
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_for_those_who_waited() {
    let stage = Stage::new(Source { fails: true, ..Source::default() });
    let (first, second) = (stage.reading(), stage.reading());
    stage.source.open.notify_one();
    let failure = Failure::Unavailable("0".to_owned());
    assert_eq!((first.await, second.await), (Err(failure.clone()), Err(failure)));
    assert_eq!(stage.value().await, Err(Failure::Unavailable("1".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_reading_goes_on_when_nobody_waits() {
    let stage = Stage::new(Source::default());
    drop(stage.reading());
    tokio::task::yield_now().await;
    assert_eq!(stage.reads(), 1);
    let left = Arc::strong_count(&stage.source);
    stage.source.open.notify_one();
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&stage.source), left - 1, "the reading should have ended");
}
