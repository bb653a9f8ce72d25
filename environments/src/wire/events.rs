//! What happened in environments, as JSON.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::SubjectDocument;
use super::shown::text_document;

/// Version of [`EventsDocument`]'s layout.
pub const EVENTS_VERSION: u32 = 1;

/// What happened to the objects of environments, and what the daemon did; newest last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsDocument {
    /// Layout of this document.
    pub version: u32,
    /// Nothing older is told (RFC 3339).
    pub since: String,
    pub events: Vec<EventDocument>,
    /// Older ones that are left out because there are many.
    #[serde(default)]
    pub more: usize,
    /// What could not be looked at, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventDocument {
    /// When it happened last (RFC 3339).
    pub at: String,
    pub repository: String,
    pub environment: String,
    /// `target`: the target says so. `naksha`: the daemon did it.
    pub source: String,
    /// What it happened to; absent for what concerns the environment as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectDocument>,
    /// The object of ours that this was made for, where it is not that itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<SubjectDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether somebody should look at it.
    pub warning: bool,
    /// A word: `FailedScheduling`, `Applied`.
    pub reason: String,
    pub message: String,
    /// How often it happened.
    pub count: u64,
}

impl EventDocument {
    /// A time as it stands in documents: to the second, so that it reads the same whoever told it.
    pub fn time(at: Timestamp) -> String {
        at.round(jiff::Unit::Second).unwrap_or(at).to_string()
    }

    /// A text from outside, as it may be told.
    pub fn text(text: &str) -> String {
        text_document(text)
    }
}
