//! What every forge must do. A [`Stage`] plays the people; the adapter under test is the daemon's bot.
//!
//! Cases run against a real forge, or a fake that refuses what the real one refuses.

use std::fmt;

use naksha_environments::ids::Revision;

use crate::port::forge::{
    Check, CheckState, CommentId, Deployment, DeploymentState, FileCommit, ForgeError, Login, NewPull,
    Permission, PullNumber, PullState, Reaction, SharedForge,
};

/// A request each.
const MERGE_TRIES: u32 = 1_000;

/// The people around a repository, and what they do there. It begins with one commit on `main`.
pub trait Stage: Send + Sync + fmt::Debug {
    /// The forge, as the bot sees it.
    fn forge(&self) -> SharedForge;
    /// As somebody sees it whose token is wrong.
    fn stranger(&self) -> SharedForge;
    /// Who writes, who only reads, and whom the bot is there.
    fn people(&self) -> People;
    /// A branch with one more commit on top of `main`; its head.
    fn push(&self, branch: &str) -> Revision;
    /// The writer opens a pull request from a branch.
    fn open(&self, branch: &str) -> PullNumber;
    /// The writer merges it; the commit that `main` has then.
    fn merge(&self, number: PullNumber, how: Merge) -> Revision;
    fn close(&self, number: PullNumber);
    /// The writer approves of it.
    fn approve(&self, number: PullNumber);
    /// The writer says something under a pull request.
    fn say(&self, number: PullNumber, text: &str) -> CommentId;
    /// And changes his mind.
    fn say_otherwise(&self, comment: CommentId, text: &str);
    /// The writer sets a status of that name.
    fn forge_check(&self, head: &Revision, name: &str);
}

#[derive(Debug, Clone)]
pub struct People {
    pub bot: Login,
    pub writer: Login,
    pub reader: Login,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    Commit,
    Squash,
    Rebase,
}

fn check(name: &str, state: CheckState, summary: &str) -> Check {
    Check { name: name.to_owned(), state, summary: summary.to_owned(), text: None, annotations: Vec::new() }
}

pub async fn who_we_are_and_what_we_may_is_known(stage: &dyn Stage) {
    let (forge, people) = (stage.forge(), stage.people());
    assert_eq!(forge.whoami().await.expect("should say"), people.bot);
    let hosted = forge.hosted().await.expect("should say");
    assert_eq!((hosted.default_branch.as_str(), hosted.archived, hosted.writable), ("main", false, true));
    let may = async |login: &Login| forge.permission(login).await.expect("should say");
    assert_eq!(may(&people.reader).await, Permission::Read);
    assert!(may(&people.writer).await >= Permission::Write);
    assert_eq!(may(&Login::new("nobody-of-that-name")).await, Permission::None);
    assert_eq!(may(&Login::new("../../../user")).await, Permission::None, "a name is no path");
    assert!(!forge.is_member("nobody", "nothing", &people.writer).await.expect("should say"));
}

