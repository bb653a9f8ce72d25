//! Pull requests on a real Gitea, as the daemon reports on them, and what becomes of them.

use naksha_tests::{await_true, must};
use serde_json::Value;

use crate::site::{MARKER, site};

#[test]
fn a_pull_request_tells_what_merging_it_does_and_its_comment_stays_current() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let head = site.change("more", "environments/dev/environment.yaml", "replicas: 2", "replicas: 3");
    let number = must(site.forged.open("more", "more replicas"));
    let comment = site.await_comment(&daemon, number, &head);
    assert!(comment.contains("**dev**: 1 to update\n"), "{comment}");
    assert!(comment.contains("replicas"), "{comment}");
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "success"), "1 to update");
    site.await_check(&head, "naksha", "success");
    let mut names: Vec<_> = must(site.forged.statuses(&head)).into_iter().map(|(name, ..)| name).collect();
    names.sort();
    let gates = ["order", "soak", "verify", "window"].map(|gate| format!("naksha/promote: {gate}"));
    let expected = [
        vec!["naksha", "naksha/plan: dev", "naksha/policy"],
        gates.iter().map(String::as_str).collect(),
        vec!["naksha/workflows"],
    ]
    .concat();
    assert_eq!(names, expected);
    assert!(!comment.contains("@everybody"), "nobody is called: {comment}");

    // Another push edits it, and what was reported of the old head stays.
    let newer = site.change("more", "environments/dev/environment.yaml", "replicas: 2", "replicas: 4");
    let comment = site.await_comment(&daemon, number, &newer);
    assert!(comment.contains('4'), "{comment}");
    site.await_check(&newer, "naksha", "success");

    // A restart says nothing twice; a comment that somebody deletes is made again.
    daemon.kill();
    let daemon = site.installation.start();
    must(site.forged.delete_comments_of(&site.forged.bot, number));
    site.await_comment(&daemon, number, &newer);

    // Merged by squash, it is applied.
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
    let object = site.installation.objects("dev").into_values().next().unwrap();
    assert!(object.contains("replicas: \"4\"") || object.contains("replicas: '4'"), "{object}");
}

#[test]
fn what_does_not_merge_or_render_is_told_with_its_place() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let file = "environments/dev/environment.yaml";
    let broken = site.change("broken", file, "units:", "unitz:");
    let number = must(site.forged.open("broken", "a slip of the pen"));
    let comment = site.await_comment(&daemon, number, &broken);
    assert!(comment.contains("NK0101") && comment.contains("did you mean `units`?"), "{comment}");
    site.await_check(&broken, "naksha", "failure");

    let ours = site.change("ours", file, "replicas: 2", "replicas: 5");
    let theirs = site.change("theirs", file, "replicas: 2", "replicas: 6");
    let (first, second) = (must(site.forged.open("ours", "five")), must(site.forged.open("theirs", "six")));
    site.await_comment(&daemon, first, &ours);
    site.await_comment(&daemon, second, &theirs);
    // The base moves under the second one.
    must(site.forged.merge(first, "merge"));
    await_true("the conflict to be told", || {
        must(site.forged.comments(second)).iter().any(|(_, text)| text.contains("it does not merge"))
    });
    let words = site.await_check(&theirs, "naksha", "failure");
    assert_eq!(words, "conflicts with the base in 1 path");
}

