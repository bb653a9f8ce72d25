//! One table per family of kinds: a status as its controller writes it, and what we make of it.

use naksha_environments::object::Health;
use serde_json::{Value, json};

use super::judge;

fn check(object: &Value, expected: &str) {
    let health = judge(object);
    let said = match health.message() {
        Some(message) => format!("{}: {message}", health.word()),
        None => health.word().to_owned(),
    };
    assert_eq!(said, expected, "{object}");
}

fn object(api_version: &str, kind: &str, spec: &Value, status: &Value) -> Value {
    let metadata = json!({"name": "x", "generation": 3});
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status})
}

#[test]
fn deployments() {
    let check = |spec: Value, status: Value, expected: &str| {
        check(&object("apps/v1", "Deployment", &spec, &status), expected);
    };
    let spec = || json!({"replicas": 2});
    let done = |ready: u32| {
        json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": ready,
            "availableReplicas": ready})
    };
    check(spec(), done(2), "Healthy");
    check(spec(), done(1), "Progressing: 1 of 2 replicas ready");
    check(spec(), json!({}), "Progressing: its controller has not looked at it yet");
    check(spec(), json!({"readyReplicas": 2}), "Progressing: its controller has not looked at it yet");
    let mut old = done(2);
    old["observedGeneration"] = json!(2);
    check(spec(), old, "Progressing: its controller has not seen the latest change");
    let mut rolling = done(2);
    rolling["replicas"] = json!(3);
    check(spec(), rolling, "Progressing: 1 old replicas still run");
    let mut stuck = done(1);
    stuck["conditions"] =
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
    check(spec(), stuck, "Degraded: Progressing is False: ProgressDeadlineExceeded");
    check(json!({"replicas": 2, "paused": true}), done(2), "Suspended");
    check(json!({"replicas": 0}), json!({"observedGeneration": 3}), "Healthy");
}

#[test]
fn stateful_sets() {
    let check = |spec: Value, status: Value, expected: &str| {
        check(&object("apps/v1", "StatefulSet", &spec, &status), expected);
    };
    let status = |ready: u32, current: &str, update: &str| {
        json!({"observedGeneration": 3, "readyReplicas": ready, "updatedReplicas": 1,
            "currentRevision": current, "updateRevision": update})
    };
    check(json!({"replicas": 2}), status(2, "a", "a"), "Healthy");
    check(json!({"replicas": 2}), status(1, "a", "a"), "Progressing: 1 of 2 replicas ready");
    check(json!({"replicas": 2}), status(2, "a", "b"), "Progressing: 1 of 2 replicas updated");
    let on_delete = json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}});
    check(on_delete, status(2, "a", "b"), "Healthy");
    let partition = json!({"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}});
    check(partition, status(2, "a", "b"), "Healthy");
}

#[test]
fn a_status_without_generations_is_believed() {
    let object = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"replicas": 2},
        "status": {"readyReplicas": 1}});
    check(&object, "Progressing: 1 of 2 replicas ready");
}

#[test]
fn daemon_sets_and_replica_sets() {
    let daemon = |status: Value| object("apps/v1", "DaemonSet", &json!({}), &status);
    let status = json!({"observedGeneration": 3, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3,
        "numberAvailable": 2, "numberReady": 3});
    check(&daemon(status), "Progressing: 2 of 3 replicas ready");
    check(&daemon(json!({"observedGeneration": 3})), "Progressing: not scheduled yet");
    check(&daemon(json!({"observedGeneration": 3, "desiredNumberScheduled": 0})), "Healthy");
    let set = |available: u32| {
        let status = json!({"observedGeneration": 3, "availableReplicas": available});
        object("apps/v1", "ReplicaSet", &json!({"replicas": 1}), &status)
    };
    check(&set(1), "Healthy");
    check(&set(0), "Progressing: 0 of 1 replicas ready");
}

#[test]
fn jobs_are_healthy_when_done() {
    let check = |status: Value, expected: &str| {
        check(&object("batch/v1", "Job", &json!({"completions": 3}), &status), expected);
    };
    check(json!({"succeeded": 1}), "Progressing: 1 of 3 completions");
    check(json!({"conditions": [{"type": "Complete", "status": "True"}]}), "Healthy");
    let failed = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit\nand more"}]});
    check(failed, "Degraded: Job has reached the specified backoff limit");
    check(json!({"conditions": [{"type": "Suspended", "status": "True"}]}), "Suspended");
}

#[test]
fn pods() {
    let check = |status: Value, expected: &str| check(&object("v1", "Pod", &json!({}), &status), expected);
    check(json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}), "Healthy");
    check(json!({"phase": "Running"}), "Progressing: not ready");
    check(json!({"phase": "Succeeded"}), "Healthy");
    check(json!({"phase": "Failed", "reason": "Evicted"}), "Degraded: Evicted");
    let waiting = json!([{"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]);
    check(
        json!({"phase": "Pending", "containerStatuses": waiting}),
        "Degraded: container app: ImagePullBackOff",
    );
}

#[test]
fn storage_network_and_definitions() {
    let claim = |status: Value| object("v1", "PersistentVolumeClaim", &json!({}), &status);
    check(&claim(json!({"phase": "Bound"})), "Healthy");
    check(&claim(json!({"phase": "Pending"})), "Progressing: not bound to a volume yet");
    check(&claim(json!({"phase": "Lost"})), "Degraded: its volume is lost");
    let service = |kind: &str, status: Value| object("v1", "Service", &json!({"type": kind}), &status);
    check(&service("ClusterIP", json!({})), "Healthy");
    check(&service("LoadBalancer", json!({})), "Progressing: has no address of a load balancer yet");
    check(&service("LoadBalancer", json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})), "Healthy");
    let crd =
        |status: Value| object("apiextensions.k8s.io/v1", "CustomResourceDefinition", &json!({}), &status);
    check(&crd(json!({})), "Progressing: not established yet");
    check(&crd(json!({"conditions": [{"type": "Established", "status": "True"}]})), "Healthy");
    check(&object("v1", "Namespace", &json!({}), &json!({"phase": "Active"})), "Healthy");
}

#[test]
fn kinds_we_know_nothing_of() {
    let check = |status: Value, expected: &str| {
        check(&object("example.com/v1", "Widget", &json!({}), &status), expected);
    };
    let ready = |status: &str, reason: &str, observed: u32| json!({"conditions": [{"type": "Ready", "status": status, "reason": reason, "observedGeneration": observed}]});
    check(ready("True", "Done", 3), "Healthy");
    check(ready("True", "Done", 2), "Progressing: Ready is not up to date");
    check(ready("False", "Waiting", 3), "Progressing: Ready is False: Waiting");
    check(ready("Unknown", "Waiting", 3), "Progressing: Ready is Unknown: Waiting");
    check(ready("False", "BuildFailed", 3), "Degraded: Ready is False: BuildFailed");
    check(
        json!({"observedGeneration": 2, "conditions": []}),
        "Progressing: its controller has not seen the latest change",
    );
    check(json!({"phase": "Failed"}), "Degraded: its phase says that it failed");
    check(json!({"used": {"pods": "3"}}), "Healthy");
    check(json!({}), "Healthy");
}

#[test]
fn what_is_being_deleted_is_not_healthy() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "x", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
    assert_eq!(judge(&object), Health::Progressing("being deleted since 2026-01-01T00:00:00Z".into()));
}
