//! Which fields belong to whom: `managedFields` in the form `fieldsV1`.
//!
//! A set is a tree: `f:NAME` is a field, `k:{…}` an item of a list by its key, `v:…` a member of a set, `.` the node
//! itself. A leaf is `{}`. What we own is compared by value at the leaves; what others own names who is in conflict.

pub(crate) mod set;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use naksha_environments::digest::{Digest, Hasher, canonical_json};
use naksha_environments::merge::shape::item_key;
use naksha_environments::object::FieldOwners;
use naksha_environments::plan::{FieldPath, Segment};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Under which name we write.
pub(crate) const MANAGER: &str = "naksha";
/// Under which name a field of ours is kept that we stop sending and that is to stay as it is. Nobody's, to a plan.
pub(crate) const HAND_OVER: &str = "naksha-handover";

/// One entry of `managedFields`, its fields as they came.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry<'a> {
    #[serde(default)]
    pub(crate) manager: String,
    #[serde(default)]
    pub(crate) operation: String,
    #[serde(default)]
    pub(crate) subresource: String,
    #[serde(default)]
    pub(crate) api_version: String,
    #[serde(default)]
    pub(crate) time: String,
    #[serde(borrow, default, rename = "fieldsV1")]
    pub(crate) fields: Option<&'a RawValue>,
}

impl Entry<'_> {
    /// Whether it is what we applied.
    pub(crate) fn is_ours(&self) -> bool {
        self.manager == MANAGER && self.operation == "Apply" && self.subresource.is_empty()
    }

    /// As a tree; empty when it is none.
    pub(crate) fn tree(&self) -> Map<String, Value> {
        self.fields.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}

/// The part of a set that speaks of labels and annotations.
#[derive(Deserialize)]
struct Top {
    #[serde(default, rename = "f:metadata")]
    metadata: Map<String, Value>,
}

