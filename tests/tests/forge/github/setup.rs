//! `naksha init --github … --perform` with the token of an administrator: what GitHub's API allows.

use std::fs;

use naksha_tests::program::Printed;
use serde_json::json;

use super::site::Site;

impl Site {
    fn init(&self, token: &str, more: &[&str]) -> Printed {
        let root = self.installation.root();
        let file = root.join("token-of-somebody");
        fs::write(&file, token).unwrap();
        let (api, root_text, file) =
            (self.forged.github.url(), root.display().to_string(), file.display().to_string());
        let mut arguments = vec!["init", "--github", &self.forged.full_name, "--api", api];
        arguments.extend(["--secrets", &root_text, "--address", "https://naksha.example"]);
        arguments.extend(["--perform", "--token-file", &file, "--format", "json"]);
        arguments.extend(more);
        self.installation.program.run(root, &arguments)
    }
}

fn done(printed: &Printed) -> Vec<String> {
    let performed = printed.json()["performed"].as_array().unwrap().clone();
    performed.iter().map(|one| one["done"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_administrator_makes_the_webhook_and_the_rule_once() {
    let Some(site) = Site::with(&[]) else { return };
    let (github, admin) = (&site.forged.github, site.forged.admin.token.clone());
    let app = github.app_ids().0;
    let printed = site.init(&admin, &["--app", &app]).expect_code(0);
    assert_eq!(done(&printed), ["found", "made", "made"]);
    let secret = fs::read_to_string(site.installation.root().join("infra-webhook-secret")).unwrap();
    let hooks = vec![("https://naksha.example/webhooks/infra".to_owned(), Some(secret.trim().to_owned()))];
    assert_eq!(github.hooks(), hooks);
    assert_eq!(github.required(), [("naksha".to_owned(), Some(app.parse().unwrap()))]);
    let configuration = printed.json()["configuration"].as_str().unwrap().to_owned();
    assert!(configuration.contains(&format!("app = {{id = \"{app}\"")), "{configuration}");

    let again = site.init(&admin, &["--app", &app]).expect_code(0);
    assert_eq!(done(&again), ["found", "changed", "found"], "a secret is told to nobody, and set again");
    assert_eq!(github.hooks(), hooks);
}

#[test]
fn what_others_wrote_stays() {
    let Some(site) = Site::with(&[]) else { return };
    let (github, admin) = (&site.forged.github, site.forged.admin.token.clone());
    github.require(&["ci/test"]);
    assert_eq!(done(&site.init(&admin, &[]).expect_code(0))[2], "changed");
    assert_eq!(github.required(), [("ci/test".to_owned(), None), ("naksha".to_owned(), None)]);
    // A protection that asks for no checks is not ours to write again.
    github.require(&[]);
    let printed = site.init(&admin, &[]).expect_code(0);
    assert_eq!(done(&printed)[2], "left");
    assert!(printed.json()["performed"][2]["why"].to_string().contains("in its settings"), "{}", printed.out);
    github.rule("naksha", None);
    assert_eq!(done(&site.init(&admin, &[]).expect_code(0))[2], "found");
}

#[test]
fn who_is_no_administrator_is_told() {
    let Some(site) = Site::with(&[]) else { return };
    let printed = site.init(&site.forged.writer.token, &[]).expect_code(2);
    assert_eq!(done(&printed), ["found", "failed", "failed"]);
    assert!(printed.out.contains("administrators of the repository"), "{}", printed.out);
    assert!(site.forged.github.hooks().is_empty());
    assert_eq!(
        printed.json()["performed"][1]["what"],
        json!("webhook https://naksha.example/webhooks/infra")
    );
}
