//! Pods inside of objects: where their spec stands, its one spelling, and the objects that it refers to.

use std::collections::BTreeSet;

use naksha_environments::object::ObjectKey;
use serde_json::{Map, Value};

use super::quantity;

/// Lists of containers of a pod.
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Where the pod's spec stands in an object of this kind.
pub(super) fn spec_pointer(group: &str, kind: &str) -> Option<&'static str> {
    match (group, kind) {
        ("", "Pod") => Some("/spec"),
        ("", "PodTemplate") => Some("/template/spec"),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job") => Some("/spec/template/spec"),
        ("batch", "CronJob") => Some("/spec/jobTemplate/spec/template/spec"),
        _ => None,
    }
}

/// Whether objects of this kind run pods.
pub(crate) fn has_pods(key: &ObjectKey) -> bool {
    spec_pointer(&key.group, &key.kind).is_some()
}

/// Puts a pod's spec into the spelling that the server answers with.
pub(super) fn spell(spec: &mut Value) {
    for list in CONTAINERS {
        for container in items_mut(spec, list) {
            resources(container);
            for variable in items_mut(container, "env") {
                // The server drops it; sending it makes a conflict with whoever does not.
                if let Some(map) = variable.as_object_mut()
                    && map.get("value").is_some_and(|value| value == "")
                {
                    map.shift_remove("value");
                }
            }
        }
    }
    resources(spec);
    for volume in items_mut(spec, "volumes") {
        if let Some(limit) = volume.pointer_mut("/emptyDir/sizeLimit") {
            quantity::rewrite(limit);
        }
        if let Some(claim) = volume.pointer_mut("/ephemeral/volumeClaimTemplate/spec") {
            resources(claim);
        }
    }
}

/// `resources.requests` and `resources.limits` below `value`.
pub(super) fn resources(value: &mut Value) {
    for pointer in ["/resources/requests", "/resources/limits"] {
        if let Some(amounts) = value.pointer_mut(pointer).and_then(Value::as_object_mut) {
            amounts.values_mut().for_each(quantity::rewrite);
        }
    }
}

pub(super) fn items_mut<'v>(value: &'v mut Value, list: &str) -> impl Iterator<Item = &'v mut Value> {
    value.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

fn items<'v>(value: &'v Value, list: &str) -> impl Iterator<Item = &'v Value> {
    value.get(list).and_then(Value::as_array).into_iter().flatten()
}

/// Secrets, ConfigMaps, ServiceAccounts and claims that an object's pods need to start.
pub fn references(key: &ObjectKey, body: &Value) -> BTreeSet<ObjectKey> {
    let mut found = BTreeSet::new();
    let Some(spec) = spec_pointer(&key.group, &key.kind).and_then(|pointer| body.pointer(pointer)) else {
        return found;
    };
    let mut add = |kind: &str, source: Option<&Value>, field: &str| {
        let Some(source) = source.and_then(Value::as_object) else { return };
        let optional = source.get("optional") == Some(&Value::Bool(true));
        if let Some(name) = text(source, field).filter(|_| !optional) {
            found.insert(ObjectKey::new("", kind, key.namespace.as_deref(), name));
        }
    };
    add("ServiceAccount", Some(spec), "serviceAccountName");
    items(spec, "imagePullSecrets").for_each(|secret| add("Secret", Some(secret), "name"));
    for container in CONTAINERS.iter().flat_map(|list| items(spec, list)) {
        for variable in items(container, "env") {
            add("Secret", variable.pointer("/valueFrom/secretKeyRef"), "name");
            add("ConfigMap", variable.pointer("/valueFrom/configMapKeyRef"), "name");
        }
        for variables in items(container, "envFrom") {
            add("Secret", variables.get("secretRef"), "name");
            add("ConfigMap", variables.get("configMapRef"), "name");
        }
    }
    for volume in items(spec, "volumes") {
        add("Secret", volume.get("secret"), "secretName");
        add("ConfigMap", volume.get("configMap"), "name");
        add("PersistentVolumeClaim", volume.get("persistentVolumeClaim"), "claimName");
        for source in volume.get("projected").into_iter().flat_map(|projected| items(projected, "sources")) {
            add("Secret", source.get("secret"), "name");
            add("ConfigMap", source.get("configMap"), "name");
        }
    }
    found
}

fn text<'v>(map: &'v Map<String, Value>, field: &str) -> Option<&'v str> {
    map.get(field).and_then(Value::as_str)
}
