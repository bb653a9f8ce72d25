//! Answers: lost ones, those of an archived repository, and what people may.

use naksha_executor::contract::forge::Stage as _;
use naksha_executor::port::forge::{ForgeError, Login, Permission};
use naksha_tests::github::Failure;
use naksha_tests::must;

use crate::github_stage::{as_app, as_token};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_have_been_done_is_not_said_twice() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    stage.push("change");
    let number = stage.open("change");
    let posted = || github.count("POST", "/comments");
    for (failure, is_done) in [
        (Failure::AnswerLost, true),
        (Failure::Dropped, false),
        (Failure::Refused(502), false),
        (Failure::Refused(500), false),
    ] {
        github.fail_next(1, "POST", "/comments", failure);
        let (before, said) = (posted(), must(stage.forged.comments(number.0)).len());
        let error = forge.comment(number, "words").await.expect_err("should fail");
        assert!(error.is_transient(), "{failure:?}: {error:?}");
        assert_eq!(posted(), before + 1, "{failure:?}");
        assert_eq!(must(stage.forged.comments(number.0)).len(), said + usize::from(is_done), "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archived_repository_is_told_and_takes_nothing() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    stage.push("change");
    let number = stage.open("change");
    github.archive();
    let hosted = forge.hosted().await.expect("should say");
    assert_eq!((hosted.archived, hosted.writable), (true, false));
    let refused = forge.comment(number, "words").await.expect_err("should be refused");
    assert!(matches!(&refused, ForgeError::Denied(words) if words.contains("archived")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_told_as_what_they_may() {
    for stage in [as_app(), as_token()].into_iter().flatten() {
        let (forge, forged) = (stage.forge(), &stage.forged);
        let may = async |login: &str| forge.permission(&Login::new(login)).await.expect("should say");
        assert_eq!(may(&forged.admin.login).await, Permission::Admin);
        assert_eq!(may(&forged.writer.login.to_uppercase()).await, Permission::Write);
        assert_eq!(may(&forged.reader.login).await, Permission::Read);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_sees_no_check_runs_has_statuses() {
    let Some(stage) = as_token() else { return };
    stage.forged.github.make_tokens_fine_grained();
    let (forge, head) = (stage.forge(), stage.push("change"));
    stage.forged.github.foreign_check(head.as_str(), "build", "success");
    stage.forge_check(&head, "lint");
    let names: Vec<_> =
        forge.checks(&head).await.expect("should list").into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["lint"]);
}
