//! A merge queue: what it is about to merge is judged by what the pull requests in it showed.

use naksha_tests::github::Queued;
use naksha_tests::shop::{REPOSITORY, WEB};
use naksha_tests::{await_true, must};

use super::site::{FILE, Site, TEMPLATE};
use crate::site::{ENVIRONMENT, WEB_TEMPLATE};

const EXTRA: &str = "units/extra/extra.yaml.tera";

#[test]
fn what_a_queue_merges_is_what_was_shown() {
    let Some(site) = Site::with(&[]) else { return };
    let github = &site.forged.github;
    github.require(&["naksha"]);
    let daemon = site.begin();
    let number = site.propose("more", "replicas: 2", "replicas: 3");
    let head = must(github.enqueue(number));
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "success"), "1 to update");
    assert_eq!(site.await_check(&head, "naksha/promote: order", "success"), "not a promotion");
    site.await_check(&head, "naksha", "success");
    await_true("the queue to merge", || must(github.look_at_queue(number)) == Queued::Merged);
    daemon.await_applied("dev", &head);
}

#[test]
fn what_nobody_showed_is_not_merged_by_a_queue() {
    let Some(site) = Site::with(&[]) else { return };
    let github = &site.forged.github;
    github.require(&["naksha"]);
    let _daemon = site.begin();
    let number = site.propose("more", "replicas: 2", "replicas: 3");
    // Between the report and the queue the branch moves on; the daemon hears of both at once.
    github.fail_next(100, "GET", "/pulls?", naksha_tests::github::Failure::Refused(502));
    site.change("more", FILE, "replicas: 2", "replicas: 4");
    let head = must(github.enqueue(number));
    let words = site.await_check(&head, "naksha/plan: dev", "failure");
    assert_eq!(words, "1 action that its pull request did not show");
    site.await_check(&head, "naksha", "failure");
    await_true("the queue to drop it", || must(github.look_at_queue(number)) == Queued::Dropped);
}

/// With a second unit, whose object is another one.
fn site_of_two() -> Option<Site> {
    let environment = ENVIRONMENT.replace("units: [web]", "units: [web, extra]");
    let unit = WEB.replace("name: web", "name: extra").replace("web.yaml.tera", "extra.yaml.tera");
    let template = WEB_TEMPLATE.replace("name: web", "name: extra");
    let site = Site::with(&[(FILE, &environment), ("units/extra/unit.yaml", &unit), (EXTRA, &template)])?;
    site.forged.github.require(&["naksha"]);
    Some(site)
}

/// Two pull requests that are fine each by itself; both in the queue, the second on top of the first: their numbers and the heads that the
/// queue made.
fn queued(site: &Site, changes: [(&str, &str, &str); 2]) -> [(u64, String); 2] {
    let mut at = 0;
    let numbers = changes.map(|(path, from, to)| {
        at += 1;
        let (number, head) = site.open(&format!("change-{at}"), path, from, to);
        site.await_check(&head, "naksha", "success");
        number
    });
    numbers.map(|number| (number, must(site.forged.github.enqueue(number))))
}

#[test]
fn two_that_have_nothing_to_do_with_each_other_are_merged_one_on_the_other() {
    let Some(site) = site_of_two() else { return };
    let (daemon, github) = (site.begin(), &site.forged.github);
    let hand = "`@everybody` <b>";
    let [first, second] = queued(&site, [(TEMPLATE, hand, "one"), (EXTRA, hand, "another")]);
    site.await_check(&second.1, "naksha", "success");
    assert_eq!(site.await_check(&second.1, "naksha/plan: dev", "success"), "1 to update");
    site.await_check(&first.1, "naksha", "success");
    assert_eq!(must(github.look_at_queue(second.0)), Queued::Waits, "it stands on the first");
    assert_eq!(must(github.look_at_queue(first.0)), Queued::Merged);
    await_true("the second one to be merged", || must(github.look_at_queue(second.0)) == Queued::Merged);
    daemon.await_applied("dev", &second.1);
}

#[test]
fn of_two_that_change_one_object_the_second_is_dropped() {
    let Some(site) = site_of_two() else { return };
    let (daemon, github) = (site.begin(), &site.forged.github);
    let changes = [(FILE, "replicas: 2", "replicas: 3"), (TEMPLATE, "`@everybody` <b>", "another")];
    let [first, second] = queued(&site, changes);
    site.await_check(&second.1, "naksha", "failure");
    let words = site.await_check(&second.1, "naksha/plan: dev", "failure");
    assert!(words.ends_with("that its pull request did not show"), "{words}");
    site.await_check(&first.1, "naksha", "success");
    assert_eq!(must(github.look_at_queue(second.0)), Queued::Dropped);
    assert_eq!(must(github.look_at_queue(first.0)), Queued::Merged);
    daemon.await_applied("dev", &first.1);
}

#[test]
fn a_queue_drops_what_lacks_an_approval() {
    let owners = REPOSITORY.replace("trunk: main", "trunk: main\n  owners: {dev: {approve: [\"@ada\"]}}");
    let Some(site) = Site::with(&[("naksha.yaml", &owners)]) else { return };
    let github = &site.forged.github;
    github.require(&["naksha"]);
    let _daemon = site.begin();
    let (number, head) = site.open("more", FILE, "replicas: 2", "replicas: 3");
    let words = site.await_check(&head, "naksha/plan: dev", "action_required");
    assert!(words.contains("waits for an approval by @ada"), "{words}");
    site.await_check(&head, "naksha", "action_required");
    let queued = must(github.enqueue(number));
    let words = site.await_check(&queued, "naksha/plan: dev", "failure");
    assert!(words.contains("an approval by @ada"), "{words}");
    site.await_check(&queued, "naksha", "failure");
    assert_eq!(must(github.look_at_queue(number)), Queued::Dropped);
}
