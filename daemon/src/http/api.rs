//! What the API says and takes: JSON twins, shared by server and client.

use naksha_environments::moment::to_the_second;
use naksha_environments::wire::HoldDocument;
use serde::{Deserialize, Serialize};

/// Body of every refusal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refusal {
    pub error: RefusalBody,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefusalBody {
    /// `naksha explain CODE` tells more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A request without anything in its body.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoRequest {}

/// `POST …/suspend`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspendRequest {
    pub reason: String,
}

/// `POST …/forget`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetRequest {
    pub reason: String,
}

/// Answer of `POST …/forget`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Forgotten {
    /// `repository/environment` of what was forgotten.
    pub scope: String,
    /// Objects that it owned, as `Kind namespace/name`. They are where they were, and nobody's.
    pub left: Vec<String>,
}

/// `POST /api/v1/inventory/rebuild`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebuildRequest {
    /// False: only says what would be taken.
    pub take: bool,
}

/// Answer of `POST /api/v1/inventory/rebuild`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rebuilt {
    /// `repository/environment`
    pub scope: String,
    /// Whether the objects are in the inventory now, or would be.
    pub taken: bool,
    /// Objects that were found and are in the inventory already.
    pub known: usize,
    pub objects: Vec<Taken>,
    /// What looks like ours, and is not proven to be.
    pub unproven: Vec<NotTaken>,
    /// What could not be looked at.
    pub unseen: Vec<NotTaken>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Taken {
    /// `Kind namespace/name`
    pub object: String,
    /// Who signed it.
    pub unit: String,
    /// `as wanted`, `differs` (from what Git wants), `not in Git`
    pub state: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NotTaken {
    pub what: String,
    pub reason: String,
}

/// `POST /api/v1/plans/{plan}/ack`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AckRequest {
    pub reason: String,
    /// RFC 3339; absent: it lives as long as the plan.
    #[serde(default)]
    pub expires: Option<jiff::Timestamp>,
}

/// Answer of every command that changes something.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Done {
    /// `repository/environment` of what was reached.
    pub scopes: Vec<String>,
    pub message: String,
    /// What holds an acknowledged plan all the same; `window` and `suspension` are kinds here too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remains: Vec<HoldDocument>,
}

/// Answer of `POST …/resume`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resumed {
    /// `repository/environment` of what was reached.
    pub scopes: Vec<String>,
    pub message: String,
    /// `suspension`, `bar`, `history`; empty when there was nothing to resume.
    pub lifted: Vec<String>,
}

/// `GET /api/v1/repositories`: one per configured repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RepositoryDocument {
    pub repository: String,
    /// The branch whose head rules; absent while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// The commit that the trunk is at, as of the last fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// When the last fetch succeeded, since the daemon started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<jiff::Timestamp>,
    /// Why it cannot be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<RepositoryProblem>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RepositoryProblem {
    /// `naksha explain CODE` tells more.
    pub code: String,
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The first failure of a row of them; absent for what is no failure to fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<jiff::Timestamp>,
    /// Waiting may help: nobody has to change the repository or the configuration.
    pub transient: bool,
}

impl std::fmt::Display for RepositoryDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(problem) = &self.problem else { return f.write_str(&self.repository) };
        write!(f, "repository {}: {}: {}", self.repository, problem.code, problem.message)?;
        let Some(since) = problem.since else { return Ok(()) };
        write!(f, " (since {})", to_the_second(since))
    }
}

/// `GET /api/v1/history`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryDocument {
    pub entries: Vec<HistoryEntry>,
}

/// One plan and what became of it, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub repository: String,
    pub environment: String,
    pub plan: String,
    pub at: jiff::Timestamp,
    pub revision: Option<String>,
    /// `apply`, `heal` (an apply that only healed, once it ended), `hold`, `wait`
    pub decision: String,
    pub reasons: Vec<String>,
    /// Which apply; absent: never applied.
    pub apply: Option<i64>,
    /// `succeeded`, `failed`, `superseded`, `interrupted`, `running`; absent: never applied.
    pub outcome: Option<String>,
    pub detail: Option<String>,
    pub ended: Option<jiff::Timestamp>,
    pub steps: u32,
    pub failed: u32,
}
