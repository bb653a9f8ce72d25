//! Forks: what a stranger brings counts for nothing, and whoever let it come near a target may take that back.

use naksha_tests::{Repository, must};

use crate::bases::RELEASE;
use crate::judging::plan_of;
use crate::site::{Site, site, site_of_two, site_with};

const FILE: &str = "environments/dev/environment.yaml";
const PLAN: &str = "naksha/plan: dev";
const ALONE: &str = "1 to update (compared with the base only)";

/// A branch in the reader's own copy of the repository.
fn begin_theirs(site: &Site) {
    must(site.forged.branch(site.installation.repository.folder(), "theirs", "main"));
}

/// One more commit there; the new head.
fn push(site: &Site, write: impl FnOnce(&Repository)) -> String {
    let (repository, forged) = (&site.installation.repository, &site.forged);
    write(repository);
    let head = repository.commit("theirs");
    must(forged.push_to_fork(repository.folder(), "theirs", &forged.reader));
    head
}

fn open(site: &Site) -> u64 {
    let reader = &site.forged.reader;
    must(site.forged.open_into(reader, &format!("{}:theirs", reader.login), "main", "theirs"))
}

#[test]
fn a_fork_brings_no_word_about_what_it_does_itself() {
    let Some(site) = site_of_two() else { return };
    site.owned("{dev: {acknowledge: [\"@ann\"]}}");
    let daemon = site.begin();
    begin_theirs(&site);
    let head = push(&site, |repository| {
        repository.edit(FILE, "units: [web, extra]", "units: [web]");
    });
    let number = open(&site);
    let comment = site.await_comment(&daemon, number, &head);
    assert_eq!(site.await_check(&head, "naksha", "failure"), "1 finding");
    let plan = plan_of(&comment);

    // Whom the base names would be believed on a branch of the repository.
    let word = format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Approval\nspec:\n  plan: {plan}\n  by: \"@ann\"\n  reason: nobody needs it\n"
    );
    let with_word = push(&site, |repository| {
        repository.write(&format!("approvals/{plan}.yaml"), &word);
    });
    let told = site.await_comment(&daemon, number, &with_word);
    assert_eq!(plan_of(&told), plan, "it is the same plan");
    assert_eq!(site.await_check(&with_word, "naksha", "failure"), "1 finding");
}

#[test]
fn who_allowed_a_fork_may_take_that_back() {
    let Some(site) = site() else { return };
    let forged = &site.forged;
    let daemon = site.begin();
    begin_theirs(&site);
    let head = push(&site, |repository| {
        repository.edit(FILE, "replicas: 2", "replicas: 3");
    });
    let number = open(&site);
    site.await_comment(&daemon, number, &head);
    site.await_words(&head, PLAN, ALONE);
    let say = |words: &str| must(forged.say(&forged.writer, number, words));
    let allow = format!("/naksha allow {head}");
    let leave = say(&allow);
    site.await_words(&head, PLAN, "1 to update");

    // The very same words, and yet nobody knows who wrote them.
    must(forged.say_otherwise(leave, &allow));
    say("/naksha plan");
    site.await_words(&head, PLAN, ALONE);

    say(&allow);
    site.await_words(&head, PLAN, "1 to update");
    must(forged.delete_comments_of(&forged.writer, number));
    say("/naksha plan");
    site.await_words(&head, PLAN, ALONE);
}

#[test]
fn a_stranger_with_the_same_commit_makes_nothing_worse() {
    let release = RELEASE.replace("units: [web]", "units: [web, absent]");
    let Some(site) = site_with(&[("environments/live/environment.yaml", &release)]) else { return };
    let (repository, forged) = (&site.installation.repository, &site.forged);
    must(forged.branch(repository.folder(), "release", "main"));
    must(forged.push(repository.folder(), "release", &forged.writer));
    let daemon = site.begin();
    let head = site.change("more", "environments/dev/environment.yaml", "replicas: 2", "replicas: 3");
    let number = must(forged.open("more", "more"));
    site.await_check(&head, "naksha", "success");

    // The very commit, into the branch of an environment whose plan has an error.
    must(forged.push_to_fork(repository.folder(), "more", &forged.reader));
    let from = format!("{}:more", forged.reader.login);
    let theirs = must(forged.open_into(&forged.reader, &from, "release", "the same"));
    let comment = site.await_comment(&daemon, theirs, &head);
    assert!(comment.contains("its checks are about that"), "{comment}");
    site.await_check(&head, "naksha", "success");
    let commit = site.merge(number, "merge");
    daemon.await_applied("dev", &commit);
}
