//! Commands in comments on a real Gitea: carried out for those who may, once, and answered.

use naksha_tests::{DaemonProcess, await_true, must};
use serde_json::Value;

use crate::promotions::three;
use crate::site::{Site, site, site_of_two, site_with};

const FILE: &str = "environments/dev/environment.yaml";

impl Site {
    /// A direct push, which is held.
    pub(crate) fn pushed(&self, daemon: &DaemonProcess, from: u32, to: u32) -> Value {
        let repository = &self.installation.repository;
        must(self.forged.pull(repository.folder(), "main"));
        let commit =
            repository.edit(FILE, &format!("replicas: {from}"), &format!("replicas: {to}")).commit("pushed");
        must(self.forged.push(repository.folder(), "main", &self.forged.writer));
        daemon.await_status("dev", "held", |status| status["state"] == "held" && status["control"] == commit)
    }

    /// What the bot answers, once it says something that fits.
    fn await_answer(&self, number: u64, words: &str) {
        self.await_said(number, words, |text| text.contains(words));
    }

    /// Waits until each of these comments is answered, by a sign that says no.
    fn await_refused(&self, comments: &[u64]) {
        let no = [(self.forged.bot.login.clone(), "-1".to_owned())];
        for comment in comments {
            await_true("a no", || must(self.forged.reactions(*comment)) == no);
        }
    }
}

#[test]
fn a_word_counts_once_from_those_who_may() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let number = site.propose(&daemon, 2, 3);
    let held = site.pushed(&daemon, 2, 4);
    let ack = format!("/naksha ack {} it is fine", &held["plan"].as_str().unwrap()[..12]);
    must(site.forged.say(&site.forged.reader, number, &ack));
    await_true("the reader to be refused", || {
        daemon.log().contains(&format!("by={} done=false", site.forged.reader.login))
    });
    let edited = must(site.forged.say(&site.forged.writer, number, "a thought"));
    must(site.forged.say_otherwise(edited, &ack));
    must(site.forged.say(&site.forged.writer, number, "/naksha ack 0000000000 no such plan"));
    site.await_answer(number, "Not done: no plan of that id waits, or is shown here.");
    daemon.await_state("dev", "held");
    must(site.forged.say(&site.forged.writer, number, &ack));
    let status = daemon.await_state("dev", "synced");
    assert_eq!(status["applied"], held["control"], "{status}");

    // What was asked for once is not done again by a restart.
    must(site.forged.say(&site.forged.writer, number, "/naksha suspend dev"));
    daemon.await_state("dev", "suspended");
    site.installation.program.run(site.installation.root(), &["resume", "dev"]).expect_code(0);
    daemon.kill();
    let daemon = site.installation.start();
    must(site.forged.say(&site.forged.writer, number, "/naksha explain NK0101"));
    site.await_answer(number, "# NK0101");
    daemon.await_state("dev", "synced");
    must(site.forged.say(&site.forged.writer, number, "/naksha apply"));
    site.await_answer(number, "Not done: there is no such command");
    let before = daemon.log().matches("reported").count();
    must(site.forged.say(&site.forged.writer, number, "/naksha plan"));
    await_true("it to be planned anew", || daemon.log().matches("reported").count() > before);
}

#[test]
fn who_may_is_read_from_the_trunk() {
    let rules = "apiVersion: naksha.dev/v1alpha1\nkind: Repository\nmetadata: {name: infra}\nspec:\n  trunk: main\n  owners: {dev: {acknowledge: [\"@nobody-there\"]}}\n";
    let Some(site) = site_with(&[("naksha.yaml", rules)]) else { return };
    let daemon = site.begin();
    let number = site.propose(&daemon, 2, 3);
    let writer = &site.forged.writer.login;
    // The pull request gives its author the right. It does not count before it is merged.
    let head = site.change("mine", "naksha.yaml", "@nobody-there", &format!("@{writer}"));
    let rights = must(site.forged.open("mine", "rights"));
    site.await_comment(&daemon, rights, &head);
    must(site.forged.say(&site.forged.writer, rights, "/naksha suspend dev"));
    site.await_answer(rights, "Not done: this is for nobody-there, as `owners.dev` on the trunk says.");
    site.await_check(&head, "naksha", "success");
    let commit = site.merge(rights, "merge");
    daemon.await_status("dev", "at the new rules", |status| status["control"] == commit);
    must(site.forged.say(&site.forged.writer, number, "/naksha suspend dev"));
    daemon.await_state("dev", "suspended");
    must(site.forged.say(&site.forged.writer, number, "/naksha resume dev"));
    daemon.await_state("dev", "synced");

    // Rules that cannot be read make nobody an owner.
    let repository = &site.installation.repository;
    must(site.forged.pull(repository.folder(), "main"));
    let commit = repository.write("naksha.yaml", "kind: [\n").commit("a slip");
    must(site.forged.push(repository.folder(), "main", &site.forged.writer));
    daemon.await_status("dev", "at the slip", |status| status["control"] == commit);
    must(site.forged.say(&site.forged.writer, number, "/naksha suspend dev"));
    site.await_answer(number, "Not done: who may is not known: naksha.yaml on the trunk cannot be read.");
}

