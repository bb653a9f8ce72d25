//! Pull requests that people move about while the daemon runs, and what they take away from it.

use naksha_tests::{await_true, must};

use crate::bases::{RELEASE, following};
use crate::site::site;

const FILE: &str = "environments/dev/environment.yaml";
const TEMPLATE: &str = "units/web/web.yaml.tera";

#[test]
fn what_somebody_deletes_or_overwrites_is_said_again() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let number = site.propose(&daemon, 2, 3);
    must(site.forged.delete_comments_of(&site.forged.bot, number));
    site.await_comment(&daemon, number, &site.head_of(number));

    let broken = site.change("broken", FILE, "units:", "unitz:");
    let number = must(site.forged.open("broken", "a slip of the pen"));
    site.await_comment(&daemon, number, &broken);
    let words = site.await_check(&broken, "naksha", "failure");
    must(site.forged.set_status(&broken, "naksha"));
    assert_eq!(site.await_check(&broken, "naksha", "failure"), words);
    site.await_comment(&daemon, number, &broken);
}

#[test]
fn what_goes_into_another_branch_from_now_on_is_planned_for_that_one() {
    let Some((site, daemon)) = following(RELEASE) else { return };
    let forged = &site.forged;
    let head = site.change("tune", TEMPLATE, "hand:", "arm: \"long\", hand:");
    let number = must(forged.open("tune", "tuned"));
    site.await_comment(&daemon, number, &head);
    site.await_check(&head, "naksha", "success");
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "success"), "1 to update");
    assert_eq!(site.await_check(&head, "naksha/plan: live", "success"), "nothing affected");

    must(forged.retarget(number, "release"));
    site.await_words(&head, "naksha/plan: live", "1 to update");
    site.await_words(&head, "naksha/plan: dev", "nothing affected");
    site.await_check(&head, "naksha", "success");
    let comment = site.await_comment(&daemon, number, &head);
    assert!(comment.contains("**live**: 1 to update"), "{comment}");
    assert!(comment.contains("**dev**: nothing affected"), "{comment}");
}

#[test]
fn what_is_opened_again_is_planned_on_what_was_merged_meanwhile() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let head = site.change("hand", TEMPLATE, "`@everybody` <b>", "another");
    let number = must(site.forged.open("hand", "another hand"));
    site.await_comment(&daemon, number, &head);
    site.await_check(&head, "naksha", "success");
    let other = site.propose(&daemon, 2, 3);
    must(site.forged.close(number));
    let commit = site.merge(other, "merge");
    daemon.await_applied("dev", &commit);
    must(site.forged.reopen(number));
    // It was closed when that became the base.
    let is_anew = |line: &str| {
        let of = [format!("pull=#{number} "), format!("base=\"{}\"", &commit[..10])];
        line.contains("reported") && of.iter().all(|part| line.contains(part))
    };
    await_true("a report on the new base", || daemon.log().lines().any(is_anew));
    let comment = site.await_comment(&daemon, number, &head);
    assert!(!comment.contains("data.replicas"), "its own change alone: {comment}");
    site.await_check(&head, "naksha", "success");
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
}

#[test]
fn a_draft_is_planned_like_any_other() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let head = site.change("more", FILE, "replicas: 2", "replicas: 3");
    // By such a title Gitea knows one.
    let number = must(site.forged.open("more", "WIP: more replicas"));
    assert_eq!(must(site.forged.pull_request(number))["draft"], true);
    site.await_comment(&daemon, number, &head);
    site.await_check(&head, "naksha", "success");
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "success"), "1 to update");
}
