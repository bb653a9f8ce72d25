//! Health: what an object's status says about whether it does its work.
//!
//! Pure. The rules follow kstatus and Argo CD, with one bias: a status that its controller has not brought up to
//! date (`observedGeneration` behind `generation`) is never read as healthy. An object without any status is
//! judged by its kind: a ConfigMap is healthy as soon as it exists, a Deployment is not.

mod condition;
mod workload;

#[cfg(test)]
mod tests;

use naksha_environments::object::Health;
use serde_json::Value;

use self::condition::{Condition, conditions};

/// Whether `object` (as the target has it, with its status) does its work.
pub fn judge(object: &Value) -> Health {
    if let Some(since) = text(object, &["metadata", "deletionTimestamp"]) {
        return Health::Progressing(format!("being deleted since {since}"));
    }
    let group = group_of(object);
    let kind = text(object, &["kind"]).unwrap_or_default();
    let own = match (group, kind) {
        ("apps", "Deployment") => Some(workload::deployment(object)),
        ("apps", "StatefulSet") => Some(workload::stateful_set(object)),
        ("apps", "DaemonSet") => Some(workload::daemon_set(object)),
        ("apps", "ReplicaSet") => Some(workload::replica_set(object)),
        ("batch", "Job") => Some(workload::job(object)),
        ("batch", "CronJob") => Some(workload::cron_job(object)),
        ("", "Pod") => Some(workload::pod(object)),
        ("", "PersistentVolumeClaim") => Some(claim(object)),
        ("", "Service") => Some(service(object)),
        ("", "Namespace") => Some(namespace(object)),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Some(definition(object)),
        _ => None,
    };
    own.unwrap_or_else(|| generic(object))
}

/// Whether `status` says nothing about the current `spec`. Controllers without `observedGeneration` are believed.
fn outdated(object: &Value) -> Option<Health> {
    let observed = number(object, &["status", "observedGeneration"])?;
    let generation = number(object, &["metadata", "generation"])?;
    (observed < generation)
        .then(|| Health::Progressing("its controller has not seen the latest change".into()))
}

/// Kinds that we know nothing of: the conditions that the API conventions name.
fn generic(object: &Value) -> Health {
    let Some(status) = object.get("status").and_then(Value::as_object) else { return Health::Healthy };
    if status.is_empty() {
        return Health::Healthy;
    }
    if let Some(health) = outdated(object) {
        return health;
    }
    let generation = number(object, &["metadata", "generation"]);
    let found = conditions(object);
    for stalled in ["Stalled", "Failed", "Degraded"] {
        if let Some(condition) = found.iter().find(|c| c.kind == stalled && c.is_true()) {
            return Health::Degraded(condition.words());
        }
    }
    if let Some(condition) = found.iter().find(|c| c.kind == "Reconciling" && c.is_true()) {
        return Health::Progressing(condition.words());
    }
    let main = ["Ready", "Available", "Established", "Healthy", "Synced"];
    let Some(condition) = main.iter().find_map(|kind| found.iter().find(|c| c.kind == *kind)) else {
        return without_conditions(object, &found);
    };
    if condition.is_behind(generation) {
        return Health::Progressing(format!("{} is not up to date", condition.kind));
    }
    match condition.status {
        "True" => Health::Healthy,
        "False" if condition.is_final() => Health::Degraded(condition.words()),
        _ => Health::Progressing(condition.words()),
    }
}

/// A status, but none of the conditions we know: a `phase` is better than nothing.
fn without_conditions(object: &Value, found: &[Condition<'_>]) -> Health {
    match text(object, &["status", "phase"]).or_else(|| text(object, &["status", "state"])) {
        Some("Failed" | "Error" | "Degraded") => Health::Degraded("its phase says that it failed".into()),
        Some("Pending" | "Creating" | "Progressing" | "Terminating" | "Provisioning") => {
            Health::Progressing("its phase says that it is not done".into())
        }
        // Nothing that could say otherwise: plain status fields, such as the numbers of a quota.
        _ if found.is_empty() => Health::Healthy,
        _ => match found.iter().find(|c| c.status == "Unknown") {
            Some(condition) => Health::Progressing(condition.words()),
            None => Health::Healthy,
        },
    }
}

fn claim(object: &Value) -> Health {
    match text(object, &["status", "phase"]) {
        Some("Bound") => Health::Healthy,
        Some("Lost") => Health::Degraded("its volume is lost".into()),
        Some("Pending") | None => Health::Progressing("not bound to a volume yet".into()),
        Some(_) => Health::Unknown("its phase is not one we know".into()),
    }
}

fn service(object: &Value) -> Health {
    if text(object, &["spec", "type"]) != Some("LoadBalancer") {
        return Health::Healthy;
    }
    let ingress = object.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
    match ingress {
        Some(addresses) if !addresses.is_empty() => Health::Healthy,
        _ => Health::Progressing("has no address of a load balancer yet".into()),
    }
}

fn namespace(object: &Value) -> Health {
    match text(object, &["status", "phase"]) {
        Some("Active") => Health::Healthy,
        Some("Terminating") => Health::Progressing("being deleted".into()),
        _ => Health::Progressing("not active yet".into()),
    }
}

fn definition(object: &Value) -> Health {
    let found = conditions(object);
    if let Some(refused) = found.iter().find(|c| c.kind == "NamesAccepted" && c.status == "False") {
        return Health::Degraded(refused.words());
    }
    match found.iter().find(|c| c.kind == "Established") {
        Some(condition) if condition.is_true() => Health::Healthy,
        _ => Health::Progressing("not established yet".into()),
    }
}

fn group_of(object: &Value) -> &str {
    let version = text(object, &["apiVersion"]).unwrap_or_default();
    version.split_once('/').map_or("", |(group, _)| group)
}

fn at<'v>(object: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(object, |value, key| value.get(key))
}

fn text<'v>(object: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(object, path)?.as_str()
}

fn number(object: &Value, path: &[&str]) -> Option<i64> {
    at(object, path)?.as_i64()
}

/// A count that is absent counts as none.
fn count(object: &Value, path: &[&str]) -> i64 {
    number(object, path).unwrap_or(0)
}
