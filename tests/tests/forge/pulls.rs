//! Pull requests on a real Gitea, as the daemon reports on them.

use std::fs;

use naksha_tests::gitea::{Forged, Gitea};
use naksha_tests::shop::{REPOSITORY, WEB};
use naksha_tests::{DaemonProcess, Installation, await_true, must};
use serde_json::Value;

const ENVIRONMENT: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: dev}
spec:
  target: {directory: out}
  variables: {replicas: 2}
  units: [web]
";
const WEB_TEMPLATE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {replicas: \"{{ variables.replicas }}\", hand: \"`@everybody` <b>\"}
";
const MARKER: &str = "<!-- naksha: report -->";

/// An installation whose repository is on a forge.
struct Site {
    forged: Forged,
    installation: Installation,
}

fn site() -> Option<Site> {
    let forged = must(Gitea::shared()?.repository("infra"));
    let installation = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
    let repository = &installation.repository;
    repository
        .write("naksha.yaml", REPOSITORY)
        .write("environments/dev/environment.yaml", ENVIRONMENT)
        .write("units/web/unit.yaml", WEB)
        .write("units/web/web.yaml.tera", WEB_TEMPLATE);
    repository.commit("begin");
    let site = Site { forged, installation };
    must(site.forged.push(site.installation.repository.folder(), "main", &site.forged.writer));
    site.configure();
    Some(site)
}

impl Site {
    fn configure(&self) {
        let token = must(self.forged.token_file(self.installation.root()));
        let config = &self.installation.program.config;
        let text = fs::read_to_string(config).unwrap();
        let local = format!("url = \"{}\"", self.installation.repository.folder().display());
        let remote = format!(
            "url = \"{}\"\npoll = \"1s\"\ncredentials = {{token_file = \"{token}\"}}\nforge = {{kind = \"gitea\", api = \"{}\", \
             repository = \"{}\", token_file = \"{token}\", poll = \"1s\"}}",
            self.forged.clone_url(),
            self.forged.api_url(),
            self.forged.full_name,
            token = token.display(),
        );
        assert!(text.contains(&local), "{text}");
        fs::write(config, text.replace(&local, &remote)).unwrap();
    }

    /// Starts the daemon, and has it apply what no pull request brought.
    fn begin(&self) -> DaemonProcess {
        let daemon = self.installation.start();
        let held = daemon.await_state("dev", "held");
        assert!(held["why"].to_string().contains("no pull request showed this: create"), "{held}");
        self.acknowledge(&held);
        daemon.await_state("dev", "synced");
        daemon
    }

    fn acknowledge(&self, held: &Value) {
        let plan = held["plan"].as_str().expect("should have a plan");
        let ack = ["ack", plan, "--reason", "it is the first"];
        self.installation.program.run(self.installation.root(), &ack).expect_code(0);
    }

    /// A pull request that sets the replicas, once it is reported on: its number.
    fn propose(&self, daemon: &DaemonProcess, from: u32, to: u32) -> u64 {
        let (file, branch) = ("environments/dev/environment.yaml", format!("replicas-{to}"));
        let head = self.change(&branch, file, &format!("replicas: {from}"), &format!("replicas: {to}"));
        let number = must(self.forged.open(&branch, "other replicas"));
        self.await_comment(daemon, number, &head);
        self.await_check(&head, "naksha", "success");
        number
    }

    /// The new head of the trunk.
    fn merge(&self, number: u64, how: &str) -> String {
        must(self.forged.merge(number, how));
        must(self.forged.pull(self.installation.repository.folder(), "main"))
    }

    /// A branch with one change on top of `main`, pushed; its head.
    fn change(&self, branch: &str, path: &str, from: &str, to: &str) -> String {
        let (repository, forged) = (&self.installation.repository, &self.forged);
        must(forged.pull(repository.folder(), "main"));
        must(forged.branch(repository.folder(), branch, "main"));
        let head = repository.edit(path, from, to).commit("a change");
        must(forged.push(repository.folder(), &format!("+{branch}"), &forged.writer));
        head
    }

    /// What the bot says on a pull request, once one of it fits.
    fn await_said(&self, number: u64, what: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let mut said = Vec::new();
        await_true(what, || {
            let comments = must(self.forged.comments(number)).into_iter();
            said = comments
                .filter(|(author, _)| *author == self.forged.bot.login)
                .map(|(_, text)| text)
                .collect();
            said.iter().any(|text| fits(text))
        });
        said
    }

    /// The one comment of the bot, once it speaks of this head.
    fn await_comment(&self, daemon: &DaemonProcess, number: u64, head: &str) -> String {
        let mut found = Vec::new();
        await_true(&format!("a comment on {head}: {}", daemon.log()), || {
            let comments = must(self.forged.comments(number)).into_iter();
            found = comments
                .filter(|(author, _)| *author == self.forged.bot.login)
                .map(|(_, text)| text)
                .collect();
            found.iter().any(|text| text.contains(&head[..10]))
        });
        assert_eq!(found.len(), 1, "one comment, edited in place: {found:#?}");
        assert!(found[0].starts_with(MARKER), "{}", found[0]);
        found.remove(0)
    }

    fn await_check(&self, head: &str, name: &str, state: &str) -> String {
        let mut words = String::new();
        await_true(&format!("{name} to be {state}"), || {
            let statuses = must(self.forged.statuses(head));
            let found = statuses.iter().find(|(known, _, _)| known == name);
            words = found.map(|(_, _, words)| words.clone()).unwrap_or_default();
            found.is_some_and(|(_, known, _)| known == state)
        });
        words
    }
}

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
        text.starts_with(call) && text.contains("Nothing is to be done here any more")
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
