//! What is not sent: nulls that mean "not there", what the server sets itself, and spellings that make conflicts.

use naksha_environments::kubernetes::is_built_in;
use serde_json::Value;

use super::{pod, quantity};

/// Fields of `metadata` that only the server writes; they come along when somebody copies a live object.
const SERVER_FIELDS: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// Written by `kubectl apply`; a whole object as text, secrets in clear included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Drops what only the server writes, and says what that was. A null of these is not worth a word: generators
/// write `creationTimestamp: null`.
pub(super) fn server_fields(object: &mut Value) -> Vec<&'static str> {
    let mut dropped = Vec::new();
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return dropped };
    for field in SERVER_FIELDS {
        if metadata.shift_remove(field).is_some_and(|value| !value.is_null()) {
            dropped.push(field);
        }
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
        && annotations.shift_remove(LAST_APPLIED).is_some()
    {
        dropped.push(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    dropped
}

/// Drops `status` and the null keys of built-in kinds. In a custom kind a null may mean null.
pub(super) fn nulls_and_status(group: &str, kind: &str, object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata") {
        drop_nulls(metadata);
    }
    if !is_built_in(group) {
        return;
    }
    if let Some(map) = object.as_object_mut() {
        map.shift_remove("status");
    }
    // The schema inside of a CustomResourceDefinition may say `default: null`.
    if kind != "CustomResourceDefinition" {
        drop_nulls(object);
    }
}

/// Null values of maps; nulls in lists stay, for the server to refuse.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, item| !item.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Puts a built-in kind's amounts and variables into the spelling that the server answers with.
pub(super) fn spelling(group: &str, kind: &str, object: &mut Value) {
    if let Some(spec) = pod::spec_pointer(group, kind).and_then(|pointer| object.pointer_mut(pointer)) {
        pod::spell(spec);
    }
    let Some(spec) = object.get_mut("spec") else { return };
    match (group, kind) {
        ("", "PersistentVolumeClaim") => pod::resources(spec),
        ("", "PersistentVolume") => amounts(spec.get_mut("capacity")),
        ("", "ResourceQuota") => amounts(spec.get_mut("hard")),
        ("", "LimitRange") => {
            for limit in pod::items_mut(spec, "limits") {
                for field in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
                    amounts(limit.get_mut(field));
                }
            }
        }
        ("apps", "StatefulSet") => {
            for claim in pod::items_mut(spec, "volumeClaimTemplates") {
                claim.get_mut("spec").into_iter().for_each(pod::resources);
            }
        }
        ("autoscaling", "HorizontalPodAutoscaler") => {
            for metric in pod::items_mut(spec, "metrics") {
                for source in metric.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
                    for field in ["/target/value", "/target/averageValue"] {
                        source.pointer_mut(field).into_iter().for_each(quantity::rewrite);
                    }
                }
            }
        }
        _ => {}
    }
}

fn amounts(map: Option<&mut Value>) {
    if let Some(map) = map.and_then(Value::as_object_mut) {
        map.values_mut().for_each(quantity::rewrite);
    }
}
