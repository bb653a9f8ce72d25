//! What differs between a target and what Git wants, as JSON.

use std::slice;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::{ChangeDocument, PlanDocument};
use super::shown::text_document;
use crate::ids::EnvironmentName;
use crate::object::{ObjectKey, Observation};
use crate::plan::{Change, Plan, Subject};

/// Version of [`DiffDocument`]'s layout.
pub const DIFF_VERSION: u32 = 1;

/// What is not in the target of one environment as Git wants it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiffDocument {
    /// Layout of this document.
    pub version: u32,
    pub repository: String,
    pub environment: String,
    /// `same`; `differs`; `unknown`: nothing differs as far as could be looked, and not everything could.
    pub result: String,
    /// Why nothing could be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What would make it the same. Of each change, `before` is what is there, `after` is what Git wants, and `setBy` who
    /// set what is there.
    pub plan: PlanDocument,
}

impl DiffDocument {
    /// `plan`: what would make `observation` what Git wants.
    pub fn of(repository: &str, plan: &Plan, observation: &Observation) -> Self {
        let mut told = plan.subset(|action| !action.only_records());
        told.unchanged += plan.actions.len() - told.actions.len();
        let result = match (told.actions.is_empty() && told.drifted.is_empty(), told.is_complete()) {
            (false, _) => "differs",
            (true, true) => "same",
            (true, false) => "unknown",
        };
        let mut document = PlanDocument::of(&told);
        for (action, shown) in told.actions.iter().zip(&mut document.actions) {
            if let Subject::Object(key) = &action.subject {
                tell_setters(observation, key, &action.changes, &mut shown.changes);
            }
        }
        for ((key, changes), shown) in told.drifted.iter().zip(&mut document.drifted) {
            tell_setters(observation, key, changes, &mut shown.changes);
        }
        let left = told.left.iter().filter(|(_, left)| !left.fields.is_empty());
        for ((key, left), shown) in left.zip(&mut document.left_alone) {
            for (field, shown) in left.fields.iter().zip(&mut shown.fields) {
                tell_setters(
                    observation,
                    key,
                    slice::from_ref(&field.change),
                    slice::from_mut(&mut shown.change),
                );
            }
        }
        Self {
            version: DIFF_VERSION,
            repository: repository.to_owned(),
            environment: plan.environment.to_string(),
            result: result.to_owned(),
            reason: None,
            plan: document,
        }
    }

    /// Of an environment that could not be compared at all.
    pub fn unknown(repository: &str, environment: &EnvironmentName, reason: &str) -> Self {
        Self {
            version: DIFF_VERSION,
            repository: repository.to_owned(),
            environment: environment.to_string(),
            result: "unknown".to_owned(),
            reason: Some(text_document(reason)),
            plan: PlanDocument::of(&Plan::empty(environment)),
        }
    }
}

/// Who set what is there, where the target knows it. What nobody else set is ours, or was taken away.
fn tell_setters(
    observation: &Observation,
    key: &ObjectKey,
    changes: &[Change],
    shown: &mut [ChangeDocument],
) {
    let Some(owners) = observation.owners(key) else { return };
    for (change, shown) in changes.iter().zip(shown).filter(|(change, _)| change.before.is_some()) {
        shown.set_by = owners.of(&change.path).map(text_document);
    }
}
