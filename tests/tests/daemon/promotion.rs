//! A lock promotes, its revert rolls back, and the source rolled back from is barred.

use naksha_tests::{DaemonProcess, Installation};

use crate::{STAGING, shop};

/// A shop whose dev runs the commit, and whose staging was promoted nothing.
fn before_promotion() -> (Installation, DaemonProcess, String) {
    let shop = shop();
    shop.repository.write("environments/staging/environment.yaml", STAGING);
    let first = shop.repository.commit("staging");
    let daemon = shop.start();
    daemon.await_applied("dev", &first);
    daemon.await_state("staging", "not-promoted");
    (shop, daemon, first)
}

#[test]
fn what_is_locked_runs_and_what_is_not_waits() {
    let (shop, daemon, first) = before_promotion();
    assert!(shop.objects("staging").is_empty());

    shop.program.run(shop.repository.folder(), &["promote", "staging", "--source", &first]).expect_code(0);
    shop.repository.commit("promote");
    daemon.await_applied("staging", &first);

    // Content follows the lock, not the trunk.
    shop.repository.edit("units/settings/settings.yaml", "level: info", "level: debug");
    let second = shop.repository.commit("debug");
    daemon.await_applied("dev", &second);
    assert!(shop.objects("staging")["shop/configmap/settings.yaml"].contains("level: info"));

    shop.program.run(shop.repository.folder(), &["promote", "staging", "--source", &second]).expect_code(0);
    shop.repository.commit("promote again");
    daemon.await_applied("staging", &second);
    assert!(shop.objects("staging")["shop/configmap/settings.yaml"].contains("level: debug"));

    // Reverting the promotion is the rollback.
    shop.repository.revert();
    daemon.await_applied("staging", &first);
    assert!(shop.objects("staging")["shop/configmap/settings.yaml"].contains("level: info"));
}

#[test]
fn on_the_trunk_a_promoted_environment_is_compared_with_what_was_applied() {
    let (shop, daemon, first) = before_promotion();
    shop.program.run(shop.root(), &["suspend", "staging", "--reason", "not yet"]).expect_code(0);
    shop.program.run(shop.repository.folder(), &["promote", "staging", "--source", &first]).expect_code(0);
    let locked = shop.repository.commit("promote");
    daemon.await_status("staging", "suspended with its lock", |status| {
        status["state"] == "suspended" && status["control"] == locked.as_str()
    });
    let plan = ["plan", "--env", "staging", "--format", "json"];
    let planned = || shop.program.run(shop.repository.folder(), &plan).expect_code(0).json();
    assert_eq!(planned()["plans"][0]["counts"]["create"], 2, "nothing was applied");
    shop.program.run(shop.root(), &["resume", "staging"]).expect_code(0);
    daemon.await_applied("staging", &first);
    assert_eq!(planned()["plans"][0]["counts"]["create"], 0, "all of it was applied");
}

/// A shop whose staging runs a promoted commit.
fn promoted() -> (Installation, DaemonProcess, String) {
    let (shop, daemon, first) = before_promotion();
    shop.program.run(shop.repository.folder(), &["promote", "staging", "--source", &first]).expect_code(0);
    shop.repository.commit("promote");
    daemon.await_applied("staging", &first);
    (shop, daemon, first)
}

#[test]
fn waiting_for_a_revision_waits_until_control_has_reached_it() {
    let (shop, _daemon, first) = promoted();
    shop.repository.edit("environments/staging/environment.yaml", "replicas: 2", "replicas: 4");
    let commit = shop.repository.commit("four in staging");
    let wait = ["status", "staging", "--wait", "60", "--revision", "HEAD", "--format", "json"];
    let status = shop.program.run(shop.repository.folder(), &wait).expect_code(0).json();
    assert_eq!(
        (&status[0]["applied"], &status[0]["appliedControl"]),
        (&first.as_str().into(), &commit.as_str().into()),
        "{status}"
    );
    assert!(shop.objects("staging")[crate::DEPLOYMENT_FILE].contains("replicas: 4"));
}

#[test]
fn on_the_trunk_rules_that_were_read_and_not_applied_are_pending() {
    let (shop, daemon, _) = promoted();
    let planned = || {
        let plan = ["plan", "--env", "staging", "--format", "json"];
        shop.program.run(shop.repository.folder(), &plan).expect_code(0).json()["plans"][0].clone()
    };
    assert_eq!(planned()["actions"].as_array().map(Vec::len), Some(0));
    shop.program.run(shop.root(), &["suspend", "staging", "--reason", "a look"]).expect_code(0);
    shop.repository.edit("environments/staging/environment.yaml", "replicas: 2", "replicas: 4");
    let commit = shop.repository.commit("four in staging");
    let status = daemon.await_status("staging", "aware of the commit", |status| status["control"] == commit);
    assert_ne!(status["appliedControl"], commit.as_str(), "{status}");
    let plan = planned();
    assert_eq!(plan["actions"].as_array().map(Vec::len), Some(1), "{plan}");
    assert_eq!(plan["actions"][0]["changes"][0]["path"], "spec.replicas", "{plan}");
    shop.program.run(shop.root(), &["resume", "staging"]).expect_code(0);
    daemon.await_status("staging", "applied", |status| status["appliedControl"] == commit.as_str());
    assert_eq!(planned()["actions"].as_array().map(Vec::len), Some(0));
}
