//! `naksha tree`, `events` and `diff` on a real API server.

use naksha_tests::kubernetes::Parts;
use naksha_tests::program::Printed;
use naksha_tests::{await_true, must};
use serde_json::{Value, json};

use crate::shop::{Shop, shop};

impl Shop {
    fn run(&self, command: &str, arguments: &[&str]) -> Printed {
        let arguments = [&[command, &self.environment], arguments].concat();
        self.installation.program.run(self.installation.root(), &arguments)
    }

    fn run_json(&self, command: &str) -> Value {
        self.run(command, &["--format", "json"]).expect_code(0).json()
    }

    /// What is left alone when somebody changes it.
    fn without_healing(self) -> Self {
        let file = format!("environments/{}/environment.yaml", self.environment);
        let repository = &self.installation.repository;
        repository.edit(&file, "  units: [web]", "  sync: {selfHeal: false}\n  units: [web]");
        repository.commit("hands off");
        self
    }
}

/// `Deployment/web Healthy`, deeper ones indented.
fn lines(nodes: &Value, depth: usize, out: &mut Vec<String>) {
    for node in nodes.as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, name) = (text(&node["subject"]["kind"]), text(&node["subject"]["name"]));
        // Names that a controller made up differ each time.
        let name = if depth == 0 { name } else { name.split('-').next().unwrap_or_default().to_owned() };
        out.push(format!("{:depth$}{kind}/{name} {}", "", text(&node["health"])));
        lines(&node["children"], depth + 1, out);
    }
}

fn tree_of(shop: &Shop) -> Vec<String> {
    let documents = shop.run_json("tree");
    let units = documents[0]["units"].as_array().cloned().unwrap_or_default();
    let mut out = Vec::new();
    for unit in &units {
        lines(&unit["objects"], 0, &mut out);
    }
    out
}

#[test]
fn a_tree_shows_what_controllers_made() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let _daemon = shop.running();
    let expected = [
        "ConfigMap/settings Healthy",
        "Service/web Healthy",
        " EndpointSlice/web Healthy",
        "Deployment/web Healthy",
        " ReplicaSet/web Healthy",
        "  Pod/web Healthy",
        "  Pod/web Healthy",
    ];
    assert_eq!(tree_of(&shop), expected);
    let text = shop.run("tree", &[]).expect_code(0).out;
    let deployment =
        format!("    └── Deployment {}/web  Healthy\n        └── ReplicaSet web-", shop.namespace);
    assert!(text.starts_with(&format!("infra/{}\n└── web\n", shop.environment)), "{text}");
    assert!(text.contains(&deployment) && text.contains("            ├── Pod web-"), "{text}");
}

#[test]
fn a_tree_says_why_while_an_apply_waits() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let repository = &shop.installation.repository;
    let labels = "metadata: {labels: {app: web}}";
    let fails = "metadata: {labels: {app: web, naksha.test/fails: crash-loop}}";
    repository.edit("units/web/web.yaml", labels, fails);
    repository.commit("it crashes");
    let _daemon = shop.installation.start();
    await_true("the pods to be in the tree with the reason", || {
        let tree = shop.run("tree", &[]);
        tree.code == 0
            && tree.out.contains("  Progressing: 0 of 2 replicas ready; pod web-")
            && tree.out.contains(
                "Degraded: container `web` is in a crash loop (5 restarts); it ended with exit code 1",
            )
    });
}

#[test]
fn events_tell_what_happened_and_what_was_done() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let _daemon = shop.running();
    let document = shop.run_json("events");
    let events = document["events"].as_array().cloned().unwrap_or_default();
    let find = |reason: &str| events.iter().find(|event| event["reason"] == reason);
    let scaled =
        find("ScalingReplicaSet").unwrap_or_else(|| panic!("no event of the Deployment: {document}"));
    assert_eq!(
        (&scaled["subject"]["kind"], &scaled["unit"]),
        (&json!("Deployment"), &json!("web")),
        "{scaled}"
    );
    let made = find("SuccessfulCreate").expect("should have an event of the ReplicaSet");
    assert_eq!((&made["subject"]["kind"], &made["of"]["kind"]), (&json!("ReplicaSet"), &json!("Deployment")));
    assert!(find("Scheduled").is_some(), "of the pods too: {document}");
    let applied = find("Applied").expect("should have what the daemon did");
    assert_eq!((&applied["source"], applied.get("subject")), (&json!("naksha"), None), "{applied}");
    let times: Vec<&str> = events.iter().filter_map(|event| event["at"].as_str()).collect();
    assert!(times.is_sorted(), "newest last: {times:?}");
    let text = shop.run("events", &[]).expect_code(0).out;
    assert!(text.contains("Deployment/web") && text.contains("Scaled up replica set"), "{text}");
    assert!(text.lines().next().is_some_and(|line| line.contains("Z  ")), "{text}");
    assert_eq!(shop.run("events", &["--since", "0s"]).expect_code(0).out.lines().count(), 1);
    assert_eq!(shop.run("events", &["--since", "soon"]).code, 2);
}

