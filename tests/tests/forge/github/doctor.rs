//! `naksha doctor` as a GitHub App: rights, clock, the App's webhook, and what the trunk asks for.

use std::fs;

use jiff::SignedDuration;
use naksha_tests::must;
use naksha_tests::program::Printed;
use serde_json::json;

use super::site::{FILE, Site};
use crate::doctor::found;

impl Site {
    fn doctor(&self) -> Printed {
        self.installation.program.run(self.installation.root(), &["doctor", "--format", "json"])
    }

    /// The number of the App.
    fn app(&self) -> u64 {
        self.forged.github.app_ids().0.parse().unwrap()
    }
}

fn assert_found(printed: &Printed, about: &str, level: &str, words: &str) {
    let (own, told) = found(printed, about);
    assert!(own == level && told.contains(words), "{about} is not {level} with `{words}`: {told}");
}

#[test]
fn an_app_that_is_set_up_is_fine() {
    let Some(site) = Site::with(&[]) else { return };
    site.forged.github.rule("naksha", Some(site.app()));
    let printed = site.doctor().expect_code(0);
    assert_eq!(printed.json()["warnings"], 0, "{}", printed.out);
    assert_found(&printed, "git", "ok", "the trunk is `main`");
    assert_found(&printed, "forge", "ok", &site.forged.github.app_login());
    assert_found(&printed, "rights", "ok", "everything that is needed");
    assert_found(&printed, "webhook", "ok", "/webhooks/infra");
    assert_found(&printed, "budget", "ok", "of 5000 requests are left");
    assert!(!printed.out.contains("ghs_") && !printed.out.contains("nobody-knows"), "{}", printed.out);
}

#[test]
fn rights_that_the_app_lacks_are_named_with_what_they_are_for() {
    let Some(site) = Site::with(&[]) else { return };
    let github = &site.forged.github;
    github.permit("members", None);
    let printed = site.doctor().expect_code(0);
    assert_found(&printed, "rights", "ok", "not `members` (read-only) (for `owners` that name");
    github.permit("checks", Some("read"));
    github.permit("deployments", None);
    let printed = site.doctor().expect_code(1);
    let (level, told) = found(&printed, "rights");
    assert_eq!(level, "error");
    assert!(told.contains("`checks` (read and write) (for what is said on each head)"), "{told}");
    assert!(told.contains("`deployments` (read and write)") && !told.contains("`issues`"), "{told}");
    assert!(told.contains("give it to the App in its settings"), "{told}");

    github.uninstall();
    let printed = site.doctor().expect_code(1);
    assert_found(&printed, "forge", "error", "an installation of the App");
}

#[test]
fn clocks_that_differ_are_told() {
    let Some(site) = Site::with(&[]) else { return };
    site.forged.github.advance(SignedDuration::from_secs(60));
    assert_found(&site.doctor().expect_code(0), "clock", "warning", "behind the forge's");
    site.forged.github.advance(SignedDuration::from_mins(6));
    assert_found(&site.doctor().expect_code(1), "clock", "error", "behind the forge's");
}

#[test]
fn a_check_counts_from_the_app_alone() {
    let Some(site) = Site::with(&[]) else { return };
    let github = &site.forged.github;
    assert_found(&site.doctor().expect_code(0), "protection", "warning", "does not require");
    github.require(&["naksha"]);
    assert_found(&site.doctor().expect_code(0), "protection", "warning", "from anybody");
    github.require(&["ci/test"]);
    github.rule("naksha", Some(site.app() + 1));
    assert_found(&site.doctor().expect_code(1), "protection", "error", "from another App");
    github.rule("naksha", Some(site.app()));
    assert_found(&site.doctor().expect_code(0), "protection", "ok", "requires the check `naksha`");
    github.require(&["naksha/plan: nowhere"]);
    assert_found(&site.doctor().expect_code(1), "protection", "error", "never sets");
}

#[test]
fn a_webhook_that_does_not_arrive_or_calls_another_repository_is_told() {
    let Some(site) = Site::with(&[]) else { return };
    let github = &site.forged.github;
    // Nobody listens, because no daemon runs.
    site.change("more", FILE, "replicas: 2", "replicas: 3");
    naksha_tests::await_true("something that does not arrive", || {
        github.deliveries().iter().any(|(_, arrived)| !arrived)
    });
    assert_found(&site.doctor().expect_code(0), "webhook", "warning", "did not take the last one: 502");
    github.hook("https://naksha.example/webhooks/shop", "secret");
    assert_found(&site.doctor().expect_code(0), "webhook", "warning", "none that we are shown calls");
    github.hook("https://naksha.example/webhooks/infra", "");
    assert_found(&site.doctor().expect_code(1), "webhook", "error", "without a signature");
}

#[test]
fn an_archived_or_renamed_repository_is_told() {
    let Some(site) = Site::with(&[]) else { return };
    site.forged.github.archive();
    assert_found(&site.doctor().expect_code(1), "repository", "error", "is archived");
    site.forged.github.rename("infrastructure");
    let printed = site.doctor().expect_code(1);
    assert!(printed.out.contains("it moved to"), "{}", printed.out);
}

#[test]
fn a_person_with_a_token_is_told_what_it_may() {
    let Some(site) = Site::with(&[]) else { return };
    let token = must(site.forged.token_file(site.installation.root()));
    let config = &site.installation.program.config;
    let text = fs::read_to_string(config).unwrap();
    let start = text.find("app = {").unwrap();
    let end = start + text[start..].find('}').unwrap() + 1;
    let text = format!("{}token_file = \"{}\"{}", &text[..start], token.display(), &text[end..]);
    let text = text.replace(
        "poll = \"600s\"\nforge",
        &format!("poll = \"600s\"\ncredentials = {{token_file = \"{}\"}}\nforge", token.display()),
    );
    fs::write(config, text).unwrap();
    site.forged.github.require(&["naksha"]);
    let printed = site.doctor().expect_code(0);
    assert_found(&printed, "forge", "ok", "naksha-bot");
    assert_found(&printed, "rights", "ok", "everything that is needed");
    assert_found(&printed, "webhook", "warning", "told to administrators");
    assert_found(&printed, "protection", "ok", "requires the check");
    site.forged.github.scope_tokens("public_repo");
    let printed = site.doctor().expect_code(1);
    assert_found(&printed, "rights", "error", "scope `repo`");
    fs::write(&token, &site.forged.reader.token).unwrap();
    site.forged.github.scope_tokens("repo");
    assert_found(&site.doctor().expect_code(1), "rights", "error", "writing to the repository");
    assert_eq!(site.doctor().json()["errors"], json!(1));

    // An administrator is shown what became of what was sent last. Nobody listens there.
    fs::write(&token, &site.forged.admin.token).unwrap();
    let config = json!({"url": "http://127.0.0.1:9/webhooks/infra", "content_type": "json", "secret": "x"});
    let hook = json!({"name": "web", "events": ["*"], "active": true, "config": config});
    must(site.forged.admin.api().create(&format!("/repos/{}/hooks", site.forged.full_name), &hook));
    site.change("more", FILE, "replicas: 2", "replicas: 3");
    let is_told = || found(&site.doctor(), "webhook").1.contains("did not take the last one: 502");
    naksha_tests::await_true("what became of it", is_told);
}
