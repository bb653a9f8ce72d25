//! What people and the daemon decided is told afterwards: in order, and by whom.

use naksha_tests::{DaemonProcess, must};

use crate::promotions::three;
use crate::site::Site;

/// What happened in an environment: reasons and words, the oldest first.
fn events(site: &Site, environment: &str) -> Vec<(String, String)> {
    let document = site.run(&["events", environment, "--format", "json"]).json();
    let events = document["events"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    events.iter().map(|event| (text(&event["reason"]), text(&event["message"]))).collect()
}

/// The commits that were applied, the oldest first.
pub(crate) fn applied(site: &Site, environment: &str) -> Vec<String> {
    let document = site.run(&["history", environment, "--format", "json"]).json();
    let entries = document["entries"].as_array().cloned().unwrap_or_default();
    let is_applied = |entry: &&serde_json::Value| {
        entry["decision"] == "apply" && entry["outcome"] == "succeeded" && entry["steps"] != 0
    };
    let entries = entries.iter().rev().filter(is_applied);
    entries.filter_map(|entry| entry["revision"].as_str().map(str::to_owned)).collect()
}

/// The first commit goes past dev to staging, and the second one is refused there, and allowed again: the second one, and a pull request on
/// which somebody may speak.
fn skip_and_bar(site: &Site, daemon: &DaemonProcess, first: &str) -> (String, u64) {
    let forged = &site.forged;
    let number = site.await_promotion(daemon, "staging", first);
    let proposed = site.head_of(number);
    site.await_waiting(&proposed);
    must(forged.say(&forged.writer, number, "/naksha promote staging"));
    site.await_check(&proposed, "naksha/promote: soak", "success");
    site.promote(number, "merge");
    daemon.await_applied("staging", first);

    let second = site.change_unit(daemon, "`@everybody` <b>", "another");
    let refused = site.await_promotion(daemon, "staging", &second);
    site.await_waiting(&site.head_of(refused));
    must(forged.close(refused));
    daemon.await_status("staging", "barred", |status| !status["barred"].is_null());
    let number = site.propose(daemon, 2, 3);
    must(forged.say(&forged.writer, number, "/naksha promote staging"));
    daemon.await_status("staging", "not barred any more", |status| status["barred"].is_null());
    (second, number)
}

/// dev is suspended and resumed by comments, and what was pushed to it is acknowledged by one: the commit.
fn suspend_and_acknowledge(site: &Site, daemon: &DaemonProcess, number: u64) -> String {
    let say = |words: &str| must(site.forged.say(&site.forged.writer, number, words));
    say("/naksha suspend dev");
    daemon.await_state("dev", "suspended");
    say("/naksha resume dev");
    daemon.await_state("dev", "synced");
    let waiting = site.pushed(daemon, 2, 4);
    let plan = waiting["plan"].as_str().expect("should have a plan");
    say(&format!("/naksha ack {} it is fine", &plan[..12]));
    let commit = waiting["control"].as_str().expect("should have a revision").to_owned();
    daemon.await_applied("dev", &commit);
    commit
}

#[test]
fn who_decided_what_is_told_in_order() {
    let Some(site) = three("{soak: 1h}") else { return };
    let by = format!("by @{}", site.forged.writer.login);
    let owners = format!("[\"@{}\"]", site.forged.writer.login);
    site.owned(&format!("{{staging: {{skip: {owners}, promote: {owners}}}}}"));
    let daemon = site.begin();
    let first = site.installation.repository.head();
    let (second, number) = skip_and_bar(&site, &daemon, &first);
    let third = suspend_and_acknowledge(&site, &daemon, number);

    let of_dev = events(&site, "dev");
    let theirs = of_dev.iter().filter(|(_, words)| words.contains(&by));
    let reasons: Vec<&str> = theirs.map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(reasons, ["Merged", "Suspended", "Resumed", "Acknowledged"], "{of_dev:#?}");
    let place = |reason: &str| of_dev.iter().rposition(|(known, _)| known == reason);
    assert!(place("Acknowledged") < place("Applied"), "{of_dev:#?}");
    let (_, words) = &of_dev[place("Suspended").unwrap()];
    assert_eq!(*words, format!("{by}: asked for on #{number}"));
    assert!(of_dev[place("Acknowledged").unwrap()].1.ends_with(&format!("{by}: it is fine")), "{of_dev:#?}");

    let decided = ["Skipped", "Applied", "Barred", "Unbarred"];
    let mut of_staging = events(&site, "staging");
    of_staging.retain(|(reason, _)| decided.contains(&reason.as_str()));
    of_staging.dedup_by(|one, other| one.0 == "Applied" && other.0 == "Applied");
    let reasons: Vec<&str> = of_staging.iter().map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(reasons, decided, "{of_staging:#?}");
    let is_about = |at: usize, parts: [&str; 2]| parts.iter().all(|part| of_staging[at].1.contains(part));
    assert!(is_about(0, [&by, &first[..10]]), "{of_staging:#?}");
    assert!(is_about(2, ["by daemon: its promotion #", &second[..10]]), "{of_staging:#?}");
    assert!(of_staging[3].1.starts_with(&by), "{of_staging:#?}");

    assert_eq!(applied(&site, "dev"), [first.clone(), second, third]);
    assert_eq!(applied(&site, "staging"), [first]);
}