/// Hash of our entry and of the labels and annotations that it owns. The entry alone would not tell that a mutating
/// policy rewrote one of them.
pub(crate) fn entry_hash(
    entry: &Entry<'_>,
    labels: &Map<String, Value>,
    annotations: &Map<String, Value>,
) -> u64 {
    let mut hasher = DefaultHasher::new();
    let fields = entry.fields.map(RawValue::get).unwrap_or_default();
    (&entry.api_version, &entry.time, fields).hash(&mut hasher);
    // Only the part that speaks of them is read as a tree.
    let metadata = serde_json::from_str::<Top>(fields).map(|top| top.metadata).unwrap_or_default();
    for (part, values) in [("f:labels", labels), ("f:annotations", annotations)] {
        let owned = metadata.get(part).and_then(Value::as_object);
        for name in owned.into_iter().flat_map(Map::keys).filter_map(|name| name.strip_prefix("f:")) {
            (name, values.get(name).and_then(Value::as_str)).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Digest of the values at the leaves that `owned` names. `body` must be masked.
pub(crate) fn fingerprint(owned: &Map<String, Value>, body: &Value) -> Digest {
    let mut walk = Walk { hasher: Hasher::new("naksha/owned-fields/1"), path: String::new() };
    walk.node(owned, Some(body));
    walk.hasher.finish()
}

struct Walk {
    hasher: Hasher,
    path: String,
}

impl Walk {
    fn node(&mut self, owned: &Map<String, Value>, value: Option<&Value>) {
        // Sorted: two servers may list the same set in another order.
        let mut names: Vec<&String> = owned.keys().filter(|name| *name != ".").collect();
        names.sort_unstable();
        for name in names {
            let child = value.and_then(|value| child(value, name));
            let length = self.path.len();
            self.path.push('\n');
            self.path.push_str(name);
            match owned.get(name).and_then(Value::as_object) {
                // A leaf whose value is a map or a list is owned whole: an atomic one. Where it holds items of others,
                // the server says so by more than a leaf.
                Some(fields) if fields.keys().all(|name| name == ".") => self.leaf(child, !fields.is_empty()),
                Some(fields) => self.node(fields, child),
                None => self.leaf(child, false),
            }
            self.path.truncate(length);
        }
    }

    /// `present`: the node itself is owned, and nothing of what is in it.
    fn leaf(&mut self, value: Option<&Value>, present: bool) {
        self.hasher.add(&self.path);
        match value {
            None => self.hasher.add("-"),
            Some(_) if present => self.hasher.add("+"),
            Some(value) => self.hasher.add(canonical_json(value)),
        }
    }
}

/// What a name of a set means in a value.
fn child<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let (form, rest) = name.split_at_checked(2)?;
    match form {
        "f:" => value.get(rest),
        "k:" => {
            let wanted: Map<String, Value> = serde_json::from_str(rest).ok()?;
            value.as_array()?.iter().find(|item| {
                // Defaults are part of the key and always there in a live object.
                wanted.iter().all(|(name, value)| item.get(name) == Some(value))
            })
        }
        "v:" => {
            let wanted: Value = serde_json::from_str(rest).ok()?;
            value.as_array()?.iter().find(|item| **item == wanted)
        }
        "i:" => value.as_array()?.get(rest.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Who else owns which field of the main resource.
pub(crate) fn owners(entries: &[Entry<'_>]) -> FieldOwners {
    let mut owners = FieldOwners::default();
    for entry in entries.iter().filter(|entry| !entry.is_ours() && entry.manager != HAND_OVER) {
        let manager: Arc<str> = match &*entry.subresource {
            "" => entry.manager.as_str().into(),
            // A status is its controller's own; what a scaler sets is a field of the main resource.
            "status" => continue,
            subresource => format!("{} ({subresource})", entry.manager).into(),
        };
        collect(&entry.tree(), &mut FieldPath::default(), &manager, &mut owners);
    }
    owners
}

fn collect(tree: &Map<String, Value>, path: &mut FieldPath, manager: &Arc<str>, owners: &mut FieldOwners) {
    for (name, below) in tree.iter().filter(|(name, _)| *name != ".") {
        let Some(segment) = segment(name) else { continue };
        path.0.push(segment);
        match below.as_object().filter(|fields| fields.keys().any(|name| name != ".")) {
            Some(fields) => collect(fields, path, manager, owners),
            None => owners.add(path.clone(), Arc::clone(manager)),
        }
        path.0.pop();
    }
}

fn segment(name: &str) -> Option<Segment> {
    let (form, rest) = name.split_at_checked(2)?;
    match form {
        "f:" => Some(Segment::Key(rest.to_owned())),
        "k:" => {
            let fields: Value = serde_json::from_str(rest).ok()?;
            let names: Vec<&str> = fields.as_object()?.keys().map(String::as_str).collect();
            item_key(&fields, &names).map(Segment::Item)
        }
        "v:" => {
            let member: Value = serde_json::from_str(rest).ok()?;
            let text = member.as_str().map_or_else(|| member.to_string(), str::to_owned);
            Some(Segment::Item(vec![("value".to_owned(), text)]))
        }
        "i:" => Some(Segment::Index(rest.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree(value: Value) -> Map<String, Value> {
        let Value::Object(tree) = value else { unreachable!("it is a map") };
        tree
    }

    fn deployment(image: &str, replicas: u32) -> Value {
        json!({"spec": {"replicas": replicas, "template": {"spec": {"containers": [
            {"name": "app", "image": image, "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}]},
            {"name": "other", "image": "theirs"},
        ]}}}})
    }

    fn owned() -> Map<String, Value> {
        tree(json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"app\"}": {".": {}, "f:name": {}, "f:image": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}}}}}}}}}))
    }

    #[test]
    fn a_fingerprint_tells_what_is_ours() {
        let before = fingerprint(&owned(), &deployment("one", 1));
        assert_eq!(before, fingerprint(&owned(), &deployment("one", 1)));
        assert_ne!(before, fingerprint(&owned(), &deployment("two", 1)));
        assert_ne!(before, fingerprint(&owned(), &deployment("one", 2)));
        let mut theirs = deployment("one", 1);
        theirs["spec"]["template"]["spec"]["containers"][1]["image"] = json!("another");
        theirs["spec"]["paused"] = json!(true);
        theirs["spec"]["template"]["spec"]["containers"][0]["tty"] = json!(true);
        assert_eq!(before, fingerprint(&owned(), &theirs), "what others set is not looked at");
        let mut gone = deployment("one", 1);
        gone["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([]);
        assert_ne!(before, fingerprint(&owned(), &gone));
    }

    #[test]
    fn atomic_values_are_compared_whole_and_empty_maps_are_presence() {
        let selector = tree(json!({"f:spec": {"f:selector": {}}}));
        let of = |value: Value| fingerprint(&selector, &json!({"spec": {"selector": value}}));
        assert_ne!(of(json!({"app": "a"})), of(json!({"app": "b"})));
        let present = tree(json!({"f:data": {".": {}}}));
        let of = |value: Value| fingerprint(&present, &json!({"data": value}));
        assert_eq!(of(json!({"a": "1"})), of(json!({"b": "2"})));
        assert_ne!(fingerprint(&present, &json!({})), of(json!({})));
    }

    #[test]
    fn sets_are_compared_by_member() {
        let set = tree(json!({"f:metadata": {"f:finalizers": {".": {}, "v:\"a/b\"": {}}}}));
        let of = |value: Value| fingerprint(&set, &json!({"metadata": {"finalizers": value}}));
        assert_eq!(of(json!(["a/b"])), of(json!(["c/d", "a/b"])));
        assert_ne!(of(json!(["a/b"])), of(json!(["c/d"])));
    }

    #[test]
    fn owners_are_found_by_path() {
        let fields = r#"{"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {"f:image": {}}}}}}}"#;
        let status = r#"{"f:status": {"f:replicas": {}}}"#;
        let text = format!(
            r#"[{{"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {fields}}},
                {{"manager": "controller", "operation": "Update", "subresource": "status", "fieldsV1": {status}}},
                {{"manager": "naksha", "operation": "Apply", "fieldsV1": {{"f:spec": {{"f:paused": {{}}}}}}}}]"#
        );
        let entries: Vec<Entry<'_>> = serde_json::from_str(&text).unwrap();
        let owners = owners(&entries);
        let path = |keys: &[&str]| keys.iter().fold(FieldPath::default(), |path, key| path.key(key));
        assert_eq!(owners.of(&path(&["spec", "replicas"])), Some("kubectl-edit"));
        assert_eq!(owners.of(&path(&["spec", "paused"])), None);
        assert_eq!(owners.of(&path(&["status", "replicas"])), None);
        let containers = path(&["spec", "template", "spec", "containers"]);
        let item = containers.with(Segment::Item(vec![("name".to_owned(), "app".to_owned())]));
        assert_eq!(owners.of(&item.key("image")), Some("kubectl-edit"));
        assert_eq!(owners.of(&item), Some("kubectl-edit"), "something in it");
        assert_eq!(owners.of(&item.key("tty")), None);
    }

    #[test]
    fn labels_of_ours_are_part_of_the_entry() {
        let text = r#"{"manager": "naksha", "operation": "Apply", "apiVersion": "v1", "time": "t",
            "fieldsV1": {"f:metadata": {"f:labels": {"f:app": {}}}, "f:data": {"f:a": {}}}}"#;
        let entry: Entry<'_> = serde_json::from_str(text).unwrap();
        let with = |labels: Value| entry_hash(&entry, &tree(labels), &Map::new());
        assert_eq!(with(json!({"app": "a"})), with(json!({"app": "a", "theirs": "b"})));
        assert_ne!(with(json!({"app": "a"})), with(json!({"app": "b"})));
        assert_ne!(with(json!({"app": "a"})), with(json!({})));
    }
}
