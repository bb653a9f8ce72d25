//! Values of stores of both versions, and what is not there.

use naksha_tests::await_true;
use naksha_tests::vault::Vault;
use serde_json::json;

use crate::stage::{Source, place_of, why_denied};

#[test]
fn values_of_both_versions_are_read() {
    let Some(vault) = Vault::shared() else { return };
    let source = Source::with_token(vault, "root");
    for version in [1, 2] {
        let store = vault.store(version);
        store.write("naksha/db", &json!({"url": "postgres://ä\n", "port": 5432, "tls": true}));
        let value = |field: &str| source.value(&format!("{}#{field}", store.path("naksha/db")));
        assert_eq!(value("url"), Ok("postgres://ä\n".to_owned()), "version {version}");
        assert_eq!(value("port"), Ok("5432".to_owned()), "version {version}");
        assert_eq!(value("tls"), Ok("true".to_owned()), "version {version}");
    }
}

#[test]
fn a_number_is_what_vault_has() {
    let Some(vault) = Vault::shared() else { return };
    // A store with versions keeps numbers as floats, and has forgotten the end of this one.
    let store = vault.store(1);
    store.write("db", &json!({"id": 9_007_199_254_740_993_u64}));
    let source = Source::with_token(vault, "root");
    assert_eq!(source.value(&format!("{}#id", store.path("db"))), Ok("9007199254740993".to_owned()));
}

#[test]
fn names_may_have_any_sign() {
    let Some(vault) = Vault::shared() else { return };
    let source = Source::with_token(vault, "root");
    let store = vault.store(2);
    // The harness writes where a URL says; the name is that of `odd ä?%2e`.
    store.write("odd%20%C3%A4%3F%252e", &json!({"a b": "x"}));
    assert_eq!(source.value(&format!("{}#a b", store.path("odd ä?%2e"))), Ok("x".to_owned()));
}

#[test]
fn what_is_not_there_is_named() {
    let Some(vault) = Vault::shared() else { return };
    let source = Source::with_token(vault, "root");
    for version in [1, 2] {
        let store = vault.store(version);
        store.write("db", &json!({"url": "x"}));
        let (db, other) = (store.path("db"), store.path("other"));
        let place = place_of(source.value(&format!("{db}#user")));
        assert_eq!(place, format!("field \"user\" of {db} in Vault"));
        let place = place_of(source.value(&format!("{other}#url")));
        assert_eq!(place, format!("field \"url\" of {other} in Vault"));
        place_of(source.value(&format!("{}#url", store.name)));
    }
}

#[test]
fn a_version_that_was_deleted_is_not_there() {
    let Some(vault) = Vault::shared() else { return };
    let store = vault.store(2);
    store.write("db", &json!({"url": "x"}));
    store.delete("db");
    let source = Source::with_token(vault, "root");
    place_of(source.value(&format!("{}#url", store.path("db"))));
    store.write("db", &json!({"url": "y"}));
    // What was not there is not remembered.
    assert_eq!(source.value(&format!("{}#url", store.path("db"))), Ok("y".to_owned()));
}

#[test]
fn what_is_no_text_is_denied() {
    let Some(vault) = Vault::shared() else { return };
    let store = vault.store(2);
    store.write("db", &json!({"list": ["a"], "deep": {"a": "b"}, "none": null}));
    let source = Source::with_token(vault, "root");
    for field in ["list", "deep", "none"] {
        let reason = why_denied(source.value(&format!("{}#{field}", store.path("db"))));
        assert_eq!(reason, "it is not text");
    }
}

#[test]
fn nothing_is_read_from_other_engines() {
    let Some(vault) = Vault::shared() else { return };
    let source = Source::with_token(vault, "root");
    let reason = why_denied(source.value("sys/health#initialized"));
    assert_eq!(reason, "sys/health is in an engine of another kind than kv");
    // Vault does not tell a store that is not there from one that is forbidden.
    let reason = why_denied(source.value("nowhere/db#url"));
    assert!(reason.starts_with("Vault refuses it: 403: preflight capability check"), "{reason}");
}

#[test]
fn a_value_that_was_changed_is_seen() {
    let Some(vault) = Vault::shared() else { return };
    let store = vault.store(2);
    let place = format!("{}#url", store.path("db"));
    store.write("db", &json!({"url": "old"}));
    let source = Source::with_token(vault, "root");
    assert_eq!(source.value(&place), Ok("old".to_owned()));
    store.write("db", &json!({"url": "new"}));
    await_true("the new value", || {
        let value = source.value(&place).unwrap();
        assert!(value == "old" || value == "new", "{value}");
        value == "new"
    });
}

#[test]
fn a_store_may_be_replaced_by_one_of_another_version() {
    let Some(vault) = Vault::shared() else { return };
    let mut store = vault.store(1);
    let source = Source::with_token(vault, "root");
    for (version, value) in [(1, "one"), (2, "two"), (1, "three")] {
        store = store.replaced(version);
        store.write("db", &json!({"url": value}));
        let place = format!("{}#url", store.path("db"));
        // Nobody is told that it is not there, not even the first who asks.
        await_true("the value of the new store", || source.value(&place).unwrap() == value);
    }
}
