//! What may be there once a write is on its way: what was applied, and the fields that are about to join it.
//!
//! The inventory keeps this while a write may or may not have happened. Without it, a field that a killed write
//! added would be nobody's, and would stay when Git drops it again.

use serde_json::{Map, Value};

use super::field::{is_targets_own, present};
use super::shape::{Shape, has_key, item_key, shape_of};
use crate::plan::{FieldPath, Segment};

/// Stands for a value that is about to be applied for the first time. It equals no value that anybody wants, so that
/// a field that is not there yet reads as a change still to be made, never as drift.
pub const UNCONFIRMED: &str = "naksha.dev/unconfirmed";

/// `applied` with every field that only `desired` has, each with [`UNCONFIRMED`] as its value. Fields that both have
/// keep what was applied.
pub fn widen(applied: &Value, desired: &Value) -> Value {
    let mut path = FieldPath::default();
    both(&mut path, applied, desired)
}

fn both(path: &mut FieldPath, applied: &Value, desired: &Value) -> Value {
    match (applied, desired) {
        (Value::Object(applied), Value::Object(desired)) => {
            let mut widened = applied.clone();
            for (key, desired) in desired {
                if is_targets_own(path, key) {
                    continue;
                }
                let Some(desired) = present(Some(desired)) else { continue };
                path.0.push(Segment::Key(key.clone()));
                let value = match present(applied.get(key)) {
                    Some(applied) => both(path, applied, desired),
                    None => added(path, desired),
                };
                path.0.pop();
                widened.insert(key.clone(), value);
            }
            Value::Object(widened)
        }
        (Value::Array(ours), Value::Array(wanted)) => match shape_of(&path.0, &[ours, wanted]) {
            Shape::Map { keys, .. } => Value::Array(items(path, keys, ours, wanted)),
            Shape::Set => {
                let new = wanted.iter().filter(|item| !ours.contains(item));
                Value::Array(ours.iter().chain(new).cloned().collect())
            }
            Shape::Atomic => applied.clone(),
        },
        _ => applied.clone(),
    }
}

fn items(path: &mut FieldPath, keys: &[&str], ours: &[Value], wanted: &[Value]) -> Vec<Value> {
    let mut widened = ours.to_vec();
    for item in wanted {
        let Some(key) = item_key(item, keys) else { continue };
        path.0.push(Segment::Item(key.clone()));
        match widened.iter_mut().find(|other| has_key(other, &key)) {
            Some(other) => *other = both(path, other, item),
            None => widened.push(added_item(path, keys, item)),
        }
        path.0.pop();
    }
    widened
}

fn added(path: &mut FieldPath, desired: &Value) -> Value {
    match desired {
        Value::Object(fields) if !fields.is_empty() => Value::Object(added_fields(path, &[], fields)),
        Value::Array(wanted) => match shape_of(&path.0, &[wanted]) {
            Shape::Map { keys, .. } => Value::Array(items(path, keys, &[], wanted)),
            Shape::Set => desired.clone(),
            Shape::Atomic => UNCONFIRMED.into(),
        },
        _ => UNCONFIRMED.into(),
    }
}

/// An item keeps what identifies it.
fn added_item(path: &mut FieldPath, keys: &[&str], item: &Value) -> Value {
    item.as_object().map_or(Value::Null, |fields| Value::Object(added_fields(path, keys, fields)))
}

fn added_fields(path: &mut FieldPath, keys: &[&str], fields: &Map<String, Value>) -> Map<String, Value> {
    let mut widened = Map::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let value = if keys.contains(&name.as_str()) {
            value.clone()
        } else {
            path.0.push(Segment::Key(name.clone()));
            let value = added(path, value);
            path.0.pop();
            value
        };
        widened.insert(name.clone(), value);
    }
    widened
}
