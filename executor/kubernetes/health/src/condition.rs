//! Conditions, as the Kubernetes API conventions define them: items with type, status, reason and message.
//!
//! A condition may tell which generation it speaks of; one that speaks of an older one decides nothing.

use serde_json::Value;

/// Longest words of a controller that are passed on: some put whole stack traces there.
pub(crate) const MAX_WORDS: usize = 200;

/// Endings of reasons that do not go away by waiting.
const FINAL_REASONS: [&str; 6] = ["Failed", "Error", "Invalid", "Denied", "Exceeded", "NotFound"];

/// One condition of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition<'v> {
    pub(crate) kind: &'v str,
    pub(crate) status: &'v str,
    pub(crate) reason: &'v str,
    message: &'v str,
    observed: Option<i64>,
}

impl<'v> Condition<'v> {
    /// Absent: the value is no condition.
    pub(crate) fn of(value: &'v Value) -> Option<Self> {
        let field = |name: &str| value.get(name).and_then(Value::as_str);
        Some(Self {
            kind: field("type")?,
            status: field("status")?,
            reason: field("reason").unwrap_or_default(),
            message: field("message").unwrap_or_default(),
            // Zero is how Go writes "not told"; generations count from 1.
            observed: value
                .get("observedGeneration")
                .and_then(Value::as_i64)
                .filter(|observed| *observed > 0),
        })
    }

    /// Whether it says something about an older generation.
    pub(crate) fn is_old(&self, generation: Option<i64>) -> bool {
        matches!((self.observed, generation), (Some(observed), Some(generation)) if observed < generation)
    }

    /// Whether its reason is one that waiting does not take away.
    pub(crate) fn is_final(&self) -> bool {
        FINAL_REASONS.iter().any(|end| self.reason.ends_with(end))
    }

    /// One line: the message, else the reason, else type and status.
    pub(crate) fn words(&self) -> String {
        let line = one_line(self.message);
        match (line.is_empty(), self.reason.is_empty()) {
            (false, _) => line,
            (true, true) => format!("{} is {}", self.kind, self.status),
            (true, false) => format!("{} is {}: {}", self.kind, self.status, self.reason),
        }
    }
}

/// `status.conditions` of an object.
pub(crate) fn of_object(object: &Value) -> impl Iterator<Item = Condition<'_>> {
    let items = object.get("status").and_then(|status| status.get("conditions")).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Condition::of)
}

/// The first line of a text, cut to [`MAX_WORDS`].
pub(crate) fn one_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default().trim();
    line.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}
