//! What is remembered of an environment besides plans.

use std::slice;
use std::sync::Arc;

use naksha_environments::ids::{EnvironmentName, Generation};
use naksha_environments::verdict::Acknowledgement;

use super::samples::{
    at, audit, begin, end, key, lease, message, owned, plan_id, proposal, revision, scope, step,
};
use crate::port::store::{ApplyOutcome, Effect, EnvironmentRecord, SharedStore, StoreError, Suspension};

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
    let list = async |store: &SharedStore| {
        let listed = store.environments(&scope("dev").repository).await.expect("should read");
        listed.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    for name in ["test", "prod", "dev"] {
        let generation = lease(&store, &scope(name)).await;
        if name != "test" {
            store.propose(&proposal(&scope(name), generation, 'a', None)).await.expect("should record");
        }
    }
    store.bar(&scope("staging"), &revision('b'), "why", &audit("bar")).await.expect("should bar");
    assert_eq!(list(&store).await, ["dev", "prod", "staging"], "of a lease alone nothing is remembered");
    let held = Suspension { by: "ada".to_owned(), reason: "why".to_owned(), since: at(1) };
    store.suspend(&scope("test"), Some(&held), &audit("suspend")).await.expect("should suspend");
    assert_eq!(list(&store).await, ["dev", "prod", "staging", "test"]);
}

pub async fn an_environment_is_forgotten(store: SharedStore) {
    let (dev, prod) = (scope("dev"), scope("prod"));
    let repository = dev.repository.clone();
    let mut generations = Vec::new();
    for scope in [&dev, &prod] {
        let generation = lease(&store, scope).await;
        let apply = begin(&store, scope, generation, (None, 'a')).await;
        let own = step("Deployment naksha/web", Effect::Own(key("web"), Arc::new(owned("web"))));
        store.record(scope, generation, apply, slice::from_ref(&own)).await.expect("should record");
        store.finish(scope, generation, apply, &end(ApplyOutcome::Succeeded)).await.expect("should end");
        store.acknowledge(scope, &word('b'), &audit("ack")).await.expect("should record");
        store.bar(scope, &revision('b'), "why", &audit("bar")).await.expect("should bar");
        let name = format!("{}:refs/heads/main", scope.environment);
        store.see_ref(&repository, &name, &revision('a')).await.expect("should write");
        generations.push(generation);
    }
    store.inventory(&dev).await.expect("should read");
    let stale = store.forget(&dev, Generation(99), &audit("forget"), &[]).await;
    assert!(matches!(stale, Err(StoreError::Fenced { .. })), "{stale:?}");
    let before = store.audit(Some(&dev), 99).await.expect("should read").len();
    store
        .forget(&dev, generations[0], &audit("forget"), &[message("dev", "forgotten")])
        .await
        .expect("should forget");
    assert_eq!(store.environment(&dev).await.expect("should read"), EnvironmentRecord::default());
    assert!(store.inventory(&dev).await.expect("should read").is_empty());
    assert!(store.plans(&dev, 9).await.expect("should read").is_empty());
    assert!(store.applies(&dev, 9).await.expect("should read").is_empty());
    assert!(store.acknowledgements(&dev).await.expect("should read").is_empty());
    assert_eq!(store.seen_ref(&repository, "dev:refs/heads/main").await.expect("should read"), None);
    let listed = store.environments(&repository).await.expect("should read");
    assert_eq!(listed.iter().map(EnvironmentName::as_str).collect::<Vec<_>>(), ["prod"]);
    let kept = store.audit(Some(&dev), 99).await.expect("should read");
    assert_eq!(
        (kept.len(), kept[0].entry.what.as_str()),
        (before + 1, "forget"),
        "who forgot it is remembered"
    );
    assert_eq!(store.pending("log", at(60), 9).await.expect("should read").len(), 1);
    // The other one is as it was, and this one can begin anew.
    assert_eq!(store.inventory(&prod).await.expect("should read").len(), 1);
    assert!(store.seen_ref(&repository, "prod:refs/heads/main").await.expect("should read").is_some());
    let generation = lease(&store, &dev).await;
    assert!(generation > generations[0], "what somebody held before stays fenced");
    begin(&store, &dev, generation, (None, 'c')).await;
}

fn word(plan: char) -> Acknowledgement {
    Acknowledgement {
        plan: plan_id(plan),
        by: "ada".to_owned(),
        reason: "it moved".to_owned(),
        at: None,
        expires: None,
        source: "socket".to_owned(),
    }
}
