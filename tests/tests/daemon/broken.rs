//! Definitions that cannot be read: nothing of what they would have decided is taken for granted, and it is told.

use std::fs;

use serde_json::Value;

use crate::{REPOSITORY, SETTINGS_FILE, running, shop};

const POLICY: &str = "apiVersion: naksha.dev/v1alpha1
kind: Policy
metadata: {name: no-debug}
spec:
  match: {kinds: [ConfigMap]}
  rule: \"object.data.level != 'debug'\"
  message: debug output costs too much
  severity: error
";

fn says(status: &Value, words: &str) -> bool {
    status["why"].to_string().contains(words)
}

#[test]
fn what_was_never_applied_is_missing_and_not_healthy() {
    let shop = shop();
    let window = "windows: [{kind: deny, schedule: \"* * * * *\", duration: 2h}]\n  units:";
    shop.repository.edit("environments/dev/environment.yaml", "units:", window);
    shop.repository.edit("units/web/web.yaml.tera", "variables.replicas", "variables.replica");
    shop.repository.commit("nothing can be applied");
    let daemon = shop.start();
    let status = daemon.await_state("dev", "waiting");
    let units = status["units"].as_array().unwrap();
    let units: Vec<_> = units.iter().map(|unit| format!("{} {}", unit["state"], unit["health"])).collect();
    assert_eq!(units, ["\"pending\" \"Missing\"", "\"broken\" \"Missing\""], "{status}");
    assert!(!says(&status, "is missing"), "{status}");
}

#[test]
fn a_policy_that_cannot_be_read_holds_what_it_would_judge() {
    let (shop, daemon) = running();
    shop.repository.write("policies/no-debug.yaml", &POLICY.replace("rule:", "rul:"));
    shop.repository.commit("a policy with a typo");
    daemon.await_status("dev", "not in order", |status| {
        status["state"] == "degraded" && says(status, "policy `no-debug` cannot be read")
    });
    shop.repository.edit("units/settings/settings.yaml", "level: info", "level: debug");
    shop.repository.commit("what the policy forbids");
    daemon.await_status("dev", "held", |status| {
        status["state"] == "held" && says(status, "policy `no-debug` cannot be read")
    });
    assert!(shop.objects("dev")[SETTINGS_FILE].contains("level: info"));
    shop.repository.write("policies/no-debug.yaml", POLICY);
    shop.repository.commit("the typo mended");
    daemon.await_status("dev", "judged", |status| says(status, "debug output costs too much"));
    shop.repository.edit("units/settings/settings.yaml", "level: debug", "level: warn");
    let commit = shop.repository.commit("as the policy wants it");
    daemon.await_applied("dev", &commit);
}

#[test]
fn a_policy_set_that_there_is_not_breaks_the_repository() {
    let (shop, daemon) = running();
    let typo = "  policies: {sets: [basline]}\n";
    shop.repository.write("naksha.yaml", &format!("{REPOSITORY}{typo}"));
    shop.repository.edit("units/settings/settings.yaml", "level: info", "level: debug");
    shop.repository.commit("a set with a typo");
    daemon.await_state("dev", "broken");
    assert!(shop.objects("dev")[SETTINGS_FILE].contains("level: info"));
    let printed = shop.program.run(shop.root(), &["status", "dev"]).out;
    assert!(printed.contains("naksha.yaml:6:21") && printed.contains("basline"), "{printed}");
}

#[test]
fn a_workflow_that_cannot_be_read_is_not_in_order() {
    let (shop, daemon) = running();
    shop.repository.edit("environments/dev/environment.yaml", "units:", "workflows: [ingest]\n  units:");
    shop.repository.write(
        "workflows/ingest.yaml",
        "apiVersion: naksha.dev/v1alpha1\nkind: Workflow\nmetadata: {name: ingest}\nspec:\n  nodes:\n    \
         fetch: {uses: http, needs: [nothing], with: {url: \"https://docs.example\"}}\n",
    );
    shop.repository.commit("a workflow that needs nothing");
    daemon.await_status("dev", "not in order", |status| {
        status["state"] == "degraded" && says(status, "workflow `ingest` cannot be read")
    });
    shop.program.run(shop.root(), &["status", "dev", "--exit-code"]).expect_code(1);
}

#[test]
fn drift_that_is_not_healed_is_told_beside_an_apply() {
    let (shop, daemon) = running();
    let sync = "sync: {selfHeal: false}\n  units:";
    shop.repository.edit("environments/dev/environment.yaml", "units:", sync);
    let commit = shop.repository.commit("no healing");
    daemon.await_applied("dev", &commit);
    fs::remove_file(shop.target("dev").join(SETTINGS_FILE)).unwrap();
    daemon.await_status("dev", "drifted", |status| says(status, "ConfigMap shop/settings"));
    shop.repository.edit("environments/dev/environment.yaml", "replicas: 2", "replicas: 3");
    let commit = shop.repository.commit("three");
    daemon.await_status("dev", "applied, and still drifted", |status| {
        status["applied"] == commit.as_str() && status["state"] == "degraded" && says(status, "settings")
    });
    assert!(!shop.objects("dev").contains_key(SETTINGS_FILE));
}
