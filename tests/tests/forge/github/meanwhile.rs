//! What somebody does while the daemon plans or speaks: nothing of what was planned before is told of what is there now.

use naksha_tests::github::Meanwhile;
use naksha_tests::{await_true, must};

use super::site::{Site, TEMPLATE};
use crate::bases::RELEASE;

const HAND: &str = "`@everybody` <b>";

/// A pull request that nobody has looked at yet, the first one, and a commit that somebody is about to push to it: its number, its head,
/// and that commit.
fn unseen(site: &Site) -> (u64, String, String) {
    let newer = site.change("newer", TEMPLATE, HAND, "fresh");
    let (number, head) = site.open("more", TEMPLATE, HAND, "stale");
    assert_eq!(number, 1);
    (number, head, newer)
}

fn push(commit: &str) -> Meanwhile {
    Meanwhile::Push { branch: "more".to_owned(), commit: commit.to_owned() }
}

/// Every text of a comment that was sent so far.
fn said(site: &Site) -> Vec<String> {
    let writes = site.writes().into_iter().filter(|asked| asked.path.contains("/comments"));
    writes.filter_map(|asked| asked.body["body"].as_str().map(str::to_owned)).collect()
}

#[test]
fn what_is_pushed_while_it_is_planned_is_what_is_told() {
    // When it is asked for once more before anything is said, and when its head is to be marked as looked at.
    for (method, end) in [("GET", "/pulls/1"), ("POST", "/check-runs")] {
        let Some(site) = Site::with(&[]) else { return };
        site.ask_often();
        site.begin().kill();
        let (number, head, newer) = unseen(&site);
        site.forged.github.meanwhile(method, end, push(&newer));
        let _daemon = site.installation.start();
        site.await_comment(number, &newer);
        site.await_whole(&newer);
        assert!(!site.forged.github.waits_for_moment(), "it was pushed at {method} {end}");
        let stale: Vec<_> = said(&site).into_iter().filter(|text| text.contains("stale")).collect();
        assert!(stale.is_empty(), "{method} {end}: {stale:#?}");
        let runs = site.runs(&head);
        assert!(runs.iter().all(|(_, conclusion)| conclusion != "success"), "{method} {end}: {runs:?}");
    }
}

#[test]
fn what_is_pushed_while_it_is_told_was_shown_to_nobody() {
    let Some(site) = Site::with(&[]) else { return };
    site.ask_often();
    site.begin().kill();
    let (number, head, newer) = unseen(&site);
    site.forged.github.meanwhile("POST", "/issues/1/comments", push(&newer));
    let daemon = site.installation.start();
    let comment = site.await_comment(number, &newer);
    site.await_whole(&newer);
    assert!(!site.forged.github.waits_for_moment(), "it was pushed");
    assert!(comment.contains("fresh") && !comment.contains("stale"), "{comment}");
    // Whoever waits for the check that sums up waits for ever.
    let runs = site.runs(&head);
    let mut sums = runs.iter().filter(|(name, _)| name == "naksha");
    assert!(sums.all(|(_, conclusion)| conclusion.is_null()), "{runs:?}");
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
}

#[test]
fn what_goes_into_another_branch_while_it_is_planned_is_told_for_that_one() {
    let Some(site) = Site::with(&[("environments/live/environment.yaml", RELEASE)]) else { return };
    let (repository, forged) = (&site.installation.repository, &site.forged);
    site.ask_often();
    must(forged.branch(repository.folder(), "release", "main"));
    must(forged.push(repository.folder(), "release", &forged.writer));
    let daemon = site.begin();
    site.acknowledge(&daemon.await_state("live", "held"));
    daemon.await_state("live", "synced");
    daemon.kill();
    let (number, head) = site.open("tune", TEMPLATE, "hand:", "arm: \"long\", hand:");
    assert_eq!(number, 1);
    let base = "release".to_owned();
    forged.github.meanwhile("GET", "/pulls/1", Meanwhile::Retarget { number, base });
    let _daemon = site.installation.start();
    let says = |name: &str, words: &str| {
        must(forged.statuses(&head)).iter().any(|(known, _, told)| known == name && told == words)
    };
    await_true("it to be planned for the other branch", || says("naksha/plan: live", "1 to update"));
    site.await_check(&head, "naksha", "success");
    assert!(says("naksha/plan: dev", "nothing affected"));
    let comment = site.await_comment(number, &head);
    assert!(comment.contains("**live**: 1 to update"), "{comment}");
    // Never was anything else told.
    let texts = said(&site);
    assert!(texts.iter().all(|text| !text.contains("**dev**: 1 to update")), "{texts:#?}");
    let of_dev = site.writes().into_iter().filter(|asked| asked.body["name"] == "naksha/plan: dev");
    let titles: Vec<_> = of_dev.map(|asked| asked.body["output"]["title"].clone()).collect();
    assert!(titles.iter().all(|title| title == "nothing affected"), "{titles:?}");
}
