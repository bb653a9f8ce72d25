//! A commit becomes an applied environment; a broken one changes nothing.

use crate::{DEPLOYMENT_FILE, SETTINGS_FILE, shop};

#[test]
fn a_commit_is_applied_and_a_file_per_object_is_written() {
    let shop = shop();
    let daemon = shop.start();
    let first = shop.repository.head();
    daemon.await_applied("dev", &first);
    let objects = shop.objects("dev");
    assert_eq!(objects.keys().map(String::as_str).collect::<Vec<_>>(), [SETTINGS_FILE, DEPLOYMENT_FILE]);
    assert!(objects[DEPLOYMENT_FILE].contains("replicas: 2"), "{}", objects[DEPLOYMENT_FILE]);

    shop.repository.edit("environments/dev/environment.yaml", "replicas: 2", "replicas: 3");
    let second = shop.repository.commit("three");
    daemon.await_applied("dev", &second);
    assert!(shop.objects("dev")[DEPLOYMENT_FILE].contains("replicas: 3"));
}

#[test]
fn what_git_drops_is_deleted_and_nothing_else() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    let foreign = shop.target("dev").join("shop/configmap/foreign.yaml");
    std::fs::write(&foreign, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: foreign, namespace: shop}\n")
        .unwrap();
    shop.repository.write(
        "units/settings/settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, namespace: shop}\ndata: {level: info}\n",
    );
    let commit = shop.repository.commit("another name");
    daemon.await_applied("dev", &commit);
    let objects = shop.objects("dev");
    assert!(!objects.contains_key(SETTINGS_FILE));
    assert!(objects.contains_key("shop/configmap/other.yaml"));
    assert!(foreign.exists(), "what is not ours is not deleted");
}

/// A unit's state in a status.
fn unit_state(status: &serde_json::Value, unit: &str) -> String {
    let units = status["units"].as_array().expect("should list units");
    let unit = units.iter().find(|found| found["unit"] == unit).expect("should have the unit");
    unit["state"].to_string()
}

#[test]
fn a_unit_of_which_something_was_only_deleted_is_synced() {
    let shop = shop();
    let more = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: shop}\ndata: {level: info}\n";
    let only = shop.repository.read("units/settings/settings.yaml");
    shop.repository.write("units/settings/settings.yaml", &format!("{only}{more}"));
    let both = shop.repository.commit("two objects");
    let daemon = shop.start();
    daemon.await_applied("dev", &both);
    shop.repository.write("units/settings/settings.yaml", &only);
    let commit = shop.repository.commit("one object");
    let status = daemon.await_applied("dev", &commit);
    assert_eq!(shop.objects("dev").len(), 2);
    assert_eq!(unit_state(&status, "settings"), "\"synced\"", "{status}");
}

#[test]
fn a_broken_unit_keeps_its_state_and_does_not_block_the_others() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    shop.repository.edit("units/web/web.yaml.tera", "variables.replicas", "variables.replica");
    shop.repository.edit("units/settings/settings.yaml", "level: info", "level: debug");
    let commit = shop.repository.commit("one good, one bad");
    let status = daemon.await_status("dev", "degraded", |status| {
        status["control"] == commit && status["state"] == "degraded"
    });
    let objects = shop.objects("dev");
    assert!(objects[DEPLOYMENT_FILE].contains("replicas: 2"));
    assert!(objects[SETTINGS_FILE].contains("level: debug"));
    assert!(status["why"].to_string().contains("web"), "{status}");
}

#[test]
fn a_broken_environment_prunes_nothing() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    let before = shop.objects("dev");
    shop.repository.edit("environments/dev/environment.yaml", "units:", "unitz:");
    shop.repository.commit("a slip");
    daemon.await_state("dev", "broken");
    assert_eq!(shop.objects("dev"), before);
    shop.repository.remove("environments/dev/environment.yaml");
    shop.repository.commit("gone");
    daemon.await_state("dev", "orphaned");
    assert_eq!(shop.objects("dev"), before);
}

#[test]
fn the_daemon_stops_gracefully_and_leaves_no_socket() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    assert_eq!(daemon.stop(), Some(0));
    assert!(!shop.root().join("state/naksha.sock").exists());
    // What it did is found again.
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
}

#[test]
fn status_is_written_where_other_tools_read_it() {
    let shop = shop();
    let daemon = shop.start();
    let commit = shop.repository.head();
    daemon.await_applied("dev", &commit);
    let file = shop.root().join("status.json");
    naksha_tests::await_true("the status file", || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let status: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        status["infra/dev"]["applied"] == commit && status["infra/dev"]["state"] == "synced"
    });
    let events = std::fs::read_to_string(shop.root().join("state/events.jsonl")).unwrap();
    let applies: Vec<serde_json::Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &serde_json::Value| event["event"] == "apply")
        .collect();
    assert_eq!(applies.len(), 1, "{events}");
    assert_eq!(applies[0]["revision"], commit);
}

#[test]
fn what_is_wrong_is_told_once_and_a_trunk_that_differs_is_told() {
    let shop = shop();
    shop.repository.edit("naksha.yaml", "trunk: main", "trunk: elsewhere");
    shop.repository.edit("environments/dev/environment.yaml", "units: [", "units: [wbe, ");
    let commit = shop.repository.commit("a slip of the pen");
    let daemon = shop.start();
    let status = daemon.await_status("dev", "degraded", |status| {
        status["control"] == commit && status["state"] == "degraded"
    });
    let told: Vec<_> =
        status["diagnostics"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    assert_eq!(told, ["NK0201", "NK0718"], "{status}");
    let said = status["diagnostics"][1]["message"].as_str().unwrap();
    assert_eq!(said, "naksha.yaml says that `elsewhere` is the trunk, and the remote's HEAD says `main`");
    // What the daemon is told wins, and is named.
    drop(daemon);
    shop.repository.edit("naksha.yaml", "trunk: elsewhere", "trunk: main").commit("as it is");
    let daemon = shop.start();
    daemon.await_status("dev", "without the warning", |status| {
        status["diagnostics"].as_array().is_some_and(|all| all.len() == 1)
    });
}
