//! The objects of an environment with what was made for them, as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::SubjectDocument;
use super::shown::text_document;
use crate::object::{Health, ObjectKey};

/// Version of [`TreeDocument`]'s layout.
pub const TREE_VERSION: u32 = 1;

/// The objects of one environment by unit, each with what controllers made for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TreeDocument {
    /// Layout of this document.
    pub version: u32,
    pub repository: String,
    pub environment: String,
    pub units: Vec<UnitTreeDocument>,
    /// What could not be looked at, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
}

/// One unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitTreeDocument {
    pub unit: String,
    /// What Git wants of it, and what is owned of it, by kind and name.
    pub objects: Vec<TreeNodeDocument>,
    /// Objects that are left out because there are many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TreeNodeDocument {
    pub subject: SubjectDocument,
    /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing` or `Unknown`.
    pub health: String,
    /// Why it is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was made for it: its pods, their claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<TreeNodeDocument>,
    /// Children that are left out: there are many, or nothing is left of what they were made for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

impl TreeNodeDocument {
    /// An object by itself.
    pub fn of(key: &ObjectKey, health: &Health) -> Self {
        Self {
            subject: SubjectDocument::of_key(key),
            health: health.word().to_owned(),
            message: health.message().map(text_document),
            children: Vec::new(),
            more: 0,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
