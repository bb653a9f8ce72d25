//! What is left alone: by rules with a condition over what is live, and what the server makes of our own values.

use naksha_tests::kubernetes::Parts;
use naksha_tests::{DaemonProcess, await_true};
use serde_json::{Value, json};

use super::scaling::scale;
use super::shop::{Shop, shop};

const UNIT: &str = r#"apiVersion: naksha.dev/v1alpha1
kind: Unit
metadata: {name: web}
spec:
  manifests: [web.yaml]
  conflicts: take
  ignore:
    - kinds: [Deployment]
      fields: [/spec/replicas]
      when: "has(live.metadata.annotations) && 'example.com/scaler' in live.metadata.annotations"
      reason: scaled by the example
"#;

/// Says that something scales the Deployment, or that nothing does any more.
fn announce_scaler(shop: &Shop, is_there: bool) {
    shop.edit(&shop.deployment(), |object| {
        let annotations = object["metadata"]["annotations"].as_object_mut().expect("should be signed");
        annotations.shift_remove("example.com/scaler");
        if is_there {
            annotations.insert("example.com/scaler".to_owned(), json!("on"));
        }
    });
}

/// The newest plan that was applied, as it was stored.
fn newest_plan(shop: &Shop) -> Value {
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--format", "json"]].concat();
        shop.installation.program.run(shop.installation.root(), &arguments).expect_code(0).json()
    };
    let history = run(&["history", &shop.environment]);
    let plan = history["entries"][0]["plan"].as_str().expect("should have a plan").to_owned();
    run(&["show", &plan])["plan"].clone()
}

fn await_diff(shop: &Shop, told: &str) -> String {
    let mut last = String::new();
    await_true(&format!("`{told}` in the diff"), || {
        let printed = shop.installation.program.run(shop.installation.root(), &["diff", &shop.environment]);
        last = printed.out;
        printed.code == 0 && last.contains(told)
    });
    last
}

fn running_with_rule(shop: &Shop) -> DaemonProcess {
    let repository = &shop.installation.repository;
    repository.write("units/web/unit.yaml", UNIT);
    repository.commit("something scales it");
    shop.running()
}

#[test]
fn a_condition_over_what_is_live_decides_and_its_reason_is_shown() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = running_with_rule(&shop);
    scale(&shop, "kubectl", 4);
    await_true("what is scaled without a scaler to be healed", || shop.replicas() == 2);

    announce_scaler(&shop, true);
    scale(&shop, "example-scaler", 5);
    let line = "spec.replicas: 5, not 2 (scaled by the example; set by example-scaler (scale))";
    let text = await_diff(&shop, line);
    let title = format!("infra/{} is as Git wants it: 3 objects\n\nLeft alone\n", shop.environment);
    assert!(text.starts_with(&title), "{text}");
    assert_eq!(shop.replicas(), 5);

    // A commit is applied beside it, and its plan says what is left alone.
    let repository = &shop.installation.repository;
    repository.edit("units/web/web.yaml", "nginx:1.27", "nginx:1.28");
    repository.commit("another image");
    shop.await_applied(&daemon);
    assert_eq!(shop.replicas(), 5);
    let plan = newest_plan(&shop);
    let field = &plan["leftAlone"][0]["fields"][0];
    assert_eq!(
        (&field["reason"], &field["to"], &field["change"]["path"]),
        (&json!("scaled by the example"), &json!("rule"), &json!("spec.replicas")),
        "{plan}"
    );
    assert_eq!(field["place"]["line"], 8, "{plan}");
    let paths = plan["actions"][0]["changes"].as_array().map(Vec::len);
    assert_eq!(paths, Some(1), "only the image: {plan}");
    // It is not ours any more, and still seen.
    await_diff(&shop, line);

    // Nothing of ours moves, and Git's number counts again.
    announce_scaler(&shop, false);
    shop.naksha(&["sync", &shop.environment]);
    await_true("what nothing scales to be as Git wants it", || shop.replicas() == 2);
    let text = await_diff(&shop, "is as Git wants it: 3 objects");
    assert!(!text.contains("Left alone"), "{text}");
}

#[test]
fn a_condition_that_turns_false_counts_although_nothing_was_written_since() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let _daemon = running_with_rule(&shop);
    announce_scaler(&shop, true);
    scale(&shop, "example-scaler", 6);
    await_diff(&shop, "spec.replicas: 6, not 2");
    shop.naksha(&["sync", &shop.environment]);
    announce_scaler(&shop, false);
    shop.naksha(&["sync", &shop.environment]);
    await_true("the replicas to be as Git wants them", || shop.replicas() == 2);
}

#[test]
fn what_the_server_makes_of_our_own_value_is_no_change() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let repository = &shop.installation.repository;
    repository.edit(
        "units/web/web.yaml",
        "spec: {selector: {app: web}, ports",
        "spec: {clusterIP: \"\", selector: {app: web}, ports",
    );
    repository.commit("an address is allocated");
    let daemon = shop.running();
    let service = shop.path("/api/v1", "services/web");
    let address = || shop.get(&service).expect("should be there")["spec"]["clusterIP"].clone();
    let before = address();
    repository.edit(
        "units/web/web.yaml",
        "ports: [{port: 80}]",
        "ports: [{port: 80}, {port: 81, name: more}]",
    );
    repository.edit("units/web/web.yaml", "[{port: 80}, ", "[{port: 80, name: web}, ");
    repository.commit("another port");
    shop.await_applied(&daemon);
    assert_eq!(address(), before);
    let plan = newest_plan(&shop);
    let action = &plan["actions"][0];
    assert_eq!(
        (&action["verb"], &action["subject"]["kind"]),
        (&json!("update"), &json!("Service")),
        "{plan}"
    );
    assert!(!action["changes"].to_string().contains("clusterIP"), "{plan}");
    let field = &plan["leftAlone"][0]["fields"][0];
    assert_eq!(
        (&field["to"], &field["change"]["path"]),
        (&json!("target"), &json!("spec.clusterIP")),
        "{plan}"
    );
}
