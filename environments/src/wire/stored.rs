//! A plan as the daemon stored it, and what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::PlanDocument;

/// Version of [`StoredPlanDocument`]'s layout.
pub const STORED_PLAN_VERSION: u32 = 1;

/// A stored plan and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredPlanDocument {
    /// Layout of this document.
    pub version: u32,
    pub repository: String,
    pub environment: String,
    /// What was decided when it was planned last: `apply`, `hold` or `wait`; `shown`: only a pull request showed it.
    pub decision: String,
    /// Why it was held or waited, each with what lifts it.
    pub reasons: Vec<String>,
    /// When that was decided (RFC 3339).
    pub at: String,
    /// What became of it: `applied`, `failed`, `superseded`, `interrupted` or `applying`, as its last apply is; `held`,
    /// `waiting`, `suspended` or `approved` while it waits for that; `dropped`: never applied, because another plan took
    /// its place or there was nothing left to do; `shown`: nobody but a pull request planned it.
    pub fate: String,
    /// Its last apply. It may be older than `at`: the same plan came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<ApplyDocument>,
    /// The plan, as it was made.
    #[schemars(with = "PlanDocument")]
    pub plan: Value,
    /// The steps of that apply, in the order in which they ended.
    pub steps: Vec<StepDocument>,
}

/// One apply of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyDocument {
    /// Numbers the applies of a daemon.
    pub id: i64,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// `succeeded`, `failed`, `superseded`, `interrupted` or `running`.
    pub outcome: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    pub steps: u32,
    pub failed: u32,
}

/// One step of an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepDocument {
    /// `Deployment naksha/web` or `Workflow ingest`.
    pub subject: String,
    pub verb: String,
    /// `done`, `failed` or `skipped`.
    pub outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub attempts: u32,
    pub milliseconds: i64,
}
