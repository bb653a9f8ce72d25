//! Values that must be strings. YAML reads `8080` and `yes` as something else, and the API server refuses them
//! with a message that names no line.

use naksha_environments::yaml::{Content, Node};

use super::pod;

/// A value that should be a string: its node and what it is called.
pub(super) struct Expected<'n> {
    pub(super) node: &'n Node,
    pub(super) name: String,
}

/// Every value of the object that must be a string and is not.
pub(super) fn wrong<'n>(group: &str, kind: &str, root: &'n Node) -> Vec<Expected<'n>> {
    let mut found = Vec::new();
    for path in [&["metadata", "labels"][..], &["metadata", "annotations"]] {
        map(root, path, &mut found);
    }
    match (group, kind) {
        ("", "ConfigMap") => map(root, &["data"], &mut found),
        ("", "Secret") => map(root, &["stringData"], &mut found),
        ("", "Service") => map(root, &["spec", "selector"], &mut found),
        ("apps" | "batch", _) => map(root, &["spec", "selector", "matchLabels"], &mut found),
        _ => {}
    }
    if let Some(pointer) = pod::spec_pointer(group, kind) {
        pods(root, pointer, &mut found);
    }
    found
}

fn pods<'n>(root: &'n Node, pointer: &str, found: &mut Vec<Expected<'n>>) {
    let path: Vec<&str> = pointer.split('/').skip(1).collect();
    if let Some(template) = root.find(&path[..path.len() - 1])
        && path.len() > 1
    {
        map(template, &["metadata", "labels"], found);
        map(template, &["metadata", "annotations"], found);
    }
    let Some(spec) = root.find(&path) else { return };
    map(spec, &["nodeSelector"], found);
    for list in ["initContainers", "containers"] {
        let containers = spec.get(list).and_then(Node::as_sequence).unwrap_or_default();
        let variables =
            containers.iter().filter_map(|container| container.get("env")?.as_sequence()).flatten();
        for variable in variables {
            let name = variable.get("name").and_then(Node::as_str).unwrap_or("?");
            if let Some(value) = variable.get("value").filter(|value| is_wrong(value)) {
                found.push(Expected { node: value, name: format!("variable `{name}`") });
            }
        }
    }
}

fn map<'n>(root: &'n Node, path: &[&str], found: &mut Vec<Expected<'n>>) {
    let Some(mapping) = root.find(path).and_then(Node::as_mapping) else { return };
    for entry in mapping.iter().filter(|entry| is_wrong(&entry.value)) {
        let name = format!("`{}` of {}", entry.key, path.join("."));
        found.push(Expected { node: &entry.value, name });
    }
}

/// A null is "not there", and is dropped later.
fn is_wrong(node: &Node) -> bool {
    !matches!(node.content, Content::String(_) | Content::Null)
}
