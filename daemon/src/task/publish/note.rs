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
        format!("{environment}: {state} (plan {})", plan.as_deref().unwrap_or("-"))
    }
}
