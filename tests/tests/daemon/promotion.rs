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
