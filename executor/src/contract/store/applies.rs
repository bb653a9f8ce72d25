//! Applies: begun from the target, recorded step by step, ended once.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::sync::Arc;

use super::samples::{
    PLACE, at, audit, begin, end, intent, key, lease, message, owned, plan_id, proposal, revision, revisions,
    scope, start, step,
};
use crate::port::store::{
    ApplyEnd, ApplyOutcome, ApplyStart, Effect, SharedStore, StepOutcome, StepRecord, StoreError,
};

pub async fn only_the_target_is_applied(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let none = store.begin(&start(&dev, generation, 'a')).await;
    assert!(matches!(none, Err(StoreError::Stale { .. })), "{none:?}");
    store.propose(&proposal(&dev, generation, 'a', None)).await.expect("should become the target");
    let intents = BTreeMap::from([(key("web"), Arc::new(intent("web")))]);
    let other = store.begin(&ApplyStart { intents, ..start(&dev, generation, 'b') }).await;
    assert!(matches!(other, Err(StoreError::Stale { .. })), "{other:?}");
    assert!(store.applies(&dev, 9).await.expect("should read").is_empty());
    assert!(store.inventory(&dev).await.expect("should read").is_empty());
    store.begin(&start(&dev, generation, 'a')).await.expect("should begin");
}

pub async fn steps_come_back(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let failed = StepRecord {
        outcome: StepOutcome::Failed { reason: "conflict on `spec.replicas`".to_owned() },
        attempts: 3,
        ..step("Deployment naksha/api", Effect::None)
    };
    let skipped = StepRecord {
        outcome: StepOutcome::Skipped { reason: "waiting for postgres".to_owned() },
        unit: None,
        attempts: 0,
        ..step("Workflow ingest", Effect::None)
    };
    let done = step("Deployment naksha/web", Effect::Own(key("web"), Arc::new(owned("web"))));
    for step in [&done, &failed, &skipped] {
        store.record(&dev, generation, apply, slice::from_ref(step)).await.expect("should record");
    }
    let steps = store.steps(apply).await.expect("should read");
    assert_eq!(steps, [StepRecord { effect: Effect::None, ..done }, failed, skipped]);
    let running = &store.applies(&dev, 1).await.expect("should read")[0];
    assert_eq!((running.steps, running.failed, running.outcome.as_ref(), running.ended), (3, 1, None, None));
}

pub async fn an_ended_apply_takes_no_steps(store: SharedStore) {
    let (dev, prod) = (scope("dev"), scope("prod"));
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let own = step("Deployment naksha/web", Effect::Own(key("web"), Arc::new(owned("web"))));
    let elsewhere = lease(&store, &prod).await;
    let foreign = store.record(&prod, elsewhere, apply, slice::from_ref(&own)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound { .. })), "{foreign:?}");
    store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.expect("should end");
    let late = store.record(&dev, generation, apply, slice::from_ref(&own)).await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
    let twice = store.finish(&dev, generation, apply, &end(ApplyOutcome::Superseded)).await;
    assert!(matches!(twice, Err(StoreError::NotFound { .. })), "{twice:?}");
    for scope in [&dev, &prod] {
        assert!(store.inventory(scope).await.expect("should read").is_empty());
    }
    assert!(store.steps(apply).await.expect("should read").is_empty());
    assert_eq!(store.applies(&dev, 1).await.expect("should read")[0].outcome, Some(ApplyOutcome::Succeeded));
}

