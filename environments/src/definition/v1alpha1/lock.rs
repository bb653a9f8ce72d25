//! `environments/<name>/lock.yaml` and `approvals/<plan id>.yaml`: written by naksha more often than by people.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

/// Which commit an environment runs. Only `source` decides; the rest is a record.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct LockSpec {
    /// The full commit id.
    pub source: String,
    /// Digest of what it rendered: `sha256:…`.
    #[serde(default)]
    pub render: Option<String>,
    /// Chart → version.
    #[serde(default)]
    pub charts: IndexMap<String, String>,
    /// Image → digest.
    #[serde(default)]
    pub images: IndexMap<String, String>,
    /// Workflow → digest of its version.
    #[serde(default)]
    pub workflows: IndexMap<String, String>,
}

/// A person's word that a plan may be applied although a guard objects.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct ApprovalSpec {
    /// The plan id, as reports show it.
    pub plan: String,
    /// Who says so.
    pub by: String,
    /// Why it is fine.
    pub reason: String,
    /// Until when it counts. Default: as long as the plan lives.
    #[serde(default)]
    #[schemars(extend("examples" = ["2027-01-31T18:00:00Z"], "format" = "date-time"))]
    pub expires: Option<String>,
}
