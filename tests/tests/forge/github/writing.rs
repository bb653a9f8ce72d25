//! Merges, branches, deployments, and webhooks that are asked for again.

use std::net::TcpListener;

use jiff::{SignedDuration, Timestamp};
use naksha_environments::ids::Revision;
use naksha_executor::contract::forge::Stage as _;
use naksha_executor::port::forge::{
    CheckState, Deployment, DeploymentState, FileCommit, ForgeError, PullState,
};
use naksha_tests::github::Failure;

use super::checks::check;
use crate::github_stage::{GitHubStage, as_app, as_token};

const LOCK: &str = "environments/staging/lock.yaml";

fn lock(from: Option<&str>, text: &str) -> FileCommit {
    FileCommit {
        branch: "promote/staging".to_owned(),
        from: from.map(str::to_owned),
        path: LOCK.to_owned(),
        text: text.to_owned(),
        message: "Promote".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_is_one_that_the_repository_allows() {
    for methods in [&["squash"][..], &["rebase"], &["merge", "rebase"]] {
        let Some(stage) = as_app() else { return };
        let (forge, head) = (stage.forge(), stage.push("change"));
        let number = stage.open("change");
        stage.forged.github.allow_methods(methods);
        forge.merge(number, &head).await.expect("should be taken");
        let pull = forge.pull(number).await.expect("should be there");
        let merged = stage.forged.github.head("main").map(|sha| Revision::parse(&sha).unwrap());
        assert_eq!(pull.state, PullState::Merged { commit: merged });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_waits_for_what_the_repository_requires() {
    let Some(stage) = as_app() else { return };
    let (forge, head) = (stage.forge(), stage.push("change"));
    let number = stage.open("change");
    stage.forged.github.require(&["naksha"]);
    for state in [None, Some(CheckState::Running), Some(CheckState::Waits), Some(CheckState::Failed)] {
        if let Some(state) = state {
            forge.report(&head, &check("naksha", state, "words")).await.expect("should be taken");
        }
        let refused = forge.merge(number, &head).await.expect_err("should be refused");
        assert!(matches!(refused, ForgeError::Invalid(_)), "{state:?}: {refused:?}");
    }
    forge.report(&head, &check("naksha", CheckState::Passed, "fine")).await.expect("should be taken");
    let newer = stage.push("change");
    let refused = forge.merge(number, &head).await.expect_err("its head is another one");
    assert!(matches!(refused, ForgeError::Invalid(_)), "{refused:?}");
    forge.report(&newer, &check("naksha", CheckState::Passed, "fine")).await.expect("should be taken");

    // Something else is merged meanwhile: GitHub wants to be asked again, and so we are told.
    forge.pull(number).await.expect("should be there");
    forge.pull(number).await.expect("should be there");
    let other = stage.push("other");
    let first = stage.open("other");
    forge.report(&other, &check("naksha", CheckState::Passed, "fine")).await.expect("should be taken");
    forge.merge(first, &other).await.expect("should be taken");
    let refused = forge.merge(number, &newer).await.expect_err("the base moved");
    assert!(refused.is_transient(), "{refused:?}");
    forge.merge(number, &newer).await.expect("should be taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_got_no_commit_is_taken_back() {
    for stage in [as_app(), as_token()] {
        let Some(stage) = stage else { return };
        let (forge, github) = (stage.forge(), &stage.forged.github);
        for failure in [Failure::Refused(422), Failure::Refused(502), Failure::Dropped] {
            github.fail_next(1, "PUT", "/contents/", failure);
            forge.commit(&lock(Some("main"), "source: a\n")).await.expect_err("should fail");
            assert_eq!(github.head("promote/staging"), None, "{failure:?}");
        }
        // It was written after all: that is for the next look to find.
        github.fail_next(1, "PUT", "/contents/", Failure::AnswerLost);
        forge.commit(&lock(Some("main"), "source: b\n")).await.expect_err("should fail");
        let head = github.head("promote/staging").expect("should be there");
        assert_eq!(github.file(&head, LOCK).expect("should be there"), b"source: b\n");
        // What was there before stays, whatever happens.
        github.fail_next(1, "PUT", "/contents/", Failure::Refused(422));
        forge.commit(&lock(None, "source: c\n")).await.expect_err("should fail");
        forge.commit(&lock(Some("main"), "source: c\n")).await.expect_err("there is such a branch");
        assert_eq!(github.head("promote/staging"), Some(head));
    }
}

fn deployment(revision: &Revision, state: DeploymentState, summary: &str) -> Deployment {
    Deployment {
        revision: revision.clone(),
        environment: "dev".to_owned(),
        state,
        summary: summary.to_owned(),
        page: Some("https://naksha.example/dev".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_is_told_step_by_step_and_each_step_once() {
    for stage in [as_app(), as_token()] {
        let Some(stage) = stage else { return };
        let (forge, github) = (stage.forge(), &stage.forged.github);
        let (us, head) = (stage.people().bot, stage.push("change"));
        // Neither a red check nor a branch that is behind keeps it from being told, and nothing is merged for it.
        stage.forged.set_status(head.as_str(), "ci", "failure").unwrap();
        stage.push("other");
        let merged = stage.open("other");
        stage.merge(merged, naksha_executor::contract::forge::Merge::Commit);
        let steps = [
            (DeploymentState::Waits, "waits for its window"),
            (DeploymentState::Running, "3 of 7"),
            (DeploymentState::Running, "5 of 7"),
            (DeploymentState::Failed, "deployment/shop is not ready"),
            (DeploymentState::Done, &"é".repeat(200)),
        ];
        for (state, summary) in steps {
            let told = deployment(&head, state, summary);
            forge.deploy(&told).await.expect("should be taken");
            let writes = github.writes_of(us.as_str()).len();
            forge.deploy(&told).await.expect("should be taken");
            assert_eq!(github.writes_of(us.as_str()).len(), writes, "the same again sends nothing");
        }
        let states = ["queued", "in_progress", "in_progress", "failure", "success"].map(str::to_owned);
        let told = ("dev".to_owned(), head.to_string(), states.to_vec());
        assert_eq!(github.deployments(), [told]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_replaced_is_done_and_what_begins_again_is_deployed_once_more() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    let (first, second) = (stage.push("one"), stage.push("two"));
    let told = async |revision: &Revision, state: DeploymentState| {
        forge.deploy(&deployment(revision, state, "applied")).await.expect("should be taken");
    };
    told(&first, DeploymentState::Done).await;
    told(&second, DeploymentState::Done).await;
    // Said again, after a restart for instance: the page goes on showing the second.
    told(&first, DeploymentState::Done).await;
    let all = || github.deployments().into_iter().map(|(_, sha, states)| (sha, states)).collect::<Vec<_>>();
    let states = |states: &[&str]| states.iter().map(|state| (*state).to_owned()).collect::<Vec<_>>();
    let replaced = states(&["success", "inactive"]);
    assert_eq!(all(), [(first.to_string(), replaced.clone()), (second.to_string(), states(&["success"]))]);
    told(&first, DeploymentState::Running).await;
    told(&first, DeploymentState::Done).await;
    let again = states(&["in_progress", "success"]);
    assert_eq!(
        all(),
        [(first.to_string(), replaced.clone()), (second.to_string(), replaced), (first.to_string(), again)]
    );
}

/// An address that nobody listens at.
fn nowhere() -> String {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}/webhooks/infra")
}

fn failed(stage: &GitHubStage, count: usize) {
    naksha_tests::must(naksha::scratch::wait_for("deliveries", || {
        let failed = stage.forged.github.deliveries().iter().filter(|(_, arrived)| !arrived).count();
        Ok((failed >= count).then_some(()))
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_reach_us_is_asked_for_again() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    let begin = Timestamp::now().checked_sub(SignedDuration::from_mins(1)).unwrap();
    assert_eq!(forge.redeliver(begin).await.expect("should be taken"), 0);
    github.hook(&nowhere(), "secret");
    stage.push("change");
    failed(&stage, 1);
    let number = stage.open("change");
    stage.say(number, "hello");
    failed(&stage, 3);
    let lost = github.deliveries().len();
    assert_eq!(forge.redeliver(begin).await.expect("should be taken"), lost);
    // Each is one thing that happened, however often it was tried.
    failed(&stage, 2 * lost);
    assert_eq!(forge.redeliver(begin).await.expect("should be taken"), lost);
    let later = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
    assert_eq!(forge.redeliver(later).await.expect("should be taken"), 0);

    let Some(stage) = as_token() else { return };
    assert_eq!(stage.forge().redeliver(begin).await.expect("should be taken"), 0);
}
