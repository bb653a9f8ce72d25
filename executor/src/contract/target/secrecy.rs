//! Values of Secrets: written to the target, and never seen again.

use naksha_environments::object::{Observed, mark_placeholder};
use serde_json::json;

use super::Fixture;
use super::samples::{edit, is_live, key, live, observe, observe_until, secret_write};
use crate::port::target::{Target, WriteMode, Written};

/// Searched for in everything that comes back, plain and in base64.
const CANARY: &str = "canary-4f1d";
const CANARY_BASE64: &str = "Y2FuYXJ5LTRmMWQ=";
const OTHER: &str = "canary-77aa";
const OTHER_BASE64: &str = "Y2FuYXJ5LTc3YWE=";

fn assert_masked(what: &str, text: &str) {
    for canary in [CANARY, CANARY_BASE64, OTHER, OTHER_BASE64, "Y2FuYXJ5"] {
        assert!(!text.contains(canary), "{what} tells a secret: {text}");
    }
}

async fn create(target: &dyn Target, fixture: &impl Fixture) -> Written {
    let key = key(fixture, "Secret", "db");
    let write = secret_write(&key, WriteMode::Create, &[("url", CANARY)]);
    assert_masked("the debug form of a write", &format!("{write:?}"));
    target.write(&write).await.expect("should create")
}

pub async fn values_are_written_where_they_belong(fixture: &impl Fixture) {
    create(&*fixture.target(), fixture).await;
    let there = fixture.peek(&key(fixture, "Secret", "db")).await.expect("should exist");
    assert_eq!(there["data"]["url"], CANARY_BASE64);
}

pub async fn values_never_come_back(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "Secret", "db");
    let written = create(&*target, fixture).await;
    assert_masked("the answer to a write", &format!("{written:?}"));
    // As client-side apply and hasty people leave them.
    edit(fixture, &key, |object| {
        object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
            json!(format!("{{\"data\":{{\"url\":\"{CANARY_BASE64}\"}}}}"));
        object["data"]["more"] = json!(OTHER_BASE64);
    })
    .await;
    let observed = observe(&*target, &key, None).await;
    let Observed::Live(live) = &observed else { unreachable!("it is there: {observed:?}") };
    assert_masked("an observation", &format!("{observed:?} {}", live.body.as_json()));
    let refused = target.write(&secret_write(&key, WriteMode::Create, &[("url", OTHER)])).await;
    assert_masked(
        "an error",
        &format!("{refused:?} {}", refused.as_ref().expect_err("should exist already")),
    );
    assert_masked("the target itself", &format!("{target:?}"));
    if fixture.garble(&key).await {
        let observed = observe(&*target, &key, None).await;
        assert_masked("what cannot be read", &format!("{observed:?}"));
    }
}

pub async fn changed_values_are_seen(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "Secret", "db");
    let written = create(&*target, fixture).await;
    assert!(matches!(observe(&*target, &key, Some(&written.mark)).await, Observed::InSync { .. }));
    edit(fixture, &key, |object| object["data"]["url"] = json!(OTHER_BASE64)).await;
    let observed = observe_until(fixture, &*target, (&key, &written.mark), is_live).await;
    assert!(is_live(&observed), "{observed:?}");
}

pub async fn equal_values_have_equal_marks(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "Secret", "db");
    let first = create(&*target, fixture).await;
    let mark = &first.secrets["url"];
    let there = live(&*target, &key).await.body.value();
    assert_eq!(there["data"]["url"], mark_placeholder(mark), "the body has the mark");
    let mode = WriteMode::Update { expect: first.mark.clone() };
    let second = target.write(&secret_write(&key, mode, &[("url", OTHER)])).await.expect("should update");
    assert_ne!(&second.secrets["url"], mark);
    let mode = WriteMode::Update { expect: second.mark };
    let third = target.write(&secret_write(&key, mode, &[("url", CANARY)])).await.expect("should update");
    assert_eq!(&third.secrets["url"], mark);
}

pub async fn values_of_others_are_masked_and_kept(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "Secret", "db");
    create(&*target, fixture).await;
    edit(fixture, &key, |object| object["data"]["theirs"] = json!(OTHER_BASE64)).await;
    let now = live(&*target, &key).await;
    let mode = WriteMode::Update { expect: now.mark };
    let written = target.write(&secret_write(&key, mode, &[("url", CANARY)])).await.expect("should update");
    assert_masked("the answer", &format!("{written:?}"));
    assert_eq!(written.secrets.keys().collect::<Vec<_>>(), ["url"], "only what we wrote is ours");
    let there = fixture.peek(&key).await.expect("should exist");
    assert_eq!(there["data"], json!({"url": CANARY_BASE64, "theirs": OTHER_BASE64}));
}