pub async fn a_wrong_token_is_told_and_not_shown(stage: &dyn Stage) {
    let error = stage.stranger().hosted().await.expect_err("should be refused");
    assert!(matches!(error, ForgeError::Denied(_) | ForgeError::Missing(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("not-the-token"), "{error:?}");
}

pub async fn pull_requests_are_told_as_they_are(stage: &dyn Stage) {
    let forge = stage.forge();
    let head = stage.push("change");
    let number = stage.open("change");
    let open = forge.open_pulls().await.expect("should list");
    assert_eq!(open.len(), 1, "{open:?}");
    let pull = &open[0];
    assert_eq!((pull.number, &pull.head, &pull.state), (number, &head, &PullState::Open));
    assert_eq!((pull.branch.as_str(), pull.base.as_str(), pull.is_fork), ("change", "main", false));
    assert_eq!(pull.author, stage.people().writer);
    assert_eq!(forge.pull(number).await.expect("should be there"), *pull);

    let newer = stage.push("change");
    assert_eq!(forge.pull(number).await.expect("should be there").head, newer);

    stage.close(number);
    assert!(forge.open_pulls().await.expect("should list").is_empty());
    assert_eq!(forge.pull(number).await.expect("should be there").state, PullState::Closed);
    let missing = forge.pull(PullNumber(4711)).await.expect_err("should not be there");
    assert!(matches!(missing, ForgeError::Missing(_)), "{missing:?}");
}

pub async fn however_it_is_merged_the_commit_is_known(stage: &dyn Stage) {
    let forge = stage.forge();
    for (branch, how) in [("one", Merge::Commit), ("two", Merge::Squash), ("three", Merge::Rebase)] {
        stage.push(branch);
        let number = stage.open(branch);
        let commit = stage.merge(number, how);
        let merged = PullState::Merged { commit: Some(commit) };
        assert_eq!(forge.pull(number).await.expect("should be there").state, merged, "{how:?}");
    }
}

pub async fn the_last_word_of_a_check_counts(stage: &dyn Stage) {
    let (forge, us) = (stage.forge(), stage.people().bot);
    let head = stage.push("change");
    for (state, words) in
        [(CheckState::Running, "looking"), (CheckState::Failed, "held"), (CheckState::Passed, "fine")]
    {
        forge.report(&head, &check("naksha/plan: dev", state, words)).await.expect("should be taken");
        let all = forge.checks(&head).await.expect("should list");
        assert_eq!(all.len(), 1, "{all:?}");
        let reported = &all[0];
        assert_eq!((reported.name.as_str(), reported.state), ("naksha/plan: dev", state));
        assert_eq!((reported.summary.as_str(), reported.author.as_ref()), (words, Some(&us)));
    }
    stage.forge_check(&head, "naksha");
    let reported = forge.checks(&head).await.expect("should list");
    let forged = reported.iter().find(|one| one.name == "naksha").expect("should be there");
    assert!(forged.author.as_ref() != Some(&us), "anybody who may write can set a check");

    // How it is refused differs: one forge says that there is no such commit, another that it is broken.
    let nothing = Revision::parse(&"0123456789".repeat(4)).expect("should be a revision");
    forge
        .report(&nothing, &check("naksha", CheckState::Passed, "fine"))
        .await
        .expect_err("should be refused");
}

pub async fn texts_are_as_long_as_forges_take(stage: &dyn Stage) {
    let forge = stage.forge();
    let head = stage.push("change");
    let long = "x".repeat(5_000);
    forge.report(&head, &check("naksha", CheckState::Passed, &long)).await.expect("should be cut");
    let number = stage.open("change");
    let text = format!("{}é", "word ".repeat(13_000));
    let comment = forge.comment(number, &text).await.expect("should be taken");
    let comments = forge.comments(number).await.expect("should list");
    let told = comments.iter().find(|one| one.id == comment).expect("should be there");
    assert_eq!(told.text.trim_end(), text.trim_end());
}

pub async fn comments_are_edited_in_place(stage: &dyn Stage) {
    let (forge, people) = (stage.forge(), stage.people());
    stage.push("change");
    let number = stage.open("change");
    let ours = forge.comment(number, "first").await.expect("should be taken");
    let theirs = stage.say(number, "/naksha plan");
    forge.edit(ours, "second").await.expect("should be taken");
    forge.react(theirs, Reaction::Seen).await.expect("should be taken");
    forge.react(theirs, Reaction::Seen).await.expect("twice is once");

    let comments = forge.comments(number).await.expect("should list");
    let told: Vec<_> = comments.iter().map(|one| (one.id, &one.author, one.text.as_str())).collect();
    assert_eq!(told, [(ours, &people.bot, "second"), (theirs, &people.writer, "/naksha plan")]);
    assert!(!comments[1].is_edited, "a reaction is no edit");
    stage.say_otherwise(theirs, "/naksha ack everything");
    let comments = forge.comments(number).await.expect("should list");
    assert!(comments[1].is_edited, "{:?}", comments[1]);

    let since = comments[1].made;
    let placed = forge.comments_since(since).await.expect("should list");
    let placed: Vec<_> = placed.iter().map(|(on, comment)| (*on, comment.id)).collect();
    assert_eq!(placed, [(number, ours), (number, theirs)], "whole seconds, and what was edited since");
    let later = since.checked_add(jiff::SignedDuration::from_hours(1)).expect("should be a time");
    assert!(forge.comments_since(later).await.expect("should list").is_empty());

    let gone = forge.edit(CommentId(987_654_321), "nothing").await.expect_err("should not be there");
    assert!(matches!(gone, ForgeError::Missing(_)), "{gone:?}");
}

pub async fn pull_requests_of_ours_are_opened_amended_and_closed(stage: &dyn Stage) {
    let forge = stage.forge();
    stage.push("promote/staging");
    let new = NewPull {
        title: "Promote to staging".to_owned(),
        text: "what it brings".to_owned(),
        branch: "promote/staging".to_owned(),
        base: "main".to_owned(),
    };
    let number = forge.open(&new).await.expect("should be taken");
    let pull = forge.pull(number).await.expect("should be there");
    assert_eq!((pull.author, pull.title.as_str()), (stage.people().bot, "Promote to staging"));
    forge.amend(number, "Promote more to staging", "more").await.expect("should be taken");
    assert_eq!(forge.pull(number).await.expect("should be there").title, "Promote more to staging");
    let twice = forge.open(&new).await.expect_err("there is one already");
    assert!(matches!(twice, ForgeError::Invalid(_)), "{twice:?}");
    forge.close(number).await.expect("should be taken");
    assert_eq!(forge.pull(number).await.expect("should be there").state, PullState::Closed);
}

pub async fn branches_of_ours_are_written_file_by_file(stage: &dyn Stage) {
    let forge = stage.forge();
    let (branch, path) = ("promote/staging", "environments/staging/lock.yaml");
    assert_eq!(forge.branch(branch).await.expect("should say"), None);
    let main = forge.branch("main").await.expect("should say").expect("should be there");
    let commit = |from: Option<&str>, text: &str| FileCommit {
        branch: branch.to_owned(),
        from: from.map(str::to_owned),
        path: path.to_owned(),
        text: text.to_owned(),
        message: "Promote".to_owned(),
    };
    let first = forge.commit(&commit(Some("main"), "source: a\n")).await.expect("should be taken");
    assert_eq!(forge.branch(branch).await.expect("should say"), Some(first.clone()));
    assert_eq!(forge.branch("main").await.expect("should say"), Some(main), "nobody else's branch moves");
    forge.commit(&commit(Some("main"), "source: b\n")).await.expect_err("there is such a branch");
    let second = forge.commit(&commit(None, "source: b\n")).await.expect("should be taken");
    assert_ne!(first, second);

    let (title, text) = ("Promote to staging".to_owned(), String::new());
    let new = NewPull { title, text, branch: branch.to_owned(), base: "main".to_owned() };
    let number = forge.open(&new).await.expect("should be taken");
    // A forge may have to find out first whether it can be merged.
    let merge = async |head: &Revision| {
        for _ in 0..MERGE_TRIES {
            match forge.merge(number, head).await {
                Err(error) if error.is_transient() => {}
                done => return done,
            }
        }
        Err(ForgeError::Unreachable("it never finds out".to_owned()))
    };
    let refused = merge(&first).await.expect_err("its head is another one");
    assert!(matches!(refused, ForgeError::Invalid(_)), "{refused:?}");
    merge(&second).await.expect("should be taken");
    let PullState::Merged { commit: Some(merged) } = forge.pull(number).await.expect("should be there").state
    else {
        unreachable!("should be merged");
    };
    assert_eq!(forge.branch("main").await.expect("should say"), Some(merged));
    for _ in 0..2 {
        forge.delete_branch(branch).await.expect("should be gone");
    }
    assert_eq!(forge.branch(branch).await.expect("should say"), None);
    let again =
        forge.commit(&commit(Some("main"), "source: c\n")).await.expect("should replace what was merged");
    assert_eq!(forge.branch(branch).await.expect("should say"), Some(again));
}

pub async fn what_was_deployed_is_told_as_often_as_one_likes(stage: &dyn Stage) {
    let forge = stage.forge();
    let revision = stage.push("change");
    for state in
        [DeploymentState::Waits, DeploymentState::Running, DeploymentState::Failed, DeploymentState::Done]
    {
        let deployment = Deployment {
            revision: revision.clone(),
            environment: "staging".to_owned(),
            state,
            summary: "words ".repeat(100),
            page: None,
        };
        for _ in 0..2 {
            forge.deploy(&deployment).await.expect("should be taken");
        }
    }
}

pub async fn nothing_was_sent_so_that_nothing_is_sent_again(stage: &dyn Stage) {
    let since = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(1));
    let again = stage.forge().redeliver(since.expect("should be a time")).await;
    assert_eq!(again.expect("should be taken"), 0);
}

pub async fn who_approves_is_told_with_the_head_that_was_looked_at(stage: &dyn Stage) {
    let forge = stage.forge();
    let head = stage.push("change");
    let (title, text) = ("A change".to_owned(), String::new());
    let new = NewPull { title, text, branch: "change".to_owned(), base: "main".to_owned() };
    let number = forge.open(&new).await.expect("should be taken");
    let approvals = async || forge.approvals(number).await.expect("should list");
    assert!(approvals().await.is_empty());
    stage.approve(number);
    let first = approvals().await;
    let told: Vec<_> = first.iter().map(|one| (&one.by, one.head.as_ref())).collect();
    assert_eq!(told, [(&stage.people().writer, Some(&head))]);
    // A newer head was looked at by nobody yet.
    let newer = stage.push("change");
    assert_eq!(approvals().await, first);
    stage.approve(number);
    let second = approvals().await;
    assert_eq!((second.len(), second[0].head.as_ref()), (1, Some(&newer)));
    assert_ne!(second[0].review, first[0].review, "it is another word");
    forge.dismiss_approvals(number, "it is another one now").await.expect("should be taken");
    assert!(approvals().await.is_empty());
}

pub async fn approvals_are_taken_back(stage: &dyn Stage) {
    let forge = stage.forge();
    stage.push("promote/staging");
    let (title, text) = ("Promote to staging".to_owned(), "what it brings".to_owned());
    let new = NewPull { title, text, branch: "promote/staging".to_owned(), base: "main".to_owned() };
    let number = forge.open(&new).await.expect("should be taken");
    let dismissed =
        async || forge.dismiss_approvals(number, "it is another one now").await.expect("should be taken");
    assert_eq!(dismissed().await, 0);
    stage.approve(number);
    assert_eq!(dismissed().await, 1);
    assert_eq!(dismissed().await, 0, "once is enough");
}

/// One test per case; `$fresh` gives a stage with a repository of its own, or none where it must be skipped.
#[macro_export]
macro_rules! forge_contract {
    ($fresh:path) => {
        $crate::forge_contract!($fresh:
            who_we_are_and_what_we_may_is_known, a_wrong_token_is_told_and_not_shown,
            pull_requests_are_told_as_they_are, however_it_is_merged_the_commit_is_known,
            the_last_word_of_a_check_counts, texts_are_as_long_as_forges_take, comments_are_edited_in_place,
            pull_requests_of_ours_are_opened_amended_and_closed,
            who_approves_is_told_with_the_head_that_was_looked_at, approvals_are_taken_back, branches_of_ours_are_written_file_by_file,
            what_was_deployed_is_told_as_often_as_one_likes, nothing_was_sent_so_that_nothing_is_sent_again);
    };
    ($fresh:path: $($case:ident),+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let Some(stage) = $fresh() else { return };
                $crate::contract::forge::$case(&stage).await;
            }
        )+
    };
}
