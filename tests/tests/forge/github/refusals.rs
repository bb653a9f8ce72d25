//! What is refused on one pull request: it is told there, as far as that can be, and keeps no other one waiting.

use naksha_tests::github::Failure;
use naksha_tests::must;

use super::site::{FILE, Site, TEMPLATE};
use crate::site::{ENVIRONMENT, MARKER};

const EDGE: &str = "environments/edge/environment.yaml";
const HAND: &str = "`@everybody` <b>";

#[test]
fn what_is_refused_on_one_keeps_no_other_waiting() {
    let Some(site) = Site::with(&[]) else { return };
    site.ask_often();
    let github = &site.forged.github;
    let daemon = site.begin();
    // Both are there, and one is locked, before anybody looks.
    daemon.kill();
    let (locked, its_head) = site.open("locked", FILE, "replicas: 2", "replicas: 3");
    let (other, head) = site.open("other", TEMPLATE, HAND, "another");
    github.lock(locked);
    let _daemon = site.installation.start();
    site.await_comment(other, &head);
    site.await_whole(&head);
    let words = site.await_check(&its_head, "naksha", "failure");
    assert!(words.contains("locked"), "{words}");

    github.unlock(locked);
    must(site.forged.say(&site.forged.writer, locked, "it is open again"));
    site.await_comment(locked, &its_head);
    site.await_whole(&its_head);
}

#[test]
fn a_head_that_cannot_be_fetched_fails_with_words_and_keeps_no_other_waiting() {
    let Some(site) = Site::with(&[]) else { return };
    site.ask_often();
    let github = &site.forged.github;
    let daemon = site.begin();
    daemon.kill();
    let (lost, its_head) = site.open("lost", FILE, "replicas: 2", "replicas: 3");
    let (other, head) = site.open("other", TEMPLATE, HAND, "another");
    must(github.lose_head(lost));
    let _daemon = site.installation.start();
    site.await_comment(other, &head);
    site.await_whole(&head);
    let words = site.await_check(&its_head, "naksha", "failure");
    assert!(!words.is_empty() && words != "planning", "{words}");

    must(github.find_head(lost));
    must(site.forged.say(&site.forged.writer, lost, "it is there again"));
    site.await_comment(lost, &its_head);
    site.await_whole(&its_head);
}

/// A second environment of the trunk, with a plan of its own.
fn edge() -> String {
    ENVIRONMENT.replace("name: dev", "name: edge").replace("replicas: 2", "replicas: 20")
}

/// The number of the only comment that the App has there.
fn comment_on(site: &Site, number: u64) -> u64 {
    let path = format!("/repos/{}/issues/{number}/comments", site.forged.full_name);
    let said = must(site.forged.writer.api().get(&path));
    said[0]["id"].as_u64().expect("should have a number")
}

/// Two pull requests that were shown and merged, one for each environment, while nobody looked; and with them something that was shown to
/// nobody. Their numbers.
fn both_held(site: &Site) -> [u64; 2] {
    let daemon = site.begin();
    site.acknowledge(&daemon.await_state("edge", "held"));
    daemon.await_state("edge", "synced");
    let first = site.propose("first", "replicas: 2", "replicas: 3");
    let (last, head) = site.open("last", EDGE, "replicas: 20", "replicas: 21");
    site.await_check(&head, "naksha", "success");
    daemon.kill();
    site.merge(first, "merge");
    site.merge(last, "merge");
    let repository = &site.installation.repository;
    repository.edit(TEMPLATE, "name: web", "name: shop-web").commit("in passing");
    must(site.forged.push(repository.folder(), "main", &site.forged.writer));
    [first, last]
}

/// The last one is refused this, as often as it is tried.
fn check_that_the_other_one_calls(method: &str, status: u16) -> Option<()> {
    let site = Site::with(&[(EDGE, &edge())])?;
    site.ask_often();
    let github = &site.forged.github;
    let [first, last] = both_held(&site);
    let part = if method == "POST" {
        format!("/issues/{last}/comments")
    } else {
        format!("/issues/comments/{}", comment_on(&site, last))
    };
    github.fail_next(10_000, method, &part, Failure::Refused(status));
    let daemon = site.installation.start();
    daemon.await_state("dev", "held");
    daemon.await_state("edge", "held");
    site.await_said(first, "a call", |text| text.starts_with("<!-- naksha: call dev -->"));
    let is_told = |text: &str| text.starts_with(MARKER) && text.contains("**dev**: held");
    site.await_said(first, "what became of it", is_told);

    github.mend();
    site.await_said(last, "a call there, too", |text| text.starts_with("<!-- naksha: call edge -->"));
    let is_told = |text: &str| text.starts_with(MARKER) && text.contains("**edge**: held");
    site.await_said(last, "what became of that", is_told);
    Some(())
}

#[test]
fn a_merge_that_cannot_be_told_keeps_no_other_waiting() {
    for (method, status) in [("POST", 404), ("POST", 403), ("PATCH", 422)] {
        if check_that_the_other_one_calls(method, status).is_none() {
            return;
        }
    }
}

#[test]
fn where_the_last_conversation_is_locked_the_one_before_it_calls() {
    let Some(site) = Site::with(&[]) else { return };
    site.ask_often();
    let daemon = site.begin();
    let first = site.propose("first", "replicas: 2", "replicas: 3");
    let (last, head) = site.open("last", TEMPLATE, HAND, "another");
    site.await_check(&head, "naksha", "success");
    daemon.kill();
    site.merge(first, "merge");
    site.merge(last, "merge");
    let repository = &site.installation.repository;
    repository.edit(TEMPLATE, "name: web", "name: shop-web").commit("in passing");
    must(site.forged.push(repository.folder(), "main", &site.forged.writer));
    site.forged.github.lock(last);
    let daemon = site.installation.start();
    daemon.await_state("dev", "held");
    site.await_said(first, "a call", |text| text.starts_with("<!-- naksha: call dev -->"));
}
