//! Live objects on their way in and out of an adapter: masked when they leave it, with the values of Secrets when they
//! are written. Pure.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use naksha_environments::digest::canonical_json;
use naksha_environments::object::{Body, ObjectKey, mark_placeholder};
use naksha_environments::secret::{MarkKey, Secret};
use serde_json::{Map, Value};

/// Copies the whole object, secret values included.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Fields of `metadata` that are bookkeeping: no part of what is compared.
const BOOKKEEPING: &[&str] =
    &["uid", "resourceVersion", "generation", "managedFields", "creationTimestamp", "selfLink"];

/// What of an object may be shown and compared: without status and bookkeeping, values of Secrets as marks.
pub fn masked(key: &ObjectKey, fields: Map<String, Value>, marks: &MarkKey) -> Body {
    Body::new(&masked_value_of(key, fields, marks))
}

/// As [`masked`], as a tree.
pub fn masked_value_of(key: &ObjectKey, mut fields: Map<String, Value>, marks: &MarkKey) -> Value {
    fields.shift_remove("status");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in BOOKKEEPING {
            metadata.shift_remove(*name);
        }
    }
    if is_secret(key) {
        mask(&mut fields, marks);
    }
    Value::Object(fields)
}

pub fn is_secret(key: &ObjectKey) -> bool {
    key.group.is_empty() && &*key.kind == "Secret"
}

/// Puts marks where the values of a Secret stand, and where they were copied to.
pub fn mask(secret: &mut Map<String, Value>, marks: &MarkKey) {
    for (field, encoded) in [("data", true), ("stringData", false)] {
        match secret.get_mut(field) {
            Some(Value::Object(values)) => {
                for (_, value) in values.iter_mut() {
                    *value = masked_value(value, encoded, marks);
                }
            }
            Some(Value::Null) | None => {}
            Some(other) => *other = masked_value(other, false, marks),
        }
    }
    let annotations = secret.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    if let Some(copy) = annotations.and_then(|annotations| annotations.get_mut(LAST_APPLIED)) {
        *copy = masked_value(copy, false, marks);
    }
}

fn masked_value(value: &Value, encoded: bool, marks: &MarkKey) -> Value {
    let plain = match value {
        // As the API server reads it: line breaks inside base64 mean nothing.
        Value::String(text) if encoded => {
            let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            STANDARD.decode(&compact).unwrap_or_else(|_| text.clone().into_bytes())
        }
        Value::String(text) => text.clone().into_bytes(),
        other => canonical_json(other).into_bytes(),
    };
    Value::String(mark_placeholder(&marks.mark(&plain)))
}

/// The body with the values of a Secret where its marks stand.
pub fn with_values(body: &Body, secrets: &BTreeMap<String, Secret>) -> Value {
    let mut desired = body.value();
    if !secrets.is_empty()
        && let Some(fields) = desired.as_object_mut()
    {
        let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
        if let Some(data) = data.as_object_mut() {
            for (name, value) in secrets {
                data.insert(name.clone(), Value::String(STANDARD.encode(value.expose())));
            }
        }
    }
    desired
}
