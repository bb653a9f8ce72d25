//! Plans and the target: compare-and-set on the parent, fenced by generation.

use naksha_environments::ids::Generation;
use serde_json::json;

use super::samples::{at, lease, plan_id, proposal, revisions, scope};
use crate::port::store::{PlanRecord, Proposal, SharedStore, StoreError};

pub async fn a_plan_comes_back(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let first = proposal(&dev, generation, 'a', None);
    store.propose(&first).await.expect("should record");
    let bare = Proposal {
        revisions: None,
        reasons: vec![],
        approved: false,
        ..proposal(&dev, generation, 'b', Some('a'))
    };
    store.propose(&Proposal { at: at(2), ..bare }).await.expect("should record");
    let found = store.plans(&dev, 9).await.expect("should read");
    assert_eq!(found.iter().map(|plan| &plan.plan).collect::<Vec<_>>(), [&plan_id('b'), &plan_id('a')]);
    assert_eq!((found[0].revisions.as_ref(), found[0].parent.as_ref()), (None, Some(&plan_id('a'))));
    let expected = PlanRecord {
        scope: dev.clone(),
        plan: first.plan.clone(),
        parent: None,
        revisions: Some(revisions('a')),
        decision: first.decision,
        reasons: first.reasons,
        at: at(1),
    };
    assert_eq!(found[1], expected);
    assert_eq!(store.plans(&dev, 1).await.expect("should read").len(), 1);
    let document = async |scope, plan| store.plan_document(&scope, &plan).await.expect("should read");
    assert_eq!(document(dev.clone(), first.plan.clone()).await, Some(parsed(&first.document)));
    assert_eq!(document(dev, plan_id('c')).await, None);
    assert_eq!(document(scope("prod"), first.plan).await, None);
    assert!(store.plans(&scope("prod"), 9).await.expect("should read").is_empty());
}

pub async fn approval_moves_the_target(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let waits = Proposal { approved: false, ..proposal(&dev, generation, 'a', None) };
    store.propose(&waits).await.expect("should record");
    assert_eq!(store.environment(&dev).await.expect("should read").target, None);
    store.propose(&proposal(&dev, generation, 'a', None)).await.expect("should become the target");
    store.propose(&proposal(&dev, generation, 'b', Some('a'))).await.expect("should follow it");
    let stale = store.propose(&proposal(&dev, generation, 'c', Some('a'))).await;
    assert!(matches!(&stale, Err(StoreError::Stale { plan }) if *plan == plan_id('c')), "{stale:?}");
    assert_eq!(store.environment(&dev).await.expect("should read").target, Some(plan_id('b')));
    assert_eq!(store.plans(&dev, 9).await.expect("should read").len(), 2, "a stale plan is not recorded");
    store
        .propose(&proposal(&dev, generation, 'b', Some('b')))
        .await
        .expect("should heal again by the same plan");
}

pub async fn one_of_many_proposals_wins(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    store.propose(&proposal(&dev, generation, '0', None)).await.expect("should become the target");
    let tasks: Vec<_> = "12345678"
        .chars()
        .map(|digit| {
            let store = store.clone();
            let proposal = proposal(&dev, generation, digit, Some('0'));
            tokio::spawn(async move { store.propose(&proposal).await.map(|()| proposal.plan) })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        match task.await.expect("should end") {
            Ok(plan) => won.push(plan),
            Err(StoreError::Stale { .. }) => {}
            Err(error) => unreachable!("should win or be stale: {error}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(store.environment(&dev).await.expect("should read").target, won.pop());
}

pub async fn plans_are_found_by_prefix(store: SharedStore) {
    let (dev, prod) = (scope("dev"), scope("prod"));
    for scope in [&dev, &prod] {
        let generation = lease(&store, scope).await;
        store.propose(&proposal(scope, generation, 'a', None)).await.expect("should record");
    }
    let found = async |scope, prefix: &str| store.plan(scope, prefix).await.expect("should read").len();
    assert_eq!(found(None, "aaaaaaaa").await, 2);
    assert_eq!(found(Some(&dev), "AAAAAAAA").await, 1);
    assert_eq!(found(Some(&dev), plan_id('a').as_str()).await, 1);
    assert_eq!(found(None, "aaaaaaab").await, 0);
    assert_eq!(found(None, "%").await, 0);
    assert_eq!(found(None, "*").await, 0);
}

pub async fn a_waiting_plan_keeps_its_time(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let held = |seconds: i64, reason: &str| Proposal {
        approved: false,
        decision: "hold".to_owned(),
        reasons: vec![reason.to_owned()],
        at: at(seconds),
        ..proposal(&dev, generation, 'a', None)
    };
    let when = async || store.plan(None, "aaaaaaaa").await.expect("should read")[0].at;
    store.propose(&held(10, "a guard")).await.expect("should record");
    store.propose(&held(20, "a guard")).await.expect("should change nothing");
    assert_eq!(when().await, at(10));
    store.propose(&held(30, "a window")).await.expect("should record");
    assert_eq!(when().await, at(30));
    let changed = Proposal { document: json!({"plan": "other"}).to_string(), ..held(40, "a window") };
    store.propose(&changed).await.expect("should record");
    assert_eq!(when().await, at(40));
}

pub async fn plans_are_fenced(store: SharedStore) {
    let dev = scope("dev");
    let old = lease(&store, &dev).await;
    store.release(&dev, old).await.expect("should release");
    let new = lease(&store, &dev).await;
    for generation in [old, Generation(new.0 + 1)] {
        let fenced = store.propose(&proposal(&dev, generation, 'a', None)).await;
        assert!(matches!(fenced, Err(StoreError::Fenced { .. })), "{fenced:?}");
    }
    assert!(store.plans(&dev, 9).await.expect("should read").is_empty());
}

fn parsed(document: &str) -> serde_json::Value {
    serde_json::from_str(document).expect("should be JSON")
}
