//! The part of an object that we own: what we applied last, as the server has it. Pure.

use serde_json::{Map, Value};

use crate::fields::child;

/// What of `body` the set `owned` (`fieldsV1`) names.
pub(crate) fn owned_part(owned: &Map<String, Value>, body: &Value) -> Value {
    let mut part = match body {
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Object(Map::new()),
    };
    for (name, beneath) in owned.iter().filter(|(name, _)| *name != ".") {
        let Some(value) = child(body, name) else { continue };
        let beneath = beneath.as_object().filter(|beneath| !beneath.is_empty());
        let value = match beneath {
            None => value.clone(),
            // Only that it is there is ours.
            Some(beneath) if beneath.keys().all(|name| name == ".") => empty_of(value),
            Some(beneath) => owned_part(beneath, value),
        };
        match (&mut part, name.split_at_checked(2)) {
            (Value::Object(fields), Some(("f:", field))) => drop(fields.insert(field.to_owned(), value)),
            (Value::Array(items), Some(("k:", key))) => items.push(with_key(value, key)),
            (Value::Array(items), _) => items.push(value),
            _ => {}
        }
    }
    part
}

fn empty_of(value: &Value) -> Value {
    match value {
        Value::Object(_) => Value::Object(Map::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        other => other.clone(),
    }
}

/// An item is told apart by its key, whoever owns that.
fn with_key(item: Value, key: &str) -> Value {
    let (Value::Object(mut item), Ok(key)) = (item.clone(), serde_json::from_str::<Map<String, Value>>(key))
    else {
        return item;
    };
    for (name, value) in key {
        item.entry(name).or_insert(value);
    }
    Value::Object(item)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_set_is_left_out() {
        let body = json!({
            "metadata": {"name": "web", "labels": {"app": "web", "theirs": "x"}, "finalizers": ["a/b", "c/d"]},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"spec": {"restartPolicy": "Always", "containers": [
                    {"name": "side", "image": "theirs"},
                    {"name": "web", "image": "nginx", "imagePullPolicy": "Always", "ports": [
                        {"containerPort": 80, "protocol": "TCP"}, {"containerPort": 81, "protocol": "TCP"}]},
                ]}},
            },
            "data": {"a": "1"},
        });
        let owned = json!({
            "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {"v:\"a/b\"": {}}},
            "f:spec": {
                "f:selector": {},
                "f:gone": {},
                "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
                    ".": {}, "f:name": {}, "f:image": {},
                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                }}}},
            },
            "f:data": {".": {}},
        });
        let wanted = json!({
            "metadata": {"labels": {"app": "web"}, "finalizers": ["a/b"]},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"spec": {"containers": [
                    {"name": "web", "image": "nginx", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                ]}},
            },
            "data": {},
        });
        assert_eq!(owned_part(owned.as_object().unwrap(), &body), wanted);
    }
}
