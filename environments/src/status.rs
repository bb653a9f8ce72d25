//! What an environment says of itself: derived from facts when it is read, in words that mean one thing each.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::ids::{EnvironmentName, Revision, UnitName};
use crate::object::Health;
use crate::plan::PlanId;
use crate::verdict::HoldReason;

/// One environment, as of one reconcile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentStatus {
    pub environment: EnvironmentName,
    pub state: State,
    /// Answers "why is this not applied?"; empty when everything is.
    pub why: Vec<String>,
    /// Where rules were read.
    pub control: Option<Revision>,
    /// Where content was read.
    pub content: Option<Revision>,
    /// The content that was applied last.
    pub applied: Option<Revision>,
    /// The rules that it was applied with.
    pub applied_control: Option<Revision>,
    pub plan: Option<PlanId>,
    /// Sources that are not proposed for promotion here again, and why.
    pub barred: BTreeMap<Revision, String>,
    pub objects: usize,
    pub units: BTreeMap<UnitName, UnitStatus>,
    pub diagnostics: Vec<Diagnostic>,
    pub since: Timestamp,
}

impl EnvironmentStatus {
    /// A state, and nothing else that is known.
    pub fn bare(environment: EnvironmentName, state: State, since: Timestamp) -> Self {
        Self {
            environment,
            state,
            why: Vec::new(),
            control: None,
            content: None,
            applied: None,
            applied_control: None,
            plan: None,
            barred: BTreeMap::new(),
            objects: 0,
            units: BTreeMap::new(),
            diagnostics: Vec::new(),
            since,
        }
    }
}

/// The state of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Everything is applied and healthy.
    Synced,
    /// Applying, or waiting for health.
    Progressing,
    /// One plan waits; the last applied state is still healed.
    Held { reasons: Vec<HoldReason> },
    /// One plan waits for a time window.
    Waiting { until: Option<Timestamp>, reason: String },
    /// Nothing is written.
    Suspended { by: String, reason: String },
    /// A lock is missing: nothing was promoted here yet.
    NotPromoted,
    /// Its definition is gone; frozen, nothing is deleted.
    Orphaned,
    /// `lifecycle: destroy` was carried out: nothing is owned any more.
    Destroyed,
    /// `lifecycle: disown` was carried out: the objects are there, and not ours any more.
    Disowned,
    /// Something failed or drifted and is not healed; `why` says what.
    Degraded,
    /// Its definitions cannot be read; nothing is applied or pruned.
    Broken,
    /// Git or the target cannot be reached; the last state is kept.
    Unknown { reason: String },
}

impl State {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Progressing => "progressing",
            Self::Held { .. } => "held",
            Self::Waiting { .. } => "waiting",
            Self::Suspended { .. } => "suspended",
            Self::NotPromoted => "not-promoted",
            Self::Orphaned => "orphaned",
            Self::Destroyed => "destroyed",
            Self::Disowned => "disowned",
            Self::Degraded => "degraded",
            Self::Broken => "broken",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// One unit of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitStatus {
    pub state: UnitSync,
    pub health: Health,
    pub objects: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitSync {
    Synced,
    /// Something of it is planned and not applied yet.
    Pending,
    /// "waiting for postgres: 1 of 2 replicas ready"
    Waiting(String),
    Failed(String),
    Broken(String),
    Drifted(String),
    NotYet,
    Unsupported(&'static str),
}
