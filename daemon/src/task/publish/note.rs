//! The Git note of an applied commit.

use naksha_environments::status::EnvironmentStatus;
use serde::{Deserialize, Serialize};

/// What a note needs of a status.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotedStatus {
    pub(super) repository: String,
    environment: String,
    state: String,
    pub(super) applied: Option<String>,
    plan: Option<String>,
}

impl NotedStatus {
    pub fn of(repository: &str, status: &EnvironmentStatus) -> Self {
        Self {
            repository: repository.to_owned(),
            environment: status.environment.to_string(),
            state: status.state.word().to_owned(),
            applied: status.applied.as_ref().map(ToString::to_string),
            plan: status.plan.as_ref().map(ToString::to_string),
        }
    }

    pub(super) fn note(&self) -> String {
        let Self { environment, state, plan, .. } = self;
        // The plan that is being applied or waits; mostly there is none.
        let plan = plan.as_ref().map(|plan| format!(" (plan {plan})")).unwrap_or_default();
        format!("{environment}: {state}{plan}")
    }
}
