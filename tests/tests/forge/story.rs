//! The whole story on a real Gitea, as a team lives it: a change that is forced over, a fork, a plan that is held, two promotions,
//! a rollback, and branches that are deleted. The merge queue is GitHub's, and stands with the fake one.

use naksha_tests::{DaemonProcess, await_true, must};
use serde_json::Value;

use crate::promotions::{TEMPLATE, three};
use crate::site::{MARKER, Site};

const HAND: &str = "`@everybody` <b>";
const FILE: &str = "environments/dev/environment.yaml";
const ORDER: [&str; 3] = ["dev", "staging", "prod"];

impl Site {
    /// What the three environments run of a line of the unit: whether each has it.
    fn who_has(&self, words: &str) -> [bool; 3] {
        ORDER.map(|environment| self.replicas_of(environment).contains(words))
    }

    /// Promotes a source by merges, one environment after the other.
    fn promote_to(&self, daemon: &DaemonProcess, environment: &str, source: &str, how: &str) -> u64 {
        let number = self.await_promotion(daemon, environment, source);
        self.promote(number, how);
        daemon.await_status(environment, "promoted", |status| {
            status["applied"] == source && status["state"] == "synced"
        });
        number
    }

    fn propose_from_fork(&self, daemon: &DaemonProcess) {
        let (forged, repository) = (&self.forged, &self.installation.repository);
        must(forged.branch(repository.folder(), "theirs", "main"));
        let head = repository.edit(FILE, "replicas: 2", "replicas: 7").commit("more");
        must(forged.push_to_fork(repository.folder(), "theirs", &forged.reader));
        let from = format!("{}:theirs", forged.reader.login);
        let number = must(forged.open_into(&forged.reader, &from, "main", "more"));
        self.await_comment(daemon, number, &head);
        let words = self.await_check(&head, "naksha/plan: dev", "success");
        assert_eq!(words, "1 to update (compared with the base only)");
    }

    /// Takes back the newest commit of the trunk by a pull request; its number.
    pub(crate) fn propose_revert(&self, daemon: &DaemonProcess, branch: &str) -> u64 {
        let (forged, repository) = (&self.forged, &self.installation.repository);
        must(forged.pull(repository.folder(), "main"));
        must(forged.branch(repository.folder(), branch, "main"));
        repository.revert();
        let head = must(forged.head(repository.folder()));
        must(forged.push(repository.folder(), branch, &forged.writer));
        let number = must(forged.open(branch, "take it back"));
        self.await_comment(daemon, number, &head);
        self.await_check(&head, "naksha", "success");
        number
    }
}

#[test]
fn a_change_goes_from_a_branch_to_prod_and_back() {
    let Some(site) = three("{soak: 2s}") else { return };
    let (forged, repository) = (&site.forged, &site.installation.repository);
    let daemon = site.begin();
    let first = repository.head();

    // Two promotions bring what dev runs to prod.
    site.promote_to(&daemon, "staging", &first, "merge");
    site.promote_to(&daemon, "prod", &first, "squash");
    assert_eq!(site.who_has(HAND), [true; 3]);

    // A change is proposed, and forced over: the comment and the checks are about what is there now.
    let tried = site.change("tune", TEMPLATE, HAND, "first try");
    let number = must(forged.open("tune", "tuned"));
    site.await_comment(&daemon, number, &tried);
    let head = site.change("tune", TEMPLATE, HAND, "second try");
    assert_ne!(tried, head);
    let comment = site.await_comment(&daemon, number, &head);
    assert!(comment.contains("second try") && !comment.contains("first try"), "{comment}");
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "success"), "1 to update");
    let words = site.await_check(&head, "naksha/plan: prod", "success");
    assert_eq!(words, "nothing now; reaches prod by promotion");
    site.await_check(&head, "naksha", "success");

    // A stranger proposes something, and is told what it would change of what Git says.
    site.propose_from_fork(&daemon);

    // It is merged together with something that nobody saw: held, until somebody who may says so where it was merged.
    daemon.kill();
    let merged = site.merge(number, "squash");
    must(forged.pull(repository.folder(), "main"));
    repository.edit(FILE, "replicas: 2", "replicas: 4").commit("in passing");
    must(forged.push(repository.folder(), "main", &forged.writer));
    let daemon = site.installation.start();
    let waiting = daemon.await_state("dev", "held");
    assert_ne!(waiting["control"], merged.as_str());
    let call = "<!-- naksha: call dev -->";
    let said = site.await_said(number, "a call", |text| text.starts_with(call));
    let told = said.iter().find(|text| text.starts_with(call)).unwrap();
    assert!(told.contains("update ConfigMap shop/web"), "{told}");
    let plan = &waiting["plan"].as_str().unwrap()[..12];
    must(forged.say(&forged.writer, number, &format!("/naksha ack {plan} we looked at it together")));
    let second = waiting["control"].as_str().unwrap();
    daemon.await_applied("dev", second);
    assert_eq!(site.who_has("second try"), [true, false, false]);
    // Its branch is not needed any more; and one that goes while it is proposed leaves nothing behind.
    must(forged.delete_branch("tune"));
    let idea = site.change("idea", TEMPLATE, "second try", "an idea");
    let dropped = must(forged.open("idea", "an idea"));
    site.await_comment(&daemon, dropped, &idea);
    must(forged.delete_branch("idea"));
    await_true("it to be closed", || {
        !must(forged.open_pulls()).iter().any(|(number, ..)| *number == dropped)
    });

    // On to staging, and to prod once staging runs it well.
    site.promote_to(&daemon, "staging", second, "rebase");
    assert_eq!(site.who_has("second try"), [true, true, false]);
    let last = site.promote_to(&daemon, "prod", second, "squash");
    assert_eq!(site.who_has("second try"), [true; 3]);
    let done = |text: &str| text.starts_with(MARKER) && text.contains("**prod**: in sync at");
    site.await_said(last, "that prod has it", done);

    // prod goes back by a revert, at once; the others keep what they run, and it is not proposed again.
    let back = site.propose_revert(&daemon, "back");
    let head = site.head_of(back);
    let words = site.await_check(&head, "naksha/promote: order", "success");
    assert_eq!(words, "rollback: prod ran it before");
    site.merge(back, "merge");
    daemon.await_status("prod", "rolled back", |status| status["applied"] == first.as_str());
    assert_eq!(site.who_has("second try"), [true, true, false]);
    let third = site.change_unit(&daemon, "second try", "third");
    site.promote_to(&daemon, "staging", &third, "merge");
    site.promote_to(&daemon, "prod", &third, "merge");
    assert_eq!(site.who_has("third"), [true; 3]);
    let is_well = |status: &Value| status["state"] == "synced" && status["health"] != "degraded";
    for environment in ORDER {
        daemon.await_status(environment, "well in the end", is_well);
    }
    // The stranger's is still open, and was never let near anything.
    assert_eq!(site.who_has("replicas: \"7\""), [false; 3]);
}