#[test]
fn what_a_pull_request_showed_is_applied_however_it_is_merged_and_nothing_else() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    for (from, how) in [(2, "merge"), (3, "squash"), (4, "rebase")] {
        let number = site.propose(&daemon, from, from + 1);
        let commit = site.merge(number, how);
        daemon.await_applied("dev", &commit);
        let done = format!("**dev**: in sync at {}", &commit[..10]);
        let said = site.await_said(number, "what became of it", |text| text.contains(&done));
        assert!(said.len() == 1 && said[0].contains("What was shown before it was merged"), "{said:#?}");
    }
    // Merged while nobody looked: what was shown is not forgotten.
    let number = site.propose(&daemon, 5, 6);
    daemon.kill();
    let commit = site.merge(number, "squash");
    let daemon = site.installation.start();
    daemon.await_applied("dev", &commit);

    // What was pushed after the last report was shown to nobody.
    let number = site.propose(&daemon, 6, 7);
    daemon.kill();
    site.change("replicas-7", "environments/dev/environment.yaml", "replicas: 6", "replicas: 70");
    let commit = site.merge(number, "merge");
    let daemon = site.installation.start();
    let is_held = |status: &Value| status["state"] == "held" && status["control"] == commit;
    let held = daemon.await_status("dev", "held at what nobody saw", is_held);
    let why = held["why"].to_string();
    assert!(why.contains("no pull request showed this: update ConfigMap shop/web"), "{why}");

    // A pull request that shows it lets it through, and so does one that takes it back.
    let number = site.propose(&daemon, 70, 6);
    let commit = site.merge(number, "merge");
    daemon.await_applied("dev", &commit);

    // A direct push is held, and one that excuses itself is too.
    let folder = site.installation.repository.folder();
    let rules = "spec:\n  unreviewed: apply";
    site.installation.repository.edit("naksha.yaml", "spec:", rules);
    let file = "environments/dev/environment.yaml";
    let commit = site.installation.repository.edit(file, "replicas: 6", "replicas: 8").commit("sure");
    must(site.forged.push(folder, "main", &site.forged.writer));
    let is_held = |status: &Value| status["state"] == "held" && status["control"] == commit;
    let held = daemon.await_status("dev", "held: it was pushed", is_held);
    site.acknowledge(&held);
    daemon.await_applied("dev", &commit);
    let commit = site.installation.repository.edit(file, "replicas: 8", "replicas: 9").commit("now it may");
    must(site.forged.push(folder, "main", &site.forged.writer));
    daemon.await_applied("dev", &commit);
}

#[test]
fn two_that_change_one_object_are_planned_on_what_is_applied() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let first = site.propose(&daemon, 2, 3);
    let head = site.change("hand", "units/web/web.yaml.tera", "`@everybody` <b>", "another");
    let second = must(site.forged.open("hand", "another hand"));
    site.await_comment(&daemon, second, &head);
    site.await_check(&head, "naksha", "success");
    let commit = site.merge(first, "squash");
    daemon.await_applied("dev", &commit);
    // It is planned anew on the new base, and shows its own change alone.
    let is_anew = |line: &str| {
        let of = [format!("pull=#{second} "), format!("base=\"{}\"", &commit[..10])];
        line.contains("reported") && of.iter().all(|part| line.contains(part))
    };
    await_true("a report on the new base", || daemon.log().lines().any(is_anew));
    site.await_said(second, "what the second one does now", |text| !text.contains("data.replicas"));
    site.await_check(&head, "naksha", "success");
    let commit = site.merge(second, "squash");
    daemon.await_applied("dev", &commit);
}

#[test]
fn who_merges_what_is_held_is_told_how_to_go_on_and_when_it_is_over() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let number = site.propose(&daemon, 2, 3);
    // Something else goes to the trunk with it, and nobody saw that.
    let (repository, file) = (&site.installation.repository, "units/web/web.yaml.tera");
    must(site.forged.pull(repository.folder(), "main"));
    daemon.kill();
    site.merge(number, "merge");
    repository.edit(file, "name: web", "name: shop-web").commit("in passing");
    must(site.forged.push(repository.folder(), "main", &site.forged.writer));
    let daemon = site.installation.start();
    let held = daemon.await_state("dev", "held");
    let call = "<!-- naksha: call dev -->";
    let said = site.await_said(number, "a call", |text| text.starts_with(call));
    let told = said.iter().find(|text| text.starts_with(call)).unwrap();
    assert!(told.contains("create ConfigMap shop/shop-web, delete ConfigMap shop/web"), "{told}");
    assert!(told.contains(&format!("naksha ack {}", &held["plan"].as_str().unwrap()[..12])), "{told}");
    assert!(said.iter().any(|text| text.starts_with(MARKER) && text.contains("**dev**: held")), "{said:#?}");

    site.acknowledge(&held);
    daemon.await_state("dev", "synced");
    let said = site.await_said(number, "that it is over", |text| {
        text.starts_with(call) && text.contains("Nobody is waited for on this pull request any more")
    });
    assert_eq!(said.len(), 2, "{said:#?}");
}

