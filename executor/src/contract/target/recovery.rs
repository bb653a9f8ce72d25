//! What is found after the database was lost: what is signed for just itself, and nothing else.

use naksha_environments::object::ObjectKey;
use serde_json::{Value, json};

use super::Fixture;
use super::samples::{config, create, key, scope, unit};
use crate::port::recovery::{Recovered, Recovery, Search};
use crate::port::target::OWNER_ANNOTATION;

async fn recover(fixture: &impl Fixture) -> Recovery {
    let namespace = fixture.namespace();
    let search = Search { scope: scope(), namespaces: [namespace.as_str().into()].into() };
    let mut found = fixture.target().recover(&search).await.expect("should look through it");
    // Other cases may be at work in other namespaces.
    let is_here = |key: &ObjectKey| key.namespace.as_deref() == Some(namespace.as_str());
    found.objects.retain(|one| is_here(&one.key));
    found.unproven.retain(|one| is_here(&one.key));
    found
}

/// What somebody may copy of an object: all but its identity.
fn copy(object: &Value, name: &str) -> Value {
    let metadata = &object["metadata"];
    let mut copy = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "data": object["data"],
        "metadata": {"name": name, "namespace": metadata["namespace"], "annotations": metadata["annotations"]}});
    if !metadata["labels"].is_null() {
        copy["metadata"]["labels"] = metadata["labels"].clone();
    }
    copy
}

pub async fn what_was_written_is_found_with_its_identity(fixture: &impl Fixture) {
    let key = key(fixture, "ConfigMap", "one");
    let written = create(&*fixture.target(), &key, &config(&key, &json!({"a": "1"}))).await;
    let mut found = recover(fixture).await;
    let Recovered { key: found_key, unit: signer, api_version, live, applied } =
        found.objects.pop().expect("should be found");
    assert_eq!((found_key, signer, &*api_version), (key.clone(), unit(), "v1"));
    assert_eq!((live.mark.uid, live.mark.fingerprint), (written.mark.uid, written.mark.fingerprint));
    if let Some(applied) = applied {
        assert_eq!(applied.value(), config(&key, &json!({"a": "1"})), "what we wrote, without our signs");
    }
    assert_eq!((found.objects.len(), found.unproven.len()), (0, 0));
}

pub async fn a_copy_is_not_proven(fixture: &impl Fixture) {
    let (one, other) = (key(fixture, "ConfigMap", "one"), key(fixture, "ConfigMap", "copy"));
    create(&*fixture.target(), &one, &config(&one, &json!({"a": "1"}))).await;
    let there = fixture.peek(&one).await.expect("should exist");
    fixture.put(&other, &copy(&there, "copy")).await;
    let found = recover(fixture).await;
    assert_eq!(found.objects.iter().map(|one| &one.key).collect::<Vec<_>>(), [&one]);
    assert_eq!(found.unproven.iter().map(|one| &one.key).collect::<Vec<_>>(), [&other]);
}

pub async fn a_signature_of_the_old_form_is_not_proven(fixture: &impl Fixture) {
    let one = key(fixture, "ConfigMap", "one");
    create(&*fixture.target(), &one, &config(&one, &json!({"a": "1"}))).await;
    let mut there = fixture.peek(&one).await.expect("should exist");
    there["metadata"]["annotations"][OWNER_ANNOTATION] = json!(format!("{}/{}", scope(), unit()));
    fixture.put(&one, &there).await;
    let found = recover(fixture).await;
    assert_eq!((found.objects.len(), found.unproven.len()), (0, 1));
}

pub async fn what_is_of_others_is_nobodys_business(fixture: &impl Fixture) {
    let one = key(fixture, "ConfigMap", "one");
    fixture.put(&one, &config(&one, &json!({"a": "1"}))).await;
    let found = recover(fixture).await;
    assert_eq!((found.objects.len(), found.unproven.len()), (0, 0));
}
