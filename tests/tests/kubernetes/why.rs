//! Why something is not healthy: the status names the pod and its cause, and so does what failed because of it.

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{DaemonProcess, await_true, must};
use serde_json::{Value, json};

use crate::shop::{Shop, manifests, shop, shop_as};

/// The shop whose pods fail as asked, with the settings that come after them when `depends`.
fn failing(shop: &Shop, fails: &str, last_words: &str) -> String {
    let annotated = format!(
        "metadata: {{labels: {{app: web, naksha.test/fails: {fails}}}, annotations: {{naksha.test/last-words: \"{last_words}\"}}}}"
    );
    let text =
        manifests("registry.example/web:1", 2, "info").replace("metadata: {labels: {app: web}}", &annotated);
    let repository = &shop.installation.repository;
    repository.write("units/web/web.yaml", &text);
    repository.commit(fails)
}

/// What the unit says of its health, once that has these words in it.
fn await_words(shop: &Shop, daemon: &DaemonProcess, words: &str) -> String {
    let mut said = String::new();
    daemon.await_status(&shop.environment, &format!("told that {words}"), |status| {
        let units = status["units"].as_array().cloned().unwrap_or_default();
        let told = units.iter().filter_map(|unit| unit["healthMessage"].as_str());
        said = told.collect::<Vec<_>>().join("; ");
        said.contains(words)
    });
    said
}

/// The pods of the namespace, by name.
fn pods(shop: &Shop) -> Vec<Value> {
    let list = must(shop.plane.admin().get(&shop.path("/api/v1", "pods")));
    list["items"].as_array().cloned().unwrap_or_default()
}

/// Whether a pod that is there is named.
fn names_a_pod(shop: &Shop, said: &str) -> bool {
    pods(shop).iter().any(|pod| {
        let name = pod["metadata"]["name"].as_str().expect("should have a name");
        said.contains(&format!("pod {name}: "))
    })
}

fn post(shop: &Shop, root: &str, plural: &str, object: &Value) {
    must(shop.plane.admin().create(&shop.path(root, plural), object));
}

#[test]
fn a_crash_loop_is_told_with_its_last_words() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    failing(&shop, "crash-loop", "no database");
    let daemon = shop.installation.start();
    let said = await_words(&shop, &daemon, "is in a crash loop (5 restarts)");
    let words =
        "container `web` is in a crash loop (5 restarts); it ended with exit code 1 (Error): no database";
    assert!(said.contains(words) && names_a_pod(&shop, &said), "{said}");
    assert!(said.contains("replicas") && said.contains("(and one more pod)"), "{said}");
}

#[test]
fn an_image_that_cannot_be_pulled_is_told_by_name() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    failing(&shop, "image-pull", "");
    let daemon = shop.installation.start();
    let said = await_words(&shop, &daemon, "cannot pull image");
    let words = "container `web` cannot pull image `registry.example/web:1`: not found";
    assert!(said.contains(words) && names_a_pod(&shop, &said), "{said}");
}

#[test]
fn a_pod_that_fits_nowhere_is_told_in_the_words_of_the_scheduler() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    shop.installation.repository.edit("units/web/web.yaml", "cpu: 1000m", "cpu: 1000");
    shop.installation.repository.commit("greedy");
    let daemon = shop.installation.start();
    let said =
        await_words(&shop, &daemon, "it cannot be scheduled: 0/1 nodes are available: 1 Insufficient cpu");
    assert!(names_a_pod(&shop, &said), "{said}");
}

#[test]
fn a_probe_that_fails_is_told_from_its_events() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    failing(&shop, "never-ready", "");
    let daemon = shop.installation.start();
    let said = await_words(&shop, &daemon, "container `web` runs and is not ready");
    assert!(names_a_pod(&shop, &said), "{said}");
    // As the kubelet says it; no kubelet runs here.
    for pod in pods(&shop) {
        let (name, uid) = (&pod["metadata"]["name"], &pod["metadata"]["uid"]);
        let event = json!({
            "metadata": {"generateName": "probe-"},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": shop.namespace, "name": name, "uid": uid},
            "type": "Warning", "reason": "Unhealthy", "count": 7,
            "message": "Readiness probe failed: HTTP probe failed with statuscode: 503\n",
        });
        post(&shop, "/api/v1", "events", &event);
    }
    let words = "container `web` runs and is not ready; Readiness probe failed: HTTP probe failed with statuscode: 503";
    await_words(&shop, &daemon, words);
}

#[test]
fn a_job_that_fails_is_told_with_the_exit_code() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let job = "apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  backoffLimit: 0
  template:
    metadata: {labels: {naksha.test/fails: exit}, annotations: {naksha.test/last-words: no database}}
    spec: {restartPolicy: Never, containers: [{name: migrate, image: \"migrate:1\"}]}
";
    shop.installation.repository.write("units/web/web.yaml", job).commit("a job");
    let daemon = shop.installation.start();
    let said = await_words(&shop, &daemon, "container `migrate` ended with exit code 1 (Error): no database");
    assert!(names_a_pod(&shop, &said), "{said}");
    daemon.await_state(&shop.environment, "degraded");
}

const QUOTA: &str = "exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0";

fn allow_no_pods(shop: &Shop) {
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    post(shop, "/api/v1", "resourcequotas", &quota);
}

#[test]
fn pods_that_a_quota_refuses_are_told_once() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    allow_no_pods(&shop);
    let daemon = shop.installation.start();
    // A Deployment says it itself, in a condition.
    let said = await_words(&shop, &daemon, QUOTA);
    assert_eq!(said.matches("exceeded quota").count(), 1, "{said}");
    // An apply of something else in the same unit does not make it well.
    daemon.await_state(&shop.environment, "degraded");
    let commit = shop
        .installation
        .repository
        .edit("units/web/web.yaml", "level: info", "level: debug")
        .commit("beside");
    let is_over = |status: &Value| status["control"] == commit && status["state"] != "progressing";
    let status = daemon.await_status(&shop.environment, "at the commit", is_over);
    assert_eq!(status["state"], "degraded", "{status:#}");
    assert_eq!(shop.get(&shop.settings()).unwrap()["data"]["level"], "debug");
}

#[test]
fn pods_that_a_quota_refuses_are_told_from_events_where_a_status_does_not() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    allow_no_pods(&shop);
    let database = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  serviceName: db
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: \"db:1\"}]}}
";
    shop.installation.repository.write("units/web/web.yaml", database).commit("a database");
    let daemon = shop.installation.start();
    await_words(&shop, &daemon, &format!("0 of 1 replicas ready; a pod cannot be made: {QUOTA}"));
}

