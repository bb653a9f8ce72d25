//! Pull requests: conflicts, forks, the merge queue, and more of them than a page has.

use jiff::Timestamp;
use naksha_environments::ids::Revision;
use naksha_executor::contract::forge::Stage as _;
use naksha_executor::port::forge::{CheckState, ForgeError, PullNumber, PullState, SharedForge};
use naksha_tests::github::Queued;
use naksha_tests::must;

use super::checks::check;
use crate::github_stage::{as_app, as_token};

/// Merges once GitHub has found out whether it can.
async fn merge(forge: &SharedForge, number: PullNumber, head: &Revision) -> Result<(), ForgeError> {
    for _ in 0..100 {
        match forge.merge(number, head).await {
            Err(error) if error.is_transient() => {}
            done => return done,
        }
    }
    panic!("it never finds out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_conflicts_is_refused_for_good() {
    let Some(stage) = as_token() else { return };
    let forge = stage.forge();
    let change = |branch: &str, text: &str| {
        stage.begin_branch(branch);
        let head = stage.repository.write("README.md", text).commit("readme");
        must(stage.forged.push(stage.repository.folder(), branch, &stage.forged.writer));
        (stage.open(branch), Revision::parse(&head).unwrap())
    };
    let (one, two) = (change("one", "one\n"), change("two", "two\n"));
    merge(&forge, one.0, &one.1).await.expect("should be merged");
    let refused = merge(&forge, two.0, &two.1).await.expect_err("it conflicts");
    assert!(matches!(refused, ForgeError::Invalid(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_is_known_even_when_it_is_gone() {
    let Some(stage) = as_app() else { return };
    let (forge, forged) = (stage.forge(), &stage.forged);
    let head = stage.begin_branch("theirs");
    must(forged.push_to_fork(stage.repository.folder(), "theirs"));
    let number = PullNumber(must(forged.open("sam:theirs", "from afar")));
    let pull = forge.pull(number).await.expect("should be there");
    assert_eq!((pull.is_fork, &pull.head, pull.branch.as_str()), (true, &head, "theirs"));
    must(forged.pull(stage.repository.folder(), &format!("refs/pull/{number}/head").replace('#', "")));
    forge.report(&head, &check("naksha", CheckState::Passed, "fine")).await.expect("should be taken");
    assert_eq!(forged.github.check_runs(head.as_str())[0]["pull_requests"], serde_json::json!([]));

    stage.begin_branch("more");
    must(forged.push_to_fork(stage.repository.folder(), "+more:theirs"));
    assert_ne!(forge.pull(number).await.expect("should be there").head, head);
    forged.github.delete_fork("sam");
    let open = forge.open_pulls().await.expect("should list");
    assert_eq!((open.len(), open[0].is_fork, open[0].author.as_str()), (1, true, "sam"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_merges_what_is_green_on_its_own_commit() {
    for stage in [as_app(), as_token()].into_iter().flatten() {
        let (forge, github) = (stage.forge(), &stage.forged.github);
        github.require(&["naksha"]);
        let (good, bad) = (stage.push("good"), stage.push("bad"));
        let numbers = [stage.open("good"), stage.open("bad")];
        forge.report(&good, &check("naksha", CheckState::Passed, "fine")).await.expect("taken");
        let queued = must(github.enqueue(numbers[0].0));
        assert_ne!(queued, good.as_str());
        assert_eq!(
            must(github.look_at_queue(numbers[0].0)),
            Queued::Waits,
            "nothing was said of that commit"
        );
        let queued = Revision::parse(&queued).unwrap();
        forge.report(&queued, &check("naksha", CheckState::Running, "looking")).await.expect("taken");
        assert_eq!(must(github.look_at_queue(numbers[0].0)), Queued::Waits);
        forge.report(&queued, &check("naksha", CheckState::Passed, "fine")).await.expect("taken");
        assert_eq!(must(github.look_at_queue(numbers[0].0)), Queued::Merged);
        let merged = forge.pull(numbers[0]).await.expect("should be there").state;
        assert_eq!(merged, PullState::Merged { commit: Some(queued) });

        let queued = Revision::parse(&must(github.enqueue(numbers[1].0))).unwrap();
        assert_ne!(queued, bad);
        forge.report(&queued, &check("naksha", CheckState::Failed, "held")).await.expect("taken");
        assert_eq!(must(github.look_at_queue(numbers[1].0)), Queued::Dropped);
        assert_eq!(forge.pull(numbers[1]).await.expect("should be there").state, PullState::Open);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_read_to_the_last() {
    let Some(stage) = as_token() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    github.limit_content(None);
    let head = stage.push("change");
    let number = stage.open("change");
    for at in 0..101 {
        stage.say(number, &format!("word {at}"));
        stage.forge_check(&head, &format!("check {at:03}"));
    }
    let comments = forge.comments(number).await.expect("should list");
    assert_eq!((comments.len(), comments[100].text.as_str()), (101, "word 100"));
    assert_eq!(forge.checks(&head).await.expect("should list").len(), 101);
    assert_eq!(forge.comments_since(Timestamp::UNIX_EPOCH).await.expect("should list").len(), 101);
}
