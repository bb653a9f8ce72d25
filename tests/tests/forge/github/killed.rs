//! SIGKILL between any two writes on the forge: started again, the daemon ends where it would have ended, and nothing is there twice.

use naksha_tests::{await_true, must};
use serde_json::Value;

use super::site::{FILE, STAGING, Site, staging};

/// Writes that the report on one head takes, at least.
const WRITES: usize = 9;

/// Whether everything is said of a head.
fn is_reported(site: &Site, head: &str) -> bool {
    let all = must(site.forged.statuses(head));
    all.iter().any(|(name, state, _)| name == "naksha" && state == "success")
}

/// One comment, each check with its conclusion; and merged, it is applied and deployed once.
fn check_that_all_is_there_once(site: &Site, number: u64, head: &str) {
    site.await_comment(number, head);
    site.await_whole(head);
    let us = site.forged.github.app_login();
    let said = || must(site.forged.comments(number)).into_iter().filter(|(author, _)| *author == us).count();
    assert_eq!(said(), 1);
    let commit = site.merge(number, "squash");
    await_true("it to be told to the end", || site.told("told what became of it", number) > 0);
    assert_eq!(said(), 1, "nobody was called");
    let applies = site.history("dev", &commit).into_iter().filter(|entry| !entry["apply"].is_null());
    let applies: Vec<_> =
        applies.map(|entry| (entry["decision"].clone(), entry["outcome"].clone())).collect();
    let once = (Value::from("apply"), Value::from("succeeded"));
    assert_eq!(applies, [once]);
    let deployments = site.forged.github.deployments().into_iter().filter(|(_, of, _)| *of == commit);
    let deployments: Vec<_> =
        deployments.map(|(environment, _, states)| (environment, states.last().cloned())).collect();
    assert_eq!(deployments, [("dev".to_owned(), Some("success".to_owned()))]);
}

#[test]
fn a_report_that_was_cut_short_anywhere_becomes_whole() {
    let Some(site) = Site::with(&[]) else { return };
    let (mut daemon, github) = (site.begin(), &site.forged.github);
    site.ask_often();
    let mut writes = 0;
    loop {
        let (from, to) = (format!("replicas: {}", 2 + writes), format!("replicas: {}", 3 + writes));
        github.hold_after(writes);
        let (number, head) = site.open(&format!("more-{writes}"), FILE, &from, &to);
        await_true("a write that waits, or none any more", || {
            github.is_holding() || is_reported(&site, &head)
        });
        let is_cut_short = github.is_holding();
        if is_cut_short {
            daemon.kill();
            github.let_go();
            daemon = site.installation.start();
        }
        github.let_go();
        check_that_all_is_there_once(&site, number, &head);
        if !is_cut_short {
            break;
        }
        writes += 1;
    }
    assert!(writes >= WRITES, "cut short {writes} times");
    daemon.kill();
}

#[test]
fn a_promotion_that_was_cut_short_anywhere_is_proposed_once() {
    // The branch, the commit on it, the pull request, and the first word about that.
    for writes in 0..4 {
        let Some(site) = Site::with(&[(STAGING, &staging("{soak: 0s}"))]) else { return };
        let github = &site.forged.github;
        github.hold_after(writes);
        let daemon = site.begin();
        let source = github.head("main").unwrap();
        await_true("a write that waits", || github.is_holding());
        daemon.kill();
        github.let_go();
        let daemon = site.installation.start();
        let proposed = || {
            let open = must(site.forged.open_pulls()).into_iter();
            open.filter(|(_, branch, _)| branch == "promote/staging").collect::<Vec<_>>()
        };
        await_true("it to be proposed", || !proposed().is_empty());
        let (number, _, title) = proposed().remove(0);
        assert_eq!(title, format!("Promote {} to staging", &source[..10]));
        let head = github.head("promote/staging").unwrap();
        site.await_comment(number, &head);
        site.await_check(&head, "naksha", "success");
        assert_eq!(proposed().len(), 1, "after {writes} writes");
        site.merge(number, "squash");
        daemon.await_status("staging", "promoted", |status| {
            status["applied"] == source.as_str() && status["state"] == "synced"
        });
        let opened = site
            .writes()
            .into_iter()
            .filter(|asked| asked.method == "POST" && asked.path.ends_with("/pulls"));
        assert_eq!(opened.count(), 1, "after {writes} writes");
    }
}

#[test]
fn a_command_whose_answer_was_cut_short_is_carried_out_once() {
    let Some(site) = Site::with(&[]) else { return };
    let (daemon, github, writer) = (site.begin(), &site.forged.github, &site.forged.writer);
    let number = site.propose("more", "replicas: 2", "replicas: 3");
    await_true("the report to be over", || site.told("reported", number) > 0);
    github.hold_after(0);
    must(site.forged.say(writer, number, "/naksha suspend dev"));
    await_true("an answer that waits", || github.is_holding());
    daemon.kill();
    github.let_go();
    let daemon = site.installation.start();
    daemon.await_state("dev", "suspended");
    site.run(&["resume", "dev"]);
    // What was said before is heard by the time that this is answered.
    must(site.forged.say(writer, number, "/naksha explain NK0101"));
    site.await_said(number, "an answer", |text| text.contains("# NK0101"));
    daemon.await_state("dev", "synced");
    assert_eq!((site.happened("dev", "Suspended"), site.happened("dev", "Resumed")), (1, 1));
}
