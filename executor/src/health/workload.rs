//! Health of the built-in workloads: replicas, updates, Jobs, Pods.

use naksha_environments::object::Health;
use serde_json::Value;

use super::condition::conditions;
use super::{at, count, number, outdated, text};

pub(super) fn deployment(object: &Value) -> Health {
    if let Some(health) = unobserved(object) {
        return health;
    }
    if at(object, &["spec", "paused"]).and_then(Value::as_bool) == Some(true) {
        return Health::Suspended;
    }
    let found = conditions(object);
    let stuck = found.iter().find(|c| c.kind == "Progressing" && c.status == "False");
    if let Some(condition) = stuck {
        return Health::Degraded(condition.words());
    }
    if let Some(condition) = found.iter().find(|c| c.kind == "ReplicaFailure" && c.is_true()) {
        return Health::Degraded(condition.words());
    }
    let wanted = replicas(object);
    let status = |field: &str| count(object, &["status", field]);
    let (updated, total) = (status("updatedReplicas"), status("replicas"));
    if updated < wanted {
        return Health::Progressing(format!("{updated} of {wanted} replicas updated"));
    }
    if total > updated {
        return Health::Progressing(format!("{} old replicas still run", total - updated));
    }
    of_replicas(status("availableReplicas").min(status("readyReplicas")), wanted, "ready")
}

pub(super) fn stateful_set(object: &Value) -> Health {
    if let Some(health) = unobserved(object) {
        return health;
    }
    let wanted = replicas(object);
    let status = |field: &str| count(object, &["status", field]);
    let ready = status("readyReplicas");
    if ready < wanted {
        return of_replicas(ready, wanted, "ready");
    }
    if text(object, &["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        return Health::Healthy;
    }
    let partition = count(object, &["spec", "updateStrategy", "rollingUpdate", "partition"]);
    if partition > 0 {
        return of_replicas(status("updatedReplicas"), (wanted - partition).max(0), "updated");
    }
    let revision = |field: &str| text(object, &["status", field]);
    if revision("updateRevision").is_some() && revision("updateRevision") != revision("currentRevision") {
        return Health::Progressing(format!("{} of {wanted} replicas updated", status("updatedReplicas")));
    }
    Health::Healthy
}

pub(super) fn daemon_set(object: &Value) -> Health {
    if let Some(health) = unobserved(object) {
        return health;
    }
    // A status without this number was not filled in yet; a cluster without matching nodes has it as 0.
    let Some(wanted) = number(object, &["status", "desiredNumberScheduled"]) else {
        return Health::Progressing("not scheduled yet".into());
    };
    let status = |field: &str| count(object, &["status", field]);
    let on_delete = text(object, &["spec", "updateStrategy", "type"]) == Some("OnDelete");
    if !on_delete && status("updatedNumberScheduled") < wanted {
        return of_replicas(status("updatedNumberScheduled"), wanted, "updated");
    }
    of_replicas(status("numberAvailable").min(status("numberReady")), wanted, "ready")
}

pub(super) fn replica_set(object: &Value) -> Health {
    if let Some(health) = unobserved(object) {
        return health;
    }
    if let Some(failure) = conditions(object).iter().find(|c| c.kind == "ReplicaFailure" && c.is_true()) {
        return Health::Degraded(failure.words());
    }
    let ready = count(object, &["status", "availableReplicas"]);
    of_replicas(ready, replicas(object), "ready")
}

/// Done is healthy: whoever waits for a Job waits for its end.
pub(super) fn job(object: &Value) -> Health {
    let found = conditions(object);
    let holds = |kind: &str| found.iter().find(|c| c.kind == kind && c.is_true());
    if let Some(failed) = holds("Failed").or_else(|| holds("FailureTarget")) {
        return Health::Degraded(failed.words());
    }
    if holds("Complete").is_some() {
        return Health::Healthy;
    }
    if holds("Suspended").is_some() || at(object, &["spec", "suspend"]).and_then(Value::as_bool) == Some(true)
    {
        return Health::Suspended;
    }
    let wanted = number(object, &["spec", "completions"]).unwrap_or(1);
    let done = count(object, &["status", "succeeded"]);
    Health::Progressing(format!("{done} of {wanted} completions"))
}

pub(super) fn cron_job(object: &Value) -> Health {
    match at(object, &["spec", "suspend"]).and_then(Value::as_bool) {
        Some(true) => Health::Suspended,
        _ => Health::Healthy,
    }
}

pub(super) fn pod(object: &Value) -> Health {
    match text(object, &["status", "phase"]) {
        Some("Succeeded") => Health::Healthy,
        Some("Failed") => Health::Degraded(pod_words(object, "it failed")),
        Some("Running") => match conditions(object).iter().find(|c| c.kind == "Ready") {
            Some(ready) if ready.is_true() => Health::Healthy,
            _ => crash_loop(object).unwrap_or_else(|| Health::Progressing(pod_words(object, "not ready"))),
        },
        Some("Pending") | None => {
            crash_loop(object).unwrap_or_else(|| Health::Progressing(pod_words(object, "not started yet")))
        }
        Some(_) => Health::Unknown("its phase is not one we know".into()),
    }
}

/// A container that cannot start will not by waiting; the kubelet says so in its waiting reason.
fn crash_loop(object: &Value) -> Option<Health> {
    let lists = ["initContainerStatuses", "containerStatuses"];
    let statuses = lists.iter().filter_map(|list| at(object, &["status", list])?.as_array()).flatten();
    for status in statuses {
        let reason = text(status, &["state", "waiting", "reason"]).unwrap_or_default();
        let hopeless = ["CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"];
        if hopeless.contains(&reason) || reason.starts_with("CreateContainer") {
            let name = text(status, &["name"]).unwrap_or_default();
            return Some(Health::Degraded(format!("container {name}: {reason}")));
        }
    }
    None
}

fn pod_words(object: &Value, otherwise: &str) -> String {
    text(object, &["status", "reason"]).unwrap_or(otherwise).to_owned()
}

/// No status at all, or one about an older spec.
fn unobserved(object: &Value) -> Option<Health> {
    let empty = at(object, &["status"]).and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
    if empty {
        return Some(Health::Progressing("its controller has not looked at it yet".into()));
    }
    // The workload controllers always write it: a server that counts generations and a status without it do not
    // belong together yet.
    let counted = number(object, &["metadata", "generation"]).is_some();
    if counted && number(object, &["status", "observedGeneration"]).is_none() {
        return Some(Health::Progressing("its controller has not looked at it yet".into()));
    }
    outdated(object)
}

/// What `spec.replicas` asks for; the API server fills in 1.
fn replicas(object: &Value) -> i64 {
    number(object, &["spec", "replicas"]).unwrap_or(1)
}

fn of_replicas(have: i64, wanted: i64, what: &str) -> Health {
    if have >= wanted {
        return Health::Healthy;
    }
    Health::Progressing(format!("{have} of {wanted} replicas {what}"))
}
