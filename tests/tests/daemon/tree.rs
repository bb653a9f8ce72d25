//! `naksha tree` of a directory: its objects by unit. What holds for `events` and `diff` too.

use std::fs;

use naksha_tests::Installation;
use naksha_tests::program::Printed;
use serde_json::json;

use crate::{SETTINGS_FILE, STAGING, awaiting_health, running, shop};

fn run(shop: &Installation, arguments: &[&str]) -> Printed {
    shop.program.run(shop.root(), arguments)
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
    assert!(text.contains("Deployment shop/web  Progressing: 0 of 2 replicas updated"), "{text}");
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
        assert!(refused.err.contains("NK0919") && refused.err.contains("not-promoted"), "{}", refused.err);
    }
    // Beside others it is told in its place.
    let text = run(&shop, &["tree"]).expect_code(0).out;
    assert!(text.contains("Deployment shop/web") && text.contains("not looked at: NK0919: "), "{text}");
    let diff = run(&shop, &["diff"]).expect_code(2);
    assert!(
        diff.out.contains("infra/staging could not be compared") && diff.out.contains("NK0919"),
        "{}",
        diff.out
    );
    let events = run(&shop, &["events", "staging"]).expect_code(0).out;
    assert!(events.starts_with("nothing happened since "), "{events}");
    assert!(events.contains("not looked at: NK0919: infra/staging cannot be looked into"), "{events}");
}
