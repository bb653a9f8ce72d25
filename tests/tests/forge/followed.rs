//! A branch that an environment follows, and what people do to it: rewritten, deleted, or merged into past a gate.

use naksha_tests::{DaemonProcess, must};
use serde_json::json;

use crate::bases::{self, RELEASE};
use crate::site::Site;

const TEMPLATE: &str = "units/web/web.yaml.tera";
const ARM: &str = "arm: \"long\", hand:";

/// The same with live in a folder of another name.
fn following() -> Option<(Site, DaemonProcess)> {
    bases::following(&RELEASE.replace("directory: live", "directory: out"))
}

/// A pull request into the branch, once it is reported on: its number and head.
fn propose(site: &Site, daemon: &DaemonProcess, branch: &str, from: &str, to: &str) -> (u64, String) {
    let head = site.change_on("release", branch, TEMPLATE, from, to);
    let number = must(site.forged.open_into(&site.forged.writer, branch, "release", branch));
    site.await_comment(daemon, number, &head);
    site.await_check(&head, "naksha", "success");
    (number, head)
}

/// The branch has a change that was shown, and live runs it: the new head.
fn tuned(site: &Site, daemon: &DaemonProcess) -> String {
    let (number, _) = propose(site, daemon, "tune", "hand:", ARM);
    must(site.forged.merge(number, "squash"));
    let merged = must(site.forged.pull(site.installation.repository.folder(), "release"));
    daemon.await_applied("live", &merged);
    merged
}

#[test]
fn a_branch_that_is_rewritten_holds_what_follows_it_until_somebody_accepts_that() {
    let Some((site, daemon)) = following() else { return };
    let (repository, forged) = (&site.installation.repository, &site.forged);
    let merged = tuned(&site, &daemon);
    let before = site.installation.objects("live");
    assert!(!before.is_empty());
    let (_, head) = propose(&site, &daemon, "hand", "`@everybody` <b>", "another");

    must(forged.pull(repository.folder(), "release"));
    let rewritten = repository.edit(TEMPLATE, "long", "longer").amend("rewritten");
    must(forged.push(repository.folder(), "+release", &forged.writer));
    let status = daemon.await_status("live", "held at what was applied", |status| {
        status["state"] == "held" && status["why"].to_string().contains("was rewritten")
    });
    assert_eq!(status["applied"], merged.as_str(), "{status}");
    assert_eq!(site.installation.objects("live"), before);
    // What is open is planned on the branch as it is now.
    let words = site.await_check(&head, "naksha", "failure");
    assert_eq!(words, "conflicts with the base in 1 path");
    daemon.await_state("dev", "synced");

    let resumed = site.run(&["resume", "live", "--format", "json"]).json();
    assert_eq!(resumed["lifted"], json!(["history"]), "{resumed}");
    // It is accepted, and was shown to nobody.
    let status = daemon.await_status("live", "held at what nobody saw", |status| {
        let why = status["why"].to_string();
        status["state"] == "held" && why.contains("no pull request showed this: update")
    });
    site.acknowledge(&status);
    daemon.await_applied("live", &rewritten);
}

#[test]
fn a_branch_that_is_deleted_takes_nothing_with_it() {
    let Some((site, daemon)) = following() else { return };
    let (repository, forged) = (&site.installation.repository, &site.forged);
    let merged = tuned(&site, &daemon);
    let before = site.installation.objects("live");
    assert!(!before.is_empty());
    propose(&site, &daemon, "hand", "`@everybody` <b>", "another");

    must(forged.delete_branch("release"));
    let status = daemon.await_status("live", "held without its branch", |status| {
        status["state"] == "held" && status["why"].to_string().contains("branch `release` is gone")
    });
    assert_eq!(status["applied"], merged.as_str(), "{status}");
    assert_eq!(site.installation.objects("live"), before);
    daemon.await_state("dev", "synced");

    must(forged.pull(repository.folder(), "main"));
    must(forged.branch(repository.folder(), "release", &merged));
    must(forged.push(repository.folder(), "release", &forged.writer));
    daemon.await_applied("live", &merged);
}

#[test]
fn what_is_merged_into_it_past_a_gate_is_held() {
    let Some((site, daemon)) = following() else { return };
    let (repository, forged) = (&site.installation.repository, &site.forged);
    site.run(&["suspend", "dev", "--reason", "a look"]);
    daemon.await_state("dev", "suspended");
    let head = site.change("never", TEMPLATE, "hand:", ARM);
    let number = must(forged.open("never", "never ran"));
    site.await_check(&head, "naksha", "success");
    let trunk = site.merge(number, "merge");
    daemon.await_status("dev", "aware of it", |status| status["control"] == trunk.as_str());

    let number = must(forged.open_into(&forged.writer, "main", "release", "release it"));
    let words = site.await_check(&trunk, "naksha/promote: order", "failure");
    assert!(words.starts_with(&format!("dev has not run {}", &trunk[..10])), "{words}");
    site.await_words(&trunk, "naksha", "see naksha/promote: order");
    must(forged.merge(number, "merge"));
    let merged = must(forged.pull(repository.folder(), "release"));
    let status = daemon.await_status("live", "held for its order", |status| {
        let why = status["why"].to_string();
        status["state"] == "held" && why.contains("promotion, order: dev has not run")
    });
    assert!(!status["why"].to_string().contains("no pull request showed this"), "{status}");
    assert!(!site.replicas_of("live").contains("long"));
    site.acknowledge(&status);
    daemon.await_applied("live", &merged);
    assert!(site.replicas_of("live").contains("long"));
}
