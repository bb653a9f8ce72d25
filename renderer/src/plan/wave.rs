//! The wave of an object of which only the inventory still knows: deletions go in order too, backwards.

use naksha_environments::object::ObjectKey;
use serde_json::Value;

use crate::normalise::{WAVE_ANNOTATION, parse_wave, wave_of_kind};

/// The wave in which `key` was applied last, from the body that was applied.
pub(super) fn wave_of_applied(key: &ObjectKey, applied: &Value) -> i32 {
    let annotations = applied.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let written =
        annotations.and_then(|annotations| annotations.get(WAVE_ANNOTATION)).and_then(Value::as_str);
    written.and_then(parse_wave).unwrap_or_else(|| wave_of_kind(&key.group, &key.kind))
}
