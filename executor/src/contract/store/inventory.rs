//! The inventory: written before the first change, exact afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::digest::Digest;
use naksha_environments::ids::{Generation, WorkflowName};
use naksha_environments::inventory::{Inventory, Owned, RegisteredWorkflow};
use naksha_environments::object::{Mark, ObjectKey};
use naksha_environments::run_once::RunEnd;

use super::samples::{
    PLACE, begin, desired, end, intent, key, lease, owned, rendered, revisions, scope, start, step,
};
use crate::port::store::{ApplyId, ApplyOutcome, ApplyStart, Effect, Scope, SharedStore, StoreError};

async fn read(store: &SharedStore, scope: &Scope) -> Inventory {
    Inventory::clone(&*store.inventory(scope).await.expect("should read"))
}

fn arcs<const N: usize>(owned: [(ObjectKey, Owned); N]) -> BTreeMap<ObjectKey, Arc<Owned>> {
    owned.into_iter().map(|(key, owned)| (key, Arc::new(owned))).collect()
}

fn objects<const N: usize>(owned: [(ObjectKey, Owned); N]) -> Inventory {
    let mut inventory: Inventory = arcs(owned).into_iter().collect();
    inventory.place = Some(PLACE.into());
    inventory
}

async fn record(store: &SharedStore, scope: &Scope, generation: Generation, apply: ApplyId, effect: Effect) {
    store.record(scope, generation, apply, &[step("a step", effect)]).await.expect("should record");
}

pub async fn objects_come_back(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let no_uid = Mark { uid: None, version: "".into(), fingerprint: Digest::of_bytes(b"") };
    let expected = objects([
        (key("web"), owned("web")),
        (ObjectKey::new("", "Namespace", None, "naksha"), intent("naksha")),
        (
            ObjectKey::new("", "Secret", Some("naksha"), "db"),
            Owned { mark: Some(no_uid), end: Some(RunEnd::Succeeded), ..owned("db") },
        ),
        (ObjectKey::new("rbac.authorization.k8s.io", "ClusterRole", None, "a:b%'\""), owned("role")),
    ]);
    for (key, owned) in expected.iter() {
        let effect = Effect::Own(key.clone(), Arc::clone(owned));
        record(&store, &dev, generation, apply, effect).await;
    }
    assert_eq!(read(&store, &dev).await, expected);
}

/// One object is wanted as it was applied, one otherwise, and one not at all.
pub async fn what_is_wanted_changes_nothing_in_it(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let names = ["same", "other", "gone"];
    for name in names {
        let effect = Effect::Own(key(name), Arc::new(owned(name)));
        record(&store, &dev, generation, apply, effect).await;
    }
    let wanted = rendered([desired("same", "same"), desired("other", "another body"), desired("new", "new")]);
    let beside = store.inventory_beside(&dev, &wanted).await.expect("should read");
    assert_eq!(*beside, objects(names.map(|name| (key(name), owned(name)))));
    assert_eq!(*beside, read(&store, &dev).await);
}

pub async fn intents_never_replace(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    record(&store, &dev, generation, apply, Effect::Own(key("web"), Arc::new(owned("web")))).await;
    store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.expect("should end");
    let intents = arcs([(key("web"), intent("web")), (key("api"), intent("api"))]);
    store.begin(&ApplyStart { intents, ..start(&dev, generation, 'a') }).await.expect("should begin");
    let expected = objects([(key("api"), intent("api")), (key("web"), owned("web"))]);
    assert_eq!(read(&store, &dev).await, expected);
}

pub async fn effects_change_the_inventory(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let workflow =
        |text: &str| RegisteredWorkflow { digest: Digest::of_bytes(text.as_bytes()), graph: text.into() };
    let ingest = WorkflowName::parse("ingest").expect("should be a name");
    let answer = WorkflowName::parse("answer").expect("should be a name");
    let changed = Owned { unit: super::samples::unit("api"), secrets: BTreeMap::new(), ..owned("web") };
    for effect in [
        Effect::Own(key("web"), Arc::new(owned("web"))),
        Effect::Own(key("old"), Arc::new(owned("old"))),
        Effect::Own(key("web"), Arc::new(changed.clone())),
        Effect::Forget(key("old")),
        Effect::Forget(key("never-there")),
        Effect::Register(ingest.clone(), workflow("{}")),
        Effect::Register(answer.clone(), workflow("{}")),
        Effect::Register(ingest.clone(), workflow("{\"nodes\":[]}")),
        Effect::Retire(answer),
        Effect::None,
    ] {
        record(&store, &dev, generation, apply, effect).await;
    }
    let inventory = read(&store, &dev).await;
    let mut expected = objects([(key("web"), changed)]);
    expected.workflows = BTreeMap::from([(ingest, workflow("{\"nodes\":[]}"))]);
    assert_eq!(inventory, expected);
}