#[test]
fn a_word_for_what_a_pull_request_shows_makes_it_green() {
    let Some(site) = site_of_two() else { return };
    let (forged, repository) = (&site.forged, &site.installation.repository);
    let owners = format!("trunk: main\n  owners: {{dev: {{acknowledge: [\"@{}\"]}}}}", forged.writer.login);
    repository.edit("naksha.yaml", "trunk: main", &owners).commit("owners");
    must(forged.push(repository.folder(), "main", &forged.writer));
    let daemon = site.begin();

    let head = site.change("less", FILE, "units: [web, extra]", "units: [web]");
    let number = must(forged.open("less", "less"));
    let comment = site.await_comment(&daemon, number, &head);
    assert!(comment.contains("guard-prune-unit"), "{comment}");
    site.await_check(&head, "naksha", "failure");
    let (_, rest) = comment.split_once("naksha ack ").expect("it says how to go on");
    let plan = rest.split(' ').next().unwrap();
    let same = site.change("less-too", FILE, "units: [web, extra]", "units: [web] # the same");
    must(forged.open("less-too", "less, too"));
    site.await_check(&same, "naksha", "failure");
    must(forged.say(&forged.writer, number, &format!("/naksha ack {plan} nobody needs it")));
    site.await_check(&head, "naksha", "success");
    // What was said there is said of this plan, wherever it is shown.
    site.await_check(&same, "naksha", "success");
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "success"), "1 to delete");
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
    assert_eq!(site.installation.objects("dev").len(), 1);
}

#[test]
fn nobody_acknowledges_what_he_proposes_unless_he_is_named() {
    let Some(site) = site_of_two() else { return };
    let forged = &site.forged;
    let colleague = must(forged.newcomer("colleague", "write"));
    let daemon = site.begin();
    let head = site.change("less", FILE, "units: [web, extra]", "units: [web]");
    let number = must(forged.open("less", "less"));
    let comment = site.await_comment(&daemon, number, &head);
    site.await_check(&head, "naksha", "failure");
    let (_, rest) = comment.split_once("naksha ack ").expect("it says how to go on");
    let ack = format!("/naksha ack {} nobody needs it", rest.split(' ').next().unwrap());
    must(forged.say(&forged.writer, number, &ack));
    let no = "Not done: somebody else than its author has to say so, or `owners` has to name him.";
    site.await_answer(number, no);
    site.await_check(&head, "naksha", "failure");
    must(forged.say(&colleague, number, &ack));
    site.await_check(&head, "naksha", "success");
}

#[test]
fn a_reader_gets_a_sign_and_nothing_else_whatever_he_asks_for() {
    let Some(site) = three("{soak: 0s}") else { return };
    let (forged, daemon) = (&site.forged, site.begin());
    // Something is barred, so that there is something to lift.
    let promotion = site.await_promotion(&daemon, "staging", &site.installation.repository.head());
    site.await_check(&site.head_of(promotion), "naksha", "success");
    must(forged.close(promotion));
    await_true("it to be refused", || daemon.log().contains("promotion refused"));
    let number = site.propose(&daemon, 2, 3);
    let say = |text: &str| must(forged.say(&forged.reader, number, text));
    let asked = ["/naksha plan", "/naksha suspend dev", "/naksha explain NK0101", "/naksha promote staging"];
    site.await_refused(&asked.map(say));
    daemon.await_state("dev", "synced");
    site.run(&["suspend", "dev", "--reason", "a look"]);
    daemon.await_state("dev", "suspended");
    site.await_refused(&[say("/naksha resume dev")]);
    daemon.await_state("dev", "suspended");
    daemon.await_status("staging", "barred as before", |status| !status["barred"].is_null());
    let comments = must(forged.comments(number)).into_iter();
    let ours: Vec<_> = comments.filter(|(author, _)| *author == forged.bot.login).collect();
    assert_eq!(ours.len(), 1, "the report: {ours:#?}");
}
