//! Which object a write or removal means: by uid, never by name alone.

use serde_json::json;

use super::Fixture;
use super::samples::{config, create, edit, key, live, remove, update};
use crate::port::target::WriteError;

pub async fn an_update_keeps_the_uid(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let before = config(&key, &json!({"a": "1"}));
    let first = create(&*target, &key, &before).await;
    let after = config(&key, &json!({"a": "2"}));
    let second = update(&*target, &key, &first.mark, &before, &after).await.expect("should update");
    assert_eq!(first.mark.uid, second.mark.uid);
    assert_ne!(first.mark.fingerprint, second.mark.fingerprint);
    // The answer of a write is good for the next one.
    update(&*target, &key, &second.mark, &after, &before).await.expect("should update again");
}

/// A replacement is a removal and a creation.
pub async fn a_new_object_has_a_new_uid(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let body = config(&key, &json!({"a": "1"}));
    let first = create(&*target, &key, &body).await;
    remove(&*target, &key, &first.mark).await.expect("should delete, and return when it is gone");
    let second = create(&*target, &key, &body).await;
    assert_ne!(first.mark.uid, second.mark.uid);
}

pub async fn updates_of_what_moved_are_refused(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let before = config(&key, &json!({"a": "1"}));
    let written = create(&*target, &key, &before).await;
    edit(fixture, &key, |object| object["data"]["a"] = json!("3")).await;
    let after = config(&key, &json!({"a": "2"}));
    let result = update(&*target, &key, &written.mark, &before, &after).await;
    assert!(matches!(result, Err(WriteError::Moved { .. })), "{result:?}");
    let there = fixture.peek(&key).await.expect("should exist");
    assert_eq!(there["data"]["a"], "3", "nothing was written");
    let now = live(&*target, &key).await;
    update(&*target, &key, &now.mark, &before, &after).await.expect("should update what was observed");
}

pub async fn updates_of_what_is_gone_are_refused(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let body = config(&key, &json!({"a": "1"}));
    let written = create(&*target, &key, &body).await;
    fixture.erase(&key).await;
    let result = update(&*target, &key, &written.mark, &body, &body).await;
    assert!(matches!(result, Err(WriteError::Moved { .. })), "{result:?}");
    assert_eq!(fixture.peek(&key).await, None, "an update creates nothing");
}

pub async fn updates_of_another_object_are_refused(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let body = config(&key, &json!({"a": "1"}));
    let first = create(&*target, &key, &body).await;
    remove(&*target, &key, &first.mark).await.expect("should delete");
    create(&*target, &key, &body).await;
    let result = update(&*target, &key, &first.mark, &body, &body).await;
    assert!(
        matches!(result, Err(WriteError::Moved { .. })),
        "same name and content, another object: {result:?}"
    );
}

pub async fn removal_needs_the_uid(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let body = config(&key, &json!({"a": "1"}));
    let first = create(&*target, &key, &body).await;
    fixture.erase(&key).await;
    fixture.put(&key, &body).await;
    let result = remove(&*target, &key, &first.mark).await;
    assert!(matches!(result, Err(WriteError::Moved { .. })), "{result:?}");
    assert!(fixture.peek(&key).await.is_some(), "what somebody else made stays");
    let mut unproven = first.mark.clone();
    unproven.uid = None;
    let result = remove(&*target, &key, &unproven).await;
    assert!(result.is_err(), "without a uid nothing is deleted");
    assert!(fixture.peek(&key).await.is_some());
}

pub async fn removing_twice_is_fine(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let written = create(&*target, &key, &config(&key, &json!({}))).await;
    remove(&*target, &key, &written.mark).await.expect("should delete");
    assert_eq!(fixture.peek(&key).await, None);
    remove(&*target, &key, &written.mark).await.expect("should find that it is gone");
}