pub async fn marks_are_refreshed_not_added(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    record(&store, &dev, generation, apply, Effect::Own(key("web"), Arc::new(intent("web")))).await;
    let fresh = arcs([(key("web"), owned("web")), (key("gone"), owned("gone"))]);
    store.refresh_marks(&dev, generation, &fresh).await.expect("should refresh");
    assert_eq!(read(&store, &dev).await, objects([(key("web"), owned("web"))]));
    assert_eq!(store.steps(apply).await.expect("should read").len(), 1, "no history");
}

pub async fn inventories_are_apart(store: SharedStore) {
    for name in ["dev", "prod"] {
        let scope = scope(name);
        let generation = lease(&store, &scope).await;
        let apply = begin(&store, &scope, generation, (None, 'a')).await;
        record(&store, &scope, generation, apply, Effect::Own(key("web"), Arc::new(owned(name)))).await;
        record(&store, &scope, generation, apply, Effect::Own(key(name), Arc::new(owned(name)))).await;
    }
    let dev = read(&store, &scope("dev")).await;
    assert_eq!(dev, objects([(key("dev"), owned("dev")), (key("web"), owned("dev"))]));
    assert!(read(&store, &scope("staging")).await.is_empty());
}

pub async fn what_was_found_is_taken_in(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let found = arcs([(key("web"), owned("web")), (key("api"), owned("api"))]);
    let audit = end(ApplyOutcome::Succeeded).audit;
    store.recover(&dev, generation, PLACE, &found, &audit).await.expect("should recover");
    let mut expected = objects([(key("web"), owned("web")), (key("api"), owned("api"))]);
    expected.recovered = true;
    assert_eq!(read(&store, &dev).await, expected);
    assert_eq!(store.audit(Some(&dev), 1).await.expect("should read")[0].entry, audit);
    let stale = store.recover(&dev, Generation(generation.0 + 1), PLACE, &found, &audit).await;
    assert!(matches!(stale, Err(StoreError::Fenced { .. })), "another owner's");
}

pub async fn what_was_recovered_is_whole_once_all_is_applied(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let audit = end(ApplyOutcome::Succeeded).audit;
    let nothing = BTreeMap::new();
    let recover = || store.recover(&dev, generation, PLACE, &nothing, &audit);
    let is_recovered = async || read(&store, &dev).await.recovered;
    assert!(!is_recovered().await, "it was never lost");
    recover().await.expect("should recover");
    // Neither a failed apply nor one that only heals says anything of the rest.
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let failed = end(ApplyOutcome::Failed { reason: "one step failed".to_owned() });
    store.finish(&dev, generation, apply, &failed).await.expect("should end");
    let healing = ApplyStart { revisions: None, ..start(&dev, generation, 'a') };
    let apply = store.begin(&healing).await.expect("should begin");
    store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.expect("should end");
    store.advance(&dev, generation, None, Some(PLACE), &BTreeSet::new()).await.expect("should remember");
    assert!(is_recovered().await);
    let apply = store.begin(&start(&dev, generation, 'a')).await.expect("should begin");
    store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.expect("should end");
    assert!(!is_recovered().await);
    // Nothing to do at these revisions, which are known.
    recover().await.expect("should recover");
    assert!(is_recovered().await);
    let revisions = revisions('a');
    store.advance(&dev, generation, Some(&revisions), None, &BTreeSet::new()).await.expect("should remember");
    assert!(!is_recovered().await);
    recover().await.expect("should recover");
    store.forget(&dev, generation, &audit, &[]).await.expect("should forget");
    assert!(!is_recovered().await);
}
