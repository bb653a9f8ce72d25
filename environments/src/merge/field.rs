//! Which fields take part: the target's own bookkeeping never does.

use serde_json::Value;

use crate::plan::{FieldPath, Segment};

/// Fields of `metadata` that the target writes.
const TARGETS_METADATA: &[&str] = &[
    "resourceVersion",
    "uid",
    "generation",
    "managedFields",
    "creationTimestamp",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Whether `key` under `path` is the target's own: never compared, never sent.
pub fn is_targets_own(path: &FieldPath, key: &str) -> bool {
    match path.0.as_slice() {
        [] => key == "status",
        [Segment::Key(parent)] if parent == "metadata" => TARGETS_METADATA.contains(&key),
        _ => false,
    }
}

/// A value that is there: null means absent, as the API server takes it for built-in kinds.
pub fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}