#[test]
fn what_an_operator_made_is_found_by_its_owner() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let (admin, namespace) = (shop.plane.admin(), &shop.namespace);
    // A kind of its own, so that no other test hears of it.
    let group = format!("{namespace}.example");
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("databases.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": "Database", "plural": "databases"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    });
    must(admin.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition));
    let all = shop.path(&format!("/apis/{group}/v1"), "databases");
    await_true("the kind to be served", || admin.get(&all).is_ok());
    let database = format!(
        "apiVersion: {group}/v1\nkind: Database\nmetadata: {{name: db, namespace: {namespace}}}\nspec: {{size: 1}}\n"
    );
    shop.installation.repository.write("units/web/web.yaml", &database).commit("a database");
    let daemon = shop.running();
    let path = format!("{all}/db");
    let uid = shop.get(&path).expect("should be there")["metadata"]["uid"].clone();
    let owner = json!({"apiVersion": format!("{group}/v1"), "kind": "Database", "name": "db", "uid": uid, "controller": true});
    let pod = |name: &str, owners: Value| {
        json!({
            "metadata": {"name": name, "labels": {"naksha.test/fails": "crash-loop"}, "ownerReferences": owners},
            "spec": {"containers": [{"name": "db", "image": "db:1"}]},
        })
    };
    post(&shop, "/api/v1", "pods", &pod("db-0", json!([owner])));
    post(&shop, "/api/v1", "pods", &pod("a-stranger", json!([])));
    shop.edit(&path, |object| {
        object["status"] =
            json!({"conditions": [{"type": "Ready", "status": "False", "message": "no primary"}]});
    });
    let said = await_words(&shop, &daemon, "pod db-0: container `db` is in a crash loop (5 restarts)");
    assert!(!said.contains("more pod"), "what it did not make is none of its: {said}");
}

#[test]
fn what_waits_for_an_unhealthy_unit_says_why_and_so_does_history() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let (repository, environment) = (&shop.installation.repository, &shop.environment);
    repository
        .write("units/page/unit.yaml", "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: page}\nspec: {dependsOn: [web], manifests: [page.yaml]}\n")
        .write("units/page/page.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: page}\ndata: {text: hello}\n")
        .edit(&format!("environments/{environment}/environment.yaml"), "units: [web]", "units: [web, page]")
        .edit("units/web/unit.yaml", "spec: {manifests", "spec: {timeout: 20s, manifests");
    failing(&shop, "crash-loop", "no database");
    let daemon = shop.installation.start();
    let words = "it ended with exit code 1 (Error): no database";
    let status = daemon.await_status(environment, "waiting with a reason", |status| {
        let why = status["why"].to_string();
        status["state"] == "progressing" && why.contains("page: waiting for web: ") && why.contains(words)
    });
    assert!(names_a_pod(&shop, &status["why"].to_string()), "{status}");
    daemon.await_status(environment, "the end of the wait", |status| {
        let units = status["units"].as_array().cloned().unwrap_or_default();
        units.iter().any(|unit| unit["unit"] == "page" && unit["state"] == "waiting")
    });
    let root = shop.installation.root();
    let history = shop.installation.program.run(root, &["history", environment, "--format", "json"]);
    let history = history.expect_code(0).json();
    let detail = history["entries"].to_string();
    assert!(detail.contains("waiting for web: ") && detail.contains(words), "{history}");
}

#[test]
fn what_may_not_be_looked_at_is_said() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let kubeconfig = must(plane.kubeconfig("admin"));
    let shop = shop_as(plane, "looker", &kubeconfig, "service_account = \"naksha-looker/looker\"");
    // Rights for its own objects, and none to look at pods.
    let all = json!(["get", "list", "watch", "create", "patch", "delete"]);
    let rules = json!([
        {"apiGroups": [""], "resources": ["configmaps", "services"], "verbs": all},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": all},
    ]);
    let root = "/apis/rbac.authorization.k8s.io/v1";
    post(&shop, root, "roles", &json!({"metadata": {"name": "looker"}, "rules": rules}));
    let subject = json!({"kind": "ServiceAccount", "namespace": "naksha-looker", "name": "looker"});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "looker"});
    let binding = json!({"metadata": {"name": "looker"}, "roleRef": role, "subjects": [subject]});
    post(&shop, root, "rolebindings", &binding);
    failing(&shop, "crash-loop", "");
    let daemon = shop.installation.start();
    let said = await_words(&shop, &daemon, "its pods could not be looked at: ");
    assert!(said.contains("cannot list resource \"pods\""), "{said}");
}
