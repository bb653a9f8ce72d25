//! `naksha health`

use naksha_tests::Installation;
use serde_json::json;

use crate::{refused, run, shop};

const GOOD: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, generation: 2}
spec: {replicas: 2}
status: {observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {level: info}
";

const MIXED: &str = "apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web, namespace: shop, generation: 2}
    spec: {replicas: 2}
    status: {observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1}
  - apiVersion: example.org/v1
    kind: Widget
    metadata: {name: odd}
    status: {phase: Odd}
";

const RULES: &str = "group: example.org
kinds:
  Widget: {phase: {healthy: Odd}}
";

fn files() -> Installation {
    let shop = shop();
    shop.repository.write("good.yaml", GOOD).write("mixed.yaml", MIXED).write("rules.yaml", RULES);
    shop
}

#[test]
fn objects_are_judged_and_the_rule_is_named() {
    let shop = files();
    let text = run(&shop, &["health", "good.yaml"]).expect_code(0).out;
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("HEALTH   OBJECT"), "{text}");
    assert!(lines[1].starts_with("Healthy  apps/Deployment shop/web"), "{text}");
    assert!(lines[1].ends_with("apps/Deployment: complete"), "{text}");
    assert_eq!(lines.last(), Some(&"2 objects, healthy"));
    let text = run(&shop, &["health", "good.yaml", "mixed.yaml"]).expect_code(1).out;
    assert!(text.contains("1 of 2 replicas ready"), "{text}");
    assert!(text.ends_with("4 objects, 2 not healthy\n"), "{text}");
    let found = run(&shop, &["health", "mixed.yaml", "--format", "json"]).expect_code(1).json();
    let web = json!({"object": "apps/Deployment shop/web", "health": "Progressing",
        "message": "1 of 2 replicas ready", "rule": "apps/Deployment: not ready"});
    assert_eq!(found[0], web);
    assert_eq!(found[1]["health"], "Unknown", "{found}");
}

#[test]
fn own_rules_win() {
    let shop = files();
    let arguments = ["health", "mixed.yaml", "--rules", "rules.yaml", "--format", "json"];
    let found = run(&shop, &arguments).expect_code(1).json();
    let rule = (&found[1]["health"], &found[1]["rule"]);
    assert_eq!(rule, (&json!("Healthy"), &json!("example.org/Widget: phase Odd")));
}

#[test]
fn the_rules_of_a_repository_win_and_are_checked_with_it() {
    let shop = files();
    shop.repository.remove("rules.yaml");
    let indented: String = RULES.lines().map(|line| format!("  {line}\n")).collect();
    let head = "apiVersion: naksha.dev/v1alpha1\nkind: HealthRules\nmetadata: {name: widgets}\nspec:\n";
    shop.repository.write("health/widgets.yaml", &format!("{head}{indented}"));
    let arguments = ["health", "mixed.yaml", "--rules", ".", "--format", "json"];
    let found = run(&shop, &arguments).expect_code(1).json();
    assert_eq!(found[1]["rule"], "example.org/Widget: phase Odd");

    shop.repository.edit("health/widgets.yaml", "healthy", "helthy");
    refused(&shop, &arguments, "--> health/widgets.yaml:7:22");
    let checked = run(&shop, &["check"]).expect_code(1).out;
    assert!(checked.contains("error[NK1002]") && checked.contains("did you mean `healthy`?"), "{checked}");
    shop.repository.edit("health/widgets.yaml", "group:", "groups:");
    let checked = run(&shop, &["check"]).expect_code(1).out;
    assert!(checked.contains("unknown key `groups` in `spec`"), "{checked}");
    refused(&shop, &arguments, "health rules cannot be read: widgets");
}

#[test]
fn what_cannot_be_read_is_refused() {
    let shop = files();
    shop.repository
        .write("broken.yaml", "kind: Pod\n  x: [\n")
        .write("text.yaml", "just: words\n")
        .write("empty.yaml", "# nothing\n")
        .write("deep/rules.yaml", &RULES.replace("healthy", "helthy"));
    refused(&shop, &["health", "nowhere.yaml"], "cannot read nowhere.yaml");
    refused(&shop, &["health", "broken.yaml"], "broken.yaml cannot be read as objects");
    refused(&shop, &["health", "text.yaml"], "without `apiVersion` and `kind`");
    refused(&shop, &["health", "empty.yaml"], "empty.yaml holds no object");
    let wrong = ["health", "good.yaml", "--rules", "deep/rules.yaml"];
    refused(&shop, &wrong, "error[NK1002]");
    refused(&shop, &wrong, "--> deep/rules.yaml:3:20");
    refused(&shop, &["health"], "required arguments were not provided");
}
