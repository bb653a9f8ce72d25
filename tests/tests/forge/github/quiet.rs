//! How little is written on the forge: nothing twice, nothing that is refused, and nothing where it does not belong.

use naksha_tests::github::{Asked, Failure};
use naksha_tests::{await_patiently, await_true};

use super::site::{CHECKS, FILE, STAGING, Site, TEMPLATE, staging};

/// What GitHub takes in a minute of what makes content (GitHub, "About secondary rate limits").
const A_MINUTE: usize = 80;
/// Together they ask for more than that.
const MANY: usize = 9;

#[test]
fn a_restart_with_nothing_new_writes_nothing() {
    let Some(site) = Site::with(&[]) else { return };
    let daemon = site.begin();
    let merged = site.propose("more", "replicas: 2", "replicas: 3");
    let commit = site.merge(merged, "squash");
    daemon.await_applied("dev", &commit);
    await_true("it to be told to the end", || site.told("told what became of it", merged) > 0);
    let open = site.propose("many", "replicas: 3", "replicas: 4");
    await_true("the report to be over", || site.told("reported", open) > 0);

    let (before, reports) = (site.writes().len(), site.told("reported", open));
    daemon.kill();
    let _daemon = site.installation.start();
    await_true("it to be looked at anew", || site.told("reported", open) > reports);
    let after = site.writes();
    assert!(after.len() == before, "{:#?}", &after[before..]);
}

#[test]
fn that_it_is_planned_is_said_once_of_a_head() {
    let Some(site) = Site::with(&[]) else { return };
    let _daemon = site.begin();
    site.forged.github.fail_next(2, "POST", "/comments", Failure::Refused(502));
    let (number, head) = site.open("more", FILE, "replicas: 2", "replicas: 3");
    site.await_comment(number, &head);
    site.await_whole(&head);
    let writes = site.writes();
    let of_checks = || writes.iter().filter(|asked| asked.path.contains("/check-runs"));
    assert_eq!(of_checks().filter(|asked| asked.body["status"] == "in_progress").count(), 1);
    assert_eq!(of_checks().count(), CHECKS + 1, "each once, and the one that said so");
}

#[test]
fn many_at_once_are_told_and_none_of_it_is_refused() {
    let Some(site) = Site::with(&[]) else { return };
    let (_daemon, github) = (site.begin(), &site.forged.github);
    github.limit_content(Some(A_MINUTE));
    let open = |at: usize| site.open(&format!("more-{at}"), FILE, "replicas: 2", &format!("replicas: 3{at}"));
    let heads: Vec<_> = (0..MANY).map(|at| open(at).1).collect();
    let is_told = |head: &String| {
        github.check_runs(head).iter().any(|run| run["name"] == "naksha" && run["conclusion"] == "success")
    };
    await_patiently("all of them to be told", || heads.iter().all(is_told));
    let makes_content = |asked: &&Asked| {
        asked.method == "POST" && (asked.path.ends_with("/check-runs") || asked.path.ends_with("/comments"))
    };
    let made = site.writes().iter().filter(makes_content).count();
    assert!(made > A_MINUTE, "it was a matter of pace: {made}");
    let refused: Vec<_> =
        github.asked().into_iter().filter(|asked| matches!(asked.status, Some(403 | 429))).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn what_is_left_of_the_budget_is_measured() {
    let Some(site) = Site::with(&[]) else { return };
    let _daemon = site.begin();
    site.propose("more", "replicas: 2", "replicas: 3");
    let name = "naksha_forge_requests_left{repository=\"infra\"} ";
    let left = || site.installation.metric(name).unwrap_or_default();
    await_true("the budget to be told", || left() > 0.0);
    assert!(left() < 5_000.0, "something was asked for");
    let failing = "naksha_forge_failing{repository=\"infra\",about=\"pull requests\"} ";
    assert_eq!(site.installation.metric(failing), Some(0.0));
}

/// Whether a write leaves Git alone, or is about the one file on the branch that is ours.
fn is_where_it_belongs(asked: &Asked) -> bool {
    let Asked { method, path, body, .. } = asked;
    if path.ends_with("/git/refs") {
        return method == "POST" && body["ref"] == "refs/heads/promote/staging";
    }
    if path.contains("/git/") {
        return method == "DELETE" && path.ends_with("/git/refs/heads/promote/staging");
    }
    if path.contains("/contents/") {
        let is_lock = path.ends_with("/contents/environments/staging/lock.yaml");
        return method == "PUT" && is_lock && body["branch"] == "promote/staging";
    }
    !path.contains(".git/")
}

#[test]
fn what_promotes_by_itself_writes_one_file_on_one_branch() {
    let Some(site) = Site::with(&[(STAGING, &staging("{soak: 0s, autoMerge: true}"))]) else { return };
    let daemon = site.begin();
    let await_staging = |source: &str| {
        daemon.await_status("staging", "promoted by itself", |status| {
            status["applied"] == source && status["state"] == "synced"
        });
    };
    await_staging(&site.forged.github.head("main").unwrap());
    // Once more, where there is a lock and what is left of the branch.
    let (number, head) = site.open("hand", TEMPLATE, "`@everybody` <b>", "another");
    site.await_check(&head, "naksha", "success");
    await_staging(&site.merge(number, "squash"));

    let writes = site.writes();
    let locks = writes.iter().filter(|asked| asked.path.contains("/contents/")).count();
    assert!(locks >= 2, "each is a commit: {locks}");
    let strange: Vec<_> = writes.iter().filter(|asked| !is_where_it_belongs(asked)).collect();
    assert!(strange.is_empty(), "{strange:#?}");
}
