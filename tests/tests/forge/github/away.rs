//! A forge that is away: environments go on without it, and what is to be said is said when it is back.

use std::fs;

use naksha_tests::github::Failure;
use naksha_tests::{DaemonProcess, await_true, must};
use serde_json::Value;

use super::site::{Site, TEMPLATE};

const HAND: &str = "`@everybody` <b>";
const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "PUT", "DELETE"];

/// A daemon that has reported on a pull request.
fn alone(site: &Site) -> (DaemonProcess, u64) {
    site.ask_often();
    let daemon = site.begin();
    let number = site.propose("more", "replicas: 2", "replicas: 3");
    await_true("the report to be over", || site.told("reported", number) > 0);
    (daemon, number)
}

/// From then on nothing is answered but what Git asks.
fn go_away(site: &Site) {
    for method in METHODS {
        site.forged.github.fail_next(1_000_000, method, "/repos/", Failure::Refused(502));
    }
}

/// It is merged meanwhile: the commit, and what is told of it.
fn merged(site: &Site, daemon: &DaemonProcess, number: u64) -> (String, Value) {
    let commit = must(site.forged.github.merge_by_hand(number, "wanda"));
    let is_waiting = |status: &Value| status["state"] == "waiting" && status["control"] == commit;
    let waiting = daemon.await_status("dev", "waiting for the forge", is_waiting);
    (commit, waiting)
}

#[test]
fn nothing_is_applied_that_nobody_tells_of_until_somebody_says_so() {
    let Some(site) = Site::with(&[]) else { return };
    let (daemon, number) = alone(&site);
    go_away(&site);
    let (commit, waiting) = merged(&site, &daemon, number);
    let why = waiting["why"].to_string();
    assert!(why.contains("the forge has not told yet which pull request brought"), "{why}");
    assert_ne!(waiting["applied"], commit.as_str());

    // What was applied is healed.
    let file = site.installation.target("dev").join("shop/configmap/web.yaml");
    let text = || fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, text().replace("everybody", "somebody")).unwrap();
    await_true("the edit to be healed", || text().contains("@everybody"));
    // What was healed is in the plan no more.
    let is_as_before = |status: &Value| status["state"] == "waiting" && status["plan"] == waiting["plan"];
    let waiting = daemon.await_status("dev", "waiting as before", is_as_before);
    assert_ne!(waiting["applied"], commit.as_str());

    site.acknowledge(&waiting);
    daemon.await_applied("dev", &commit);
    assert!(text().contains("replicas: \"3\"") || text().contains("replicas: '3'"), "{}", text());
}

#[test]
fn what_was_not_told_is_told_once_the_forge_is_back() {
    let Some(site) = Site::with(&[]) else { return };
    let (daemon, number) = alone(&site);
    let (other, first) = site.open("other", TEMPLATE, HAND, "first");
    site.await_whole(&first);
    await_true("that report to be over", || site.told("reported", other) > 0);
    go_away(&site);
    let (commit, _) = merged(&site, &daemon, number);
    let middle = site.change("other", TEMPLATE, HAND, "middle");
    let newest = site.change("other", TEMPLATE, HAND, "newest");
    site.forged.github.mend();

    daemon.await_applied("dev", &commit);
    let decisions: Vec<_> =
        site.history("dev", &commit).into_iter().map(|entry| entry["decision"].clone()).collect();
    assert!(decisions.iter().all(|decision| decision != "hold"), "{decisions:?}");
    let done = format!("**dev**: in sync at {}", &commit[..10]);
    let said = site.await_said(number, "what became of it", |text| text.contains(&done));
    assert_eq!(said.len(), 1, "{said:#?}");
    // The newest state, and nothing of what was there before.
    site.await_comment(other, &newest);
    site.await_whole(&newest);
    assert!(site.forged.github.check_runs(&middle).is_empty());
    let words = site.await_comment(other, &newest);
    assert!(words.contains("newest") && !words.contains("middle"), "{words}");
}
