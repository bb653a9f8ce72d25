//! Conditions, as the Kubernetes API conventions define them: `status.conditions[]` with type, status, reason.

use serde_json::Value;

/// Longest message of a condition that is passed on: controllers put whole stack traces there.
const MAX_WORDS: usize = 200;

pub(super) struct Condition<'v> {
    pub kind: &'v str,
    pub status: &'v str,
    reason: &'v str,
    message: &'v str,
    observed: Option<i64>,
}

/// The conditions of an object; entries that are none are left out.
pub(super) fn conditions(object: &Value) -> Vec<Condition<'_>> {
    let items = object.pointer("/status/conditions").and_then(Value::as_array);
    items.into_iter().flatten().filter_map(condition).collect()
}

fn condition(value: &Value) -> Option<Condition<'_>> {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    Some(Condition {
        kind: field("type")?,
        status: field("status")?,
        reason: field("reason").unwrap_or_default(),
        message: field("message").unwrap_or_default(),
        observed: value.get("observedGeneration").and_then(Value::as_i64),
    })
}

impl Condition<'_> {
    pub(super) fn is_true(&self) -> bool {
        self.status == "True"
    }

    /// Says something about an older generation.
    pub(super) fn is_behind(&self, generation: Option<i64>) -> bool {
        matches!((self.observed, generation), (Some(observed), Some(generation)) if observed < generation)
    }

    /// Reasons that do not go away by waiting.
    pub(super) fn is_final(&self) -> bool {
        let ends = ["Failed", "Error", "Invalid", "Denied", "Exceeded", "NotFound"];
        ends.iter().any(|end| self.reason.ends_with(end))
    }

    /// One line: the message, else the reason, else the type and status.
    pub(super) fn words(&self) -> String {
        let line = self.message.lines().next().unwrap_or_default().trim();
        if !line.is_empty() {
            return line.chars().take(MAX_WORDS).collect();
        }
        if self.reason.is_empty() {
            return format!("{} is {}", self.kind, self.status);
        }
        format!("{} is {}: {}", self.kind, self.status, self.reason)
    }
}
