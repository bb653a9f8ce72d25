//! What somebody else changes: healed, reported, or left alone.

use std::fs;

use naksha_tests::await_true;

use crate::{DEPLOYMENT_FILE, SETTINGS_FILE, history_of, running, shop};

#[test]
fn an_edited_object_is_healed() {
    let (shop, daemon) = running();
    let file = shop.target("dev").join(DEPLOYMENT_FILE);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("replicas: 2", "replicas: 7")).unwrap();
    await_true("the edit to be healed", || {
        fs::read_to_string(&file).unwrap_or_default().contains("replicas: 2")
    });
    daemon.await_state("dev", "synced");
    // History says what it was.
    let history = history_of(&shop);
    let decisions: Vec<_> =
        history["entries"].as_array().unwrap().iter().map(|row| &row["decision"]).collect();
    assert_eq!(decisions, ["heal", "apply"], "{history}");
    let printed = shop.program.run(shop.root(), &["history", "dev"]).expect_code(0).out;
    assert!(
        printed.contains("succeeded   heal, 1 step\n    somebody changed `spec.replicas` of apps/Deployment")
            && printed.contains("succeeded   2 steps"),
        "{printed}"
    );
}

#[test]
fn a_fight_is_told_and_backed_off_from() {
    let (shop, daemon) = running();
    let file = shop.target("dev").join(DEPLOYMENT_FILE);
    let change_back = |text: String| fs::write(&file, text.replace("replicas: 2", "replicas: 7")).unwrap();
    for round in 0..4 {
        change_back(fs::read_to_string(&file).unwrap());
        await_true(&format!("round {round} to be healed"), || {
            fs::read_to_string(&file).unwrap_or_default().contains("replicas: 2")
        });
        daemon.await_state("dev", "synced");
    }
    change_back(fs::read_to_string(&file).unwrap());
    let status = daemon.await_state("dev", "degraded");
    assert!(
        status["why"]
            .to_string()
            .contains("is fought over: somebody changed `spec.replicas`, which was healed 4 times"),
        "{status}"
    );
    assert!(fs::read_to_string(&file).unwrap().contains("replicas: 7"), "healing pauses");

    // What Git wants newly goes ahead all the same.
    shop.repository.edit("environments/dev/environment.yaml", "replicas: 2", "replicas: 3");
    let commit = shop.repository.commit("three");
    daemon.await_applied("dev", &commit);
    assert!(fs::read_to_string(&file).unwrap().contains("replicas: 3"));
}

#[test]
fn a_deleted_object_comes_back() {
    let (shop, daemon) = running();
    let file = shop.target("dev").join(SETTINGS_FILE);
    fs::remove_file(&file).unwrap();
    await_true("the object to come back", || file.exists());
    daemon.await_state("dev", "synced");
}

#[test]
fn foreign_fields_stay() {
    let (shop, daemon) = running();
    let file = shop.target("dev").join(SETTINGS_FILE);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("  level: info", "  level: info\n  foreign: \"yes\"")).unwrap();
    shop.repository.edit("units/settings/settings.yaml", "level: info", "level: debug");
    let commit = shop.repository.commit("debug");
    daemon.await_applied("dev", &commit);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("level: debug") && text.contains("foreign: \"yes\""), "{text}");
}

#[test]
fn without_self_heal_drift_is_told_and_left() {
    let shop = shop();
    shop.repository.edit(
        "environments/dev/environment.yaml",
        "  units:",
        "  sync: {prune: true, selfHeal: false}\n  units:",
    );
    let commit = shop.repository.commit("no healing");
    let daemon = shop.start();
    daemon.await_applied("dev", &commit);
    let file = shop.target("dev").join(DEPLOYMENT_FILE);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("replicas: 2", "replicas: 7")).unwrap();
    let status = daemon.await_state("dev", "degraded");
    assert!(status["why"].to_string().contains("drifted"), "{status}");
    assert!(fs::read_to_string(&file).unwrap().contains("replicas: 7"));
}

#[test]
fn a_vanished_target_is_not_an_empty_one() {
    let (shop, daemon) = running();
    let (target, away) = (shop.target("dev"), shop.root().join("away"));
    fs::rename(&target, &away).unwrap();
    shop.program.run(shop.root(), &["sync"]).expect_code(0);
    daemon.await_status("dev", "unknown", |status| status["state"] == "unknown");
    assert!(!target.join(DEPLOYMENT_FILE).exists(), "nothing is written where the target is not mounted");
    fs::rename(&away, &target).unwrap();
    shop.program.run(shop.root(), &["sync"]).expect_code(0);
    daemon.await_state("dev", "synced");
}
