//! What people do through the daemon: what they see is what they did, and slips are refused.

use naksha_tests::Installation;

use crate::{STAGING, shop};

fn state(shop: &Installation) -> String {
    let status = shop.program.run(shop.root(), &["status", "dev", "--format", "json"]).expect_code(0).json();
    status[0]["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_status_says_what_was_just_commanded() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    for _ in 0..5 {
        shop.program.run(shop.root(), &["suspend", "dev", "--reason", "a look"]).expect_code(0);
        assert_eq!(state(&shop), "suspended");
        shop.program.run(shop.root(), &["resume", "dev"]).expect_code(0);
        assert_ne!(state(&shop), "suspended");
    }
    daemon.await_state("dev", "synced");
}

#[test]
fn an_environment_without_anything_to_apply_can_be_suspended_too() {
    let shop = shop();
    shop.repository.write("environments/staging/environment.yaml", STAGING).commit("staging");
    let daemon = shop.start();
    daemon.await_state("staging", "not-promoted");
    shop.program.run(shop.root(), &["suspend", "staging", "--reason", "not yet"]).expect_code(0);
    let status = daemon.await_status("staging", "looked at", |_| true);
    assert_eq!(status["state"], "suspended", "{status}");
    let why = status["why"].to_string();
    assert!(why.contains("not yet") && why.contains("lock.yaml"), "{status}");
}

#[test]
fn a_reason_must_tell_something() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    for command in [["suspend", "dev"], ["ack", "0123456789abcdef"]] {
        let printed =
            shop.program.run(shop.root(), &[&command[..], &["--reason", " \t"]].concat()).expect_code(2);
        assert!(printed.err.contains("say why"), "{}", printed.err);
    }
    assert_eq!(state(&shop), "synced");
}

#[test]
fn waiting_ends_when_everything_is_synced() {
    let shop = shop();
    let daemon = shop.start();
    let printed = shop.program.run(shop.root(), &["status", "--wait", "60"]).expect_code(0);
    assert!(printed.out.contains("synced"), "{}", printed.out);
    shop.program
        .run(shop.root(), &["status", "dev", "--wait", "60", "--format", "json"])
        .expect_code(0)
        .json();
    drop(daemon);
}

#[test]
fn waiting_ends_at_once_when_somebody_must_act() {
    let shop = shop();
    shop.repository.write("environments/staging/environment.yaml", STAGING).commit("staging");
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    daemon.await_state("staging", "not-promoted");
    let started = std::time::Instant::now();
    let printed = shop.program.run(shop.root(), &["status", "--wait", "600"]).expect_code(1);
    assert!(printed.err.contains("infra/staging is not-promoted"), "{}", printed.err);
    shop.program.run(shop.root(), &["status", "dev", "--wait", "600"]).expect_code(0);
    shop.program.run(shop.root(), &["suspend", "dev", "--reason", "a look"]).expect_code(0);
    let printed = shop.program.run(shop.root(), &["status", "dev", "--wait", "600"]).expect_code(1);
    assert!(printed.err.contains("suspended by") && printed.err.contains("a look"), "{}", printed.err);
    assert!(started.elapsed() < std::time::Duration::from_mins(1), "took {:?}", started.elapsed());
}

#[test]
fn waiting_without_a_daemon_or_in_vain_has_an_end() {
    let shop = shop();
    let printed = shop.program.run(shop.root(), &["status", "--wait", "0"]).expect_code(2);
    assert!(printed.err.contains("NK0905"), "{}", printed.err);
    shop.repository.edit("units/web/web.yaml.tera", "variables.replicas", "variables.replica");
    shop.repository.commit("a slip");
    let daemon = shop.start();
    daemon.await_state("dev", "degraded");
    let printed = shop.program.run(shop.root(), &["status", "--wait", "0"]).expect_code(1);
    assert!(printed.err.contains("the time is up"), "{}", printed.err);
}

/// Waits, in the repository, for what is checked out there.
fn wait_for_head(shop: &Installation, seconds: &str) -> naksha_tests::program::Printed {
    let wait = ["status", "--wait", seconds, "--revision", "HEAD", "--format", "json"];
    shop.program.run(shop.repository.folder(), &wait)
}

#[test]
fn a_revision_that_is_waited_for_is_what_was_applied() {
    let shop = shop();
    let _daemon = shop.start();
    for replicas in 3..8 {
        let (from, to) = (format!("replicas: {}", replicas - 1), format!("replicas: {replicas}"));
        shop.repository.edit("environments/dev/environment.yaml", &from, &to);
        let commit = shop.repository.commit("more");
        // At once: the daemon may not have seen the commit, and be synced with the one before.
        let status = wait_for_head(&shop, "60").expect_code(0).json();
        assert_eq!(
            (&status[0]["applied"], &status[0]["appliedControl"]),
            (&commit.as_str().into(), &commit.as_str().into()),
            "{status}"
        );
    }
}

