//! `naksha doctor` on a real Gitea: a repository that is fine, and each thing that may not be.

use std::fs;

use naksha_tests::must;
use naksha_tests::program::Printed;
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Site, site};

impl Site {
    pub(crate) fn doctor(&self) -> Printed {
        self.installation.program.run(self.installation.root(), &["doctor", "--format", "json"])
    }

    /// A secret for webhooks, and a daemon that would listen.
    fn take_webhooks(&self) {
        let secret = self.installation.root().join("secret-of-webhooks");
        fs::write(&secret, "nobody-knows").unwrap();
        let file = format!("poll = \"1s\", webhook_secret_file = \"{}\"}}", secret.display());
        self.reconfigure("poll = \"1s\"}", &file);
        self.reconfigure("listen = \"off\"", "listen = \"127.0.0.1:8642\"");
    }

    pub(crate) fn reconfigure(&self, from: &str, to: &str) {
        let config = &self.installation.program.config;
        let text = fs::read_to_string(config).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(config, text.replace(from, to)).unwrap();
    }

    fn change_repository(&self, change: &Value) {
        let path = format!("/repos/{}", self.forged.full_name);
        let answer = must(self.forged.bot.api().send(Method::PATCH, &path, Some(change)));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// What the rule of the trunk asks for.
    fn protect(&self, checks: &[&str]) {
        let rule = json!({"rule_name": "main", "enable_push": true, "enable_status_check": true,
            "status_check_contexts": checks});
        let path = format!("/repos/{}/branch_protections", self.forged.full_name);
        must(self.forged.bot.api().create(&path, &rule));
    }
}

/// What is said of one thing: its level, and everything else.
pub(crate) fn found(printed: &Printed, about: &str) -> (String, String) {
    let document = printed.json();
    let findings = document["repositories"][0]["findings"].as_array().unwrap().clone();
    let finding = findings.iter().find(|finding| finding["about"] == about);
    let finding = finding.unwrap_or_else(|| panic!("nothing is said of {about}: {document:#}"));
    (finding["level"].as_str().unwrap().to_owned(), finding.to_string())
}

fn assert_found(printed: &Printed, about: &str, level: &str, words: &str) {
    let (own, told) = found(printed, about);
    assert!(own == level && told.contains(words), "{about} is not {level} with `{words}`: {told}");
}

#[test]
fn a_repository_that_is_set_up_is_fine() {
    let Some(site) = site() else { return };
    site.take_webhooks();
    must(site.forged.hook("https://naksha.example/webhooks/infra", "nobody-knows"));
    site.protect(&["ci/*", "naksha"]);
    let printed = site.doctor().expect_code(0);
    assert_eq!(printed.json()["warnings"], 0, "{}", printed.out);
    for (about, words) in [
        ("git", "answers; the trunk is `main`"),
        ("clock", "agree"),
        ("forge", site.forged.bot.login.as_str()),
        ("repository", site.forged.full_name.as_str()),
        ("rights", "everything that is needed"),
        ("webhook", "https://naksha.example/webhooks/infra is called"),
        ("protection", "`main` requires the check `naksha`"),
    ] {
        assert_found(&printed, about, "ok", words);
    }
    let printed = site.installation.program.run(site.installation.root(), &["doctor"]).expect_code(0);
    assert!(printed.out.ends_with("\nnothing is wrong\n"), "{}", printed.out);
    assert!(printed.out.contains("\ninfra\n  ok       git "), "{}", printed.out);
    assert!(!printed.out.contains(&site.forged.bot.token), "{}", printed.out);
}

#[test]
fn what_is_not_set_up_yet_is_a_warning() {
    let Some(site) = site() else { return };
    let printed = site.doctor().expect_code(0);
    assert_found(&printed, "webhook", "ok", "none is configured: the forge is asked every 1s");
    site.take_webhooks();
    let printed = site.doctor().expect_code(0);
    assert_found(&printed, "webhook", "warning", "none calls `https://…/webhooks/infra`");
    assert_found(&printed, "protection", "warning", "`main` does not require the check `naksha`");
    assert_eq!((printed.json()["errors"].clone(), printed.json()["warnings"].clone()), (json!(0), json!(2)));

    site.reconfigure("listen = \"127.0.0.1:8642\"", "listen = \"off\"");
    assert_found(&site.doctor().expect_code(1), "webhook", "error", "nothing listens");
    fs::remove_file(site.installation.root().join("secret-of-webhooks")).unwrap();
    assert_found(&site.doctor().expect_code(1), "webhook", "error", "its secret cannot be read");
}

#[test]
fn a_check_that_is_never_set_blocks_every_merge() {
    let Some(site) = site() else { return };
    site.protect(&["naksha", "naksha/plan: dev", "naksha/promote: *"]);
    assert_found(&site.doctor().expect_code(0), "protection", "ok", "requires the check `naksha`");
    let path = format!("/repos/{}/branch_protections/main", site.forged.full_name);
    for name in ["naksha/plan: nowhere", "Naksha", "naksha/plan:dev"] {
        let change = json!({"status_check_contexts": ["naksha", name]});
        must(site.forged.bot.api().send(Method::PATCH, &path, Some(&change)));
        let words = format!("requires the check `{name}`, which naksha never sets");
        assert_found(&site.doctor().expect_code(1), "protection", "error", &words);
    }
}

#[test]
fn an_archived_repository_and_one_with_another_name_are_told() {
    let Some(site) = site() else { return };
    site.change_repository(&json!({"archived": true}));
    assert_found(&site.doctor().expect_code(1), "repository", "error", "is archived");
    site.change_repository(&json!({"archived": false}));
    site.change_repository(&json!({"name": "infrastructure"}));
    let (level, told) = found(&site.doctor(), "repository");
    assert!(level != "ok" && told.contains("infrastructure") | told.contains("moved"), "{told}");
    site.reconfigure(
        &format!("repository = \"{}\"", site.forged.full_name),
        "repository = \"nobody/nothing\"",
    );
    assert_found(&site.doctor().expect_code(1), "repository", "error", "NK1103");
}

#[test]
fn a_token_is_wrong_or_may_too_little() {
    let Some(site) = site() else { return };
    let file = site.installation.root().join("forge-token");
    let wrong = "0123456789abcdef0123456789abcdef01234567";
    fs::write(&file, wrong).unwrap();
    let printed = site.doctor().expect_code(1);
    assert_found(&printed, "forge", "error", "NK1102");
    assert_found(&printed, "git", "error", "denies access");
    assert!(!printed.out.contains(wrong), "{}", printed.out);

    fs::write(&file, &site.forged.writer.token).unwrap();
    let printed = site.doctor().expect_code(1);
    assert_found(&printed, "rights", "error", "missing: administrator of the repository");

    let few = must(site.forged.scoped_token(&["read:repository", "read:user", "write:issue"]));
    fs::write(&file, few).unwrap();
    let printed = site.doctor().expect_code(1);
    let (_, told) = found(&printed, "rights");
    assert!(told.contains("scope `write:repository`") && !told.contains("write:issue"), "{told}");
    assert_found(&printed, "forge", "ok", "knows us as");

    fs::remove_file(&file).unwrap();
    let printed = site.doctor().expect_code(1);
    assert_found(&printed, "forge", "error", "forge-token");
}
