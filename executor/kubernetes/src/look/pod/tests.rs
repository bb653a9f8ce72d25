//! Statuses of pods, and what is said of them.

use serde_json::json;

use super::*;

/// A pod of a ReplicaSet with one container, `status` as given.
fn pod(status: &Value) -> Value {
    let owner = json!([{"kind": "ReplicaSet", "name": "web-1", "uid": "u", "controller": true}]);
    json!({
        "metadata": {"name": "web-1-a", "ownerReferences": owner},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
        "status": status,
    })
}

fn containers(containers: &[Value]) -> Value {
    pod(&json!({"phase": "Running", "containerStatuses": containers}))
}

fn waits(reason: &str, message: &str) -> Value {
    json!({"name": "web", "image": "sha256:00", "state": {"waiting": {"reason": reason, "message": message}}})
}

fn said(pod: &Value) -> String {
    trouble(pod).map_or_else(|| "-".to_owned(), |trouble| format!("{:?}: {}", trouble.cause, trouble.words))
}

#[test]
fn images_that_cannot_be_pulled_are_told_with_one_word() {
    let cause = "rpc error: code = NotFound desc = no such image";
    let expected = format!("ImagePull: container `web` cannot pull image `registry.example/web:1`: {cause}");
    for (reason, message) in [
        ("ErrImagePull", cause.to_owned()),
        (
            "ImagePullBackOff",
            format!("Back-off pulling image \"registry.example/web:1\": ErrImagePull: {cause}"),
        ),
    ] {
        assert_eq!(said(&containers(&[waits(reason, &message)])), expected);
    }
    let bare = waits("ImagePullBackOff", "Back-off pulling image \"registry.example/web:1\"");
    let expected = "ImagePull: container `web` cannot pull image `registry.example/web:1`";
    assert_eq!(said(&containers(&[bare])), expected);
    let never = waits("ErrImageNeverPull", "it is not there");
    assert_eq!(said(&containers(&[never])), format!("{expected}: ErrImageNeverPull: it is not there"));
}

#[test]
fn a_crash_loop_is_told_alike_whatever_it_does_just_now() {
    let ended = json!({"exitCode": 1, "reason": "Error", "message": "no database\n"});
    let expected = "Crash: container `web` is in a crash loop (5 restarts); it ended with exit code 1 (Error): no database";
    for state in [
        json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 2m40s restarting failed container"}}),
        json!({"running": {}}),
        json!({"terminated": ended}),
    ] {
        let status = json!({"name": "web", "ready": false, "restartCount": 5, "state": state, "lastState": {"terminated": ended}});
        assert_eq!(said(&containers(&[status])), expected);
    }
    let once = json!({"name": "web", "ready": false, "restartCount": 1, "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}});
    assert_eq!(
        said(&containers(&[once])),
        "Crash: container `web` crashed and was restarted once; it ended with exit code 137 (OOMKilled)"
    );
    let ends_well = json!({"name": "web", "ready": false, "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
    assert_eq!(
        said(&containers(&[ends_well])),
        "Crash: container `web` is in a crash loop (4 restarts); it ended with exit code 0 (Completed)"
    );
    let well = json!({"name": "web", "ready": true, "restartCount": 5, "state": {"running": {}}, "lastState": {"terminated": ended}});
    let status = json!({"phase": "Running", "containerStatuses": [well], "conditions": [{"type": "Ready", "status": "True"}]});
    assert_eq!(said(&pod(&status)), "-");
}

#[test]
fn what_keeps_a_container_from_starting_is_told() {
    let refused = waits("CreateContainerConfigError", "secret \"db\" not found");
    assert_eq!(
        said(&containers(&[refused])),
        "CannotStart: container `web` cannot be started: CreateContainerConfigError: secret \"db\" not found"
    );
    let creating = pod(&json!({"phase": "Pending", "containerStatuses": [waits("ContainerCreating", "")]}));
    assert_eq!(said(&creating), "Starting: it has not started yet");
    let init = pod(&json!({"phase": "Pending",
        "initContainerStatuses": [{"name": "migrate", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}}],
        "containerStatuses": [waits("PodInitializing", "")]}));
    assert_eq!(
        said(&init),
        "Crash: init container `migrate` is in a crash loop (2 restarts); it ended with exit code 3 (Error)"
    );
    let running = pod(
        &json!({"phase": "Pending", "initContainerStatuses": [{"name": "migrate", "state": {"running": {}}}],
        "containerStatuses": [waits("PodInitializing", "")]}),
    );
    assert_eq!(said(&running), "Starting: init container `migrate` is not done");
}

#[test]
fn a_pod_without_a_place_is_told_in_the_words_of_the_scheduler() {
    let status = |reason: &str, message: &str| {
        pod(&json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}]}))
    };
    let words = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available";
    assert_eq!(
        said(&status("Unschedulable", words)),
        format!("Unschedulable: it cannot be scheduled: {words}")
    );
    assert_eq!(said(&status("SchedulingGated", "")), "Gated: its scheduling is held by a gate");
}

#[test]
fn what_runs_and_is_not_ready_is_told() {
    let open =
        json!({"name": "web", "ready": false, "started": true, "restartCount": 0, "state": {"running": {}}});
    assert_eq!(
        said(&containers(std::slice::from_ref(&open))),
        "NotReady: container `web` runs and is not ready"
    );
    assert_eq!(
        said(&containers(&[open.clone(), open])),
        "NotReady: container `web` and one more run and are not ready"
    );
    let ready = json!({"name": "web", "ready": true, "state": {"running": {}}});
    let mut gated = containers(&[ready]);
    gated["status"]["conditions"] = json!([{"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "message": "one gate"}]);
    assert_eq!(said(&gated), "NotReady: it is not ready: ReadinessGatesNotReady: one gate");
    gated["spec"]["readinessGates"] = json!([{"conditionType": "lb.example/attached"}]);
    assert_eq!(said(&gated), "NotReady: its readiness gate `lb.example/attached` is not true");
}

#[test]
fn a_pod_that_failed_says_how() {
    let evicted =
        json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."});
    assert_eq!(said(&pod(&evicted)), "Replaced: Evicted: The node was low on resource: memory");
    let ended = json!({"phase": "Failed", "containerStatuses": [
        {"name": "web", "state": {"terminated": {"exitCode": 1, "reason": "Error", "message": "no database"}}}]});
    let mut of_job = pod(&ended);
    of_job["metadata"]["ownerReferences"][0]["kind"] = json!("Job");
    assert_eq!(said(&of_job), "Failed: container `web` ended with exit code 1 (Error): no database");
    assert_eq!(said(&pod(&json!({"phase": "Succeeded"}))), "-");
    assert_eq!(said(&pod(&json!({"phase": "Failed"}))), "Replaced: it failed");
}