pub async fn success_moves_what_is_applied(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let mut parent = None;
    for plan in ['a', 'b', 'a'] {
        let apply = begin(&store, &dev, generation, (parent, plan)).await;
        let messages = vec![message(&plan.to_string(), "applied")];
        let end = ApplyEnd { messages, ..end(ApplyOutcome::Succeeded) };
        store.finish(&dev, generation, apply, &end).await.expect("should end");
        parent = Some(plan);
    }
    let record = store.environment(&dev).await.expect("should read");
    assert_eq!(record.applied, Some(revisions('a')));
    assert_eq!(record.target, Some(plan_id('a')));
    assert_eq!(record.ran, [revision('a'), revision('b')], "newest first, each once");
    let healed = store
        .begin(&ApplyStart { revisions: None, ..start(&dev, generation, 'a') })
        .await
        .expect("should begin");
    store.finish(&dev, generation, healed, &end(ApplyOutcome::Succeeded)).await.expect("should end");
    assert_eq!(store.environment(&dev).await.expect("should read").applied, Some(revisions('a')));
    let topics: Vec<_> = store.pending("log", at(60), 9).await.expect("should read");
    assert_eq!(topics.iter().map(|message| message.topic.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    let entries = store.audit(Some(&dev), 9).await.expect("should read");
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[0].entry, audit("apply"));
}

pub async fn failure_moves_nothing(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let first = begin(&store, &dev, generation, (None, 'a')).await;
    store.finish(&dev, generation, first, &end(ApplyOutcome::Succeeded)).await.expect("should end");
    let second = begin(&store, &dev, generation, (Some('a'), 'b')).await;
    let outcome = ApplyOutcome::Failed { reason: "1 of 3 steps failed".to_owned() };
    store.finish(&dev, generation, second, &end(outcome.clone())).await.expect("should end");
    let third = begin(&store, &dev, generation, (Some('b'), 'c')).await;
    store.finish(&dev, generation, third, &end(ApplyOutcome::Superseded)).await.expect("should end");
    let record = store.environment(&dev).await.expect("should read");
    assert_eq!((record.applied, record.ran), (Some(revisions('a')), vec![revision('a')]));
    assert_eq!(record.target, Some(plan_id('c')), "the target stays what was approved");
    let applies = store.applies(&dev, 9).await.expect("should read");
    let outcomes: Vec<_> = applies.iter().map(|apply| apply.outcome.clone()).collect();
    assert_eq!(outcomes, [Some(ApplyOutcome::Superseded), Some(outcome), Some(ApplyOutcome::Succeeded)]);
    assert_eq!(
        (applies[1].id, &applies[1].plan, applies[1].revisions.clone()),
        (second, &plan_id('b'), Some(revisions('b')))
    );
    assert_eq!(store.applies(&dev, 2).await.expect("should read").len(), 2);
}

pub async fn an_unfinished_apply_is_interrupted(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let first = begin(&store, &dev, generation, (None, 'a')).await;
    store
        .record(&dev, generation, first, &[step("Deployment naksha/web", Effect::None)])
        .await
        .expect("should record");
    let second = store.begin(&start(&dev, generation, 'a')).await.expect("should begin again");
    assert!(second > first);
    let applies = store.applies(&dev, 9).await.expect("should read");
    assert_eq!((applies[0].id, applies[0].outcome.clone()), (second, None));
    assert_eq!((applies[1].id, applies[1].outcome.clone()), (first, Some(ApplyOutcome::Interrupted)));
    assert!(applies[1].ended.is_some());
    let audit = &store.audit(Some(&dev), 9).await.expect("should read")[0].entry;
    assert_eq!((audit.what.as_str(), audit.result.as_str()), ("apply", "interrupted"));
    assert_eq!((audit.plan.clone(), audit.revision.clone()), (Some(plan_id('a')), Some(revision('a'))));
}

pub async fn an_apply_that_nobody_carries_out_is_ended(store: SharedStore) {
    let (dev, prod) = (scope("dev"), scope("prod"));
    let generation = lease(&store, &dev).await;
    store.interrupt(&dev, generation, at(7)).await.expect("should find nothing to end");
    assert!(store.audit(Some(&dev), 9).await.expect("should read").is_empty());
    let ended = begin(&store, &dev, generation, (None, 'a')).await;
    store.finish(&dev, generation, ended, &end(ApplyOutcome::Succeeded)).await.expect("should end");
    let left = begin(&store, &dev, generation, (Some('a'), 'b')).await;
    let elsewhere = lease(&store, &prod).await;
    begin(&store, &prod, elsewhere, (None, 'a')).await;
    store.interrupt(&dev, generation, at(8)).await.expect("should end it");
    store.interrupt(&dev, generation, at(9)).await.expect("should find nothing to end");
    let applies = store.applies(&dev, 9).await.expect("should read");
    assert_eq!(
        (applies[0].id, applies[0].outcome.clone(), applies[0].ended),
        (left, Some(ApplyOutcome::Interrupted), Some(at(8)))
    );
    assert_eq!(applies[1].outcome, Some(ApplyOutcome::Succeeded));
    assert_eq!(store.applies(&prod, 9).await.expect("should read")[0].outcome, None, "that one runs");
    let audit = store.audit(Some(&dev), 9).await.expect("should read");
    assert_eq!((audit.len(), audit[0].entry.result.as_str()), (2, "interrupted"));
    store.release(&dev, generation).await.expect("should release");
    let stale = store.interrupt(&dev, generation, at(10)).await;
    assert!(matches!(stale, Err(StoreError::Fenced { .. })), "{stale:?}");
}

pub async fn the_last_apply_of_a_plan_is_found(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let mut parent = None;
    let mut ids = Vec::new();
    for plan in ['a', 'b', 'a', 'b'] {
        let apply = begin(&store, &dev, generation, (parent, plan)).await;
        store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.expect("should end");
        parent = Some(plan);
        ids.push(apply);
    }
    let last = async |scope, plan| {
        let found = store.last_apply_of(scope, &plan_id(plan)).await.expect("should read");
        found.map(|apply| apply.id)
    };
    assert_eq!((last(&dev, 'a').await, last(&dev, 'b').await), (Some(ids[2]), Some(ids[3])));
    assert_eq!((last(&dev, 'c').await, last(&scope("prod"), 'a').await), (None, None));
}

pub async fn applies_are_fenced(store: SharedStore) {
    let dev = scope("dev");
    let old = lease(&store, &dev).await;
    let apply = begin(&store, &dev, old, (None, 'a')).await;
    store.release(&dev, old).await.expect("should release");
    let new = lease(&store, &dev).await;
    let own = step("Deployment naksha/web", Effect::Own(key("web"), Arc::new(owned("web"))));
    let refused = [
        store.begin(&start(&dev, old, 'a')).await.map(|_| ()),
        store.record(&dev, old, apply, slice::from_ref(&own)).await,
        store.finish(&dev, old, apply, &end(ApplyOutcome::Succeeded)).await,
        store.refresh_marks(&dev, old, &BTreeMap::from([(key("web"), Arc::new(owned("web")))])).await,
    ];
    for answer in refused {
        assert!(
            matches!(answer, Err(StoreError::Fenced { ours, current, .. }) if ours == old && current == new),
            "{answer:?}"
        );
    }
    assert!(store.inventory(&dev).await.expect("should read").is_empty());
    assert!(store.steps(apply).await.expect("should read").is_empty());
    assert!(store.audit(Some(&dev), 9).await.expect("should read").is_empty());
    assert_eq!(store.applies(&dev, 9).await.expect("should read")[0].outcome, None);
    store
        .record(&dev, new, apply, slice::from_ref(&own))
        .await
        .expect("should be the new owner's to go on with");
}

pub async fn a_revision_without_work_is_remembered(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let own = step("Deployment naksha/web", Effect::Own(key("web"), Arc::new(owned("web"))));
    store.record(&dev, generation, apply, slice::from_ref(&own)).await.expect("should record");
    store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.expect("should finish");
    let before = store.environment(&dev).await.expect("should read");
    let newer = crate::port::store::Revisions { control: revision('7'), content: revision('8') };
    store
        .advance(&dev, generation, Some(&newer), Some(PLACE), &BTreeSet::new())
        .await
        .expect("should advance");
    let after = store.environment(&dev).await.expect("should read");
    assert_eq!(after.applied, Some(newer));
    assert_eq!(after.target, before.target, "the target stays");
    assert_eq!(after.ran.first(), Some(&revision('8')));
    assert_eq!(store.inventory(&dev).await.expect("should read").len(), 1);
    let gone = BTreeSet::from([key("web")]);
    store.advance(&dev, generation, None, Some(PLACE), &gone).await.expect("should forget");
    assert!(store.inventory(&dev).await.expect("should read").is_empty());
    let stale = naksha_environments::ids::Generation(generation.0 - 1);
    let refused = store.advance(&dev, stale, None, Some(PLACE), &BTreeSet::new()).await;
    assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
}
