//! `naksha tree`, `events` and `diff` of a directory: its objects, what the daemon did, what somebody changed.

use std::fs;

use naksha_tests::Installation;
use naksha_tests::program::Printed;
use serde_json::json;

use crate::{DEPLOYMENT_FILE, SETTINGS_FILE, STAGING, awaiting_health, running, shop};

fn run(shop: &Installation, arguments: &[&str]) -> Printed {
    shop.program.run(shop.root(), arguments)
}

/// The shop of which nothing is healed.
fn without_healing() -> (Installation, naksha_tests::DaemonProcess) {
    let (shop, daemon) = running();
    shop.repository.edit(
        "environments/dev/environment.yaml",
        "  units: [web, settings]",
        "  sync: {selfHeal: false}\n  units: [web, settings]",
    );
    daemon.await_applied("dev", &shop.repository.commit("hands off"));
    (shop, daemon)
}

#[test]
fn a_tree_has_units_and_their_objects() {
    let (shop, daemon) = running();
    let text = run(&shop, &["tree"]).expect_code(0).out;
    let expected = "infra/dev\n├── settings\n│   └── ConfigMap shop/settings  Healthy\n└── web\n    └── Deployment shop/web  Healthy\n";
    assert_eq!(text, expected);
    run(&shop, &["suspend", "dev", "--reason", "a look"]).expect_code(0);
    fs::remove_file(shop.target("dev").join(SETTINGS_FILE)).expect("should remove the object");
    let text = run(&shop, &["tree", "dev"]).expect_code(0).out;
    assert!(text.contains("ConfigMap shop/settings  Missing"), "{text}");
    let json = run(&shop, &["tree", "infra/dev", "--format", "json"]).expect_code(0).json();
    assert_eq!((&json[0]["environment"], json[0].get("gaps")), (&json!("dev"), None), "{json}");
    let nothing = run(&shop, &["tree", "pord"]).expect_code(2);
    assert!(nothing.err.contains("NK0911"), "{}", nothing.err);
    drop(daemon);
}

#[test]
fn a_tree_is_there_while_an_apply_waits() {
    let (shop, daemon) = awaiting_health();
    daemon.await_status("dev", "waiting", |status| status["why"].to_string().contains("waiting for web"));
    let text = run(&shop, &["tree", "dev"]).expect_code(0).out;
    assert!(text.contains("Deployment shop/web  Progressing: 0 of 2 replicas ready"), "{text}");
}

#[test]
fn what_was_never_promoted_cannot_be_looked_into() {
    let shop = shop();
    shop.repository.write("environments/staging/environment.yaml", STAGING).commit("staging");
    let daemon = shop.start();
    daemon.await_state("staging", "not-promoted");
    daemon.await_applied("dev", &shop.repository.head());
    for command in ["tree", "diff"] {
        let refused = run(&shop, &[command, "staging"]).expect_code(2);
        assert!(refused.err.contains("NK0918") && refused.err.contains("not-promoted"), "{}", refused.err);
    }
    // Beside others it is told in its place.
    let text = run(&shop, &["tree"]).expect_code(0).out;
    assert!(text.contains("Deployment shop/web") && text.contains("not looked at: NK0918: "), "{text}");
    let diff = run(&shop, &["diff"]).expect_code(2);
    assert!(
        diff.out.contains("infra/staging could not be compared") && diff.out.contains("NK0918"),
        "{}",
        diff.out
    );
    let events = run(&shop, &["events", "staging"]).expect_code(0).out;
    assert!(events.starts_with("nothing happened since "), "{events}");
}

#[test]
fn events_are_what_the_daemon_did() {
    let (shop, daemon) = running();
    let file = shop.target("dev").join(SETTINGS_FILE);
    let text = fs::read_to_string(&file).expect("should read the object");
    fs::write(&file, text.replace("level: info", "level: debug")).expect("should write the object");
    daemon.await_status("dev", "healed", |_| run(&shop, &["events", "dev"]).out.contains("Healed"));
    let document = run(&shop, &["events", "dev", "--format", "json"]).expect_code(0).json();
    let reasons: Vec<&str> =
        document["events"].as_array().unwrap().iter().filter_map(|event| event["reason"].as_str()).collect();
    assert_eq!((reasons.first(), reasons.contains(&"Healed")), (Some(&"Applied"), true), "{document}");
    let text = run(&shop, &["events"]).expect_code(0).out;
    assert!(text.contains("infra/dev  Applied ") && text.contains("  plan "), "{text}");
}

#[test]
fn a_diff_shows_what_somebody_changed() {
    let (shop, daemon) = without_healing();
    let none = run(&shop, &["diff"]).expect_code(0).out;
    assert_eq!(none, "infra/dev is as Git wants it: 2 objects\n");
    let file = shop.target("dev").join(DEPLOYMENT_FILE);
    let text = fs::read_to_string(&file).expect("should read the object");
    fs::write(&file, text.replace("replicas: 2", "replicas: 5")).expect("should write the object");
    let diff = run(&shop, &["diff", "dev"]).expect_code(1).out;
    assert!(diff.starts_with("infra/dev: 1 object is not as Git wants; 1 unchanged\n"), "{diff}");
    assert!(diff.contains("~ apps/Deployment shop/web\n      ~ spec.replicas: 5 → 2\n"), "{diff}");
    let json = run(&shop, &["diff", "dev", "--format", "json"]).expect_code(1).json();
    assert_eq!((&json[0]["result"], &json[0]["plan"]["environment"]), (&json!("differs"), &json!("dev")));
    // What cannot be read is neither the same nor different.
    fs::write(&file, "{").expect("should write the object");
    let unknown = run(&shop, &["diff", "dev"]).expect_code(2);
    assert!(unknown.out.contains("could not be compared"), "{}", unknown.out);
    assert!(unknown.err.contains("not everything could be compared"), "{}", unknown.err);
    drop(daemon);
}
