//! A person's word about a plan: taken where it lifts something, refused where it cannot.

use naksha_tests::{DaemonProcess, Installation};
use serde_json::Value;

use crate::{REPOSITORY, running};

const FEW_REPLICAS: &str = "apiVersion: naksha.dev/v1alpha1
kind: Policy
metadata: {name: few-replicas}
spec:
  match: {kinds: [Deployment]}
  rule: object.spec.replicas <= 4
  message: more than four replicas
  fix: ask for four or fewer
  severity: error
";

const ENVIRONMENT: &str = "environments/dev/environment.yaml";

/// A running shop with a policy of its own.
fn judged() -> (Installation, DaemonProcess) {
    let (shop, daemon) = running();
    shop.repository.write("policies/few-replicas.yaml", FEW_REPLICAS);
    let commit = shop.repository.commit("a policy");
    daemon.await_applied("dev", &commit);
    (shop, daemon)
}

fn plan_of(status: &Value) -> String {
    status["plan"].as_str().expect("should have a plan").to_owned()
}

/// Acknowledges in vain: what the program says about it.
fn refused(shop: &Installation, plan: &str) -> String {
    let printed = shop.program.run(shop.root(), &["ack", plan, "--reason", "fine"]).expect_code(2);
    assert!(printed.err.contains("error[NK0916]"), "{}", printed.err);
    assert_eq!(printed.out, "");
    printed.err
}

#[test]
fn a_finding_is_not_acknowledged_away() {
    let (shop, daemon) = judged();
    shop.repository.edit(ENVIRONMENT, "replicas: 2", "replicas: 9").commit("nine");
    let plan = plan_of(&daemon.await_state("dev", "held"));
    let said = refused(&shop, &plan);
    assert!(said.contains("more than four replicas"), "{said}");
    assert!(said.contains("hint: ask for four or fewer; or waive it"), "{said}");
    // A policy that cannot be read may forbid anything.
    shop.repository.edit("policies/few-replicas.yaml", "rule:", "ruel:").commit("a slip");
    let held = daemon.await_status("dev", "held by the slip", |status| {
        status["why"].to_string().contains("cannot be read, so that what it forbids")
    });
    let said = refused(&shop, &plan_of(&held));
    assert!(said.contains("hint: mend its definition; `naksha check`"), "{said}");
}

#[test]
fn a_closed_window_is_not_acknowledged_away() {
    let (shop, daemon) = running();
    // New Year's Eve at midnight, for a minute.
    let window = "  windows: [{kind: allow, schedule: \"0 0 31 12 *\", duration: 1m}]\n  units:";
    shop.repository.edit(ENVIRONMENT, "  units:", window);
    shop.repository.edit(ENVIRONMENT, "replicas: 2", "replicas: 3").commit("three, once a year");
    let plan = plan_of(&daemon.await_state("dev", "waiting"));
    let said = refused(&shop, &plan);
    assert!(said.contains("no allow window is open"), "{said}");
    assert!(said.contains("hint: it goes ahead by itself at 20"), "{said}");
}

#[test]
fn what_waits_for_windows_that_never_open_is_told_no_date() {
    let (shop, daemon) = running();
    let window = "  windows: [{kind: deny, schedule: \"* * * * *\", duration: 2h}]\n  units:";
    shop.repository.edit(ENVIRONMENT, "  units:", window);
    shop.repository.edit(ENVIRONMENT, "replicas: 2", "replicas: 3").commit("never");
    let waiting = daemon.await_state("dev", "waiting");
    assert!(waiting["until"].is_null(), "{waiting}");
    let printed = shop.program.run(shop.root(), &["status", "dev"]).expect_code(0).out;
    assert!(printed.contains("nothing opens again") && !printed.contains("until "), "{printed}");
    let plan = plan_of(&waiting);
    let shown = shop.program.run(shop.root(), &["show", &plan]).expect_code(0).out;
    assert!(shown.contains("Waits, since 20"), "{shown}");
    let said = refused(&shop, &plan);
    assert!(said.contains("hint: `windows` in environment.yaml rule that"), "{said}");
}

