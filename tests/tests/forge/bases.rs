//! Pull requests that are not from a branch of the repository into its trunk: into branches that environments follow, and from forks.

use naksha_tests::{DaemonProcess, await_true, must};

use crate::site::{ENVIRONMENT, Site, site, site_with};

pub(crate) const RELEASE: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: live}
spec:
  branch: release
  target: {directory: live}
  variables: {replicas: 1}
  units: [web]
";
const TEMPLATE: &str = "units/web/web.yaml.tera";

/// dev follows the trunk, and `live` (its file) the branch `release`.
pub(crate) fn following(live: &str) -> Option<(Site, DaemonProcess)> {
    let site = site_with(&[("environments/live/environment.yaml", live)])?;
    let (repository, forged) = (&site.installation.repository, &site.forged);
    must(forged.branch(repository.folder(), "release", "main"));
    must(forged.push(repository.folder(), "release", &forged.writer));
    let daemon = site.begin();
    site.acknowledge(&daemon.await_state("live", "held"));
    daemon.await_state("live", "synced");
    Some((site, daemon))
}

#[test]
fn a_branch_that_an_environment_follows_takes_pull_requests_of_its_own() {
    let Some((site, daemon)) = following(RELEASE) else { return };
    let (repository, forged) = (&site.installation.repository, &site.forged);

    let head = site.change_on("release", "tune", TEMPLATE, "hand:", "arm: \"long\", hand:");
    let number = must(forged.open_into(&forged.writer, "tune", "release", "tuned"));
    let comment = site.await_comment(&daemon, number, &head);
    site.await_check(&head, "naksha", "success");
    assert_eq!(site.await_check(&head, "naksha/plan: live", "success"), "1 to update");
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "success"), "nothing affected");
    assert!(comment.contains("data.arm"), "{comment}");

    must(forged.merge(number, "squash"));
    let merged = must(forged.pull(repository.folder(), "release"));
    daemon.await_status("live", "at the merge", |status| status["applied"] == merged.as_str());
    site.await_said(number, "what became of it", |text| {
        text.contains("merged as") && text.contains("in sync at")
    });

    // What nobody showed is held there too.
    repository.edit(TEMPLATE, "long", "short").commit("directly");
    must(forged.push(repository.folder(), "release", &forged.writer));
    let waiting = daemon.await_state("live", "held");
    assert!(waiting["why"].to_string().contains("no pull request showed this: update"), "{waiting}");
    daemon.await_state("dev", "synced");
}

#[test]
fn a_fork_is_compared_with_what_is_there_once_somebody_allowed_that_very_commit() {
    let Some(site) = site() else { return };
    let (repository, forged) = (&site.installation.repository, &site.forged);
    let daemon = site.begin();
    let propose = |from: &str, to: &str| {
        let head = repository.edit("environments/dev/environment.yaml", from, to).commit("more");
        must(forged.push_to_fork(repository.folder(), "more", &forged.reader));
        head
    };
    assert!(ENVIRONMENT.contains("replicas: 2"));
    must(forged.branch(repository.folder(), "more", "main"));
    let head = propose("replicas: 2", "replicas: 3");
    let from = format!("{}:more", forged.reader.login);
    let number = must(forged.open_into(&forged.reader, &from, "main", "more"));
    let words = |head: &str| site.await_check(head, "naksha/plan: dev", "success");
    site.await_comment(&daemon, number, &head);
    assert_eq!(words(&head), "1 to update (compared with the base only)");

    // Neither the author himself, nor for another commit.
    let allow = format!("/naksha allow {head}");
    must(forged.say(&forged.reader, number, &allow));
    must(forged.say(&forged.writer, number, "/naksha allow 0123456789012345678901234567890123456789"));
    site.await_said(number, "a refusal", |text| text.contains("Not done: its head is"));
    assert_eq!(words(&head), "1 to update (compared with the base only)");
    must(forged.say(&forged.writer, number, &allow));
    await_true("the fork to be compared with what is there", || words(&head) == "1 to update");

    // What comes after that was allowed by nobody.
    let newer = propose("replicas: 3", "replicas: 4");
    site.await_said(number, "the newer commit", |text| text.contains(&newer[..10]));
    assert_eq!(words(&newer), "1 to update (compared with the base only)");
}

#[test]
fn from_one_followed_branch_into_another_is_a_promotion() {
    let live = RELEASE.replace("branch: release", "branch: release\n  gates: {soak: 2s}");
    let Some((site, daemon)) = following(&live) else { return };
    let (repository, forged) = (&site.installation.repository, &site.forged);
    let trunk = site.change("longer", TEMPLATE, "hand:", "arm: \"long\", hand:");
    let number = must(forged.open("longer", "longer"));
    site.await_check(&trunk, "naksha", "success");
    let trunk = site.merge(number, "merge");
    daemon.await_applied("dev", &trunk);

    let number = must(forged.open_into(&forged.writer, "main", "release", "release it"));
    assert_eq!(site.await_check(&trunk, "naksha/promote: order", "success"), "dev runs it and is well");
    assert_eq!(site.await_check(&trunk, "naksha/promote: soak", "success"), "dev was well with it for 2s");
    // A copy of the branch is no way past the gates, and has one set of checks with it.
    must(forged.pull(repository.folder(), "main"));
    must(forged.branch(repository.folder(), "copy", "main"));
    must(forged.push(repository.folder(), "copy", &forged.writer));
    let copy = must(forged.open_into(&forged.writer, "copy", "release", "the same"));
    let said = site.await_comment(&daemon, copy, &trunk);
    assert!(said.contains("**Gates of live**"), "{said}");
    must(forged.close(copy));
    site.await_check(&trunk, "naksha", "success");
    must(forged.merge(number, "merge"));
    let merged = must(forged.pull(repository.folder(), "release"));
    daemon.await_status("live", "promoted", |status| status["applied"] == merged.as_str());
}
