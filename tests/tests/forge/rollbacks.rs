//! Going back, and forward again, where an environment promotes by itself: that is for a person to merge.

use naksha_tests::{DaemonProcess, must};

use crate::audit::applied;
use crate::promotions::{environment, three};
use crate::site::{Site, site_with};

const HAND: &str = "`@everybody` <b>";
const ALONE: &str = "{soak: 0s, autoMerge: true}";

/// A person merges what comes to staging, and what comes to prod merges itself.
fn prod_alone() -> Option<Site> {
    let (staging, prod) =
        (environment("staging", "dev", "{soak: 0s}"), environment("prod", "staging", ALONE));
    site_with(&[
        ("environments/staging/environment.yaml", &staging),
        ("environments/prod/environment.yaml", &prod),
    ])
}

/// What was proposed to staging is merged there, and goes on to prod.
fn take_on(site: &Site, daemon: &DaemonProcess, source: &str) {
    let number = site.await_promotion(daemon, "staging", source);
    site.promote(number, "squash");
    daemon.await_applied("staging", source);
    daemon.await_applied("prod", source);
}

/// A pull request that locks an environment to what it ran before, once it is green: its number.
fn go_back(site: &Site, environment: &str, source: &str) -> u64 {
    let head = site.change_by("main", "back", |repository| {
        let promote = ["promote", environment, "--source", source];
        site.installation.program.run(repository.folder(), &promote).expect_code(0);
    });
    let number = must(site.forged.open("back", "back again"));
    let words = site.await_check(&head, "naksha/promote: order", "success");
    assert_eq!(words, format!("rollback: {environment} ran it before"));
    site.await_check(&head, "naksha", "success");
    number
}

fn is_open(site: &Site, number: u64) -> bool {
    must(site.forged.open_pulls()).iter().any(|(open, ..)| *open == number)
}

#[test]
fn what_prod_ran_before_is_merged_by_a_person_whichever_way_it_goes() {
    let Some(site) = prod_alone() else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    take_on(&site, &daemon, &first);
    let second = site.change_unit(&daemon, HAND, "another");
    take_on(&site, &daemon, &second);
    // It stays open, so that it can be seen when all promotions were looked at.
    let third = site.change_unit(&daemon, "another", "third");
    let other = site.await_promotion(&daemon, "staging", &third);
    site.await_check(&site.head_of(other), "naksha", "success");

    let back = go_back(&site, "prod", &first);
    site.await_looks(other);
    assert!(is_open(&site, back), "it is for a person");
    let commit = site.merge(back, "merge");
    daemon.await_applied("prod", &first);
    daemon.await_status("prod", "barred", |status| !status["barred"].is_null());
    assert_eq!(site.await_promotion(&daemon, "staging", &commit), other, "it goes with dev");
    site.await_looks(other);
    let branches: Vec<_> = must(site.forged.open_pulls()).into_iter().map(|(_, branch, _)| branch).collect();
    assert_eq!(branches, ["promote/staging"]);

    // Forward again, once somebody lets it: proposed by the daemon, and not merged by it.
    site.run(&["resume", "prod"]);
    let forward = site.await_promotion(&daemon, "prod", &second);
    site.await_check(&site.head_of(forward), "naksha", "success");
    site.await_looks(forward);
    assert!(is_open(&site, forward), "it is for a person");
    let status = daemon.await_state("prod", "synced");
    assert_eq!(status["applied"], first.as_str(), "{status}");
    site.merge(forward, "squash");
    daemon.await_applied("prod", &second);
}

#[test]
fn what_staging_gave_up_does_not_come_back_by_itself_under_another_commit() {
    let Some(site) = three(ALONE) else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    daemon.await_applied("staging", &first);
    let second = site.change_unit(&daemon, HAND, "another");
    daemon.await_applied("staging", &second);
    site.await_promotion(&daemon, "prod", &second);

    let back = go_back(&site, "staging", &first);
    let commit = site.merge(back, "merge");
    daemon.await_status("staging", "rolled back", |status| status["applied"] == first.as_str());
    // dev runs the commit of the rollback itself, with which staging would be what it went back from.
    daemon.await_status("dev", "at the rollback", |status| status["control"] == commit.as_str());
    site.await_promotion(&daemon, "prod", &first);
    let third = site.change_unit(&daemon, "another", "third");
    daemon.await_applied("staging", &third);
    assert_eq!(applied(&site, "staging"), [first.clone(), second, first, third]);
}