#[test]
fn what_is_held_at_an_older_commit_does_not_end_the_waiting() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    shop.repository
        .edit("environments/dev/environment.yaml", "[web, settings]", "[web]")
        .commit("no settings");
    let printed = wait_for_head(&shop, "60").expect_code(1);
    assert!(printed.err.contains("is held, and waiting does not change that"), "{}", printed.err);
    let commit = shop.repository.revert();
    let status = wait_for_head(&shop, "60").expect_code(0).json();
    assert_eq!(status[0]["applied"], commit.as_str(), "{status}");
    // A commit that is not on the trunk is never applied, whatever is synced.
    shop.repository.branch("side").commit("beside");
    let printed = wait_for_head(&shop, "0").expect_code(1);
    assert!(
        printed.err.contains("which does not hold") && printed.err.contains("(`HEAD`)"),
        "{}",
        printed.err
    );
    let wait = ["status", "--wait", "0", "--revision", "HEAD"];
    let printed = shop.program.run(shop.root(), &wait).expect_code(2);
    assert!(
        printed.err.contains("is looked for in the repository of the working directory"),
        "{}",
        printed.err
    );
}

/// An environment whose lifecycle ends; what it says then.
fn ended(lifecycle: &str) -> (Installation, naksha_tests::DaemonProcess, serde_json::Value) {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    shop.repository.edit(
        "environments/dev/environment.yaml",
        "spec:",
        &format!("spec:\n  lifecycle: {lifecycle}"),
    );
    let commit = shop.repository.commit("the end");
    let status = daemon.await_status("dev", "held or ended", |status| {
        let settled = ["held", "destroyed", "disowned"].iter().any(|state| status["state"] == *state);
        status["control"] == commit && settled
    });
    if status["state"] == "held" {
        let plan = status["plan"].as_str().unwrap_or_default();
        shop.program.run(shop.root(), &["ack", plan, "--reason", "it is over"]).expect_code(0);
    }
    let status = daemon.await_status("dev", "ended", |status| {
        ["destroyed", "disowned"].iter().any(|state| status["state"] == *state)
    });
    (shop, daemon, status)
}

#[test]
fn a_destroyed_environment_says_so() {
    let (shop, daemon, status) = ended("destroy");
    assert_eq!(status["state"], "destroyed", "{status}");
    let why = status["why"].to_string();
    assert!(why.contains("nothing is owned any more; remove the environment's file"), "{status}");
    assert_eq!(
        (&status["objects"], status["units"].as_array().map(Vec::len)),
        (&0.into(), Some(0)),
        "{status}"
    );
    assert!(shop.objects("dev").is_empty());
    shop.program.run(shop.root(), &["status", "--wait", "60"]).expect_code(0);
    // It says the same after another pass, and after a restart.
    shop.program.run(shop.root(), &["sync"]).expect_code(0);
    assert_eq!(daemon.stop(), Some(0));
    let daemon = shop.start();
    daemon.await_state("dev", "destroyed");
}

#[test]
fn a_disowned_environment_says_so_and_leaves_everything() {
    let (shop, _daemon, status) = ended("disown");
    assert_eq!((&status["state"], &status["objects"]), (&"disowned".into(), &0.into()), "{status}");
    assert!(status["why"].to_string().contains("its objects stay"), "{status}");
    assert_eq!(shop.objects("dev").len(), 2);
}

#[test]
fn an_environment_whose_definition_is_gone_can_be_forgotten() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    let early = shop.program.run(shop.root(), &["forget", "dev", "--reason", "a slip"]).expect_code(2);
    assert!(
        early.err.contains("error[NK0913]") && early.err.contains("infra/dev is synced"),
        "{}",
        early.err
    );
    let before = shop.objects("dev");
    let definition = shop.repository.read("environments/dev/environment.yaml");
    shop.repository.remove("environments/dev/environment.yaml").commit("gone");
    let status = daemon.await_state("dev", "orphaned");
    assert!(status["why"].to_string().contains("naksha forget dev"), "{status}");
    let asked = ["forget", "dev", "--reason", "moved to another repository", "--format", "json"];
    let forgotten = shop.program.run(shop.root(), &asked).expect_code(0).json();
    assert_eq!(forgotten["scope"], "infra/dev");
    assert_eq!(forgotten["left"].as_array().unwrap().len(), 2, "{forgotten}");
    assert!(forgotten["left"].to_string().contains("ConfigMap shop/settings"), "{forgotten}");
    assert_eq!(shop.objects("dev"), before, "what it owned is left as it is");
    let printed = shop.program.run(shop.root(), &["status"]).expect_code(0).out;
    assert!(printed.trim().ends_with("no environments"), "{printed}");
    naksha_tests::await_true("the status file to be without it", || {
        let text = std::fs::read_to_string(shop.root().join("status.json")).unwrap_or_default();
        serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|all| all.get("infra/dev").is_none())
    });
    // Not after a restart either.
    assert_eq!(daemon.stop(), Some(0));
    let daemon = shop.start();
    shop.program.run(shop.root(), &["forget", "dev", "--reason", "again"]).expect_code(2);
    // Defined again, it begins anew: what is there is somebody else's, and not taken over unasked.
    shop.repository.write("environments/dev/environment.yaml", &definition).commit("back");
    let held = daemon.await_state("dev", "held");
    assert!(held["why"].to_string().contains("takes over"), "{held}");
    assert_eq!(shop.objects("dev"), before);
}

#[test]
fn an_environment_that_is_broken_is_not_forgotten() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    shop.repository.edit("environments/dev/environment.yaml", "units:", "unitz:");
    shop.repository.commit("a slip");
    daemon.await_state("dev", "broken");
    let refused = shop.program.run(shop.root(), &["forget", "dev", "--reason", "a slip"]).expect_code(2);
    assert!(refused.err.contains("infra/dev is broken"), "{}", refused.err);
    daemon.await_status("dev", "still owning", |status| status["objects"] == 2);
}
