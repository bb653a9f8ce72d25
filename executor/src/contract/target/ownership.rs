//! What a write sets, removes and leaves.

use futures::future::join_all;
use serde_json::json;

use super::Fixture;
use super::samples::{config, create, deployment, edit, key, path, scope, unit, update, write};
use crate::port::target::{OWNER_ANNOTATION, WriteError, WriteMode, owner_of};

pub async fn create_writes_what_is_wanted(fixture: &impl Fixture) {
    let key = key(fixture, "ConfigMap", "one");
    let target = fixture.target();
    let written = create(&*target, &key, &config(&key, &json!({"a": "1", "on": "yes"}))).await;
    let there = fixture.peek(&key).await.expect("should exist");
    assert_eq!(there["data"], json!({"a": "1", "on": "yes"}), "texts stay texts");
    assert_eq!(there["metadata"]["name"], "one");
    let live = super::samples::live(&*target, &key).await;
    assert_eq!(live.mark.fingerprint, written.mark.fingerprint, "the answer is what is there");
    assert!(written.mark.uid.is_some(), "an object has an identity");
}

pub async fn create_never_overwrites(fixture: &impl Fixture) {
    let key = key(fixture, "ConfigMap", "one");
    fixture.put(&key, &config(&key, &json!({"theirs": "1"}))).await;
    let body = config(&key, &json!({"ours": "1"}));
    let result = fixture.target().write(&write(&key, WriteMode::Create, None, &body)).await;
    assert!(matches!(result, Err(WriteError::Moved { .. })), "{result:?}");
    let there = fixture.peek(&key).await.expect("should still exist");
    assert_eq!(there["data"], json!({"theirs": "1"}));
}

pub async fn updates_keep_fields_of_others(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "Deployment", "web");
    let before = deployment(&key, "nginx:1", 1);
    create(&*target, &key, &before).await;
    edit(fixture, &key, |object| {
        object["metadata"]["labels"] = json!({"team": "blue"});
        object["spec"]["template"]["spec"]["containers"][0]["tty"] = json!(true);
    })
    .await;
    let live = super::samples::live(&*target, &key).await;
    let after = deployment(&key, "nginx:2", 1);
    update(&*target, &key, &live.mark, &before, &after).await.expect("should update");
    let there = fixture.peek(&key).await.expect("should exist");
    assert_eq!(there["metadata"]["labels"]["team"], "blue");
    let container = &there["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "nginx:2");
    assert_eq!(container["tty"], true);
}

pub async fn dropped_fields_vanish(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let before = config(&key, &json!({"a": "1", "b": "2"}));
    let written = create(&*target, &key, &before).await;
    let after = config(&key, &json!({"a": "1"}));
    update(&*target, &key, &written.mark, &before, &after).await.expect("should update");
    let there = fixture.peek(&key).await.expect("should exist");
    assert_eq!(there["data"], json!({"a": "1"}));
}

pub async fn fields_left_to_others_are_not_sent(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "Deployment", "web");
    let body = deployment(&key, "nginx:1", 1);
    create(&*target, &key, &body).await;
    edit(fixture, &key, |object| object["spec"]["replicas"] = json!(5)).await;
    let live = super::samples::live(&*target, &key).await;
    let after = deployment(&key, "nginx:2", 1);
    let mut write = write(&key, WriteMode::Update { expect: live.mark }, Some(&body), &after);
    write.leave = vec![path(&["spec", "replicas"])];
    target.write(&write).await.expect("should update");
    let there = fixture.peek(&key).await.expect("should exist");
    assert_eq!(there["spec"]["replicas"], 5, "somebody else scales it");
    assert_eq!(there["spec"]["template"]["spec"]["containers"][0]["image"], "nginx:2");
}

pub async fn adoption_keeps_fields_of_others(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    fixture.put(&key, &config(&key, &json!({"a": "theirs", "b": "theirs"}))).await;
    let live = super::samples::live(&*target, &key).await;
    let body = config(&key, &json!({"a": "ours"}));
    let written = target.write(&write(&key, WriteMode::Adopt { expect: live.mark }, None, &body)).await;
    assert!(written.expect("should adopt").mark.uid.is_some(), "what is ours can be told apart");
    let there = fixture.peek(&key).await.expect("should exist");
    assert_eq!(there["data"], json!({"a": "ours", "b": "theirs"}));
}

pub async fn the_owner_is_written_down(fixture: &impl Fixture) {
    let key = key(fixture, "ConfigMap", "one");
    create(&*fixture.target(), &key, &config(&key, &json!({}))).await;
    let there = fixture.peek(&key).await.expect("should exist");
    let annotation = &there["metadata"]["annotations"][OWNER_ANNOTATION];
    assert_eq!(annotation, &json!(owner_of(&scope(), &unit(), &key)));
}

pub async fn writes_side_by_side(fixture: &impl Fixture) {
    let target = fixture.target();
    let keys: Vec<_> = (0..40).map(|number| key(fixture, "ConfigMap", &format!("c{number}"))).collect();
    let writes = keys.iter().map(|key| {
        let target = target.clone();
        async move { create(&*target, key, &config(key, &json!({"name": &*key.name}))).await }
    });
    let written = join_all(writes).await;
    let mut uids: Vec<_> = written.into_iter().filter_map(|written| written.mark.uid).collect();
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), keys.len(), "no identity is given twice");
    for key in &keys {
        let there = fixture.peek(key).await.expect("should exist");
        assert_eq!(there["data"]["name"], *key.name);
    }
}
