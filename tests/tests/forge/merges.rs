//! Pull requests that are merged one right after the other, each planned without the other.

use naksha_tests::{DaemonProcess, must};

use crate::site::{Site, site_of_two};

const HAND: &str = "`@everybody` <b>";
const CALL: &str = "<!-- naksha: call dev -->";

impl Site {
    /// A pull request that changes a unit, once it is reported on: its number.
    fn propose_hand(&self, daemon: &DaemonProcess, unit: &str) -> u64 {
        let (branch, template) = (format!("hand-of-{unit}"), format!("units/{unit}/{unit}.yaml.tera"));
        let head = self.change(&branch, &template, HAND, "another");
        let number = must(self.forged.open(&branch, "another hand"));
        self.await_comment(daemon, number, &head);
        self.await_check(&head, "naksha", "success");
        number
    }
}

#[test]
fn two_that_change_other_units_are_both_applied_and_never_held() {
    let Some(site) = site_of_two() else { return };
    let daemon = site.begin();
    let numbers = ["web", "extra"].map(|unit| site.propose_hand(&daemon, unit));
    for number in numbers {
        must(site.forged.merge(number, "merge"));
    }
    let commit = must(site.forged.pull(site.installation.repository.folder(), "main"));
    daemon.await_applied("dev", &commit);
    let objects = site.installation.objects("dev");
    assert!(objects.len() == 2 && objects.values().all(|object| object.contains("another")), "{objects:?}");
    let history = site.run(&["history", "dev", "--format", "json"]).json();
    let entries = history["entries"].as_array().unwrap();
    // The first one was held, until it was acknowledged.
    assert!(entries.len() > 1 && entries.iter().all(|entry| entry["decision"] != "hold"), "{history}");
}

#[test]
fn of_two_that_change_one_object_what_nobody_saw_is_held_and_named() {
    let Some(site) = site_of_two() else { return };
    let daemon = site.begin();
    // The first one changes both objects, and the second one of them.
    let first = site.propose(&daemon, 2, 3);
    let second = site.propose_hand(&daemon, "web");
    // Nothing is applied in between.
    daemon.kill();
    must(site.forged.merge(first, "merge"));
    let commit = site.merge(second, "merge");
    let daemon = site.installation.start();
    let held = daemon.await_status("dev", "held at both", |status| {
        status["state"] == "held" && status["control"] == commit
    });
    let why = held["why"].to_string();
    let unseen = "no pull request showed this: update ConfigMap shop/web";
    assert!(why.contains(unseen) && !why.contains("shop/extra"), "{why}");

    // Whoever merged last is called, and nobody else.
    let said = site.await_said(second, "a call", |text| text.starts_with(CALL));
    let call = said.iter().find(|text| text.starts_with(CALL)).unwrap();
    assert!(call.contains("update ConfigMap shop/web") && !call.contains("shop/extra"), "{call}");
    let comments = must(site.forged.comments(first));
    assert!(!comments.iter().any(|(_, text)| text.starts_with(CALL)), "{comments:#?}");
    site.acknowledge(&held);
    daemon.await_applied("dev", &commit);
}
