//! What others do to our objects, and what a process that died leaves.

use naksha_environments::object::{ObjectKey, Observed};
use serde_json::json;

use super::Fixture;
use super::samples::{PATIENCE, config, create, edit, is_live, key, observe, observe_until, update};

pub async fn outside_edits_are_seen(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    // Right after our write, several times, with contents of equal length: clocks of file systems are coarse.
    for round in 0..20 {
        let name = format!("one-{round}");
        let key = ObjectKey::new("", "ConfigMap", key.namespace.as_deref(), &name);
        let written = create(&*target, &key, &config(&key, &json!({"a": "1"}))).await;
        edit(fixture, &key, |object| object["data"]["a"] = json!("2")).await;
        let seen = observe_until(fixture, &*target, (&key, &written.mark), is_live).await;
        let Observed::Live(live) = seen else {
            unreachable!("the edit of round {round} was not seen");
        };
        assert_eq!(live.body.value()["data"]["a"], "2");
        assert_eq!(live.mark.uid, written.mark.uid, "it is still the same object");
    }
}

pub async fn reverted_edits_are_in_sync(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let written = create(&*target, &key, &config(&key, &json!({"a": "1"}))).await;
    edit(fixture, &key, |object| object["data"]["a"] = json!("2")).await;
    edit(fixture, &key, |object| object["data"]["a"] = json!("1")).await;
    match observe(&*target, &key, Some(&written.mark)).await {
        Observed::InSync { .. } => {}
        // A server that counts owners may say that our field is not ours any more; its value is right.
        Observed::Live(live) => assert_eq!(live.body.value()["data"]["a"], "1"),
        other => unreachable!("it is there: {other:?}"),
    }
}

pub async fn outside_deletions_are_seen(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let written = create(&*target, &key, &config(&key, &json!({"a": "1"}))).await;
    fixture.erase(&key).await;
    let gone = |observed: &Observed| *observed == Observed::Absent;
    assert_eq!(observe_until(fixture, &*target, (&key, &written.mark), gone).await, Observed::Absent);
}

pub async fn outside_edits_wake(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    create(&*target, &key, &config(&key, &json!({"a": "1"}))).await;
    let mut changes = target.changes();
    // Our own writes may wake too: go on until the edit is seen.
    edit(fixture, &key, |object| object["data"]["a"] = json!("2")).await;
    let woken = tokio::time::timeout(PATIENCE, changes.changed()).await;
    woken.expect("should be woken").expect("should go on watching");
    changes.borrow_and_update();
    edit(fixture, &key, |object| object["data"]["a"] = json!("3")).await;
    let woken = tokio::time::timeout(PATIENCE, changes.changed()).await;
    woken.expect("should be woken again").expect("should go on watching");
}

pub async fn another_process_sees_the_same(fixture: &impl Fixture) {
    let key = key(fixture, "ConfigMap", "one");
    let before = config(&key, &json!({"a": "1"}));
    let written = create(&*fixture.target(), &key, &before).await;
    let second = fixture.reopen().await;
    let observed = observe(&*second, &key, Some(&written.mark)).await;
    assert!(matches!(observed, Observed::InSync { .. }), "{observed:?}");
    let after = config(&key, &json!({"a": "2"}));
    let updated = update(&*second, &key, &written.mark, &before, &after).await.expect("should update");
    assert_eq!(updated.mark.uid, written.mark.uid);
}

pub async fn half_writes_do_no_harm(fixture: &impl Fixture) {
    let key = key(fixture, "ConfigMap", "one");
    let body = config(&key, &json!({"a": "1"}));
    let written = create(&*fixture.target(), &key, &body).await;
    if !fixture.half_write(&key).await {
        return;
    }
    assert!(fixture.litter().await > 0, "the fixture left something");
    let target = fixture.reopen().await;
    assert_eq!(fixture.litter().await, 0, "what a killed write left is cleaned away");
    let observed = observe(&*target, &key, Some(&written.mark)).await;
    assert!(matches!(observed, Observed::InSync { .. }), "{observed:?}");
}
