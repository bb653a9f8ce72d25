//! What GitHub alone does, and what the adapter makes of it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use naksha_environments::ids::Revision;
use naksha_executor::contract::forge::Stage as _;
use naksha_executor::port::forge::{
    Annotation, Check, CheckState, Deployment, DeploymentState, ForgeError, Login, Permission, PullNumber,
    PullState, SharedForge,
};
use naksha_tests::github::{AppKey, Failure, GitHub, Queued};
use naksha_tests::{await_true, must};

use crate::github_stage::{GitHubStage, as_app, as_token};

fn check(name: &str, state: CheckState, summary: &str) -> Check {
    Check { name: name.to_owned(), state, summary: summary.to_owned(), text: None, annotations: Vec::new() }
}

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
async fn an_app_keeps_one_token_and_makes_it_anew() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    let made = || github.count("POST", "/access_tokens");
    let all = futures::future::join_all((0..10).map(|_| forge.hosted())).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(made(), 1, "one token for all");
    github.expire_tokens();
    forge.hosted().await.expect("should be known again");
    assert_eq!(made(), 2);

    // One that ends within minutes is not used any more.
    github.expire_tokens();
    github.token_life(SignedDuration::from_mins(4));
    forge.hosted().await.expect("should be known again");
    forge.hosted().await.expect("should be known again");
    assert!(made() >= 4, "{}", made());

    github.uninstall();
    let gone = forge.hosted().await.expect_err("should be unknown");
    assert!(matches!(gone, ForgeError::Missing(_)) && gone.to_string().contains("installation"), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_has_two_names_and_a_key_that_may_be_replaced() {
    let Some(stage) = as_app() else { return };
    let github = &stage.forged.github;
    let forge = stage.app(github.app_ids().1, AppKey::First);
    assert_eq!(forge.whoami().await.expect("should say"), Login::new(&github.app_login()));
    github.replace_app_key();
    github.expire_tokens();
    let refused = forge.hosted().await.expect_err("should not be known");
    assert!(matches!(refused, ForgeError::Denied(_)), "{refused:?}");
    // The file is read again.
    must(stage.forged.key_file(stage.folder(), AppKey::Second));
    forge.hosted().await.expect("should be known by the new key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_app_may_not_is_told() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    assert!(forge.hosted().await.expect("should say").writable);
    github.permit("checks", None);
    github.expire_tokens();
    assert!(!forge.hosted().await.expect("should say").writable);
    let head = stage.push("change");
    let refused =
        forge.report(&head, &check("naksha", CheckState::Passed, "fine")).await.expect_err("denied");
    assert!(matches!(&refused, ForgeError::Denied(words) if words.contains("integration")), "{refused:?}");

    let writer = &stage.people().writer;
    github.add_member("shop", "owners", writer.as_str(), true);
    github.add_member("shop", "guests", writer.as_str(), false);
    let is_member = async |team: &str| forge.is_member("shop", team, writer).await;
    assert_eq!(is_member("owners").await, Ok(true));
    assert_eq!(is_member("guests").await, Ok(false), "who was only asked is no member");
    github.permit("members", None);
    github.expire_tokens();
    let refused = is_member("owners").await.expect_err("nobody knows");
    assert!(matches!(refused, ForgeError::Denied(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_report_is_cut_to_what_a_check_run_takes() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    let head = stage.push("change");
    let annotation = |line| Annotation {
        path: "a.yaml".to_owned(),
        line,
        is_error: true,
        title: "t".repeat(300),
        message: "é".repeat(40_000),
    };
    let long = Check {
        text: Some(format!("```diff\n{}```\n", "+ ünïcode\n".repeat(30_000))),
        annotations: (1..=120).map(annotation).collect(),
        ..check("naksha/plan: dev", CheckState::Failed, &"ü".repeat(400))
    };
    forge.report(&head, &long).await.expect("should be taken");
    let runs = github.check_runs(head.as_str());
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(
        (runs[0]["status"].as_str(), runs[0]["conclusion"].as_str()),
        (Some("completed"), Some("failure"))
    );
    for field in ["summary", "text"] {
        let text = runs[0]["output"][field].as_str().unwrap();
        assert!(text.len() > GitHub::CHECK_TEXT / 2, "{field}: {}", text.len());
        assert_eq!(text.matches("```").count() % 2, 0, "{field}: a fence is closed");
    }
    let kept = github.annotations(runs[0]["id"].as_u64().unwrap());
    let lines: Vec<_> = kept.iter().map(|kept| kept["start_line"].as_u64().unwrap()).collect();
    assert_eq!(lines, (1..=120).collect::<Vec<_>>());

    // Annotations of a run stay with it: what has none any more is a new run, and the newest counts.
    forge.report(&head, &check("naksha/plan: dev", CheckState::Passed, "fine")).await.expect("taken");
    let newest = github.check_runs(head.as_str()).pop().unwrap();
    assert_eq!(
        (newest["conclusion"].as_str(), &newest["output"]["annotations_count"]),
        (Some("success"), &0.into())
    );
    let reported = forge.checks(&head).await.expect("should list");
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert_eq!((reported[0].state, reported[0].summary.as_str()), (CheckState::Passed, "fine"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_ends_even_where_its_text_is_refused() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    let head = stage.push("change");
    forge.report(&head, &check("naksha", CheckState::Running, "looking")).await.expect("should be taken");
    github.fail_next(1, "PATCH", "/check-runs/", Failure::Refused(422));
    let long = Check { text: Some("more".to_owned()), ..check("naksha", CheckState::Passed, "fine") };
    forge.report(&head, &long).await.expect("should end");
    let runs = github.check_runs(head.as_str());
    assert_eq!((runs.len(), runs[0]["conclusion"].as_str()), (1, Some("success")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_of_another_app_is_not_ours() {
    let Some(stage) = as_app() else { return };
    let (forge, us) = (stage.forge(), stage.people().bot);
    let head = stage.push("change");
    stage.forged.github.foreign_check(head.as_str(), "naksha", "success");
    forge.report(&head, &check("naksha", CheckState::Waits, "a person is asked")).await.expect("taken");
    stage.forge_check(&head, "naksha");
    let mut told: Vec<_> = forge.checks(&head).await.expect("should list").into_iter().collect();
    told.retain(|one| one.author.as_ref() == Some(&us));
    let states: Vec<_> = told.iter().map(|one| (one.name.as_str(), one.state)).collect();
    assert_eq!(states, [("naksha", CheckState::Waits)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_is_what_the_repository_allows() {
    for stage in [as_app(), as_token()].into_iter().flatten() {
        let (forge, github) = (stage.forge(), &stage.forged.github);
        github.allow_methods(&["squash"]);
        github.require(&["naksha"]);
        let heads = [stage.push("one"), stage.push("two"), stage.push("three/more")];
        let numbers = ["one", "two", "three/more"].map(|branch| stage.open(branch));
        let refused = merge(&forge, numbers[0], &heads[0]).await.expect_err("a check is missing");
        assert!(matches!(&refused, ForgeError::Invalid(words) if words.contains("naksha")), "{refused:?}");
        for head in &heads {
            forge.report(head, &check("naksha", CheckState::Passed, "fine")).await.expect("taken");
        }
        // Asked about before the base moves.
        for number in numbers {
            forge.pull(number).await.expect("should be there");
        }
        for (number, head) in numbers.iter().zip(&heads) {
            merge(&forge, *number, head).await.expect("should be merged");
            let pull = forge.pull(*number).await.expect("should be there");
            let main = github.head("main").map(|head| Revision::parse(&head).unwrap());
            assert_eq!(pull.state, PullState::Merged { commit: main });
        }
        assert_eq!(
            github.count("PUT", "/merge"),
            4 + transient(github),
            "no way is tried that is not allowed"
        );
    }
}

/// Merges that GitHub wanted to be asked for once more.
fn transient(github: &GitHub) -> usize {
    let asked = github.asked();
    asked.iter().filter(|asked| asked.path.ends_with("/merge") && asked.status == Some(405)).count() - 1
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
async fn what_did_not_change_costs_nothing() {
    let Some(stage) = as_token() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    stage.push("change");
    let number = stage.open("change");
    stage.say(number, "/naksha plan");
    let since = Timestamp::now() - SignedDuration::from_hours(1);
    let look = async || {
        let pulls = forge.open_pulls().await.expect("should list");
        (pulls, forge.comments_since(since).await.expect("should list"))
    };
    let first = look().await;
    let left = github.requests_left(stage.people().bot.as_str());
    assert_eq!(look().await, first);
    assert_eq!(github.requests_left(stage.people().bot.as_str()), left);
    let budget = forge.budget().expect("should be told");
    assert_eq!((budget.limit, budget.remaining), (5_000, left));
    stage.say(number, "/naksha plan");
    assert_eq!(look().await.1.len(), 2, "news are seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_much_is_waited_for() {
    let Some(stage) = as_token() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    stage.push("change");
    let number = stage.open("change");
    github.limit_content(Some(1));
    forge.comment(number, "one").await.expect("should be taken");
    let after = std::time::Duration::from_secs(60);
    assert_eq!(forge.comment(number, "two").await, Err(ForgeError::Throttled { after }));
    github.limit_requests(1);
    let refused = forge.hosted().await.expect_err("should be too much");
    assert!(matches!(refused, ForgeError::Throttled { after: pause } if pause > after), "{refused:?}");
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_that_moved_or_was_archived_is_told() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    stage.push("change");
    let number = stage.open("change");
    github.archive();
    let hosted = forge.hosted().await.expect("should say");
    assert_eq!((hosted.archived, hosted.writable), (true, false));
    let refused = forge.comment(number, "words").await.expect_err("should be refused");
    assert!(matches!(&refused, ForgeError::Denied(words) if words.contains("archived")), "{refused:?}");
    github.rename("platform");
    let moved = forge.hosted().await.expect_err("should be elsewhere");
    assert!(matches!(&moved, ForgeError::Missing(words) if words.contains("moved to")), "{moved:?}");
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
async fn a_deployment_is_told_once_and_its_states_as_they_come() {
    for stage in [as_app(), as_token()].into_iter().flatten() {
        let (forge, github) = (stage.forge(), &stage.forged.github);
        let head = stage.push("change");
        must(stage.forged.set_status(head.as_str(), "build", "failure"));
        // The trunk goes ahead: GitHub would merge it first if it were let.
        stage.push("ahead");
        stage.merge(stage.open("ahead"), naksha_executor::contract::forge::Merge::Squash);
        let deploy = async |revision: &Revision, state, page: Option<&str>| {
            let deployment = Deployment {
                revision: revision.clone(),
                environment: "staging".to_owned(),
                state,
                summary: "ü".repeat(200),
                page: page.map(str::to_owned),
            };
            forge.deploy(&deployment).await.expect("should be taken");
        };
        for state in [DeploymentState::Waits, DeploymentState::Running, DeploymentState::Done] {
            deploy(&head, state, Some("https://naksha.test/applies/1")).await;
            let sent = github.asked().iter().filter(|asked| asked.method == "POST").count();
            deploy(&head, state, Some("https://naksha.test/applies/1")).await;
            assert_eq!(github.asked().iter().filter(|asked| asked.method == "POST").count(), sent);
        }
        let main = Revision::parse(&github.head("main").unwrap()).unwrap();
        deploy(&main, DeploymentState::Done, None).await;
        let told = github.deployments();
        assert_eq!(told.len(), 2, "{told:?}");
        let (environment, sha, states) = &told[0];
        assert_eq!((environment.as_str(), sha.as_str()), ("staging", head.as_str()));
        assert_eq!(states[1..], ["in_progress", "success", "inactive"]);

        // Rolled back: what was replaced is there again.
        deploy(&head, DeploymentState::Done, None).await;
        let told = github.deployments();
        assert_eq!(
            told.last().map(|(_, sha, states)| (sha.as_str(), states.last().map(String::as_str))),
            Some((head.as_str(), Some("success")))
        );
        assert_eq!(told[1].2.last().map(String::as_str), Some("inactive"));
    }
}

/// Answers what comes with these, one after the other, and then with 202; how many came.
fn listener(answers: Vec<u16>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/webhooks/infra", listener.local_addr().unwrap());
    let (mut answers, came) = (answers.into_iter(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&came);
    // Ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut text = Vec::new();
            let mut chunk = vec![0; 65_536];
            while !is_whole(&text) {
                match stream.read(&mut chunk) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => text.extend_from_slice(&chunk[..read]),
                }
            }
            kept.lock().unwrap().push(String::from_utf8_lossy(&text).into_owned());
            let status = answers.next().unwrap_or(202);
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    (url, came)
}

fn is_whole(text: &[u8]) -> bool {
    let Some(end) = text.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    text.len() >= end + 4 + length.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_arrive_is_asked_for_again_once() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    let begin = Timestamp::now() - SignedDuration::from_mins(1);
    let (url, came) = listener(vec![503; 3]);
    github.hook(&url, "nobody-knows");
    // A push and a pull request, after the push with which everything began.
    stage.push("change");
    stage.open("change");
    let delivered = |count: usize, what: &str| {
        await_true(what, || github.deliveries().len() == count);
        github.deliveries().iter().filter(|(_, is_taken)| *is_taken).count()
    };
    assert_eq!(delivered(3, "three to be refused"), 0);
    assert_eq!(forge.redeliver(begin).await, Ok(3));
    assert_eq!(delivered(6, "three to be sent again"), 3);
    assert_eq!(forge.redeliver(begin).await, Ok(0), "all arrived");
    let came = came.lock().unwrap();
    let names = |name: &str| {
        let line = |text: &String| {
            let lines = text.lines().map(str::to_lowercase);
            lines.into_iter().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default()
        };
        let mut all: Vec<_> = came.iter().map(line).collect();
        all.sort();
        all
    };
    assert_eq!(names("x-github-event: "), ["pull_request", "pull_request", "push", "push", "push"]);
    let mut guids = names("x-github-delivery: ");
    guids.dedup();
    assert_eq!(guids.len(), 3, "the same again: {guids:?}");
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
async fn a_lost_answer_leaves_a_branch_that_can_be_written_again() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    let commit = naksha_executor::port::forge::FileCommit {
        branch: "promote/staging".to_owned(),
        from: Some("main".to_owned()),
        path: "environments/staging/lock.yaml".to_owned(),
        text: "source: a\n".to_owned(),
        message: "Promote".to_owned(),
    };
    github.fail_next(1, "PUT", "/contents/", Failure::Refused(502));
    let error = forge.commit(&commit).await.expect_err("should fail");
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(github.head("promote/staging"), None, "a branch without a commit of its own is in the way");
    forge.commit(&commit).await.expect("should be taken");

    // Done, though nobody heard of it: it must stay.
    github.fail_next(1, "PUT", "/contents/", Failure::AnswerLost);
    let commit = naksha_executor::port::forge::FileCommit { branch: "promote/prod".to_owned(), ..commit };
    forge.commit(&commit).await.expect_err("should fail");
    let head = github.head("promote/prod").expect("should be there");
    assert_eq!(must(github.file(&head, &commit.path)), commit.text.as_bytes());
}

impl GitHubStage {
    fn folder(&self) -> &std::path::Path {
        self.repository.folder().parent().expect("should be in a folder")
    }
}
