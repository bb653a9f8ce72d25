//! A report that would be longer than a comment may be: it is there all the same, and every check has its end.

use naksha_tests::{await_patiently, must};

use super::site::{Site, TEMPLATE};
use crate::site::{ENVIRONMENT, MARKER};

/// Environments beside the first one.
const MORE: usize = 19;
/// What is said in a rule's message, so often: each sign of it takes five where it is told.
const SIGNS: usize = 900;
/// Of the repository as a whole: everything but the plans.
const OTHERS: usize = 7;

fn name(at: usize) -> String {
    format!("edge-{at}")
}

/// Follows the trunk, and has a first plan of its own.
fn environment(at: usize) -> String {
    let replicas = format!("replicas: {}", 100 + at);
    ENVIRONMENT.replace("name: dev", &format!("name: {}", name(at))).replace("replicas: 2", &replicas)
}

/// Nobody may take a hand away, for a long reason.
fn policy() -> String {
    let reason = "&".repeat(SIGNS);
    format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Policy\nmetadata: {{name: a-hand}}\nspec:\n  match: {{kinds: [ConfigMap]}}\n  \
         rule: object.data.hand != 'none'\n  message: \"because {reason}\"\n  severity: error\n"
    )
}

fn site() -> Option<Site> {
    let environments =
        (0..MORE).map(|at| (format!("environments/{}/environment.yaml", name(at)), environment(at)));
    let files: Vec<(String, String)> =
        environments.chain([("policies/a-hand.yaml".to_owned(), policy())]).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    Site::with(&files)
}

#[test]
fn what_is_too_long_is_told_all_the_same() {
    let Some(site) = site() else { return };
    site.ask_often();
    let daemon = site.begin();
    for at in 0..MORE {
        site.acknowledge(&daemon.await_state(&name(at), "held"));
    }
    for at in 0..MORE {
        daemon.await_state(&name(at), "synced");
    }
    let (number, head) = site.open("none", TEMPLATE, "`@everybody` <b>", "none");
    site.await_comment(number, &head);
    site.await_check(&head, "naksha", "failure");
    let all = must(site.forged.statuses(&head));
    assert!(all.len() == OTHERS + MORE + 1 && all.iter().all(|(_, state, _)| state != "pending"), "{all:#?}");

    // Held everywhere, what became of it is as long.
    site.merge(number, "squash");
    daemon.await_state("dev", "held");
    let us = site.forged.github.app_login();
    await_patiently("what became of it", || {
        let is_told = |text: &str| text.starts_with(MARKER) && text.contains("merged as");
        must(site.forged.comments(number)).iter().any(|(author, text)| *author == us && is_told(text))
    });
    await_patiently("a call", || {
        let call = "<!-- naksha: call dev -->";
        must(site.forged.comments(number))
            .iter()
            .any(|(author, text)| *author == us && text.starts_with(call))
    });
}