#[test]
fn a_word_that_lifts_a_part_says_what_remains() {
    let (shop, daemon) = judged();
    shop.repository.edit(ENVIRONMENT, "replicas: 2", "replicas: 9");
    shop.repository.edit(ENVIRONMENT, "[web, settings]", "[web]").commit("nine, and no settings");
    let held = daemon.await_state("dev", "held");
    let plan = plan_of(&held);
    assert_eq!(held["holds"].as_array().unwrap().len(), 2, "{held}");
    let ack = ["ack", plan.as_str(), "--reason", "they moved", "--format", "json"];
    let done = shop.program.run(shop.root(), &ack).expect_code(0).json();
    let remains = done["remains"].as_array().unwrap();
    assert_eq!((remains.len(), &remains[0]["kind"]), (1, &"policy".into()), "{done}");
    assert!(done["message"].as_str().unwrap().contains("holds it all the same"), "{done}");
    // The second word adds nothing.
    assert!(refused(&shop, &plan).contains("it is acknowledged already, by uid:"));
    shop.repository.write(
        "naksha.yaml",
        &format!(
            "{REPOSITORY}  policies:\n    waivers: [{{rule: few-replicas, subject: Deployment shop/web, reason: a fair, expires: 2999-01-01}}]\n"
        ),
    );
    let commit = shop.repository.commit("a waiver");
    daemon.await_applied("dev", &commit);
}

#[test]
fn a_suspended_environment_takes_the_word_and_says_that_it_is_suspended() {
    let (shop, daemon) = running();
    shop.repository.edit(ENVIRONMENT, "[web, settings]", "[web]").commit("no settings");
    let plan = plan_of(&daemon.await_state("dev", "held"));
    shop.program.run(shop.root(), &["suspend", "dev", "--reason", "a look"]).expect_code(0);
    let printed = shop.program.run(shop.root(), &["ack", &plan, "--reason", "they moved"]).expect_code(0).out;
    assert!(
        printed.contains("is suspended by") && printed.contains("= `naksha resume infra/dev`"),
        "{printed}"
    );
    shop.program.run(shop.root(), &["resume", "dev"]).expect_code(0);
    daemon.await_applied("dev", &shop.repository.head());
}

#[test]
fn resume_says_what_it_lifted_and_when_there_was_nothing() {
    let (shop, daemon) = running();
    let resume =
        || shop.program.run(shop.root(), &["resume", "dev", "--format", "json"]).expect_code(0).json();
    let nothing = resume();
    assert_eq!(nothing["lifted"], Value::Array(Vec::new()), "{nothing}");
    assert_eq!(nothing["message"], "there was nothing to resume: it is synced");
    shop.program.run(shop.root(), &["suspend", "dev", "--reason", "a look"]).expect_code(0);
    let lifted = resume();
    assert_eq!(lifted["lifted"], Value::from(vec!["suspension"]), "{lifted}");
    assert!(lifted["message"].as_str().unwrap().ends_with("is lifted (a look)"), "{lifted}");
    shop.repository.edit(ENVIRONMENT, "replicas: 2", "replicas: 3");
    daemon.await_applied("dev", &shop.repository.commit("three"));
    shop.repository.edit(ENVIRONMENT, "replicas: 3", "replicas: 4").amend("four, rewritten");
    daemon.await_state("dev", "held");
    let lifted = resume();
    assert_eq!(lifted["lifted"], Value::from(vec!["history"]), "{lifted}");
    assert_eq!(lifted["message"], "resumed: the rewritten history of `main` is accepted");
    daemon.await_applied("dev", &shop.repository.head());
    // What holds it is told, and what lifts that.
    shop.repository.edit(ENVIRONMENT, "[web, settings]", "[web]").commit("no settings");
    daemon.await_state("dev", "held");
    let nothing = resume();
    assert!(nothing["message"].as_str().unwrap().contains("it is held (guard-prune-unit"), "{nothing}");
}
