//! Promotion pull requests on a real Gitea: proposed, gated, merged, reverted and refused.

use naksha_tests::{DaemonProcess, await_true, must};
use serde_json::Value;

use crate::site::{MARKER, Site, site_with};

pub(crate) const TEMPLATE: &str = "units/web/web.yaml.tera";

/// One that is promoted to.
pub(crate) fn environment(name: &str, from: &str, gates: &str) -> String {
    format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec:\n  promotesFrom: [{from}]\n  \
         gates: {gates}\n  target: {{directory: out}}\n  variables: {{replicas: 3}}\n  units: [web]\n"
    )
}

/// Three environments: prod comes after staging, which comes after dev.
pub(crate) fn three(gates: &str) -> Option<Site> {
    let (staging, prod) =
        (environment("staging", "dev", gates), environment("prod", "staging", "{soak: 0s}"));
    site_with(&[
        ("environments/staging/environment.yaml", &staging),
        ("environments/prod/environment.yaml", &prod),
    ])
}

impl Site {
    /// The promotion to an environment, once one is open that proposes this source: its number.
    pub(crate) fn await_promotion(&self, daemon: &DaemonProcess, environment: &str, source: &str) -> u64 {
        let (branch, title) =
            (format!("promote/{environment}"), format!("Promote {} to {environment}", &source[..10]));
        let mut number = 0;
        await_true(&format!("{title}: {}", daemon.log()), || {
            let ours = must(self.forged.open_pulls()).into_iter().filter(|(_, of, _)| *of == branch);
            let ours: Vec<_> = ours.collect();
            assert!(ours.len() <= 1, "at most one: {ours:?}");
            let found = ours.into_iter().find(|(_, _, told)| *told == title);
            number = found.as_ref().map_or(0, |(number, ..)| *number);
            found.is_some()
        });
        number
    }

    pub(crate) fn head_of(&self, number: u64) -> String {
        must(self.forged.pull_request(number))["head"]["sha"].as_str().unwrap().to_owned()
    }

    /// Waits until everything is said of a head that waits for a gate.
    pub(crate) fn await_waiting(&self, head: &str) {
        await_true("the whole report", || {
            let statuses = must(self.forged.statuses(head));
            statuses.iter().any(|(name, _, words)| name == "naksha" && words.contains("waits for"))
        });
    }

    /// Merges what is proposed, once everything is fine.
    pub(crate) fn promote(&self, number: u64, how: &str) -> String {
        self.await_check(&self.head_of(number), "naksha", "success");
        self.merge(number, how)
    }

    pub(crate) fn replicas_of(&self, environment: &str) -> String {
        let objects = self.installation.objects(environment);
        objects.into_values().next().unwrap_or_default()
    }

    /// A change of the unit, shown and merged; the trunk's head.
    pub(crate) fn change_unit(&self, daemon: &DaemonProcess, from: &str, to: &str) -> String {
        let head = self.change(to, TEMPLATE, from, to);
        let number = must(self.forged.open(to, "another hand"));
        self.await_comment(daemon, number, &head);
        self.await_check(&head, "naksha", "success");
        let commit = self.merge(number, "squash");
        daemon.await_applied("dev", &commit);
        commit
    }
}

