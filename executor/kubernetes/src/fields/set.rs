//! Sets of fields as trees: joined, taken apart, and laid over an object. Pure.

use naksha_environments::plan::{FieldPath, Segment};
use serde_json::{Map, Value};

use super::{child, segment};

/// A set of fields in the form `fieldsV1`.
pub(crate) type Set = Map<String, Value>;

/// Adds what is in the other set.
pub(crate) fn join(set: &mut Set, other: &Set) {
    for (name, below) in other {
        match (set.get_mut(name).and_then(Value::as_object_mut), below.as_object()) {
            (Some(mine), Some(below)) => join(mine, below),
            _ => drop(set.insert(name.clone(), below.clone())),
        }
    }
}

/// Takes these fields out of the set, with everything in them, and gives them back as a set of their own.
pub(crate) fn take(set: &mut Set, paths: &[FieldPath]) -> Set {
    let mut taken = Set::new();
    for path in paths {
        if let Some(one) = take_one(set, &path.0) {
            join(&mut taken, &one);
        }
    }
    taken
}

fn take_one(set: &mut Set, path: &[Segment]) -> Option<Set> {
    let (first, rest) = path.split_first()?;
    let name = set.keys().find(|name| segment(name).as_ref() == Some(first))?.clone();
    let taken = if rest.is_empty() {
        set.shift_remove(&name)?
    } else {
        let below = set.get_mut(&name)?.as_object_mut()?;
        let taken = take_one(below, rest)?;
        // An empty set would be a leaf, and mean the whole of it.
        if below.is_empty() {
            set.shift_remove(&name);
        }
        Value::Object(taken)
    };
    Some(Set::from_iter([(name, taken)]))
}

/// What of an object the set names: the object as it would be if nothing else had ever been set.
pub(crate) fn cut(set: &Set, object: &Value) -> Value {
    match object {
        Value::Array(items) => Value::Array(cut_items(set, items)),
        Value::Object(_) => {
            let field = |name: &String| {
                let below = child(object, name)?;
                Some((name.strip_prefix("f:")?.to_owned(), cut_below(set.get(name)?, below)))
            };
            Value::Object(set.keys().filter_map(field).collect())
        }
        leaf => leaf.clone(),
    }
}

fn cut_below(set: &Value, value: &Value) -> Value {
    match set.as_object() {
        // A leaf: the value is owned whole.
        Some(set) if set.is_empty() => value.clone(),
        Some(set) => cut(set, value),
        None => value.clone(),
    }
}

/// Items in the order in which they are there. What tells an item apart belongs to it.
fn cut_items(set: &Set, items: &[Value]) -> Vec<Value> {
    let list = Value::Array(items.to_vec());
    let mut found = Vec::new();
    for (name, below) in set {
        let Some(item) = child(&list, name) else { continue };
        let Some(at) = items.iter().position(|other| other == item) else { continue };
        let mut cut = cut_below(below, item);
        let key: Option<Set> = name.strip_prefix("k:").and_then(|key| serde_json::from_str(key).ok());
        if let (Some(fields), Some(key)) = (cut.as_object_mut(), key) {
            key.into_iter().for_each(|(name, value)| drop(fields.insert(name, value)));
        }
        found.push((at, cut));
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(value: Value) -> Set {
        let Value::Object(set) = value else { unreachable!("it is a map") };
        set
    }

    fn path(keys: &[&str]) -> FieldPath {
        keys.iter().fold(FieldPath::default(), |path, key| path.key(key))
    }

    #[test]
    fn sets_are_joined() {
        let mut one = set(json!({"f:spec": {"f:replicas": {}}, "f:data": {".": {}, "f:a": {}}}));
        join(&mut one, &set(json!({"f:spec": {"f:paused": {}}, "f:data": {"f:b": {}}})));
        let joined = json!({
            "f:spec": {"f:replicas": {}, "f:paused": {}},
            "f:data": {".": {}, "f:a": {}, "f:b": {}},
        });
        assert_eq!(Value::Object(one), joined);
    }

    #[test]
    fn what_is_taken_leaves_no_empty_set_behind() {
        let mut all = set(json!({"f:spec": {"f:replicas": {}}, "f:data": {".": {}, "f:a": {}}}));
        let wanted = [path(&["spec", "replicas"]), path(&["data", "a"]), path(&["data", "other"])];
        let taken = take(&mut all, &wanted);
        assert_eq!(Value::Object(taken), json!({"f:spec": {"f:replicas": {}}, "f:data": {"f:a": {}}}));
        assert_eq!(Value::Object(all), json!({"f:data": {".": {}}}));
    }

    #[test]
    fn items_are_taken_by_their_key() {
        let mut all = set(json!({"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {}}}}));
        let item = path(&["containers"]).with(Segment::Item(vec![("name".to_owned(), "app".to_owned())]));
        let taken = take(&mut all, &[item.key("image")]);
        assert_eq!(Value::Object(taken), json!({"f:containers": {"k:{\"name\":\"app\"}": {"f:image": {}}}}));
    }

    #[test]
    fn an_object_is_cut_to_a_set() {
        let owned = set(json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}, "f:finalizers": {".": {}, "v:\"a/b\"": {}}},
            "f:spec": {"f:selector": {}, "f:containers": {
                "k:{\"name\":\"two\"}": {".": {}, "f:image": {}, "f:env": {}},
                "k:{\"name\":\"one\"}": {".": {}, "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}}}},
            }},
        }));
        let object = json!({
            "kind": "Pod",
            "metadata": {"labels": {"app": "a", "theirs": "b"}, "finalizers": ["c/d", "a/b"]},
            "spec": {"selector": {"app": "a"}, "nodeName": "n", "containers": [
                {"name": "one", "image": "x", "ports": [{"containerPort": 80, "protocol": "TCP", "hostPort": 1}]},
                {"name": "two", "image": "y", "tty": true},
            ]},
        });
        let cut_to = json!({
            "metadata": {"labels": {"app": "a"}, "finalizers": ["a/b"]},
            "spec": {"selector": {"app": "a"}, "containers": [
                {"name": "one", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                {"name": "two", "image": "y"},
            ]},
        });
        assert_eq!(cut(&owned, &object), cut_to);
    }
}
