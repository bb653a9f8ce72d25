//! Check runs: long ones, annotated ones, refused ones, and those of others.

use naksha_environments::ids::Revision;
use naksha_executor::contract::forge::Stage as _;
use naksha_executor::port::forge::{Annotation, Check, CheckState, ForgeError};
use naksha_tests::github::{Failure, GitHub};
use serde_json::Value;

use crate::github_stage::{GitHubStage, as_app};

pub(super) fn check(name: &str, state: CheckState, summary: &str) -> Check {
    Check { name: name.to_owned(), state, summary: summary.to_owned(), text: None, annotations: Vec::new() }
}

fn runs(stage: &GitHubStage, head: &Revision) -> Vec<Value> {
    stage.forged.github.check_runs(head.as_str())
}

fn number_of(run: &Value) -> u64 {
    run["id"].as_u64().expect("should have a number")
}

fn annotations(count: usize) -> Vec<Annotation> {
    let annotation = |line| Annotation {
        path: "environments/dev/environment.yaml".to_owned(),
        line,
        is_error: line % 2 == 0,
        title: "NK0101".to_owned(),
        message: "a word about it".to_owned(),
    };
    (0..count).map(annotation).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_is_too_long_ends_with_a_conclusion_all_the_same() {
    let Some(stage) = as_app() else { return };
    let (forge, head) = (stage.forge(), stage.push("change"));
    let text = format!("before\n```diff\n{}```\n", "+ Größe: 12 Zoll\n".repeat(20_000));
    let long = Check { text: Some(text), ..check("naksha/plan: dev", CheckState::Failed, &"é".repeat(300)) };
    forge.report(&head, &long).await.expect("should be cut");
    let runs = runs(&stage, &head);
    assert_eq!((runs.len(), &runs[0]["conclusion"]), (1, &Value::from("failure")));
    let output = &runs[0]["output"];
    for field in ["summary", "text"] {
        let text = output[field].as_str().expect("should be there");
        assert!(text.len() <= GitHub::CHECK_TEXT, "{field}: {}", text.len());
        assert_eq!(text.matches("```").count() % 2, 0, "{field}: a fence is open");
    }
    assert!(output["text"].as_str().unwrap_or_default().contains("naksha show PLAN"));
    // Cut or not, it is recognised.
    let reported = forge.checks(&head).await.expect("should list");
    assert!(long.summary.starts_with(&reported[0].summary) && reported[0].summary.len() > 140);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_said_in_few_words() {
    let Some(stage) = as_app() else { return };
    let (forge, head) = (stage.forge(), stage.push("change"));
    let running = check("naksha", CheckState::Running, "planning");
    forge.report(&head, &running).await.expect("should be taken");
    let whole = Check { text: Some("more".to_owned()), ..check("naksha", CheckState::Waits, "one waits") };
    stage.forged.github.fail_next(1, "PATCH", "/check-runs/", Failure::Refused(422));
    forge.report(&head, &whole).await.expect("should be taken without the text");
    let runs = runs(&stage, &head);
    assert_eq!((runs.len(), &runs[0]["conclusion"]), (1, &Value::from("action_required")));
    assert_eq!(
        (&runs[0]["output"]["title"], &runs[0]["output"]["text"]),
        (&"one waits".into(), &Value::Null)
    );
    let reported = forge.checks(&head).await.expect("should list");
    assert_eq!(reported[0].state, CheckState::Waits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn annotations_are_all_there_and_each_once() {
    let Some(stage) = as_app() else { return };
    let (forge, github, head) = (stage.forge(), &stage.forged.github, stage.push("change"));
    let whole = |count, state| Check { annotations: annotations(count), ..check("naksha", state, "found") };
    forge.report(&head, &whole(120, CheckState::Failed)).await.expect("should be taken");
    let first = runs(&stage, &head);
    assert_eq!((first.len(), &first[0]["conclusion"]), (1, &Value::from("failure")));
    assert_eq!(github.annotations(number_of(&first[0])).len(), 120);
    assert_eq!(github.count("POST", "/check-runs") + github.count("PATCH", "/check-runs/"), 3);

    // GitHub would add them to those that are there.
    forge.report(&head, &whole(2, CheckState::Passed)).await.expect("should be taken");
    let runs = runs(&stage, &head);
    assert_eq!(github.annotations(number_of(runs.last().expect("should be there"))).len(), 2);
    let reported = forge.checks(&head).await.expect("should list");
    assert_eq!((reported.len(), reported[0].state), (1, CheckState::Passed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_broke_off_half_way_is_done_again() {
    let Some(stage) = as_app() else { return };
    let (forge, github, head) = (stage.forge(), &stage.forged.github, stage.push("change"));
    let whole = Check { annotations: annotations(60), ..check("naksha", CheckState::Passed, "found") };
    github.fail_next(1, "PATCH", "/check-runs/", Failure::Refused(502));
    let broken = forge.report(&head, &whole).await.expect_err("should break off");
    assert!(broken.is_transient(), "{broken:?}");
    assert_eq!(forge.checks(&head).await.expect("should list")[0].state, CheckState::Running);
    forge.report(&head, &whole).await.expect("should be taken");
    let runs = runs(&stage, &head);
    assert_eq!(github.annotations(number_of(runs.last().expect("should be there"))).len(), 60);
    assert_eq!(forge.checks(&head).await.expect("should list")[0].state, CheckState::Passed);

    // So it is when only the answer was lost: one more run, and the newest counts.
    github.fail_next(1, "POST", "/check-runs", Failure::AnswerLost);
    let other = check("naksha/policy", CheckState::Passed, "fine");
    forge.report(&head, &other).await.expect_err("should break off");
    forge.report(&head, &other).await.expect("should be taken");
    assert_eq!(forge.checks(&head).await.expect("should list").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_begins_again_is_another_run() {
    let Some(stage) = as_app() else { return };
    let (forge, head) = (stage.forge(), stage.push("change"));
    for state in [CheckState::Failed, CheckState::Passed, CheckState::Running, CheckState::Waits] {
        forge.report(&head, &check("naksha", state, "words")).await.expect("should be taken");
        let reported = forge.checks(&head).await.expect("should list");
        assert_eq!((reported.len(), reported[0].state), (1, state));
    }
    assert_eq!(runs(&stage, &head).len(), 2, "one until it began again, and one since");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_of_our_name_by_somebody_else_is_theirs() {
    let Some(stage) = as_app() else { return };
    let (forge, us, head) = (stage.forge(), stage.people().bot, stage.push("change"));
    forge.report(&head, &check("naksha", CheckState::Failed, "held")).await.expect("should be taken");
    stage.forged.github.foreign_check(head.as_str(), "naksha", "success");
    stage.forge_check(&head, "naksha");
    let reported = forge.checks(&head).await.expect("should list");
    assert_eq!(reported.len(), 3, "each of them: {reported:?}");
    let ours: Vec<_> = reported.iter().filter(|one| one.author.as_ref() == Some(&us)).collect();
    assert_eq!((ours.len(), ours[0].state), (1, CheckState::Failed));
    forge.report(&head, &check("naksha", CheckState::Passed, "fine")).await.expect("should be taken");
    let foreign = stage.forged.github.check_runs(head.as_str());
    assert_eq!(foreign.len(), 2, "ours was set, and not theirs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_of_a_fork_is_set_like_any_other() {
    let Some(stage) = as_app() else { return };
    let forge = stage.forge();
    let head = stage.begin_branch("change");
    naksha_tests::must(stage.forged.push_to_fork(stage.repository.folder(), "change"));
    let number = stage.open(&format!("{}:change", stage.forged.stranger.login));
    let pull = forge.pull(number).await.expect("should be there");
    assert!(pull.is_fork && pull.head == head);
    forge.report(&head, &check("naksha", CheckState::Passed, "fine")).await.expect("should be taken");
    assert_eq!(forge.checks(&head).await.expect("should list").len(), 1);
    stage.forged.github.delete_fork(&stage.forged.stranger.login);
    assert!(forge.pull(number).await.expect("should be there").is_fork);
    let nothing = Revision::parse(&"0123456789".repeat(4)).expect("should be a revision");
    let refused = forge.checks(&nothing).await.expect_err("there is no such commit");
    assert!(matches!(refused, ForgeError::Invalid(_) | ForgeError::Missing(_)), "{refused:?}");
}
