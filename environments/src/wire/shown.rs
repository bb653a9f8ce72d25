//! Values in documents: masked, and no longer than somebody would read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scrub::{scrub, scrub_value};
use crate::plan::Shown;
use crate::secret::SecretMark;

/// Longest text in a document, in bytes. A ConfigMap may hold a megabyte; nobody reads it in a plan, and every
/// plan is stored. The plan's id covers the whole value all the same.
pub const MAX_TEXT: usize = 16 * 1024;

/// A value as it may be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ShownDocument {
    /// The value itself. What looks like a secret in it reads `(secret)`.
    Value(Value),
    /// A secret, of which nothing is shown.
    #[serde(rename_all = "camelCase")]
    Secret {
        /// Where its value is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// Equal numbers within one document mean equal values. The number says nothing else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        same: Option<u32>,
    },
}

/// Numbers the marks of one document in the order in which they are met, so that no mark leaves it.
#[derive(Debug, Default)]
pub(super) struct Marks(BTreeMap<SecretMark, u32>);

impl Marks {
    pub(super) fn shown(&mut self, shown: &Shown) -> ShownDocument {
        match shown {
            Shown::Value(value) => ShownDocument::Value(value_document(value)),
            Shown::Secret { reference, mark } => ShownDocument::Secret {
                reference: reference.as_deref().map(text_document),
                same: mark.as_ref().map(|mark| self.number(mark)),
            },
        }
    }

    fn number(&mut self, mark: &SecretMark) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_add(1);
        *self.0.entry(mark.clone()).or_insert(next)
    }
}

/// A text from outside: scrubbed and cut.
pub(super) fn text_document(text: &str) -> String {
    cut(scrub(text).into_owned())
}

/// A value from outside: scrubbed, with its long texts cut.
pub(super) fn value_document(value: &Value) -> Value {
    cut_value(scrub_value(value))
}

fn cut_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cut(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(cut_value).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, cut_value(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn cut(text: String) -> String {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let mut end = MAX_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… ({} more bytes)", &text[..end], text.len() - end)
}
