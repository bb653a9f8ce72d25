//! The Git note of an applied commit.

use serde::Deserialize;

/// What a note needs of a status document.
#[derive(Debug, Deserialize)]
pub(super) struct NotedStatus {
    pub(super) repository: String,
    environment: String,
    state: String,
    pub(super) applied: Option<String>,
    plan: Option<String>,
}

impl NotedStatus {
    pub(super) fn note(&self) -> String {
        let Self { environment, state, plan, .. } = self;
        // The plan that is being applied or waits; mostly there is none.
        let plan = plan.as_ref().map(|plan| format!(" (plan {plan})")).unwrap_or_default();
        format!("{environment}: {state}{plan}")
    }
}
