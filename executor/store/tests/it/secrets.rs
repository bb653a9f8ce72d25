//! No secret reaches the disk: what is given to the store is built from masked types, and the store adds nothing.

use std::collections::BTreeMap;
use std::fs;
use std::slice;
use std::sync::Arc;

use naksha_environments::inventory::Owned;
use naksha_environments::object::{Body, SecretValue};
use naksha_environments::secret::{MarkKey, Secret, SecretRef};
use naksha_environments::verdict::Acknowledgement;
use naksha_executor::contract::store::samples::{
    at, audit, end, key, lease, message, owned, plan_id, proposal, scope, start, step,
};
use naksha_executor::port::store::{
    ApplyEnd, ApplyOutcome, AuditEntry, Effect, NewMessage, Proposal, StepOutcome, StepRecord, Suspension,
};
use serde_json::json;

use crate::folder::fresh;

const CANARY: &str = "canary-6f1d-hunter2";
/// The same in base64, as a manifest would have it.
const CANARY_BASE64: &str = "Y2FuYXJ5LTZmMWQtaHVudGVyMg==";

#[tokio::test]
async fn a_secret_never_reaches_the_file() {
    let (folder, store) = fresh().await;
    let dev = scope("dev");
    let secret = Secret::new(CANARY);
    let text = format!("failed with {secret} {secret:?}");
    let marks = MarkKey::new(store.mark_key().await.unwrap());
    let inline = SecretValue::Inline(secret.clone());
    let reference = SecretValue::Reference(SecretRef::parse("vault:kv/naksha/db#url").unwrap());
    let body = json!({"kind": "Secret", "data": {
        "one": inline.placeholder(&marks), "two": reference.placeholder(&marks), "three": secret,
    }});
    let object = Owned {
        applied: Body::new(&body),
        secrets: BTreeMap::from([("one".to_owned(), marks.mark(CANARY.as_bytes()))]),
        ..owned("db")
    };
    let entry = AuditEntry { result: text.clone(), ..audit("apply") };

    let generation = lease(&store, &dev).await;
    let document = json!({"body": body, "value": format!("{inline:?}"), "secret": secret});
    let plan = Proposal {
        document: document.to_string(),
        reasons: vec![text.clone()],
        ..proposal(&dev, generation, 'a', None)
    };
    store.propose(&plan).await.unwrap();
    let apply = store.begin(&start(&dev, generation, 'a')).await.unwrap();
    let failed = StepRecord {
        outcome: StepOutcome::Failed { reason: text.clone() },
        ..step(&text, Effect::Own(key("db"), Arc::new(object.clone())))
    };
    store.record(&dev, generation, apply, slice::from_ref(&failed)).await.unwrap();
    let body = json!({"secret": secret, "text": text.clone()}).to_string();
    let told = NewMessage { body, ..message("status", "") };
    let outcome = ApplyOutcome::Failed { reason: text.clone() };
    let end = ApplyEnd { audit: entry.clone(), messages: vec![told], ..end(outcome) };
    store.finish(&dev, generation, apply, &end).await.unwrap();
    let suspension = Suspension { by: "ada".to_owned(), reason: text.clone(), since: at(0) };
    store.suspend(&dev, Some(&suspension), &entry).await.unwrap();
    let ack = Acknowledgement {
        plan: plan_id('a'),
        by: "ada".to_owned(),
        reason: text,
        at: None,
        expires: None,
        source: "naksha ack".to_owned(),
    };
    store.acknowledge(&dev, &ack, &entry).await.unwrap();
    store.backup(&folder.path().join("backup.db")).await.unwrap();

    let mut seen = 0;
    for file in fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!has(CANARY) && !has(CANARY_BASE64), "{} holds a secret", path.display());
        seen += usize::from(has("failed with (secret) (secret)"));
    }
    assert_eq!(seen, 2, "the log and the backup hold the masked text");
    assert_eq!(store.inventory(&dev).await.unwrap()[&key("db")].as_ref(), &object);
    store.close().await;
}
