//! `naksha events` of a directory: what the daemon did.

use std::fs;

use naksha_tests::Installation;
use naksha_tests::program::Printed;

use crate::{SETTINGS_FILE, running};

fn run(shop: &Installation, arguments: &[&str]) -> Printed {
    shop.program.run(shop.root(), arguments)
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
