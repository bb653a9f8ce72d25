//! What an apply came to.

use std::collections::BTreeMap;
use std::fmt;

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::UnitName;
use naksha_environments::object::Health;
use naksha_environments::plan::Subject;
use naksha_environments::status::UnitSync;

use super::run::Waits;
use crate::port::store::{ApplyId, ApplyOutcome, StepRecord, StoreError};

/// Everything that happened, as it is shown and recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealiseOutcome {
    pub apply: ApplyId,
    pub outcome: ApplyOutcome,
    /// In the order in which they ended. Steps that a newer revision made superfluous are listed here as skipped,
    /// and not recorded one by one: the outcome of the apply says it for all.
    pub steps: Vec<StepRecord>,
    /// Every unit that had something to do or was waited for.
    pub units: BTreeMap<UnitName, UnitEnd>,
    /// Who still waited for whom at the end.
    pub waiting: Vec<Waiting>,
    /// What went wrong, with codes and hints, in the order in which it happened.
    /// Since when units are waited for; only where what somebody else did ended the apply.
    pub waits: Waits,
    pub diagnostics: Vec<Diagnostic>,
}

/// How one unit came out of an apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitEnd {
    pub sync: UnitSync,
    /// The worst of what its objects answered; of those that were written when nobody waited for the unit.
    pub health: Health,
}

/// "waiting for postgres: 1 of 2 replicas ready"
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// Absent: the workflows.
    pub unit: Option<UnitName>,
    pub for_unit: UnitName,
    pub reason: String,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waiting for {}: {}", self.for_unit, self.reason)
    }
}

/// Why an apply could not go on. Nothing more is written; the inventory is a superset, so the next one converges.
#[derive(Debug, thiserror::Error)]
pub enum RealiseError {
    /// Units wait for each other in a circle: the plan is not one that can be executed.
    #[error("units wait for each other: {}", circle(.units))]
    Circle { units: Vec<UnitName> },
    /// An action that no planner may make.
    #[error("the plan cannot be executed: {subject} {reason}")]
    Malformed { subject: Subject, reason: &'static str },
    #[error("cannot {doing}")]
    Store {
        doing: &'static str,
        #[source]
        source: StoreError,
    },
}

impl RealiseError {
    /// Another daemon took over: stop, and do not report on its behalf.
    pub fn is_fenced(&self) -> bool {
        matches!(
            self,
            Self::Store {
                source: StoreError::Fenced { .. } | StoreError::Lapsed { .. } | StoreError::Leased { .. },
                ..
            }
        )
    }
}

fn circle(units: &[UnitName]) -> String {
    units.iter().map(UnitName::as_str).collect::<Vec<_>>().join(", ")
}
