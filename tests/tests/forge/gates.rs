//! The gates of promotions at the merge commit, on a forge that requires nothing: the daemon itself minds them.

use naksha_tests::{DaemonProcess, Repository, must};
use serde_json::Value;

use crate::promotions::{TEMPLATE, three};
use crate::site::{MARKER, Site};

const HAND: &str = "`@everybody` <b>";
const STAGING: &str = "environments/staging/environment.yaml";

impl Site {
    /// A pull request with a lock of staging that a person wrote, and with whatever else he writes; its number and head.
    pub(crate) fn lock_by_hand(
        &self,
        branch: &str,
        source: &str,
        also: impl FnOnce(&Repository),
    ) -> (u64, String) {
        let head = self.change_by("main", branch, |repository| {
            let promote = ["promote", "staging", "--source", source];
            self.installation.program.run(repository.folder(), &promote).expect_code(0);
            also(repository);
        });
        (must(self.forged.open(branch, "by hand")), head)
    }
}

/// staging by these rules, once it waits for its hour to be over.
fn await_hour(daemon: &DaemonProcess, control: &str) -> Value {
    let waiting = daemon.await_status("staging", "waiting for its hour", |status| {
        let why = status["why"].to_string();
        status["state"] == "waiting"
            && status["control"] == control
            && why.contains("promotion, soak: 1h are over at")
    });
    assert!(waiting["plan"].is_string(), "{waiting}");
    waiting
}

#[test]
fn a_gate_that_waits_at_the_merge_lets_nothing_through_before_somebody_says_so() {
    let Some(site) = three("{soak: 1h}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    let number = site.await_promotion(&daemon, "staging", &first);
    site.await_waiting(&site.head_of(number));
    let commit = site.merge(number, "merge");
    let waiting = await_hour(&daemon, &commit);
    site.await_said(number, "that it waits", |text| {
        text.starts_with(MARKER) && text.contains("**staging**: waits until")
    });
    assert!(site.installation.objects("staging").is_empty());
    site.acknowledge(&waiting);
    daemon.await_applied("staging", &first);

    // Nor does one that takes its own gate away: the rules that were applied last judge it.
    let second = site.change_unit(&daemon, HAND, "another");
    let (number, head) = site.lock_by_hand("mine", &second, |repository| {
        repository.edit(STAGING, "  gates: {soak: 1h}\n", "");
    });
    site.await_waiting(&head);
    site.await_check(&head, "naksha/promote: soak", "pending");
    let commit = site.merge(number, "squash");
    let waiting = await_hour(&daemon, &commit);
    assert_eq!(waiting["applied"], first, "{waiting}");
    assert!(site.replicas_of("staging").contains(HAND));
}

#[test]
fn what_dev_never_ran_is_held_when_it_is_merged_all_the_same() {
    let Some(site) = three("{soak: 0s}") else { return };
    let daemon = site.begin();
    site.run(&["suspend", "dev", "--reason", "a look"]);
    daemon.await_state("dev", "suspended");
    let head = site.change("never", TEMPLATE, HAND, "never ran");
    let number = must(site.forged.open("never", "another hand"));
    site.await_check(&head, "naksha", "success");
    let source = site.merge(number, "squash");
    daemon.await_status("dev", "aware of it", |status| status["control"] == source);

    let (number, head) = site.lock_by_hand("by-hand", &source, |_| {});
    let words = site.await_check(&head, "naksha/promote: order", "failure");
    assert!(words.starts_with(&format!("dev has not run {}", &source[..10])), "{words}");
    site.await_words(&head, "naksha", "see naksha/promote: order");
    let commit = site.merge(number, "merge");
    let status = daemon.await_status("staging", "held for its order", |status| {
        let why = status["why"].to_string();
        status["state"] == "held"
            && status["control"] == commit
            && why.contains("promotion, order: dev has not run")
    });
    assert!(!status["why"].to_string().contains("no pull request showed this"), "{status}");
    assert!(site.installation.objects("staging").is_empty());
    // A person may say that it is fine.
    site.acknowledge(&status);
    daemon.await_applied("staging", &source);
    assert!(site.replicas_of("staging").contains("never ran"));
}
