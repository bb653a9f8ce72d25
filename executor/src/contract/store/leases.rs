//! Ownership: one owner at a time, a generation that tells owners apart.

use std::time::Duration;

use naksha_environments::ids::Generation;

use super::samples::{LONG, lease, scope};
use crate::port::store::{Scope, SharedStore, StoreError};

/// Short enough to wait for, long enough to be renewed in between.
const SHORT: Duration = Duration::from_millis(40);

/// Between two looks at a condition.
const POLL: Duration = Duration::from_millis(5);

/// Waits until `owner` gets the lease that another one lets run out.
async fn take_over(store: &SharedStore, scope: &Scope, owner: &str) -> Generation {
    loop {
        match store.lease(scope, owner, LONG).await {
            Ok(generation) => return generation,
            Err(StoreError::Leased { .. }) => tokio::time::sleep(POLL).await,
            Err(error) => unreachable!("should wait for the lease: {error}"),
        }
    }
}

pub async fn the_first_lease_has_a_generation(store: SharedStore) {
    let dev = scope("dev");
    let refused = store.check(&dev, Generation(1)).await;
    assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
    let generation = lease(&store, &dev).await;
    assert!(generation > Generation(0));
    store.check(&dev, generation).await.expect("should own it");
}

pub async fn renewal_keeps_the_generation(store: SharedStore) {
    let dev = scope("dev");
    let first = lease(&store, &dev).await;
    let again = store.lease(&dev, "one", LONG).await.expect("should renew");
    assert_eq!(first, again);
    let other = lease(&store, &scope("prod")).await;
    store.check(&scope("prod"), other).await.expect("should own another environment too");
}

pub async fn a_held_lease_is_refused(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    match store.lease(&dev, "two", LONG).await {
        Err(StoreError::Leased { owner, scope, .. }) => assert_eq!((owner.as_str(), &scope), ("one", &dev)),
        other => unreachable!("should be refused, not {other:?}"),
    }
    store.check(&dev, generation).await.expect("should still own it");
}

pub async fn takeover_grows_the_generation(store: SharedStore) {
    let dev = scope("dev");
    let first = store.lease(&dev, "one", SHORT).await.expect("should lease");
    let second = take_over(&store, &dev, "two").await;
    assert!(second > first);
    match store.check(&dev, first).await {
        Err(StoreError::Fenced { ours, current, .. }) => assert_eq!((ours, current), (first, second)),
        other => unreachable!("should be fenced, not {other:?}"),
    }
    let late = store.lease(&dev, "one", LONG).await;
    assert!(matches!(late, Err(StoreError::Leased { .. })), "{late:?}");
    let stale = store.release(&dev, first).await;
    assert!(matches!(stale, Err(StoreError::Fenced { .. })), "{stale:?}");
    store.check(&dev, second).await.expect("should own it");
}

pub async fn a_released_lease_is_free_at_once(store: SharedStore) {
    let dev = scope("dev");
    let first = lease(&store, &dev).await;
    store.release(&dev, first).await.expect("should release");
    let gone = store.check(&dev, first).await;
    assert!(matches!(gone, Err(StoreError::Fenced { .. })), "{gone:?}");
    let second = store.lease(&dev, "two", LONG).await.expect("should be free");
    assert!(second > first);
}

pub async fn one_of_many_gets_the_lease(store: SharedStore) {
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.lease(&scope("dev"), &format!("owner-{number}"), LONG).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.expect("should end") {
            Ok(_) => won += 1,
            Err(StoreError::Leased { .. }) => {}
            Err(error) => unreachable!("should win or lose: {error}"),
        }
    }
    assert_eq!(won, 1);
}

pub async fn a_lapsed_lease_fails_the_check(store: SharedStore) {
    let dev = scope("dev");
    let generation = store.lease(&dev, "one", SHORT).await.expect("should lease");
    while store.check(&dev, generation).await.is_ok() {
        tokio::time::sleep(POLL).await;
    }
    let lapsed = store.check(&dev, generation).await;
    assert!(matches!(lapsed, Err(StoreError::Lapsed { .. })), "{lapsed:?}");
    let renewed = store.lease(&dev, "one", LONG).await.expect("should renew what nobody took");
    assert_eq!(renewed, generation);
    store.check(&dev, generation).await.expect("should own it again");
}