#[test]
fn what_dev_runs_goes_on_by_merges_and_back_by_a_revert() {
    let Some(site) = three("{soak: 4s}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();

    // Proposed at once; the gates open by themselves.
    let number = site.await_promotion(&daemon, "staging", &first);
    let head = site.head_of(number);
    let soak = site.await_check(&head, "naksha/promote: soak", "success");
    assert_eq!(soak, "dev was well with it for 4s");
    assert_eq!(site.await_check(&head, "naksha/promote: order", "success"), "dev runs it and is well");
    assert_eq!(site.await_check(&head, "naksha/promote: verify", "success"), "none is asked for");
    let comment = site.await_comment(&daemon, number, &head);
    assert!(comment.contains("**Gates of staging**") && comment.contains("1 to create"), "{comment}");
    let commit = site.promote(number, "squash");
    daemon.await_status("staging", "promoted", |status| {
        status["applied"] == first && status["state"] == "synced"
    });
    let said = site.await_said(number, "what became of it", |text| text.contains("**staging**: in sync at"));
    assert!(said.iter().any(|text| text.starts_with(MARKER) && text.contains(&commit[..10])), "{said:#?}");

    // And on to prod.
    let number = site.await_promotion(&daemon, "prod", &first);
    site.promote(number, "merge");
    daemon.await_status("prod", "promoted", |status| status["applied"] == first);

    // The next change goes the same way, and prod waits for staging.
    let second = site.change_unit(&daemon, "`@everybody` <b>", "another");
    let number = site.await_promotion(&daemon, "staging", &second);
    site.promote(number, "rebase");
    daemon.await_status("staging", "promoted", |status| status["applied"] == second);
    assert!(site.replicas_of("staging").contains("another") && !site.replicas_of("prod").contains("another"));
    let to_prod = site.await_promotion(&daemon, "prod", &second);

    // Reverted: a rollback passes the gates, and the source is not proposed again.
    let folder = site.installation.repository.folder();
    must(site.forged.pull(folder, "main"));
    must(site.forged.branch(folder, "back", "main"));
    site.installation.repository.revert();
    let head = must(site.forged.head(folder));
    must(site.forged.push(folder, "back", &site.forged.writer));
    let number = must(site.forged.open("back", "back again"));
    let words = site.await_check(&head, "naksha/promote: soak", "success");
    assert_eq!(words, "rollback: staging ran it before");
    site.await_check(&head, "naksha", "success");
    site.merge(number, "merge");
    daemon.await_status("staging", "rolled back", |status| status["applied"] == first);
    // What staging gave up does not go on to prod.
    await_true(&format!("what was proposed to prod to be closed: {}", daemon.log()), || {
        !must(site.forged.open_pulls()).into_iter().any(|(number, ..)| number == to_prod)
    });
    let third = site.change_unit(&daemon, "another", "third");
    site.await_promotion(&daemon, "staging", &third);
}

#[test]
fn a_promotion_that_somebody_closes_is_not_proposed_again_and_a_newer_one_is() {
    let Some(site) = three("{soak: 0s}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    let number = site.await_promotion(&daemon, "staging", &first);
    site.await_check(&site.head_of(number), "naksha", "success");
    must(site.forged.close(number));
    await_true("it to be refused", || daemon.log().contains("promotion refused"));
    let second = site.change_unit(&daemon, "`@everybody` <b>", "another");
    site.await_promotion(&daemon, "staging", &second);
    let open: Vec<_> = must(site.forged.open_pulls());
    assert_eq!(open.len(), 1, "{open:?}");
}

#[test]
fn an_environment_that_promotes_by_itself_does_once_its_gates_are_open() {
    let Some(site) = three("{soak: 2s, autoMerge: true}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    let is_there = |status: &Value| status["applied"] == first && status["state"] == "synced";
    daemon.await_status("staging", "promoted by itself", is_there);

    // Suspended, it takes nothing.
    site.installation
        .program
        .run(site.installation.root(), &["suspend", "staging", "--reason", "a look"])
        .expect_code(0);
    let second = site.change_unit(&daemon, "`@everybody` <b>", "another");
    let number = site.await_promotion(&daemon, "staging", &second);
    let words = site.await_check(&site.head_of(number), "naksha/promote: order", "failure");
    assert!(words.starts_with("staging is suspended by") && words.ends_with(": a look"), "{words}");
    site.installation.program.run(site.installation.root(), &["resume", "staging"]).expect_code(0);
    daemon.await_status("staging", "promoted by itself", |status| status["applied"] == second);
}

#[test]
fn what_somebody_else_puts_on_the_branch_is_not_merged_by_itself() {
    let Some(site) = three("{soak: 0s, autoMerge: true}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    daemon.await_status("staging", "promoted by itself", |status| status["applied"] == first);
    let suspend = ["suspend", "staging", "--reason", "a look"];
    site.installation.program.run(site.installation.root(), &suspend).expect_code(0);
    let second = site.change_unit(&daemon, "`@everybody` <b>", "another");
    let number = site.await_promotion(&daemon, "staging", &second);
    let (folder, repository) = (site.installation.repository.folder(), &site.installation.repository);
    must(site.forged.pull(folder, "promote/staging"));
    repository.write("naksha.yaml", "apiVersion: naksha.dev/v1alpha1\nkind: Repository\nmetadata: {name: infra}\nspec: {trunk: main, unreviewed: apply}\n");
    let head = repository.commit("and something else");
    must(site.forged.push(folder, "promote/staging", &site.forged.writer));
    site.installation.program.run(site.installation.root(), &["resume", "staging"]).expect_code(0);
    site.await_check(&head, "naksha", "success");
    await_true("it to be left to a person", || daemon.log().contains("somebody else has a part in it"));
    assert!(must(site.forged.open_pulls()).iter().any(|(open, ..)| *open == number), "it is open");
    site.merge(number, "merge");
    daemon.await_status("staging", "promoted by a person", |status| status["applied"] == second);
}

#[test]
fn who_is_named_may_skip_an_environment() {
    let Some(site) = three("{soak: 1h}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    let (folder, forged) = (site.installation.repository.folder(), &site.forged);
    let owners = format!("trunk: main\n  owners: {{staging: {{skip: [\"@{}\"]}}}}", forged.writer.login);
    must(forged.pull(folder, "main"));
    let head = site.installation.repository.edit("naksha.yaml", "trunk: main", &owners).commit("owners");
    must(forged.push(folder, "main", &forged.writer));
    daemon.await_applied("dev", &head);
    let number = site.await_promotion(&daemon, "staging", &first);
    let proposed = site.head_of(number);
    site.await_waiting(&proposed);
    must(forged.say(&forged.reader, number, "/naksha promote staging"));
    must(forged.say(&forged.writer, number, "/naksha promote staging"));
    let words = site.await_check(&proposed, "naksha/promote: soak", "success");
    assert_eq!(words, format!("skipped by @{}", forged.writer.login));
    site.promote(number, "merge");
    daemon.await_status("staging", "promoted", |status| status["state"] == "synced");
}

#[test]
fn approvals_are_of_what_was_proposed_then() {
    let Some(site) = three("{soak: 0s}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    let number = site.await_promotion(&daemon, "staging", &first);
    must(site.forged.approve(number));
    assert_eq!(must(site.forged.approvals(number)), 1);
    let second = site.change_unit(&daemon, "`@everybody` <b>", "another");
    assert_eq!(site.await_promotion(&daemon, "staging", &second), number, "the same pull request");
    assert_eq!(must(site.forged.approvals(number)), 0);
}
