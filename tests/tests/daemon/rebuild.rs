//! The database is lost, and the inventory is recovered from a directory.

use std::fs;

use naksha_tests::{DaemonProcess, Installation};
use serde_json::{Value, json};

use crate::{DEPLOYMENT_FILE, SETTINGS_FILE, running};

fn rebuild(shop: &Installation, arguments: &[&str]) -> Value {
    let all = [&["inventory", "rebuild", "dev", "--format", "json"], arguments].concat();
    shop.program.run(shop.root(), &all).expect_code(0).json()
}

#[test]
fn what_files_say_is_taken_and_nothing_is_deleted_without_a_word() {
    let (shop, daemon) = running();
    let daemon = shop.lose_the_database(daemon);
    let first = daemon.await_state("dev", "held")["plan"].clone();
    let before = shop.objects("dev");
    // Somebody copied a file of ours.
    let copy = before[SETTINGS_FILE].replace("name: settings", "name: copy");
    fs::write(shop.target("dev").join("shop/configmap/copy.yaml"), copy).expect("should write a copy");

    let text = shop.program.run(shop.root(), &["inventory", "rebuild", "dev"]).expect_code(0).out;
    assert!(text.contains("infra/dev: 2 objects would be taken into the inventory"), "{text}");
    assert!(text.contains("  ConfigMap shop/settings  of settings, as wanted"), "{text}");
    assert!(text.contains("  ConfigMap shop/copy: its signature is not of this object"), "{text}");
    assert!(text.contains("`naksha inventory rebuild dev --yes` takes it"), "{text}");

    // Git went on: a unit is not listed any more, and one is changed.
    shop.repository.edit("environments/dev/environment.yaml", "[web, settings]", "[web]");
    shop.repository.edit("environments/dev/environment.yaml", "replicas: 2", "replicas: 3");
    let commit = shop.repository.commit("no settings, more web");
    // What is not in Git any more when it is recovered is told as that.
    daemon.await_status("dev", "held with the commit", |status| {
        status["state"] == "held" && status["plan"] != first
    });
    let rebuilt = rebuild(&shop, &["--yes"]);
    assert_eq!(rebuilt["taken"], true);
    let held = daemon.await_status("dev", "held for what would go", |status| {
        status["state"] == "held" && status["why"].to_string().contains("guard-recovered")
    });
    assert!(held["why"].to_string().contains("would be deleted: ConfigMap shop/settings"), "{held}");
    assert_eq!(shop.objects("dev")[SETTINGS_FILE], before[SETTINGS_FILE]);
    assert_eq!(shop.objects("dev")[DEPLOYMENT_FILE], before[DEPLOYMENT_FILE]);

    let plan = held["plan"].as_str().expect("should have a plan");
    shop.program.run(shop.root(), &["ack", plan, "--reason", "not needed"]).expect_code(0);
    daemon.await_applied("dev", &commit);
    let after = shop.objects("dev");
    assert!(!after.contains_key(SETTINGS_FILE) && after.contains_key("shop/configmap/copy.yaml"));
    assert!(after[DEPLOYMENT_FILE].contains("replicas: 3"));
    let again = rebuild(&shop, &[]);
    assert_eq!((&again["known"], &again["objects"]), (&json!(1), &json!([])), "{again:#}");
}

#[test]
fn what_is_as_wanted_is_in_sync_without_a_write() {
    let (shop, daemon) = running();
    let before = shop.objects("dev");
    let daemon = shop.lose_the_database(daemon);
    daemon.await_state("dev", "held");
    assert_eq!(rebuild(&shop, &["--yes"])["objects"].as_array().map(Vec::len), Some(2));
    daemon.await_applied("dev", &shop.repository.head());
    assert_eq!(shop.objects("dev"), before);
    let history = crate::history_of(&shop);
    let applied =
        history["entries"].as_array().into_iter().flatten().filter(|entry| !entry["apply"].is_null());
    assert_eq!(applied.count(), 0, "{history}");
}

const ONCE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, namespace: shop, annotations: {naksha.dev/run-once: \"true\"}}
data: {a: '1'}
";

/// Lists a unit with an object that runs once, after the unit that is the last one.
fn write_once(shop: &Installation, last: &str, name: &str) {
    let unit = format!("apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: {name}}}\n");
    shop.repository
        .write(&format!("units/{name}/unit.yaml"), &format!("{unit}spec: {{manifests: [once.yaml]}}\n"))
        .write(&format!("units/{name}/once.yaml"), &ONCE.replace("NAME", name));
    let (before, after) = (format!("{last}]"), format!("{last}, {name}]"));
    shop.repository.edit("environments/dev/environment.yaml", &before, &after);
}

fn once_file(name: &str) -> String {
    format!("shop/configmap/{name}.yaml")
}

/// An environment in which something ran, and is gone; its database was lost, and the inventory is recovered.
fn recovered_after_a_run() -> (Installation, DaemonProcess, Value) {
    let shop = crate::shop();
    write_once(&shop, "settings", "migrate");
    shop.repository.commit("a migration");
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    let before = shop.objects("dev");
    fs::remove_file(shop.target("dev").join(once_file("migrate"))).expect("should remove what ran");
    let daemon = shop.lose_the_database(daemon);
    daemon.await_state("dev", "held");
    assert_eq!(rebuild(&shop, &["--yes"])["objects"].as_array().map(Vec::len), Some(before.len() - 1));
    let held = daemon.await_status("dev", "held for what would run again", |status| {
        status["state"] == "held" && status["why"].to_string().contains("guard-recovered")
    });
    (shop, daemon, held)
}

/// Lists something that runs once, and was never there: no word is needed for it.
fn runs_at_once(shop: &Installation, daemon: &DaemonProcess, last: &str) {
    write_once(shop, last, "second");
    shop.repository.commit("another migration");
    daemon.await_applied("dev", &shop.repository.head());
    assert!(shop.objects("dev").contains_key(&once_file("second")));
}

#[test]
fn what_may_have_run_is_not_run_again_without_a_word() {
    let (shop, daemon, held) = recovered_after_a_run();
    let why = held["why"].to_string();
    assert!(why.contains("it may have run already") && why.contains("ConfigMap shop/migrate"), "{held}");
    assert!(!shop.objects("dev").contains_key(&once_file("migrate")));
    let plan = held["plan"].as_str().expect("should have a plan");
    shop.program.run(shop.root(), &["ack", plan, "--reason", "it did not run"]).expect_code(0);
    daemon.await_applied("dev", &shop.repository.head());
    assert!(shop.objects("dev").contains_key(&once_file("migrate")));
    runs_at_once(&shop, &daemon, "migrate");
}

#[test]
fn what_did_run_is_taken_out_of_git() {
    let (shop, daemon, _) = recovered_after_a_run();
    shop.repository.edit("environments/dev/environment.yaml", "settings, migrate]", "settings]");
    shop.repository.commit("it ran");
    daemon.await_applied("dev", &shop.repository.head());
    assert!(!shop.objects("dev").contains_key(&once_file("migrate")));
    runs_at_once(&shop, &daemon, "settings");
}
