//! What `show` and `history` say of plans: the tense follows the facts, and times say their zone.

use naksha_tests::{DaemonProcess, Installation};
use serde_json::Value;

use crate::{history_of, running};

const ENVIRONMENT: &str = "environments/dev/environment.yaml";

/// What `naksha show` says of a plan: as text, and as JSON.
fn shown(shop: &Installation, plan: &str) -> (String, Value) {
    let text = shop.program.run(shop.root(), &["show", plan]).expect_code(0).out;
    let json = shop.program.run(shop.root(), &["show", plan, "--format", "json"]).expect_code(0).json();
    (text, json)
}

/// A shop that no longer lists a unit: its plan waits for a person.
fn held() -> (Installation, DaemonProcess, String) {
    let (shop, daemon) = running();
    shop.repository.edit(ENVIRONMENT, "[web, settings]", "[web]").commit("no settings");
    let held = daemon.await_state("dev", "held");
    let plan = held["plan"].as_str().expect("should have a plan").to_owned();
    (shop, daemon, plan)
}

#[test]
fn what_was_applied_is_told_in_the_past() {
    let (shop, _daemon) = running();
    let newest = history_of(&shop)["entries"][0].clone();
    let (text, json) = shown(&shop, newest["plan"].as_str().unwrap());
    assert_eq!(
        (&json["fate"], &json["apply"]["outcome"]),
        (&"applied".into(), &"succeeded".into()),
        "{json}"
    );
    assert_eq!(json["apply"]["id"], newest["apply"], "{json}");
    assert!(text.contains(&format!("\nApplied: apply {}, 20", newest["apply"])), "{text}");
    assert!(text.contains("2 steps\n") && !text.contains("Will be applied"), "{text}");
}

#[test]
fn what_waits_is_held_until_it_is_dropped() {
    let (shop, daemon, plan) = held();
    let (text, json) = shown(&shop, &plan);
    assert_eq!(json["fate"], "held", "{json}");
    assert!(text.contains("\nHeld since 20") && text.contains("= `naksha ack"), "{text}");
    daemon.await_applied("dev", &shop.repository.revert());
    let (text, json) = shown(&shop, &plan);
    assert_eq!((&json["fate"], json.get("apply")), (&"dropped".into(), None), "{json}");
    assert!(text.contains("\nNever applied: planned at 20") && !text.contains("= `naksha ack"), "{text}");
    let page = shop.program.run(shop.root(), &["show", &plan, "--format", "markdown"]).expect_code(0).out;
    assert!(page.starts_with("Never applied: ") && !page.contains("is held"), "{page}");
}

#[test]
fn who_acknowledged_is_told_when_and_why() {
    let (shop, daemon, plan) = held();
    let ack = ["ack", plan.as_str(), "--reason", "they moved to Vault", "--expires", "2999-12-31T00:00:00Z"];
    shop.program.run(shop.root(), &ack).expect_code(0);
    daemon.await_applied("dev", &shop.repository.head());
    let (text, json) = shown(&shop, &plan);
    let given = &json["plan"]["acknowledgements"][0];
    assert_eq!(
        (&given["reason"], &given["source"], &given["expires"]),
        (&"they moved to Vault".into(), &"socket".into(), &"2999-12-31T00:00:00Z".into()),
        "{given}"
    );
    let (by, at) = (given["by"].as_str().unwrap(), given["at"].as_str().unwrap());
    assert!(by.starts_with("uid:") && at.ends_with('Z'), "{given}");
    let line = format!("Acknowledged\n  by {by}, at {}", &at[..19]);
    assert!(text.contains(&line) && text.contains(": they moved to Vault\n"), "{line}\n{text}");
    // Applied, undone and back, it needs a word of its own: the first one is not told of the new one.
    daemon.await_applied("dev", &shop.repository.revert());
    shop.repository.revert();
    let again = daemon.await_state("dev", "held");
    assert_eq!(again["plan"], plan.as_str());
    let (text, json) = shown(&shop, &plan);
    assert!(json["plan"].get("acknowledgements").is_none(), "{json}");
    assert!(text.contains("the same plan came before: Applied: apply "), "{text}");
}

#[test]
fn an_approval_in_a_file_is_told_by_its_file() {
    let (shop, daemon, plan) = held();
    let file = format!("approvals/{plan}.yaml");
    let spec = format!("spec: {{plan: {plan}, by: ada, reason: they moved}}");
    shop.repository.write(&file, &format!("apiVersion: naksha.dev/v1alpha1\nkind: Approval\n{spec}\n"));
    // On the laptop that plans the commit, too.
    let planned = shop.program.run(shop.repository.folder(), &["plan", "--env", "dev"]).expect_code(0).out;
    let words = format!("Acknowledged\n  by ada, through {file}: they moved\n");
    assert!(format!("{planned}\n").contains(&words), "{planned}");
    daemon.await_applied("dev", &shop.repository.commit("acknowledged"));
    let (text, json) = shown(&shop, &plan);
    assert!(text.contains(&words), "{text}");
    assert!(json["plan"]["acknowledgements"][0].get("at").is_none(), "{json}");
}

#[test]
fn times_of_the_history_say_their_zone() {
    let (shop, _daemon) = running();
    let text = shop.program.run(shop.root(), &["history"]).expect_code(0).out;
    let time = text.split_whitespace().next().unwrap();
    let at = history_of(&shop)["entries"][0]["at"].as_str().unwrap().to_owned();
    assert_eq!(time, format!("{}Z", &at[..19]), "{text}");
}
