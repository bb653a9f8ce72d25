//! What kind of list a list is: items with an identity, a set, or one value.
//!
//! The table follows the list-map keys of the Kubernetes API (`x-kubernetes-list-map-keys`). A field that it does
//! not know is a list map by `name` when every item has a unique one. Where the API says atomic although items
//! have names (RBAC subjects, HTTP headers), the list is compared whole: an extra subject is no stranger's field,
//! it is a right that nobody granted.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::plan::Segment;

/// Names of the fields that identify an item.
pub type Keys = &'static [&'static str];

/// Field name → the fields that identify an item.
const MAPS: &[(&str, Keys)] = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("volumes", &["name"]),
    ("env", &["name"]),
    ("imagePullSecrets", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("conditions", &["type"]),
    ("ownerReferences", &["uid"]),
];

/// Ports are told apart by number and protocol; containers and services name the number differently.
const PORTS: &[Keys] = &[&["containerPort", "protocol"], &["port", "protocol"]];

/// A key field that may be left out, and what it then means.
const DEFAULTS: &[(&str, &str)] = &[("protocol", "TCP")];

/// Items have names, and the list is one value all the same.
const ATOMIC: &[&str] =
    &["subjects", "httpHeaders", "parentRefs", "backendRefs", "targetRefs", "rules", "tls"];

/// List maps in which the order means something: init containers run in it, and a variable may use an earlier one.
const ORDERED: &[&str] = &["initContainers", "env"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Map {
        keys: Keys,
        ordered: bool,
    },
    /// Scalars of which each is present or not.
    Set,
    Atomic,
}

/// The shape of the list at `path`, of which `lists` are the versions. A version that breaks the shape (an item
/// without its key, a key twice) makes it atomic.
pub fn shape_of(path: &[Segment], lists: &[&[Value]]) -> Shape {
    let Some(Segment::Key(field)) = path.last() else { return Shape::Atomic };
    if is_finalizers(path) && lists.iter().all(|list| is_set(list)) {
        return Shape::Set;
    }
    if ATOMIC.contains(&field.as_str()) {
        return Shape::Atomic;
    }
    let known = MAPS.iter().find(|(name, _)| name == field).map(|(_, keys)| *keys);
    let candidates: Vec<Keys> = match known {
        Some(keys) => vec![keys],
        None if field == "ports" => PORTS.to_vec(),
        None => vec![&["name"]],
    };
    let has_items = lists.iter().any(|list| !list.is_empty());
    let fits = |keys: &Keys| lists.iter().all(|list| is_map(list, keys));
    match candidates.into_iter().find(fits) {
        Some(keys) if has_items => Shape::Map { keys, ordered: ORDERED.contains(&field.as_str()) },
        _ => Shape::Atomic,
    }
}

fn is_finalizers(path: &[Segment]) -> bool {
    matches!(path, [Segment::Key(metadata), Segment::Key(field)] if metadata == "metadata" && field == "finalizers")
}

fn is_set(list: &[Value]) -> bool {
    let texts: BTreeSet<_> = list.iter().filter_map(Value::as_str).collect();
    texts.len() == list.len()
}

fn is_map(list: &[Value], keys: &[&str]) -> bool {
    let mut seen = BTreeSet::new();
    list.iter().all(|item| item_key(item, keys).is_some_and(|key| seen.insert(key)))
}

/// What identifies `item`; none when a key field is missing or no scalar.
pub fn item_key(item: &Value, keys: &[&str]) -> Option<Vec<(String, String)>> {
    let fields = item.as_object()?;
    let field = |name: &&str| {
        let text = match fields.get(*name) {
            None => DEFAULTS.iter().find(|(field, _)| field == name).map(|(_, value)| (*value).to_owned()),
            Some(value) => scalar_text(value),
        };
        Some(((*name).to_owned(), text?))
    };
    keys.iter().map(field).collect()
}

/// Whether `item` is the one that `key` names.
pub fn has_key(item: &Value, key: &[(String, String)]) -> bool {
    let names: Vec<&str> = key.iter().map(|(name, _)| name.as_str()).collect();
    item_key(item, &names).is_some_and(|found| found == key)
}

/// The segment of a member of a set.
pub fn member(text: &str) -> Segment {
    Segment::Item(vec![("value".to_owned(), text.to_owned())])
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
