//! What is remembered of an environment besides plans.

use naksha_environments::ids::EnvironmentName;

use super::samples::{at, audit, lease, revision, scope};
use crate::port::store::{EnvironmentRecord, SharedStore, Suspension};

pub async fn an_unknown_environment_is_empty(store: SharedStore) {
    let dev = scope("dev");
    assert_eq!(store.environment(&dev).await.expect("should read"), EnvironmentRecord::default());
    assert!(store.environments(&dev.repository).await.expect("should read").is_empty());
}

pub async fn suspension_is_kept(store: SharedStore) {
    let dev = scope("dev");
    let suspension = Suspension { by: "ada".to_owned(), reason: "incident 12".to_owned(), since: at(0) };
    store.suspend(&dev, Some(&suspension), &audit("suspend")).await.expect("should suspend");
    assert_eq!(store.environment(&dev).await.expect("should read").suspension, Some(suspension));
    assert_eq!(store.environment(&scope("prod")).await.expect("should read").suspension, None);
    store.suspend(&dev, None, &audit("resume")).await.expect("should resume");
    assert_eq!(store.environment(&dev).await.expect("should read").suspension, None);
    let what: Vec<_> = store
        .audit(Some(&dev), 9)
        .await
        .expect("should read")
        .into_iter()
        .map(|row| row.entry.what)
        .collect();
    assert_eq!(what, ["resume", "suspend"]);
}

pub async fn barred_sources_are_kept(store: SharedStore) {
    let dev = scope("dev");
    store.bar(&dev, &revision('b'), "rolled back", &audit("bar")).await.expect("should bar");
    store.bar(&dev, &revision('c'), "unhealthy", &audit("bar")).await.expect("should bar");
    store.bar(&dev, &revision('b'), "rolled back twice", &audit("bar")).await.expect("should bar");
    let barred = store.environment(&dev).await.expect("should read").barred;
    let seen: Vec<_> = barred.iter().map(|(source, reason)| (source.clone(), reason.as_str())).collect();
    assert_eq!(seen, [(revision('b'), "rolled back twice"), (revision('c'), "unhealthy")]);
    store.unbar(&dev, &audit("resume")).await.expect("should unbar");
    assert!(store.environment(&dev).await.expect("should read").barred.is_empty());
    assert_eq!(store.audit(Some(&dev), 9).await.expect("should read").len(), 4);
}

pub async fn refs_are_seen(store: SharedStore) {
    let repository = scope("dev").repository;
    let seen = |name: &'static str| {
        let (store, repository) = (store.clone(), repository.clone());
        async move { store.seen_ref(&repository, name).await.expect("should read") }
    };
    assert_eq!(seen("main").await, None);
    store.see_ref(&repository, "main", &revision('a')).await.expect("should write");
    store.see_ref(&repository, "release", &revision('b')).await.expect("should write");
    store.see_ref(&repository, "main", &revision('c')).await.expect("should write");
    assert_eq!(seen("main").await, Some(revision('c')));
    assert_eq!(seen("release").await, Some(revision('b')));
}

pub async fn environments_are_listed(store: SharedStore) {
    for name in ["prod", "dev"] {
        lease(&store, &scope(name)).await;
    }
    store.bar(&scope("staging"), &revision('b'), "why", &audit("bar")).await.expect("should bar");
    let listed = store.environments(&scope("dev").repository).await.expect("should read");
    let names: Vec<_> = listed.iter().map(EnvironmentName::as_str).collect();
    assert_eq!(names, ["dev", "prod", "staging"]);
}
