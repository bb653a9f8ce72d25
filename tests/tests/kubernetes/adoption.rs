//! Objects that another tool made: taken over whole, with a word from somebody.

use naksha_tests::await_true;
use naksha_tests::kubernetes::Parts;
use serde_json::{Value, json};

use super::shop::{Shop, shop};

/// Made as Helm makes an object, by POST: everything in it is its, defaults included.
fn made_by_helm(shop: &Shop) {
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "labels": {"app": "web", "heritage": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "shop"},
        },
        "spec": {
            "replicas": 1,
            "minReadySeconds": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{
                    "name": "web",
                    "image": "nginx:1.20",
                    "env": [{"name": "LEVEL", "value": "debug"}],
                    "ports": [{"containerPort": 80}],
                }]},
            },
        },
    });
    shop.create_as("helm", "apps/v1 deployments", &deployment);
}

/// The plan that waits for a word, and its text.
fn held(shop: &Shop, daemon: &naksha_tests::DaemonProcess) -> (String, String) {
    let status = daemon.await_state(&shop.environment, "held");
    let plan = status["plan"].as_str().expect("should have a plan").to_owned();
    let text = shop.naksha(&["show", &plan]);
    (plan, text)
}

#[test]
fn what_another_tool_made_is_taken_over_whole() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    made_by_helm(&shop);
    shop.edit(&shop.deployment(), |object| object["spec"]["paused"] = json!(true));
    let daemon = shop.installation.start();
    let (plan, text) = held(&shop, &daemon);
    // What goes is in the plan; what only the server filled in is not.
    for gone in ["minReadySeconds", "heritage", "meta.helm.sh/release-name", "LEVEL"] {
        assert!(text.contains(gone), "{gone} is not told: {text}");
    }
    for default in ["progressDeadlineSeconds", "terminationMessagePath", "dnsPolicy", "strategy"] {
        assert!(!text.contains(default), "{default} does not change: {text}");
    }
    assert!(shop.get(&shop.deployment()).unwrap()["metadata"]["labels"]["heritage"] == "Helm", "it waits");

    shop.naksha(&["ack", &plan, "--reason", "it is ours now"]);
    await_true("the adoption", || {
        shop.get(&shop.deployment()).unwrap()["metadata"]["labels"]["heritage"].is_null()
    });
    let deployment = shop.get(&shop.deployment()).unwrap();
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert!(deployment["spec"]["minReadySeconds"].is_null(), "{deployment}");
    assert!(deployment["spec"]["template"]["spec"]["containers"][0]["env"].is_null(), "{deployment}");
    assert_eq!(deployment["spec"]["paused"], true, "what a person set is his");
    assert_eq!(shop.fields_of(&shop.deployment(), "helm"), None);
    shop.edit(&shop.deployment(), |object| object["spec"]["paused"] = json!(false));
    shop.await_applied(&daemon);

    // Nobody keeps what Git drops from now on.
    let repository = &shop.installation.repository;
    repository.edit("units/web/web.yaml", "labels: {app: web}}\nspec", "labels: {}}\nspec");
    repository.commit("no label");
    shop.await_applied(&daemon);
    let labels = &shop.get(&shop.deployment()).unwrap()["metadata"]["labels"];
    assert!(labels["app"].is_null(), "{labels}");
}

#[test]
fn the_copy_of_client_side_apply_goes_without_a_word() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let applied =
        "{\"apiVersion\":\"v1\",\"data\":{\"level\":\"info\",\"old\":\"1\"},\"kind\":\"ConfigMap\"}\n";
    let settings = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "settings",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied},
        },
        "data": {"level": "info", "old": "1"},
    });
    shop.create_as("kubectl-client-side-apply", "v1 configmaps", &settings);
    let daemon = shop.installation.start();
    let (plan, text) = held(&shop, &daemon);
    assert!(text.contains("data.old") && !text.contains("last-applied"), "{text}");
    shop.naksha(&["ack", &plan, "--reason", "it is ours now"]);
    shop.await_applied(&daemon);
    let settings = shop.get(&shop.settings()).unwrap();
    assert_eq!(settings["data"], json!({"level": "info"}));
    let annotations = settings["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    assert_eq!(annotations.keys().collect::<Vec<_>>(), ["naksha.dev/owner"]);
}

#[test]
fn what_is_ignored_stays_with_whom_it_was() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    made_by_helm(&shop);
    let unit = "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: web}\nspec:\n  manifests: [web.yaml]\n  ignore: [{kinds: [Deployment], fields: [/spec/minReadySeconds, /spec/replicas], reason: theirs}]\n";
    shop.installation.repository.write("units/web/unit.yaml", unit);
    shop.installation.repository.commit("some is theirs");
    let daemon = shop.installation.start();
    let (plan, text) = held(&shop, &daemon);
    let told = "left alone: spec.minReadySeconds: 2, which Git does not set (theirs)";
    assert!(text.contains(told) && text.matches("minReadySeconds").count() == 1, "{text}");
    shop.naksha(&["ack", &plan, "--reason", "it is ours now"]);
    shop.await_applied(&daemon);
    let deployment = shop.get(&shop.deployment()).unwrap();
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(deployment["spec"]["minReadySeconds"], 2);
    let helm = shop.fields_of(&shop.deployment(), "helm").expect("should own what is left to it");
    assert_eq!(helm, json!({"f:spec": {"f:minReadySeconds": {}, "f:replicas": {}}}));
    let ours: Value = shop.fields_of(&shop.deployment(), "naksha").expect("should own the rest");
    assert!(ours["f:spec"]["f:replicas"].is_null(), "{ours}");
}

#[test]
fn a_plan_that_waits_tells_what_the_server_would_refuse() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    made_by_helm(&shop);
    let quota = json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"configmaps": "0"}},
    });
    shop.create_as("somebody", "v1 resourcequotas", &quota);
    await_true("the quota to be counted", || {
        shop.get(&shop.path_of("v1 resourcequotas/small"))
            .is_some_and(|quota| !quota["status"]["hard"].is_null())
    });
    let repository = &shop.installation.repository;
    repository.edit("units/web/web.yaml", "replicas: 2", "replicas: 2\n  revisionHistoryLimit: -1");
    repository.commit("a slip");
    let daemon = shop.installation.start();
    let (_, text) = held(&shop, &daemon);
    assert!(text.contains("NK0408") && text.contains("spec.revisionHistoryLimit"), "{text}");
    assert!(text.contains("exceeded quota: small"), "{text}");
    assert!(!text.contains("Service") || !text.contains("NK0409"), "{text}");
    assert_eq!(shop.fields_of(&shop.deployment(), "naksha"), None, "nothing is written");
    assert_eq!(shop.get(&shop.settings()), None);
}
