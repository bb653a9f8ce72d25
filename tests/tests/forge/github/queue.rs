//! A merge queue: what it is about to merge is judged by what the pull requests in it showed.

use naksha_tests::github::Queued;
use naksha_tests::{await_true, must};

use super::site::{FILE, Site};

impl Site {
    /// A pull request with one change, once it is reported on.
    fn propose(&self, branch: &str, from: &str, to: &str) -> u64 {
        let head = self.change(branch, FILE, from, to);
        let number = must(self.forged.open(branch, branch));
        self.await_check(&head, "naksha", "success");
        number
    }
}

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
