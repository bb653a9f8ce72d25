//! What a lock records beside its source: it is what that source brings, or the promotion is red.

use naksha_tests::{DaemonProcess, await_true, must};

use crate::promotions::three;
use crate::site::Site;

const LOCK: &str = "environments/staging/lock.yaml";
const STAGING: &str = "environments/staging/environment.yaml";
const PLAN: &str = "naksha/plan: staging";

/// As somebody writes it by hand.
fn lock(source: &str, record: &str) -> String {
    format!("apiVersion: naksha.dev/v1alpha1\nkind: Lock\nspec:\n  source: \"{source}\"\n  {record}\n")
}

#[test]
fn a_lock_that_records_what_its_source_does_not_bring_is_red_until_it_is_written_anew() {
    let Some(site) = three("{soak: 0s}") else { return };
    let (repository, forged) = (&site.installation.repository, &site.forged);
    let daemon = site.begin();
    let first = repository.head();
    site.await_promotion(&daemon, "staging", &first);
    let render = format!("render: sha256:{}", "0".repeat(64));
    for (key, record) in [("images", "images: {nginx: \"1.27\"}"), ("render", render.as_str())] {
        let head = site.change_by("main", key, |repository| {
            repository.write(LOCK, &lock(&first, record));
        });
        let number = must(forged.open(key, "by hand"));
        let comment = site.await_comment(&daemon, number, &head);
        assert_eq!(site.await_check(&head, PLAN, "failure"), "1 error");
        assert_eq!(site.await_check(&head, "naksha", "failure"), "see staging");
        let words = format!("{} does not bring there", &first[..10]);
        assert!(comment.contains("NK0412") && comment.contains(&words), "{comment}");
        assert!(comment.contains(&format!("the lock records `{key}`")), "{comment}");

        let promote = ["promote", "staging", "--source", &first];
        site.installation.program.run(repository.folder(), &promote).expect_code(0);
        let anew = repository.commit("written anew");
        must(forged.push(repository.folder(), key, &forged.writer));
        let comment = site.await_comment(&daemon, number, &anew);
        site.await_check(&anew, "naksha", "success");
        assert!(!comment.contains("NK0412"), "{comment}");
        must(forged.close(number));
    }
}

/// What staging is given changes on the trunk: the commit.
fn give(site: &Site, daemon: &DaemonProcess) -> String {
    let head = site.change("given", STAGING, "replicas: 3", "replicas: 5");
    let number = must(site.forged.open("given", "more replicas"));
    site.await_comment(daemon, number, &head);
    site.await_check(&head, "naksha", "success");
    site.merge(number, "squash")
}

#[test]
fn what_is_proposed_is_written_anew_when_its_environment_is_another_one() {
    let Some(site) = three("{soak: 0s}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    let number = site.await_promotion(&daemon, "staging", &first);
    let before = site.head_of(number);
    site.await_check(&before, "naksha", "success");
    // What dev runs stays, so that there is nothing else to propose.
    site.run(&["suspend", "dev", "--reason", "a look"]);
    daemon.await_state("dev", "suspended");
    let commit = give(&site, &daemon);
    await_true(&format!("it to be written anew: {}", daemon.log()), || site.head_of(number) != before);
    assert_eq!(site.await_promotion(&daemon, "staging", &first), number, "the same pull request and source");
    let words = site.await_check(&site.head_of(number), PLAN, "success");
    assert!(words.starts_with("1 to create"), "{words}");

    site.run(&["resume", "dev"]);
    daemon.await_applied("dev", &commit);
    assert_eq!(site.await_promotion(&daemon, "staging", &commit), number);
    site.promote(number, "squash");
    daemon.await_applied("staging", &commit);
    assert!(site.replicas_of("staging").contains('5'), "{}", site.replicas_of("staging"));
}

#[test]
fn what_is_proposed_and_still_soaks_is_true_to_what_it_was_written_beside() {
    let Some(site) = three("{soak: 1h}") else { return };
    let daemon = site.begin();
    let number = site.await_promotion(&daemon, "staging", &site.installation.repository.head());
    let before = site.head_of(number);
    site.await_waiting(&before);
    let commit = give(&site, &daemon);
    daemon.await_applied("dev", &commit);
    // The environment is another one by now, and dev runs another commit: what is proposed is planned anew, and says nothing wrong.
    let is_anew = |text: &str| text.contains("replicas") && text.contains('5') && !text.contains("NK0412");
    site.await_said(number, "the new plan", is_anew);
    site.await_waiting(&before);
    let words = site.await_check(&before, PLAN, "success");
    assert!(words.starts_with("1 to create"), "{words}");
    let open = must(site.forged.open_pulls());
    assert_eq!(open.len(), 1, "{open:?}");
}

#[test]
fn a_lock_that_goes_back_is_as_it_was_then_whatever_the_environment_is_now() {
    let Some(site) = three("{soak: 0s}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    site.promote(site.await_promotion(&daemon, "staging", &first), "squash");
    daemon.await_applied("staging", &first);
    let folder = site.installation.repository.folder();
    must(site.forged.pull(folder, "main"));
    let then = std::fs::read_to_string(folder.join(LOCK)).unwrap();
    let second = site.change_unit(&daemon, "`@everybody` <b>", "another");
    site.promote(site.await_promotion(&daemon, "staging", &second), "squash");
    daemon.await_applied("staging", &second);
    let commit = give(&site, &daemon);
    daemon.await_status("staging", "another one", |status| status["appliedControl"] == commit.as_str());

    // Whoever proposes anything reads that it has something that nobody before it has.
    let head = site.change("other", "environments/dev/environment.yaml", "replicas: 2", "replicas: 4");
    let number = must(site.forged.open("other", "something else"));
    let comment = site.await_comment(&daemon, number, &head);
    assert!(comment.contains("ahead of dev by `variables.replicas`"), "{comment}");
    must(site.forged.close(number));

    // As a revert of the promotion writes it.
    let head = site.change_by("main", "back", |repository| {
        repository.write(LOCK, &then);
    });
    let number = must(site.forged.open("back", "back"));
    site.await_check(&head, "naksha", "success");
    site.merge(number, "merge");
    daemon.await_applied("staging", &first);
}
