//! The state of an environment as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::diagnostic::DiagnosticDocument;
use super::plan::HoldDocument;
use super::scrub;
use super::shown::text_document;
use crate::ids::UnitName;
use crate::object::Health;
use crate::status::{EnvironmentStatus, State, UnitStatus, UnitSync};

/// Version of [`StatusDocument`]'s layout.
pub const STATUS_VERSION: u32 = 1;

/// What one environment says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusDocument {
    /// Layout of this document.
    pub version: u32,
    pub repository: String,
    pub environment: String,
    /// `synced`, `progressing`, `held`, `waiting`, `suspended`, `not-promoted`, `orphaned`, `destroyed`, `disowned`,
    /// `degraded`, `broken` or `unknown`.
    pub state: String,
    /// Why something is not applied, in words; empty when everything is.
    pub why: Vec<String>,
    /// Why the plan is held, and what lifts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldDocument>,
    /// Until when it waits (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Commit at which rules were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// Commit at which content was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Content that was applied last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// Commit of the rules that it was applied with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_control: Option<String>,
    /// The plan that is being applied or waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Sources that are not proposed for promotion here again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barred: Vec<BarredDocument>,
    /// Objects owned.
    pub objects: usize,
    pub units: Vec<UnitStatusDocument>,
    pub diagnostics: Vec<DiagnosticDocument>,
    /// Since when it is in this state (RFC 3339).
    pub since: String,
}

/// A source that is not proposed for promotion again, until a newer one is healthy or `naksha resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BarredDocument {
    /// Commit.
    pub source: String,
    pub reason: String,
}

/// One unit of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitStatusDocument {
    pub unit: String,
    /// `synced`, `pending`, `waiting`, `failed`, `broken`, `drifted`, `not-yet` or `unsupported`.
    pub state: String,
    /// The words behind the state: "waiting for postgres: 1 of 2 replicas ready".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing` or `Unknown`.
    pub health: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_message: Option<String>,
    pub objects: usize,
}

impl StatusDocument {
    pub fn of(repository: &str, status: &EnvironmentStatus) -> Self {
        let EnvironmentStatus {
            environment,
            state,
            why,
            control,
            content,
            applied,
            applied_control,
            plan,
            barred,
            objects,
            units,
            diagnostics,
            since,
        } = status;
        let barred = barred.iter().map(|(source, reason)| BarredDocument {
            source: source.to_string(),
            reason: scrub(reason).into_owned(),
        });
        let why = why_document(why, state);
        let holds = match state {
            State::Held { reasons } => reasons.iter().map(HoldDocument::of).collect(),
            _ => Vec::new(),
        };
        let until = match state {
            State::Waiting { until, .. } => until.map(|until| until.to_string()),
            _ => None,
        };
        Self {
            version: STATUS_VERSION,
            repository: repository.to_owned(),
            environment: environment.to_string(),
            state: state.word().to_owned(),
            why,
            holds,
            until,
            control: control.as_ref().map(ToString::to_string),
            content: content.as_ref().map(ToString::to_string),
            applied: applied.as_ref().map(ToString::to_string),
            applied_control: applied_control.as_ref().map(ToString::to_string),
            plan: plan.as_ref().map(ToString::to_string),
            barred: barred.collect(),
            objects: *objects,
            units: units.iter().map(|(name, unit)| unit_document(name, unit)).collect(),
            diagnostics: DiagnosticDocument::all(diagnostics),
            since: since.to_string(),
        }
    }
}

/// Why an environment is as it is, as it is told outside.
pub fn why_document(why: &[String], state: &State) -> Vec<String> {
    let mut why: Vec<String> = why.iter().map(|text| text_document(text)).collect();
    if why.is_empty() {
        why.extend(own_words(state));
    }
    why
}

/// What a state says for itself, where nobody gave a reason.
fn own_words(state: &State) -> Option<String> {
    match state {
        State::Suspended { by, reason } => {
            Some(format!("suspended by {}: {}", text_document(by), text_document(reason)))
        }
        State::Waiting { reason, .. } | State::Unknown { reason } => Some(text_document(reason)),
        State::Held { reasons } => reasons.first().map(|hold| text_document(&hold.message)),
        State::NotPromoted => Some("nothing was promoted here yet: there is no lock".to_owned()),
        State::Orphaned => Some("its definition is gone; everything stays as it is".to_owned()),
        State::Destroyed => {
            Some("destroyed: nothing is owned any more; remove the environment's file from Git".to_owned())
        }
        State::Disowned => Some(
            "disowned: its objects stay, and nothing is owned any more; remove the environment's file from Git"
                .to_owned(),
        ),
        State::Broken => Some("its definitions cannot be read".to_owned()),
        State::Synced | State::Progressing | State::Degraded => None,
    }
}

fn unit_document(name: &UnitName, status: &UnitStatus) -> UnitStatusDocument {
    let UnitStatus { state, health, objects } = status;
    let (word, message) = match state {
        UnitSync::Synced => ("synced", None),
        UnitSync::Pending => ("pending", None),
        UnitSync::Waiting(message) => ("waiting", Some(text_document(message))),
        UnitSync::Failed(message) => ("failed", Some(text_document(message))),
        UnitSync::Broken(message) => ("broken", Some(text_document(message))),
        UnitSync::Drifted(message) => ("drifted", Some(text_document(message))),
        UnitSync::NotYet => ("not-yet", Some("it comes with the next promotion".to_owned())),
        UnitSync::Unsupported(source) => {
            ("unsupported", Some(format!("this version cannot apply `{source}`")))
        }
    };
    UnitStatusDocument {
        unit: name.to_string(),
        state: word.to_owned(),
        message,
        health: Health::word(health).to_owned(),
        health_message: health.message().map(text_document),
        objects: *objects,
    }
}
