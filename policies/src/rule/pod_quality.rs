//! missing-requests, missing-probes, duplicate-env, selector-mismatch.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::found::{Found, named, path};
use crate::pod::{Container, Pod, Role, items, text};
use crate::rule::object::Object;

pub(super) fn rule(object: &Object<'_>, found: &mut Vec<Found>) {
    let Some(pod) = &object.pod else { return };
    for container in pod.containers() {
        duplicate_env(&container, found);
        if container.role == Role::Main {
            requests(&container, found);
            probes(pod, &container, found);
        }
    }
    if pod.long_running {
        selector(object, pod, found);
    }
}

fn requests(container: &Container<'_>, found: &mut Vec<Found>) {
    let resources = container.value.get("resources");
    let set = |list: &str, key: &str| {
        resources.and_then(|resources| resources.get(list)).is_some_and(|list| list.get(key).is_some())
    };
    // A limit without a request is a request of the same size.
    let missing: Vec<&str> =
        ["cpu", "memory"].into_iter().filter(|key| !set("requests", key) && !set("limits", key)).collect();
    if !missing.is_empty() {
        let message = format!("{} requests no {}", container.words(), missing.join(" and no "));
        found.push(Found::new("missing-requests", container.path.key("resources"), message));
    }
}

fn probes(pod: &Pod<'_>, container: &Container<'_>, found: &mut Vec<Found>) {
    let serves = items(container.value, "ports").next().is_some();
    if pod.long_running && serves && container.value.get("readinessProbe").is_none() {
        let message = format!("{} gets traffic before it says that it is ready", container.words());
        found.push(Found::new("missing-probes", container.path.key("readinessProbe"), message));
    }
}

fn duplicate_env(container: &Container<'_>, found: &mut Vec<Found>) {
    let mut seen = BTreeSet::new();
    for (index, variable) in items(container.value, "env").enumerate() {
        let Some(name) = text(variable, "name") else { continue };
        if !seen.insert(name) {
            let field = named(&container.path.key("env"), Some(name), index);
            let message = format!("{} sets the variable `{name}` twice", container.words());
            found.push(Found::new("duplicate-env", field, message));
        }
    }
}

fn selector(object: &Object<'_>, pod: &Pod<'_>, found: &mut Vec<Found>) {
    let wanted = object.body.get("spec").and_then(|spec| spec.get("selector"));
    let wanted = wanted.and_then(|selector| selector.get("matchLabels")).and_then(Value::as_object);
    for (label, value) in wanted.into_iter().flatten() {
        let own = pod.labels.and_then(|labels| labels.get(label));
        if own != Some(value) {
            let field = path(&["spec", "selector", "matchLabels"]).key(label);
            let message = match own {
                Some(_) => {
                    format!("the selector wants another value of the label `{label}` than its pods have")
                }
                None => format!("the selector wants the label `{label}`, which its pods lack"),
            };
            found.push(Found::new("selector-mismatch", field, message));
        }
    }
}
