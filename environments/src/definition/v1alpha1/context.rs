//! `contexts/<name>.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::BudgetsSpec;

/// What a workflow's nodes may touch. What is not listed is not allowed.
#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct PolicyContextSpec {
    /// Models that may be called.
    pub models: Vec<String>,
    /// Tools and node types that act on the outside: `slack.post`.
    pub tools: Vec<String>,
    /// Hosts that may be reached.
    pub hosts: Vec<String>,
    /// Buckets that may be read and written.
    pub buckets: Vec<String>,
    /// Collections of the vector database.
    pub collections: Vec<String>,
    /// Secrets that may be read, as patterns: `vault:kv/rag#*`.
    pub secrets: Vec<String>,
    /// What all workflows of this context together may cost.
    pub budget: BudgetsSpec,
    /// Vector searches per second.
    #[schemars(range(min = 1))]
    pub searches_per_second: Option<u32>,
}
