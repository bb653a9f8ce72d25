//! The daemon as a GitHub App: what it says of pull requests, what it does when they are merged, and what trouble does to it.

use naksha_tests::github::Failure;
use naksha_tests::{await_true, must};
use serde_json::Value;

use super::site::{FILE, Site};

#[test]
fn a_pull_request_is_reported_on_and_applied_by_nothing_but_the_apps_key() {
    let Some(site) = Site::with(&[]) else { return };
    let daemon = site.begin();
    let head = site.change("more", FILE, "replicas: 2", "replicas: 3");
    let number = must(site.forged.open("more", "more replicas"));
    let comment = site.await_comment(number, &head);
    assert!(comment.contains("**dev**: 1 to update\n"), "{comment}");
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "success"), "1 to update");
    site.await_check(&head, "naksha", "success");
    let runs = site.runs(&head);
    let mut names: Vec<_> = runs.iter().map(|(name, _)| name.clone()).collect();
    names.dedup();
    assert_eq!(names.len(), runs.len(), "one run of each name: {runs:?}");

    let newer = site.change("more", FILE, "replicas: 2", "replicas: 4");
    site.await_comment(number, &newer);
    site.await_check(&newer, "naksha", "success");
    must(site.forged.say(&site.forged.writer, number, "/naksha explain NK0101"));
    site.await_said(number, "an answer", |text| text.contains("# NK0101"));

    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
    let done = format!("**dev**: in sync at {}", &commit[..10]);
    site.await_said(number, "what became of it", |text| text.contains(&done));
    await_true("the deployment to be shown", || {
        let told = site.forged.github.deployments();
        matches!(&told[..], [(environment, of, states)] if environment == "dev" && *of == commit && states.last().is_some_and(|last| last == "success"))
    });
    let tokens = site.forged.github.count("POST", "/access_tokens");
    assert_eq!(tokens, 1, "one for git and the API, for as long as it is good");
    assert!(!daemon.log().contains("ghs_"), "no token is told");
}

#[test]
fn trouble_makes_no_second_comment_and_no_check_that_stays_open() {
    let Some(site) = Site::with(&[]) else { return };
    let _daemon = site.begin();
    let github = &site.forged.github;
    github.fail_next(1, "POST", "/issues/", Failure::AnswerLost);
    github.fail_next(1, "POST", "/check-runs", Failure::AnswerLost);
    github.fail_next(1, "PATCH", "/check-runs/", Failure::Refused(502));
    let head = site.change("more", FILE, "replicas: 2", "replicas: 3");
    let number = must(site.forged.open("more", "more replicas"));
    site.await_check(&head, "naksha", "success");
    site.await_comment(number, &head);
    // A run whose answer was lost is found again by its name. Each failure costs a pause, twice as long as the one before.
    let open: Vec<_> = site.runs(&head).into_iter().filter(|(_, conclusion)| conclusion.is_null()).collect();
    assert!(open.is_empty(), "{open:?}");

    // The App's token ends while somebody works.
    github.expire_tokens();
    let newer = site.change("more", FILE, "replicas: 2", "replicas: 4");
    site.await_comment(number, &newer);
    site.await_check(&newer, "naksha", "success");
}

#[test]
fn a_pull_request_of_a_fork_is_reported_on_and_merged() {
    let Some(site) = Site::with(&[]) else { return };
    let daemon = site.begin();
    let head = site.change_here("theirs", FILE, "replicas: 2", "replicas: 3");
    must(site.forged.push_to_fork(site.installation.repository.folder(), "theirs"));
    let number = must(site.forged.open(&format!("{}:theirs", site.forged.stranger.login), "from afar"));
    let comment = site.await_comment(number, &head);
    assert!(comment.contains("dev"), "{comment}");
    site.await_check(&head, "naksha", "success");
    site.merge(number, "merge");
    daemon.await_status("dev", "at the merge", |status| {
        status["control"] == site.forged.github.head("main").unwrap()
    });
}

#[test]
fn an_environment_promotes_itself_where_the_trunk_is_protected() {
    let staging = "apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {name: staging}\nspec:\n  \
        promotesFrom: [dev]\n  gates: {soak: 1s, autoMerge: true}\n  target: {directory: out}\n  \
        variables: {replicas: 3}\n  units: [web]\n";
    let Some(site) = Site::with(&[("environments/staging/environment.yaml", staging)]) else { return };
    site.forged.github.require(&["naksha"]);
    site.forged.github.allow_methods(&["squash"]);
    let daemon = site.begin();
    let first = site.forged.github.head("main").unwrap();
    let is_there = |status: &Value| status["applied"] == first && status["state"] == "synced";
    daemon.await_status("staging", "promoted by itself", is_there);
    let main = site.forged.github.head("main").unwrap();
    assert_ne!(main, first, "by a pull request");
    let lock = must(site.forged.github.file(&main, "environments/staging/lock.yaml"));
    assert!(String::from_utf8_lossy(&lock).contains(&first));
}

#[test]
fn findings_stand_on_their_lines_and_the_plan_in_the_check() {
    let Some(site) = Site::with(&[]) else { return };
    let _daemon = site.begin();
    let template = "units/web/web.yaml.tera";
    let head = site.change("slip", template, "\ndata:", "\ndta: {}\ndata:");
    let number = must(site.forged.open("slip", "a slip"));
    site.await_check(&head, "naksha", "failure");
    assert_eq!(site.await_check(&head, "naksha/policy", "failure"), "1 finding");
    let github = &site.forged.github;
    let run = |head: &str, name: &str| {
        let runs = github.check_runs(head);
        runs.into_iter().rev().find(|run| run["name"] == name).expect("should be there")
    };
    let id = run(&head, "naksha/policy")["id"].as_u64().expect("should have a number");
    let found = github.annotations(id);
    assert_eq!(found.len(), 1, "{found:#?}");
    let told =
        (&found[0]["path"], &found[0]["start_line"], &found[0]["annotation_level"], &found[0]["title"]);
    assert_eq!(told, (&template.into(), &4.into(), &"failure".into(), &"unknown-field".into()), "{found:#?}");
    assert!(found[0]["message"].to_string().contains("did you mean `data`?"), "{found:#?}");
    let plan = run(&head, "naksha/plan: dev");
    assert!(plan["output"]["summary"].to_string().contains("update ConfigMap shop/web"), "{plan:#}");

    let newer = site.change("slip", template, "`@everybody`", "`@nobody`");
    site.await_comment(number, &newer);
    site.await_check(&newer, "naksha", "success");
    assert!(github.annotations(run(&newer, "naksha/policy")["id"].as_u64().unwrap()).is_empty());
}
