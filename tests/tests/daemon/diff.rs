//! `naksha diff` of a directory: what somebody changed.

use std::fs;

use naksha_tests::Installation;
use naksha_tests::program::Printed;
use serde_json::json;

use crate::{DEPLOYMENT_FILE, running};

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
