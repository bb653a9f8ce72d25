//! A Vault that is sealed, stopped, or somebody else.

use naksha_executor_vault::Login;
use naksha_tests::await_true;
use naksha_tests::vault::{Transport, Vault};
use serde_json::json;

use crate::stage::{Source, why_unavailable};

#[test]
fn one_that_is_sealed_or_stopped_is_unavailable() {
    let Some(vault) = Vault::own(Transport::Plain) else { return };
    let store = vault.store(2);
    let place = |entry: &str| format!("{}#a", store.path(entry));
    for entry in ["one", "two", "three"] {
        store.write(entry, &json!({"a": entry}));
    }
    let role = vault.role(&json!({"token_policies": [vault.policy(&store.reading())]}));
    let sources = [Source::with_token(&vault, "root"), Source::with_role(&vault, &role)];
    for source in &sources {
        assert_eq!(source.value(&place("one")), Ok("one".to_owned()));
    }
    vault.seal();
    let late = Source::with_role(&vault, &role);
    for source in sources.iter().chain([&late]) {
        let reason = why_unavailable(source.value(&place("two")));
        assert!(reason.ends_with("503: Vault is sealed"), "{reason}");
    }
    vault.unseal();
    for source in sources.iter().chain([&late]) {
        await_true("a Vault that works again", || source.value(&place("two")) == Ok("two".to_owned()));
    }
    let stopped = place("three");
    drop(vault);
    for source in &sources {
        let reason = why_unavailable(source.value(&stopped));
        assert!(reason.contains("refused"), "{reason}");
    }
}

#[test]
fn the_authority_that_is_named_is_believed() {
    let Some(vault) = Vault::own(Transport::Tls) else { return };
    let store = vault.store(2);
    store.write("db", &json!({"url": "x"}));
    let place = format!("{}#url", store.path("db"));
    let source = Source::with_token(&vault, "root");
    assert_eq!(source.value(&place), Ok("x".to_owned()));
    let stranger = Source::at(vault.url(), None, "root", Login::TokenFile);
    let reason = why_unavailable(stranger.value(&place));
    assert!(reason.contains("certificate"), "{reason}");
}
