//! Retention, backup and the key of marks.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use naksha_environments::ids::Generation;
use naksha_environments::verdict::Acknowledgement;

use super::samples::{
    at, audit, begin, end, key, lease, message, owned, plan_id, proposal, scope, start, step,
};
use crate::port::store::{
    ApplyEnd, ApplyId, ApplyOutcome, AuditEntry, Effect, Proposal, Scope, SharedStore, StoreError,
};

const DAY: i64 = 86_400;
const KEEP: Duration = Duration::from_hours(30 * 24);

/// Applies `plan` with one step on day `day`.
async fn apply_on(
    store: &SharedStore,
    scope: &Scope,
    generation: Generation,
    day: i64,
    (parent, plan): (Option<char>, char),
) -> ApplyId {
    let when = at(day * DAY);
    let proposed = Proposal { at: when, ..proposal(scope, generation, plan, parent) };
    store.propose(&proposed).await.expect("should become the target");
    let start = crate::port::store::ApplyStart { at: when, ..start(scope, generation, plan) };
    let apply = store.begin(&start).await.expect("should begin");
    let own = step("Deployment naksha/web", Effect::Own(key("web"), Arc::new(owned("web"))));
    store.record(scope, generation, apply, slice::from_ref(&own)).await.expect("should record");
    let outcome = ApplyOutcome::Succeeded;
    let end = ApplyEnd { at: when, audit: AuditEntry { at: when, ..audit("apply") }, ..end(outcome) };
    store.finish(scope, generation, apply, &end).await.expect("should end");
    apply
}

pub async fn history_is_dropped(store: SharedStore) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let first = apply_on(&store, &dev, generation, 0, (None, 'a')).await;
    let second = apply_on(&store, &dev, generation, 50, (Some('a'), 'b')).await;
    let third = apply_on(&store, &dev, generation, 55, (Some('b'), 'c')).await;
    store.enqueue(&[message("old", "never taken")]).await.expect("should queue");
    let ack = Acknowledgement {
        plan: plan_id('a'),
        by: "ada".to_owned(),
        reason: "fine".to_owned(),
        at: None,
        expires: None,
        source: "naksha ack".to_owned(),
    };
    store.acknowledge(&dev, &ack, &audit("ack")).await.expect("should be kept");
    let dropped = store.retain(KEEP, at(60 * DAY)).await.expect("should drop");
    assert!(dropped > 0);
    let applies: Vec<_> =
        store.applies(&dev, 9).await.expect("should read").into_iter().map(|a| a.id).collect();
    assert_eq!(applies, [third, second]);
    assert!(store.steps(first).await.expect("should read").is_empty());
    assert_eq!(store.steps(second).await.expect("should read").len(), 1);
    let plans: Vec<_> =
        store.plans(&dev, 9).await.expect("should read").into_iter().map(|p| p.plan).collect();
    assert_eq!(plans, [plan_id('c'), plan_id('b')]);
    assert_eq!(store.audit(Some(&dev), 9).await.expect("should read").len(), 2);
    assert!(store.acknowledgements(&dev).await.expect("should read").is_empty());
    assert!(store.pending("log", at(60 * DAY), 9).await.expect("should read").is_empty());
    assert_eq!(store.retain(KEEP, at(60 * DAY)).await.expect("should drop"), 0);
}

pub async fn what_is_needed_is_kept(store: SharedStore) {
    let (dev, prod) = (scope("dev"), scope("prod"));
    let generation = lease(&store, &dev).await;
    let last = apply_on(&store, &dev, generation, 0, (None, 'a')).await;
    let held = Proposal { approved: false, at: at(DAY), ..proposal(&dev, generation, 'b', Some('a')) };
    store.propose(&held).await.expect("should record");
    let ack = Acknowledgement {
        plan: plan_id('b'),
        by: "ada".to_owned(),
        reason: "fine".to_owned(),
        at: Some(at(DAY)),
        expires: None,
        source: "naksha ack".to_owned(),
    };
    store.acknowledge(&dev, &ack, &audit("ack")).await.expect("should be kept");
    let elsewhere = lease(&store, &prod).await;
    let running = begin(&store, &prod, elsewhere, (None, 'c')).await;
    let before = (
        store.environment(&dev).await.expect("should read"),
        store.inventory(&dev).await.expect("should read"),
    );
    store.retain(KEEP, at(900 * DAY)).await.expect("should drop");
    let after = (
        store.environment(&dev).await.expect("should read"),
        store.inventory(&dev).await.expect("should read"),
    );
    assert_eq!(before, after);
    assert_eq!(store.applies(&dev, 9).await.expect("should read")[0].id, last);
    assert_eq!(store.steps(last).await.expect("should read").len(), 1);
    assert_eq!(
        store.plans(&dev, 9).await.expect("should read").len(),
        2,
        "the target and the one that waits"
    );
    assert_eq!(store.acknowledgements(&dev).await.expect("should read"), [ack]);
    let audit = store.audit(Some(&dev), 9).await.expect("should read");
    assert_eq!(audit.iter().map(|row| row.entry.what.as_str()).collect::<Vec<_>>(), ["apply"]);
    let own = step("Deployment naksha/web", Effect::None);
    store.record(&prod, elsewhere, running, slice::from_ref(&own)).await.expect("should still run");
}

pub async fn the_mark_key_stays(store: SharedStore) {
    let one = store.mark_key().await.expect("should read");
    assert_eq!(one, store.mark_key().await.expect("should read"));
    assert_ne!(one, [0; 32]);
}

pub async fn backups_never_overwrite(store: SharedStore) {
    let folder = std::env::temp_dir().join(format!("naksha-contract-{}", std::process::id()));
    tokio::fs::create_dir_all(&folder).await.expect("should make a folder");
    let to = folder.join("backup.db");
    store.backup(&to).await.expect("should write");
    let size = tokio::fs::metadata(&to).await.expect("should be there").len();
    assert!(size > 0);
    let again = store.backup(&to).await;
    assert!(matches!(&again, Err(StoreError::Exists { path }) if *path == to), "{again:?}");
    assert_eq!(tokio::fs::metadata(&to).await.expect("should be there").len(), size);
    let lost = store.backup(&folder.join("no/such/folder/backup.db")).await;
    assert!(matches!(lost, Err(StoreError::Unavailable { .. })), "{lost:?}");
    tokio::fs::remove_dir_all(&folder).await.expect("should clean up");
}
