//! Pods on a node that kwok plays: they become ready, complete, or fail as their label says.

use naksha::scratch::wait_for;
use naksha_tests::kubernetes::{ControlPlane, NODE, Parts};
use naksha_tests::{await_true, must};
use serde_json::{Value, json};

/// A template of pods with one container.
fn template(fails: Option<&str>) -> Value {
    let mut template = json!({
        "metadata": {"labels": {"app": "web"}, "annotations": {"naksha.test/last-words": "no database"}},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
    });
    if let Some(fails) = fails {
        template["metadata"]["labels"]["naksha.test/fails"] = json!(fails);
    }
    template
}

fn deployment(replicas: u32, template: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    })
}

fn pods(cluster: &ControlPlane, namespace: &str) -> Vec<Value> {
    let list = must(cluster.admin().get(&format!("/api/v1/namespaces/{namespace}/pods")));
    list["items"].as_array().cloned().unwrap_or_default()
}

/// The first pod of the namespace, once its status fits.
fn await_pod(cluster: &ControlPlane, namespace: &str, fits: impl Fn(&Value) -> bool) -> Value {
    must(wait_for("a pod to be as asked", || {
        let found = pods(cluster, namespace).into_iter().map(|pod| pod["status"].clone());
        Ok(found.into_iter().find(|status| fits(status)))
    }))
}

/// A Deployment of one pod that fails in this way; the pod's status.
fn failing(cluster: &ControlPlane, fails: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let namespace = must(cluster.fresh_namespace());
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
    must(cluster.admin().create(&path, &deployment(1, &template(Some(fails)))));
    let status = await_pod(cluster, &namespace, fits);
    let deployment = must(cluster.admin().get(&format!("{path}/web")));
    assert_eq!(deployment["status"]["readyReplicas"], Value::Null, "{deployment}");
    status
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let conditions = status["conditions"].as_array().expect("should have conditions");
    conditions.iter().find(|condition| condition["type"] == kind).expect("should have the condition")
}

#[test]
fn a_deployment_becomes_ready_and_goes() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let namespace = must(cluster.fresh_namespace());
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
    must(cluster.admin().create(&path, &deployment(3, &template(None))));
    await_true("three replicas to be ready", || {
        must(cluster.admin().get(&format!("{path}/web")))["status"]["readyReplicas"] == 3
    });
    for pod in pods(cluster, &namespace) {
        assert_eq!(pod["spec"]["nodeName"], NODE);
        assert_eq!(pod["status"]["phase"], "Running");
    }
    must(cluster.admin().delete(&format!("{path}/web")));
    await_true("its pods to go", || pods(cluster, &namespace).is_empty());
}

#[test]
fn a_job_completes() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let namespace = must(cluster.fresh_namespace());
    let mut template = template(None);
    template["spec"]["restartPolicy"] = json!("Never");
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate"},
        "spec": {"template": template},
    });
    let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    must(cluster.admin().create(&path, &job));
    await_true("the job to complete", || {
        must(cluster.admin().get(&format!("{path}/migrate")))["status"]["succeeded"] == 1
    });
}

#[test]
fn a_job_fails() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let namespace = must(cluster.fresh_namespace());
    let mut template = template(Some("exit"));
    template["spec"]["restartPolicy"] = json!("Never");
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate"},
        "spec": {"template": template, "backoffLimit": 0},
    });
    let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    must(cluster.admin().create(&path, &job));
    await_true("the job to fail", || {
        must(cluster.admin().get(&format!("{path}/migrate")))["status"]["failed"] == 1
    });
    let status = await_pod(cluster, &namespace, |status| status["phase"] == "Failed");
    let ended = &status["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&ended["exitCode"], &ended["message"]), (&json!(1), &json!("no database")), "{status}");
}

#[test]
fn a_crash_loop_has_last_words() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let status = failing(cluster, "crash-loop", |status| status["phase"] == "Running");
    let container = &status["containerStatuses"][0];
    assert_eq!(container["state"]["waiting"]["reason"], "CrashLoopBackOff", "{status}");
    assert_eq!(container["lastState"]["terminated"]["message"], "no database", "{status}");
    assert_eq!(container["restartCount"], 5);
    assert_eq!(condition(&status, "Ready")["status"], "False");
}

#[test]
fn an_image_that_cannot_be_pulled_keeps_a_pod_pending() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let status = failing(cluster, "image-pull", |status| status["containerStatuses"].is_array());
    assert_eq!(status["phase"], "Pending");
    let waiting = &status["containerStatuses"][0]["state"]["waiting"];
    assert_eq!(waiting["reason"], "ImagePullBackOff", "{status}");
    assert_eq!(waiting["message"], "Back-off pulling image \"registry.example/web:1\": not found");
}

#[test]
fn a_pod_may_run_and_never_be_ready() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let status = failing(cluster, "never-ready", |status| status["phase"] == "Running");
    assert!(status["containerStatuses"][0]["state"]["running"].is_object(), "{status}");
    assert_eq!(condition(&status, "Ready")["reason"], "ContainersNotReady");
}

#[test]
fn a_pod_that_fits_nowhere_is_not_scheduled() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let namespace = must(cluster.fresh_namespace());
    let mut template = template(None);
    template["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1000"}});
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
    must(cluster.admin().create(&path, &deployment(1, &template)));
    let status = await_pod(cluster, &namespace, |status| status["conditions"].is_array());
    let scheduled = condition(&status, "PodScheduled");
    assert_eq!(scheduled["reason"], "Unschedulable", "{status}");
}

#[test]
fn a_namespace_goes_with_what_is_in_it() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let namespace = must(cluster.fresh_namespace());
    let path = format!("/api/v1/namespaces/{namespace}");
    must(cluster.admin().delete(&path));
    await_true("the namespace to go", || cluster.admin().get(&path).is_err());
}
