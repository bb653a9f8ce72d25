//! Which fields take part: the target's own bookkeeping never does.

use naksha_environments::plan::{FieldPath, Segment};
use serde_json::Value;

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
pub(super) fn is_targets_own(path: &FieldPath, key: &str) -> bool {
    match path.0.as_slice() {
        [] => key == "status",
        [Segment::Key(parent)] if parent == "metadata" => TARGETS_METADATA.contains(&key),
        _ => false,
    }
}

/// A value that is there: null means absent, as the API server takes it for built-in kinds.
pub(super) fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}
