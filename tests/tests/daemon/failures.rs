//! What failed is told: which object, why, for as long as it is to be done, also by a daemon started anew.

use std::fs;

use naksha_tests::Installation;
use serde_json::Value;

use crate::{awaiting_health, history_of, shop};

/// An installation whose unit `settings` needs secrets that do not exist yet.
fn without_secrets(secrets: usize) -> Installation {
    let shop = shop();
    let entries: Vec<_> =
        (0..secrets).map(|n| format!("login-{n}: {{password: \"vault:kv/login-{n}#password\"}}")).collect();
    let spec = format!("spec:\n  secrets: {{{}}}", entries.join(", "));
    shop.repository.edit("units/settings/unit.yaml", "spec:", &spec);
    shop.repository.edit(
        "environments/dev/environment.yaml",
        "directory: out",
        "directory: out, namespace: shop",
    );
    shop.repository.commit("secrets that nobody wrote");
    shop
}

fn why(status: &Value) -> String {
    status["why"].to_string()
}

#[test]
fn failed_steps_are_told_with_their_reasons_until_they_are_mended() {
    let shop = without_secrets(5);
    let daemon = shop.start();
    let status = daemon.await_status("dev", "degraded by what failed", |status| {
        status["state"] == "degraded" && why(status).contains("login-0")
    });
    assert!(why(&status).contains("settings failed: Secret shop/login-0"), "{status}");
    let file = shop.root().join("secrets/kv/login-0/password");
    let helps =
        format!("vault:kv/login-0#password does not exist: write it to the file `{}`", file.display());
    assert!(why(&status).contains(&helps), "{status}");
    assert!(why(&status).contains("and 2 more"), "{status}");
    let unit = status["units"].as_array().unwrap().iter().find(|unit| unit["unit"] == "settings").unwrap();
    assert!(unit["message"].as_str().unwrap().contains("login-0"), "{unit}");
    let printed = shop.program.run(shop.root(), &["status", "dev"]).expect_code(0).out;
    assert!(printed.contains("login-0#password does not exist"), "{printed}");
    for n in 0..5 {
        shop.write_secret(&format!("kv/login-{n}/password"), "open sesame");
    }
    let status = daemon.await_applied("dev", &shop.repository.head());
    assert_eq!(status["why"].as_array().unwrap().len(), 0, "{status}");
}

#[test]
fn a_secret_that_cannot_be_read_any_more_is_told_until_it_can() {
    let shop = without_secrets(1);
    shop.write_secret("kv/login-0/password", "open sesame");
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    fs::remove_file(shop.root().join("secrets/kv/login-0/password")).unwrap();
    shop.program.run(shop.root(), &["sync", "dev"]).expect_code(0);
    let status = daemon.await_state("dev", "degraded");
    let words = "NK0610: secret vault:kv/login-0#password does not exist";
    assert!(
        why(&status).contains(words) && why(&status).contains("what was applied of it stays"),
        "{status}"
    );
    shop.write_secret("kv/login-0/password", "open sesame");
    shop.program.run(shop.root(), &["sync", "dev"]).expect_code(0);
    let status = daemon.await_state("dev", "synced");
    assert!(status["why"].as_array().unwrap().is_empty(), "{status}");
}

#[test]
fn what_failed_is_still_told_after_a_restart() {
    let shop = without_secrets(1);
    let daemon = shop.start();
    daemon.await_status("dev", "degraded", |status| why(status).contains("does not exist"));
    shop.program.run(shop.root(), &["suspend", "dev", "--reason", "maintenance"]).expect_code(0);
    let status = daemon.await_state("dev", "suspended");
    assert!(why(&status).contains("login-0#password does not exist"), "{status}");
    assert_eq!(daemon.stop(), Some(0));
    // Suspended, it applies nothing that could fail again.
    let daemon = shop.start();
    let status = daemon.await_state("dev", "suspended");
    assert!(why(&status).contains("login-0#password does not exist"), "{status}");
    // Gone from Git, it is nothing to tell any more.
    shop.repository.revert();
    daemon.await_status("dev", "quiet about it", |status| {
        status["state"] == "suspended" && !why(status).contains("login-0")
    });
}

#[test]
fn an_apply_that_nobody_carries_out_does_not_run() {
    let (shop, daemon) = awaiting_health();
    let newest = || history_of(&shop)["entries"][0]["outcome"].as_str().unwrap_or_default().to_owned();
    naksha_tests::await_true("an apply to wait for health", || newest() == "running");
    daemon.kill();
    // Where nothing can be applied, no later apply says that this one ended.
    fs::rename(shop.target("dev"), shop.root().join("away")).unwrap();
    let daemon = shop.start();
    daemon.await_status("dev", "unknown", |status| status["state"] == "unknown");
    naksha_tests::await_true("the apply to be told as interrupted", || newest() == "interrupted");
}
