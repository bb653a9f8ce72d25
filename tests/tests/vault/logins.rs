//! Logins: made, kept alive, and made anew.

use std::sync::atomic::{AtomicUsize, Ordering};

use naksha_tests::await_true;
use naksha_tests::vault::{Role, Store, Vault};
use serde_json::json;

use crate::stage::{Source, why_denied};

/// Entries enough that each read is a request.
struct Entries<'a> {
    store: Store<'a>,
    next: AtomicUsize,
}

impl<'a> Entries<'a> {
    const COUNT: usize = 400;

    fn of(vault: &'a Vault) -> Self {
        let store = vault.store(1);
        for entry in 0..Self::COUNT {
            store.write(&format!("e{entry}"), &json!({"a": "x"}));
        }
        Self { store, next: AtomicUsize::new(0) }
    }

    fn next(&self) -> String {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % Self::COUNT;
        format!("{}#a", self.store.path(&format!("e{next}")))
    }

    #[track_caller]
    fn read(&self, source: &Source) {
        assert_eq!(source.value(&self.next()), Ok("x".to_owned()));
    }
}

fn logins(vault: &Vault, role: &Role) -> usize {
    vault.requests(&format!("update auth/{}/login", role.mount), None)
}

#[test]
fn a_login_is_renewed_and_outlived() {
    let Some(vault) = Vault::shared() else { return };
    let entries = Entries::of(vault);
    let policy = vault.policy(&entries.store.reading());
    let role = vault.role(&json!({"token_policies": [policy], "token_ttl": "2s", "token_max_ttl": "5s"}));
    let source = Source::with_role(vault, &role);
    await_true("several logins", || {
        entries.read(&source);
        logins(vault, &role) >= 3
    });
    let renewals = vault.requests("update auth/token/renew-self", Some(&policy));
    assert!(renewals >= 2, "{renewals} renewals");
}

#[test]
fn a_login_that_may_not_be_renewed_is_made_anew() {
    let Some(vault) = Vault::shared() else { return };
    let entries = Entries::of(vault);
    let policy = vault.policy(&entries.store.reading());
    // A batch token is never renewed.
    let role = vault.role(&json!({"token_policies": [policy], "token_ttl": "2s", "token_type": "batch"}));
    let source = Source::with_role(vault, &role);
    await_true("several logins", || {
        entries.read(&source);
        logins(vault, &role) >= 3
    });
    assert_eq!(vault.requests("update auth/token/renew-self", Some(&policy)), 0);
}

#[test]
fn a_login_that_was_ended_is_made_anew() {
    let Some(vault) = Vault::shared() else { return };
    let entries = Entries::of(vault);
    let role =
        vault.role(&json!({"token_policies": [vault.policy(&entries.store.reading())], "token_ttl": "1h"}));
    let source = Source::with_role(vault, &role);
    for ended in 0..3 {
        entries.read(&source);
        entries.read(&source);
        assert_eq!(logins(vault, &role), ended + 1);
        vault.end_logins(&role.mount);
    }
    // Everybody at once: one login for all of them.
    let before = logins(vault, &role);
    let places: Vec<String> = (0..30).map(|_| entries.next()).collect();
    assert!(source.values(&places).into_iter().all(|value| value == Ok("x".to_owned())));
    assert_eq!(logins(vault, &role), before + 1);
}

#[test]
fn what_is_forbidden_is_no_reason_to_log_in_again_and_again() {
    let Some(vault) = Vault::shared() else { return };
    let (ours, theirs) = (Entries::of(vault), vault.store(1));
    theirs.write("db", &json!({"url": "x"}));
    let role =
        vault.role(&json!({"token_policies": [vault.policy(&ours.store.reading())], "token_ttl": "1h"}));
    let source = Source::with_role(vault, &role);
    for _ in 0..3 {
        let reason = why_denied(source.value(&format!("{}#url", theirs.path("db"))));
        assert!(reason.contains("403"), "{reason}");
        ours.read(&source);
    }
    assert_eq!(logins(vault, &role), 1);
}

#[test]
fn a_login_that_fails_is_denied_until_it_is_put_right() {
    let Some(vault) = Vault::shared() else { return };
    let entries = Entries::of(vault);
    let role = vault.role(&json!({"token_policies": [vault.policy(&entries.store.reading())]}));
    let source = Source::with_role(vault, &role);
    source.show("wrong-canary");
    let places: Vec<String> = (0..30).map(|_| entries.next()).collect();
    for value in source.values(&places) {
        let reason = why_denied(value);
        assert_eq!(reason, "Vault refuses it: logging in: 400: invalid role or secret ID");
    }
    assert_eq!(logins(vault, &role), 1);
    source.show(&role.secret_id);
    await_true("a login", || source.value(&entries.next()).is_ok());
    entries.read(&source);
}

#[test]
fn a_login_without_its_file_is_denied() {
    let Some(vault) = Vault::shared() else { return };
    let entries = Entries::of(vault);
    let role = vault.role(&json!({"token_policies": [vault.policy(&entries.store.reading())]}));
    let source = Source::with_role(vault, &role);
    source.show_nothing();
    let reason = why_denied(source.value(&entries.next()));
    assert!(reason.starts_with("logging in: file `"), "{reason}");
    assert_eq!(logins(vault, &role), 0);
}

#[test]
fn a_service_account_logs_in() {
    let Some(vault) = Vault::shared() else { return };
    let entries = Entries::of(vault);
    let account = vault.service_account(&[&vault.policy(&entries.store.reading())]);
    let source = Source::with_service_account(vault, &account);
    entries.read(&source);
    let stranger = Source::with_service_account(vault, &account);
    stranger.show("not.a.jwt");
    let reason = why_denied(stranger.value(&entries.next()));
    assert!(reason.starts_with("Vault refuses it: logging in: 4"), "{reason}");
}
