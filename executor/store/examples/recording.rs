//! Records steps, many at a time, and tells how long that took: `cargo run --example recording -- [STEPS] [AT ONCE]
//! [ENVIRONMENTS]`. The database is in a new folder beneath the temporary one, which should be on the disk in question.

use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use naksha_executor::contract::store::samples::{begin, key, lease, owned, scope, step};
use naksha_executor::port::store::{Effect, SharedStore, StoreError};
use naksha_executor_store::SqliteStore;

#[tokio::main]
#[allow(clippy::print_stdout, reason = "what it is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<usize>());
    let steps = numbers.next().transpose()?.unwrap_or(2_000);
    let at_once = numbers.next().transpose()?.unwrap_or(32);
    let environments = numbers.next().transpose()?.unwrap_or(1);
    let folder = tempfile::tempdir()?;
    let store: SharedStore = Arc::new(SqliteStore::open(&folder.path().join("state.db")).await?);
    let each = (0..environments).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { record(&store, &format!("environment-{number}"), steps, at_once).await })
    });
    for took in futures::future::join_all(each).await {
        let took = took??;
        println!("{steps} steps, {at_once} at once: {} ms", took.as_millis());
    }
    store.close().await;
    Ok(())
}

/// Records `steps` of one apply, each of which owns another object.
async fn record(
    store: &SharedStore,
    environment: &str,
    steps: usize,
    at_once: usize,
) -> Result<Duration, StoreError> {
    let scope = scope(environment);
    let generation = lease(store, &scope).await;
    let apply = begin(store, &scope, generation, (None, 'a')).await;
    store.inventory(&scope).await?;
    let calls = (0..steps).map(|number| {
        let (name, scope) = (format!("web-{number}"), &scope);
        async move {
            let own = step(&name, Effect::Own(key(&name), Arc::new(owned(&name))));
            store.record(scope, generation, apply, slice::from_ref(&own)).await
        }
    });
    let started = Instant::now();
    let mut calls = futures::stream::iter(calls).buffer_unordered(at_once);
    while let Some(recorded) = calls.next().await {
        recorded?;
    }
    Ok(started.elapsed())
}
