//! The App: its tokens, its rights, its key; and what GitHub counts.

use jiff::SignedDuration;
use naksha_executor::contract::forge::Stage as _;
use naksha_executor::port::forge::{CheckState, Deployment, DeploymentState, ForgeError, Login, SharedForge};
use naksha_tests::github::{AppKey, Failure};
use serde_json::json;

use super::checks::check;
use crate::github_stage::{GitHubStage, as_app, as_token};

const MADE: &str = "/access_tokens";

fn tokens(stage: &GitHubStage) -> usize {
    stage.forged.github.count("POST", MADE)
}

async fn denied(forge: &SharedForge) -> String {
    let error = forge.hosted().await.expect_err("should be refused");
    assert!(matches!(error, ForgeError::Denied(_) | ForgeError::Missing(_)), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_token_serves_everybody_for_as_long_as_it_is_good() {
    let Some(stage) = as_app() else { return };
    let forge = stage.forge();
    let (one, other, third) = tokio::join!(forge.hosted(), forge.open_pulls(), forge.whoami());
    one.expect("should say");
    other.expect("should list");
    third.expect("should say");
    assert_eq!(tokens(&stage), 1, "who needs one meanwhile waits for it");

    // It is revoked: another one is made within the same question.
    stage.forged.github.expire_tokens();
    forge.hosted().await.expect("should say");
    assert_eq!(tokens(&stage), 2);

    // One that is about to end is made anew before it does.
    stage.forged.github.token_life(SignedDuration::from_mins(4));
    stage.forged.github.expire_tokens();
    forge.open_pulls().await.expect("should list");
    forge.open_pulls().await.expect("should list");
    assert_eq!(tokens(&stage), 4);
    // While none can be made, it is good until it ends.
    stage.forged.github.fail_next(1, "POST", MADE, Failure::Refused(502));
    forge.open_pulls().await.expect("should list");
    stage.forged.github.expire_tokens();
    stage.forged.github.fail_next(2, "POST", MADE, Failure::Dropped);
    let away = forge.open_pulls().await.expect_err("should be away");
    assert!(away.is_transient(), "{away:?}");
    forge.open_pulls().await.expect("should list");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_by_hours_keeps_nobody_out() {
    let Some(stage) = as_app() else { return };
    let (github, forge) = (&stage.forged.github, stage.forge());
    github.advance(SignedDuration::from_hours(2));
    forge.hosted().await.expect("a proof of the past should be made anew");
    forge.hosted().await.expect("should say");
    assert_eq!(tokens(&stage), 1);

    // Now GitHub's is three hours behind: what it makes has ended long ago by ours.
    github.advance(SignedDuration::from_hours(-5));
    github.expire_tokens();
    forge.hosted().await.expect("a proof of the future should be made anew");
    let asked = github.count("GET", "/installation");
    forge.hosted().await.expect("should say");
    assert_eq!((tokens(&stage), github.count("GET", "/installation")), (2, asked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_github_never_takes_is_made_twice_and_no_more() {
    let Some(stage) = as_app() else { return };
    let forge = stage.forge();
    stage.forged.github.fail_next(10, "GET", "/pulls", Failure::Refused(401));
    let refused = forge.open_pulls().await.expect_err("should be refused");
    assert!(matches!(refused, ForgeError::Denied(_)), "{refused:?}");
    assert_eq!((tokens(&stage), stage.forged.github.count("GET", "/pulls")), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_replaced_needs_no_restart() {
    let Some(stage) = as_app() else { return };
    let (id, client) = stage.forged.github.app_ids();
    let forge = stage.app(id, AppKey::First);
    forge.hosted().await.expect("should say");
    stage.forged.github.replace_app_key();
    stage.forged.github.expire_tokens();
    let words = denied(&forge).await;
    assert!(!words.contains("ey") || !words.contains('.'), "no proof is told: {words}");
    // The file is the same one; so is the App, by its other name.
    let by_client = stage.app(client, AppKey::Second);
    forge.hosted().await.expect("should say");
    by_client.hosted().await.expect("should say");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_app_may_is_what_we_may() {
    let Some(stage) = as_app() else { return };
    let github = &stage.forged.github;
    github.permit("deployments", None);
    github.permit("statuses", None);
    let forge = stage.forge();
    let head = stage.push("change");
    forge.report(&head, &check("naksha", CheckState::Passed, "fine")).await.expect("should be taken");
    assert_eq!(forge.checks(&head).await.expect("should list").len(), 1, "statuses are not for us to see");
    let deployment = Deployment {
        revision: head,
        environment: "dev".to_owned(),
        state: DeploymentState::Done,
        summary: "applied".to_owned(),
        page: None,
    };
    let refused = forge.deploy(&deployment).await.expect_err("should be refused");
    assert!(matches!(refused, ForgeError::Denied(_)), "{refused:?}");
    assert!(forge.hosted().await.expect("should say").writable);

    github.permit("checks", Some("read"));
    github.expire_tokens();
    assert!(!forge.hosted().await.expect("should say").writable);
    github.uninstall();
    let words = denied(&forge).await;
    assert!(words.contains("an installation of the App in shop/infra is not there"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_token_is_for_the_one_repository() {
    let Some(stage) = as_app() else { return };
    let forge = stage.forge();
    forge.hosted().await.expect("should say");
    // A right of the whole organisation needs one of its own.
    forge.is_member("shop", "sre", &Login::new("wanda")).await.expect("should say");
    stage.forged.github.expire_tokens();
    forge.open_pulls().await.expect("should list");
    let made = stage.forged.github.asked().into_iter().filter(|asked| asked.path.ends_with(MADE));
    let narrowed: Vec<_> = made.map(|asked| asked.body["repositories"].clone()).collect();
    assert_eq!(narrowed, vec![json!(["infra"]); 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_teams_are_those_who_joined() {
    for stage in [as_app(), as_token()] {
        let Some(stage) = stage else { return };
        let github = &stage.forged.github;
        github.add_member("shop", "sre", "wanda", true);
        github.add_member("shop", "sre", "rita", false);
        let forge = stage.forge();
        let is_member = async |team: &str, login: &str| {
            forge.is_member("shop", team, &Login::new(login)).await.expect("should say")
        };
        assert!(is_member("sre", "wanda").await);
        assert!(!is_member("sre", "rita").await, "who was only asked to join");
        assert!(!is_member("sre", "nobody").await);
        assert!(!is_member("dba", "wanda").await);
    }
    let Some(stage) = as_app() else { return };
    stage.forged.github.permit("members", None);
    let refused = stage.forge().is_member("shop", "sre", &Login::new("wanda")).await;
    let refused = refused.expect_err("should be refused");
    assert!(matches!(refused, ForgeError::Denied(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_with_the_same_answer_costs_nothing() {
    for stage in [as_app(), as_token()] {
        let Some(stage) = stage else { return };
        let (forge, github, us) = (stage.forge(), &stage.forged.github, stage.people().bot);
        stage.push("change");
        let number = stage.open("change");
        stage.say(number, "hello");
        // Within one span of ten minutes, so that it is the same question.
        let second = jiff::Timestamp::now().as_second() / 600 * 600 - 600;
        let look = async |after: i64| {
            let since = jiff::Timestamp::from_second(second + after).expect("should be a time");
            let pulls = forge.open_pulls().await.expect("should list");
            let comments = forge.comments_since(since).await.expect("should list");
            (pulls.len(), comments.len())
        };
        assert_eq!(look(1).await, (1, 1));
        let left = github.requests_left(us.as_str());
        assert_eq!(forge.budget().map(|budget| (budget.limit, budget.remaining)), Some((5_000, left)));
        assert_eq!(look(2).await, (1, 1));
        assert_eq!(github.requests_left(us.as_str()), left, "nothing new is free");
        stage.say(number, "more");
        stage.push("other");
        stage.open("other");
        assert_eq!(look(3).await, (2, 2), "what is new is told");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enough_is_enough_until_the_forge_says_so() {
    let Some(stage) = as_app() else { return };
    let (forge, head) = (stage.forge(), stage.push("change"));
    stage.forged.github.limit_content(Some(0));
    let refused = forge.report(&head, &check("naksha", CheckState::Passed, "fine")).await;
    assert!(matches!(refused, Err(ForgeError::Throttled { after }) if after.as_secs() == 60), "{refused:?}");
    stage.forged.github.limit_requests(0);
    let refused = forge.open_pulls().await;
    let is_an_hour = |after: std::time::Duration| after.as_secs() > 3_500;
    assert!(matches!(refused, Err(ForgeError::Throttled { after }) if is_an_hour(after)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_that_was_renamed_says_where_it_is() {
    for stage in [as_app(), as_token()] {
        let Some(stage) = stage else { return };
        stage.forged.github.rename("infrastructure");
        let words = denied(&stage.forge()).await;
        assert!(words.contains("it moved to"), "{words}");
    }
}