#[test]
fn what_changes_nothing_is_reported_too() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    site.installation.repository.write("README.md", "words\n");
    let head = site.change("words", "naksha.yaml", "trunk: main\n", "trunk: main\n# words\n");
    let number = must(site.forged.open("words", "words"));
    let comment = site.await_comment(&daemon, number, &head);
    assert!(comment.contains("**dev**: nothing affected"), "{comment}");
    assert_eq!(site.await_check(&head, "naksha", "success"), "nothing affected");
}

#[test]
fn a_head_that_was_reported_on_before_is_looked_at_anew_and_ends_as_it_did() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let number = site.propose(&daemon, 2, 3);
    let head = must(site.forged.pull_request(number))["head"]["sha"].as_str().unwrap().to_owned();
    let words = site.await_check(&head, "naksha", "success");
    must(site.forged.close(number));
    // The same commit again: nothing was shown on this one yet, although its checks are green.
    let again = must(site.forged.open("replicas-3", "once more"));
    site.await_comment(&daemon, again, &head);
    assert_eq!(site.await_check(&head, "naksha", "success"), words);
}

#[test]
fn who_has_to_approve_is_waited_for_and_what_was_approved_is_the_plan() {
    let Some(site) = site() else { return };
    let (forged, repository) = (&site.forged, &site.installation.repository);
    let owners = format!("trunk: main\n  owners: {{dev: {{approve: [\"@{}\"]}}}}", forged.bot.login);
    repository.edit("naksha.yaml", "trunk: main", &owners).commit("owners");
    must(forged.push(repository.folder(), "main", &forged.writer));
    let daemon = site.begin();

    let file = "environments/dev/environment.yaml";
    let head = site.change("more", file, "replicas: 2", "replicas: 3");
    let number = must(forged.open("more", "more replicas"));
    let waits = format!("1 to update; waits for an approval by @{}", forged.bot.login);
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "pending"), waits);
    // The word of somebody else is none: it is looked at, and the same is said.
    let reports = || {
        let log = daemon.log();
        log.lines().filter(|line| line.contains("reported") && line.contains(&head[..10])).count()
    };
    await_true("it to be shown", || reports() == 1);
    must(forged.approve_as(&forged.reader, number));
    await_true("that word to be looked at", || reports() == 2);
    assert_eq!(site.await_check(&head, "naksha", "pending"), "waits for an approval, see dev");
    must(forged.approve_as(&forged.bot, number));
    site.await_check(&head, "naksha", "success");

    // A newer head that does the same was approved; one that does more was not.
    repository.write("README.md", "words\n");
    let same = repository.commit("words");
    must(forged.push(repository.folder(), "more", &forged.writer));
    site.await_check(&same, "naksha", "success");
    let other = repository.edit(file, "replicas: 3", "replicas: 30").commit("many more");
    must(forged.push(repository.folder(), "more", &forged.writer));
    let again = format!("{waits} of what is shown now: the one that there is came before");
    assert_eq!(site.await_check(&other, "naksha/plan: dev", "pending"), again);

    // Merged all the same, it is held.
    site.await_said(number, "the newest head", |text| text.contains(&other[..10]));
    site.await_check(&other, "naksha", "pending");
    await_true("it to be shown", || {
        daemon.log().lines().any(|line| line.contains("reported") && line.contains(&other[..10]))
    });
    let commit = site.merge(number, "squash");
    let is_held = |status: &Value| status["state"] == "held" && status["control"] == commit;
    let why = daemon.await_status("dev", "held", is_held)["why"].to_string();
    let lack = format!("#{number} was merged without an approval by @{}: update", forged.bot.login);
    assert!(why.contains(&lack), "{why}");
    // Approved after all, and with a word: on to the next.
    site.acknowledge(&daemon.await_state("dev", "held"));
    daemon.await_applied("dev", &commit);
}
