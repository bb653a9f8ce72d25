//! rbac-wildcard, rbac-secrets-list, cluster-admin-binding.

use naksha_environments::plan::Segment;
use serde_json::Value;

use crate::found::{Found, path};
use crate::pod::{items, text};
use crate::rule::object::Object;

pub(super) fn rule(object: &Object<'_>, found: &mut Vec<Found>) {
    if &*object.key.group != "rbac.authorization.k8s.io" {
        return;
    }
    match &*object.key.kind {
        "Role" | "ClusterRole" => role(object, found),
        "RoleBinding" | "ClusterRoleBinding" => binding(object, found),
        _ => {}
    }
}

fn role(object: &Object<'_>, found: &mut Vec<Found>) {
    let place = match &object.key.namespace {
        Some(namespace) => format!("namespace {namespace}"),
        None => "the whole cluster".to_owned(),
    };
    for (index, rule) in items(object.body, "rules").enumerate() {
        let field = path(&["rules"]).with(Segment::Index(index));
        let has = |key: &str, word: &str| items(rule, key).any(|value| value.as_str() == Some(word));
        for key in ["verbs", "resources"] {
            if has(key, "*") {
                let message = format!("it allows every one of `{key}` in {place}");
                found.push(Found::new("rbac-wildcard", field.key(key), message));
            }
        }
        let named = items(rule, "resourceNames").next().is_some();
        let lists = has("verbs", "list") || has("verbs", "watch");
        if has("resources", "secrets") && lists && !named {
            let message = format!("it allows reading every Secret in {place}");
            found.push(Found::new("rbac-secrets-list", field, message));
        }
    }
}

fn binding(object: &Object<'_>, found: &mut Vec<Found>) {
    let role = object.body.get("roleRef").and_then(|role| text(role, "name"));
    if role != Some("cluster-admin") {
        return;
    }
    let subjects: Vec<String> = items(object.body, "subjects").map(subject).collect();
    let who = if subjects.is_empty() { "nobody yet".to_owned() } else { subjects.join(", ") };
    let message = format!("it makes {who} an administrator of everything");
    found.push(Found::new("cluster-admin-binding", path(&["roleRef"]), message));
}

fn subject(subject: &Value) -> String {
    let kind = text(subject, "kind").unwrap_or("subject");
    format!("{kind} `{}`", text(subject, "name").unwrap_or_default())
}
