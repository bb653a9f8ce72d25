//! Tokens that somebody else keeps alive.

use naksha_tests::await_true;
use naksha_tests::vault::Vault;
use serde_json::json;

use crate::stage::{Source, why_denied};

#[test]
fn a_token_without_rights_is_denied() {
    let Some(vault) = Vault::shared() else { return };
    let (ours, theirs) = (vault.store(2), vault.store(2));
    ours.write("db", &json!({"url": "x"}));
    theirs.write("db", &json!({"url": "x"}));
    ours.write("other", &json!({"url": "x"}));
    let rules = format!("path \"{}\" {{ capabilities = [\"read\"] }}", ours.read_path("db"));
    let token = vault.token(&[&vault.policy(&rules)], "1h");
    let source = Source::with_token(vault, &token);
    assert_eq!(source.value(&format!("{}#url", ours.path("db"))), Ok("x".to_owned()));
    let reason = why_denied(source.value(&format!("{}#url", ours.path("other"))));
    assert_eq!(reason, "Vault refuses it: 403: permission denied");
    let reason = why_denied(source.value(&format!("{}#url", theirs.path("db"))));
    assert!(reason.starts_with("Vault refuses it: 403: preflight capability check"), "{reason}");
    let reason =
        why_denied(Source::with_token(vault, "hvs.unknown").value(&format!("{}#url", ours.path("db"))));
    assert!(reason.contains("403") && !reason.contains("hvs.unknown"), "{reason}");
}

#[test]
fn a_token_is_read_for_each_request() {
    let Some(vault) = Vault::shared() else { return };
    let store = vault.store(2);
    let place = |entry: &str| format!("{}#url", store.path(entry));
    for entry in ["a", "b", "c", "d"] {
        store.write(entry, &json!({"url": entry}));
    }
    let policy = vault.policy(&store.reading());
    let (first, second) = (vault.token(&[&policy], "1h"), vault.token(&[&policy], "1h"));
    let source = Source::with_token(vault, &first);
    assert_eq!(source.value(&place("a")), Ok("a".to_owned()));
    source.show(&second);
    vault.revoke(&first);
    assert_eq!(source.value(&place("b")), Ok("b".to_owned()));
    source.show_nothing();
    let reason = why_denied(source.value(&place("c")));
    assert!(reason.starts_with("file `"), "{reason}");
    source.show("two words");
    let reason = why_denied(source.value(&place("c")));
    assert!(reason.ends_with("it is not one line with a token"), "{reason}");
    source.show(&second);
    assert_eq!(source.value(&place("d")), Ok("d".to_owned()));
}

#[test]
fn a_token_that_ended_is_denied_until_it_is_replaced() {
    let Some(vault) = Vault::shared() else { return };
    let store = vault.store(2);
    store.write("db", &json!({"url": "x"}));
    let (place, policy) = (format!("{}#url", store.path("db")), vault.policy(&store.reading()));
    let source = Source::with_token(vault, &vault.token(&[&policy], "2s"));
    assert_eq!(source.value(&place), Ok("x".to_owned()));
    await_true("the end of the token", || source.value(&place).is_err());
    let reason = why_denied(source.value(&place));
    assert!(reason.starts_with("Vault refuses it: 403"), "{reason}");
    source.show(&vault.token(&[&policy], "1h"));
    assert_eq!(source.value(&place), Ok("x".to_owned()));
}
