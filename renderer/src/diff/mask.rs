//! Values as they may be shown, and the live marks of a Secret as the references they came from.

use naksha_environments::inventory::Owned;
use naksha_environments::object::{ObjectKey, mark_placeholder};
use naksha_environments::plan::{FieldPath, Segment, Shown};
use naksha_environments::secret::{MASK, SecretMark};
use naksha_environments::wire::{is_sensitive_name, scrub_value};
use serde_json::{Map, Value};

/// The annotation in which client-side apply keeps a copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Where a Secret has its values.
const SECRET_FIELDS: [&str; 2] = ["data", "stringData"];

/// `value`, which stands at `path` of `key`, as it may be shown: values of a Secret as secrets, other texts
/// scrubbed. A value beside a telling name (`env[name=DB_PASSWORD].value`) is masked whole.
pub fn shown(key: &ObjectKey, path: &FieldPath, value: &Value) -> Shown {
    if is_secret_data(key, path) {
        return secret(value);
    }
    if names_secret(path) && value.is_string() {
        // Through the mapping, so that references and placeholders stay readable.
        let entry = Map::from_iter([("password".to_owned(), value.clone())]);
        let masked = scrub_value(&Value::Object(entry));
        return Shown::Value(masked.get("password").cloned().unwrap_or_else(|| MASK.into()));
    }
    Shown::Value(scrub_value(value))
}

/// A whole object as expressions may see it: masked as [`shown`] does, with its keys.
pub(super) fn masked(key: &ObjectKey, body: &Value) -> Value {
    let mut body = scrub_value(body);
    for field in SECRET_FIELDS.into_iter().filter(|_| is_secret(key)) {
        if let Some(values) = body.get_mut(field).and_then(Value::as_object_mut) {
            for value in values.values_mut() {
                *value = MASK.into();
            }
        }
    }
    let annotations = body.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    if let Some(copy) = annotations.and_then(|annotations| annotations.get_mut(LAST_APPLIED)) {
        *copy = MASK.into();
    }
    body
}

fn is_secret(key: &ObjectKey) -> bool {
    key.group.is_empty() && &*key.kind == "Secret"
}

fn is_secret_data(key: &ObjectKey, path: &FieldPath) -> bool {
    let copies = |segment: &Segment| matches!(segment, Segment::Key(key) if key == LAST_APPLIED);
    match path.0.as_slice() {
        [Segment::Key(field), ..] if is_secret(key) && SECRET_FIELDS.contains(&field.as_str()) => true,
        segments => segments.iter().any(copies),
    }
}

fn secret(value: &Value) -> Shown {
    let text = value.as_str().unwrap_or_default();
    let reference = text.strip_prefix("ref:").map(str::to_owned);
    let mark = text.strip_prefix("mark:").and_then(parse_mark);
    Shown::Secret { reference, mark }
}

fn parse_mark(text: &str) -> Option<SecretMark> {
    serde_json::from_value(Value::String(text.to_owned())).ok()
}

/// Whether the name of the field, or of the item it is the value of, says that it is a secret.
fn names_secret(path: &FieldPath) -> bool {
    match path.0.as_slice() {
        [.., Segment::Item(item), Segment::Key(value)] if value == "value" => {
            item.iter().any(|(_, name)| is_sensitive_name(name))
        }
        // A reference to a Secret's key: `valueFrom.secretKeyRef.key`.
        [.., Segment::Key(parent), Segment::Key(_)] if parent.ends_with("Ref") => false,
        [.., Segment::Key(field)] => is_sensitive_name(field),
        _ => false,
    }
}

/// The live body of a Secret with the marks of values that we applied put back to what stood in our body: a
/// reference whose value is still the one we wrote reads as that reference. Other objects are returned as they are.
pub fn translate_secrets(live: Value, owned: &Owned) -> Value {
    if owned.secrets.is_empty() {
        return live;
    }
    let mut live = live;
    let applied = owned.applied.value();
    if let Some(data) = live.get_mut("data").and_then(Value::as_object_mut) {
        for (name, value) in data.iter_mut() {
            let is_ours =
                owned.secrets.get(name).is_some_and(|mark| value.as_str() == Some(&*mark_placeholder(mark)));
            let ours = applied.get("data").and_then(|data| data.get(name));
            if let Some(ours) = ours.filter(|_| is_ours) {
                *value = ours.clone();
            }
        }
    }
    live
}
