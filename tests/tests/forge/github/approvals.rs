//! Approvals by a team: who is in it, as far as GitHub says so, and reviews that cannot be read.

use naksha_tests::github::{Asked, Failure};
use naksha_tests::shop::REPOSITORY;
use naksha_tests::{Person, await_true, must};

use super::site::{FILE, Site};

const PLAN: &str = "naksha/plan: dev";
const WAITS: &str = "1 to update; waits for an approval by @shop/ops";

/// A repository where a team has to approve, in which ada is.
fn site_of_ops() -> Option<Site> {
    let owners =
        REPOSITORY.replace("trunk: main", "trunk: main\n  owners: {dev: {approve: [\"@shop/ops\"]}}");
    let site = Site::with(&[("naksha.yaml", &owners)])?;
    site.forged.github.add_member("shop", "ops", &site.forged.admin.login, true);
    Some(site)
}

/// A pull request that waits for an approval, and says so: its number and head.
fn waiting(site: &Site, branch: &str, replicas: &str) -> (u64, String) {
    let (number, head) = site.open(branch, FILE, "replicas: 2", replicas);
    assert_eq!(site.await_check(&head, PLAN, "action_required"), WAITS);
    site.await_check(&head, "naksha", "action_required");
    await_true("the report to be over", || site.told("reported", number) > 0);
    (number, head)
}

/// Somebody approves. A review wakes nobody here, and a comment does.
fn approve(site: &Site, person: &Person, number: u64) {
    must(site.forged.approve_as(person, number));
    must(site.forged.say(person, number, "fine with me"));
}

/// Has it planned anew, and waits until that is told.
fn plan_anew(site: &Site, number: u64) {
    let before = site.told("reported", number);
    must(site.forged.say(&site.forged.writer, number, "/naksha plan"));
    await_true("it to be planned anew", || site.told("reported", number) > before);
}

fn await_words(site: &Site, head: &str, words: &str) {
    await_true(&format!("{PLAN} of {head} to say: {words}"), || {
        must(site.forged.statuses(head)).iter().any(|(name, _, told)| name == PLAN && told == words)
    });
}

#[test]
fn a_member_of_the_team_that_is_asked_approves() {
    let Some(site) = site_of_ops() else { return };
    // Who was only asked to join is not in it.
    site.forged.github.add_member("shop", "ops", &site.forged.reader.login, false);
    let daemon = site.begin();
    let (number, head) = waiting(&site, "more", "replicas: 3");
    let before = site.told("reported", number);
    approve(&site, &site.forged.reader, number);
    await_true("that word to be looked at", || site.told("reported", number) > before);
    assert_eq!(site.await_check(&head, PLAN, "action_required"), WAITS);
    approve(&site, &site.forged.admin, number);
    site.await_whole(&head);
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
}

#[test]
fn where_nobody_says_who_is_in_the_team_it_is_waited_for_and_told_so() {
    let Some(site) = site_of_ops() else { return };
    let _daemon = site.begin();
    let (number, head) = waiting(&site, "more", "replicas: 3");
    site.forged.github.permit("members", None);
    site.forged.github.expire_tokens();
    approve(&site, &site.forged.admin, number);
    await_words(&site, &head, &format!("{WAITS} (the forge does not say who is in @shop/ops)"));
    let words = site.await_check(&head, "naksha", "action_required");
    assert_eq!(words, "waits for an approval, see dev");

    site.forged.github.permit("members", Some("read"));
    plan_anew(&site, number);
    site.await_whole(&head);
}

#[test]
fn reviews_that_cannot_be_read_are_no_approvals_and_keep_no_other_waiting() {
    let Some(site) = site_of_ops() else { return };
    let (_daemon, github) = (site.begin(), &site.forged.github);
    let (number, head) = waiting(&site, "more", "replicas: 3");
    let reviews = format!("/pulls/{number}/reviews");
    github.fail_next(1_000_000, "GET", &reviews, Failure::Refused(403));
    approve(&site, &site.forged.admin, number);
    plan_anew(&site, number);
    assert_eq!(site.await_check(&head, PLAN, "action_required"), WAITS);

    let (other, its_head) = waiting(&site, "many", "replicas: 4");
    approve(&site, &site.forged.admin, other);
    site.await_whole(&its_head);
    assert_eq!(site.await_check(&head, PLAN, "action_required"), WAITS);
    let is_refused = |asked: &Asked| asked.path.contains(&reviews) && asked.status == Some(403);
    assert!(github.asked().iter().any(is_refused), "it was asked for");

    // What was said while nobody could read it may have been said of something else.
    github.mend();
    plan_anew(&site, number);
    approve(&site, &site.forged.admin, number);
    site.await_whole(&head);
}
