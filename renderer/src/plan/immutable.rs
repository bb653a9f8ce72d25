//! Fields that the API server refuses to change: an object that needs it is deleted and created again.

use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{Change, FieldPath, Segment, Shown};
use serde_json::Value;

/// Group, kind, field. The field and everything beneath it cannot change.
const IMMUTABLE: &[(&str, &str, &str)] = &[
    ("", "Pod", "spec"),
    ("", "Service", "spec.clusterIP"),
    ("", "Service", "spec.clusterIPs"),
    ("", "PersistentVolumeClaim", "spec"),
    ("", "Secret", "type"),
    ("apps", "Deployment", "spec.selector"),
    ("apps", "DaemonSet", "spec.selector"),
    ("apps", "ReplicaSet", "spec.selector"),
    ("apps", "StatefulSet", "spec.selector"),
    ("apps", "StatefulSet", "spec.serviceName"),
    ("apps", "StatefulSet", "spec.podManagementPolicy"),
    ("apps", "StatefulSet", "spec.volumeClaimTemplates"),
    ("batch", "Job", "spec.selector"),
    ("batch", "Job", "spec.template"),
    ("batch", "Job", "spec.completionMode"),
    ("storage.k8s.io", "StorageClass", "provisioner"),
    ("storage.k8s.io", "StorageClass", "parameters"),
    ("storage.k8s.io", "StorageClass", "reclaimPolicy"),
    ("storage.k8s.io", "StorageClass", "volumeBindingMode"),
    ("scheduling.k8s.io", "PriorityClass", "value"),
    ("rbac.authorization.k8s.io", "RoleBinding", "roleRef"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", "roleRef"),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "spec.scope"),
];

/// Exceptions below an immutable field.
const MUTABLE: &[(&str, &str, &str)] = &[
    ("", "Pod", "spec.activeDeadlineSeconds"),
    ("", "Pod", "spec.tolerations"),
    ("", "PersistentVolumeClaim", "spec.resources.requests"),
    ("", "PersistentVolumeClaim", "spec.volumeAttributesClassName"),
];

/// Fields that may be set once, but not changed.
const SET_ONCE: &[&str] = &["spec.clusterIP", "spec.clusterIPs"];

/// Whether `change` cannot be made in place. `live` is the object as it is.
pub(super) fn needs_replace(key: &ObjectKey, live: &Value, change: &Change) -> bool {
    let meant = |(group, kind, field): &(&str, &str, &str)| {
        *group == &*key.group && *kind == &*key.kind && is_within(&change.path, field)
    };
    if is_frozen(key, live)
        && ["data", "binaryData", "immutable"].iter().any(|field| is_within(&change.path, field))
    {
        return true;
    }
    let is_image =
        &*key.kind == "Pod" && matches!(change.path.0.last(), Some(Segment::Key(key)) if key == "image");
    if MUTABLE.iter().any(meant) || is_image {
        return false;
    }
    let Some((_, _, field)) = IMMUTABLE.iter().find(|entry| meant(entry)) else { return false };
    !(SET_ONCE.contains(field) && is_unset(change.before.as_ref()))
}

/// A ConfigMap or Secret that says of itself that it cannot change.
fn is_frozen(key: &ObjectKey, live: &Value) -> bool {
    key.group.is_empty()
        && matches!(&*key.kind, "ConfigMap" | "Secret")
        && live.get("immutable").and_then(Value::as_bool) == Some(true)
}

fn is_unset(value: Option<&Shown>) -> bool {
    match value {
        None => true,
        Some(Shown::Value(value)) => {
            value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty)
        }
        Some(Shown::Secret { .. }) => false,
    }
}

fn is_within(path: &FieldPath, field: &str) -> bool {
    let mut segments = path.0.iter();
    field.split('.').all(|part| matches!(segments.next(), Some(Segment::Key(key)) if key == part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(key: &ObjectKey, path: &[&str], before: Option<Value>) -> bool {
        let path = FieldPath(path.iter().map(|key| Segment::Key((*key).to_owned())).collect());
        let change = Change { path, before: before.map(Shown::Value), after: Some(Shown::Value(json!("x"))) };
        needs_replace(key, &json!({}), &change)
    }

    #[test]
    fn the_table_says_what_cannot_change_in_place() {
        let set = ObjectKey::new("apps", "StatefulSet", Some("n"), "db");
        assert!(check(&set, &["spec", "serviceName"], None));
        assert!(check(&set, &["spec", "selector", "matchLabels", "app"], None));
        assert!(!check(&set, &["spec", "replicas"], None));
        let claim = ObjectKey::new("", "PersistentVolumeClaim", Some("n"), "data");
        assert!(check(&claim, &["spec", "storageClassName"], None));
        assert!(!check(&claim, &["spec", "resources", "requests", "storage"], None));
        assert!(!check(&claim, &["metadata", "labels"], None));
        let service = ObjectKey::new("", "Service", Some("n"), "web");
        assert!(!check(&service, &["spec", "clusterIP"], None));
        assert!(check(&service, &["spec", "clusterIP"], Some(json!("10.0.0.1"))));
    }

    #[test]
    fn a_frozen_config_map_is_replaced() {
        let key = ObjectKey::new("", "ConfigMap", Some("n"), "web");
        let path = FieldPath::default().key("data").key("a");
        let change = Change { path, before: None, after: None };
        assert!(needs_replace(&key, &json!({"immutable": true}), &change));
        assert!(!needs_replace(&key, &json!({}), &change));
    }
}