#[test]
fn events_of_others_are_left_out() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let _daemon = shop.running();
    let path = shop.path("/apis/apps/v1", "deployments");
    let other = json!({"metadata": {"name": "other"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "other"}},
        "template": {"metadata": {"labels": {"app": "other"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
    }});
    must(shop.plane.admin().create(&path, &other));
    await_true("the other one to be ready", || {
        shop.get(&format!("{path}/other")).is_some_and(|it| it["status"]["readyReplicas"] == 1)
    });
    let told = shop.run_json("events").to_string();
    assert!(!told.contains("\"other"), "{told}");
    assert!(!tree_of(&shop).iter().any(|line| line.contains("other")));
}

#[test]
fn a_diff_names_field_values_and_who_set_them() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let shop = shop.without_healing();
    let daemon = shop.running();
    let none = shop.run("diff", &[]).expect_code(0).out;
    assert!(none.contains("is as Git wants it: 3 objects"), "{none}");

    shop.edit(&shop.settings(), |object| object["data"]["level"] = json!("debug"));
    shop.edit(&shop.deployment(), |object| object["spec"]["replicas"] = json!(3));
    must(shop.plane.admin().delete(&shop.path("/api/v1", "services/web")));
    daemon.await_status(&shop.environment, "drifted", |status| status["why"].to_string().contains("drifted"));
    let title = format!("infra/{}: 3 objects are not as Git wants", shop.environment);
    await_true("all of it to be seen", || shop.run("diff", &[]).out.starts_with(&title));
    let text = shop.run("diff", &[]).expect_code(1).out;
    for line in [
        "data.level: \"debug\" → \"info\" (set by kubectl-edit)",
        "spec.replicas: 3 → 2 (set by kubectl-edit)",
        &format!("Service {}/web", shop.namespace),
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let json = shop.run("diff", &["--format", "json"]).expect_code(1).json();
    assert_eq!(json[0]["result"], "differs");
    let drifted = json[0]["plan"]["drifted"].as_array().expect("should have drift");
    let settings =
        drifted.iter().find(|it| it["subject"]["kind"] == "ConfigMap").expect("should have drifted");
    assert_eq!(settings["changes"][0]["setBy"], "kubectl-edit", "{json}");
    assert_eq!(shop.get(&shop.settings()).unwrap()["data"]["level"], "debug", "and nothing is done");
}

#[test]
fn a_diff_shows_what_a_suspended_environment_would_apply_and_no_secret() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let repository = &shop.installation.repository;
    shop.installation.write_secret("kv/login/password", "canary-one");
    let secrets = "spec: {secrets: {login: {password: \"vault:kv/login#password\"}}, manifests";
    repository.edit("units/web/unit.yaml", "spec: {manifests", secrets);
    repository.commit("a secret");
    let daemon = shop.running();
    let root = shop.installation.root();
    let suspend = ["suspend", &shop.environment, "--reason", "a look"];
    shop.installation.program.run(root, &suspend).expect_code(0);
    shop.installation.write_secret("kv/login/password", "canary-two");
    repository.edit("units/web/web.yaml", "level: info", "level: debug");
    let commit = repository.commit("others");
    daemon.await_status(&shop.environment, "the commit", |status| status["content"] == commit);
    let rotated = shop.run("diff", &[]).expect_code(1).out;
    assert!(rotated.contains("data.level: \"info\" → \"debug\""), "{rotated}");
    assert!(rotated.contains("rotate Secret") && rotated.contains("data.password"), "{rotated}");
    let secret = shop.path("/api/v1", "secrets/login");
    shop.edit(&secret, |object| object["data"]["password"] = json!("Y2FuYXJ5LXRocmVl"));
    await_true("the edit to be seen", || shop.run("diff", &[]).out.contains("set by kubectl-edit"));
    let text = shop.run("diff", &[]).expect_code(1).out;
    let json = shop.run("diff", &["--format", "json"]).expect_code(1).out;
    for printed in [rotated, text, json] {
        assert!(!printed.contains("canary") && !printed.contains("Y2FuYXJ5"), "{printed}");
    }
}
