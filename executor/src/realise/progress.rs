//! What is told while an apply runs: for logs, status lines, and tests that end the process at a given point.
//!
//! Events are told synchronously, in the order in which things happen to one subject. Nothing in them is secret.

use std::fmt;
use std::time::Duration;

use naksha_environments::ids::UnitName;
use naksha_environments::plan::{PlanId, Subject};

use crate::port::store::{ApplyId, ApplyOutcome, StepOutcome};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The intents are recorded; nothing has been written yet.
    Started {
        apply: ApplyId,
        plan: PlanId,
        steps: usize,
    },
    StepStarted {
        subject: Subject,
        unit: Option<UnitName>,
        verb: &'static str,
    },
    /// A try failed and is made again after `pause`.
    StepRetried {
        subject: Subject,
        attempt: u32,
        pause: Duration,
        reason: String,
    },
    /// The target has it; the store does not know yet.
    StepWritten {
        subject: Subject,
        verb: &'static str,
    },
    /// The outcome is recorded.
    StepEnded {
        subject: Subject,
        unit: Option<UnitName>,
        verb: &'static str,
        outcome: StepOutcome,
        attempts: u32,
    },
    /// `unit` does not start (or go on) before `for_unit` is ready. `unit` is absent for the workflows.
    Waiting {
        unit: Option<UnitName>,
        for_unit: UnitName,
        reason: String,
    },
    /// All its steps are done and, where somebody waits for it, its objects are healthy.
    UnitReady {
        unit: UnitName,
    },
    UnitFailed {
        unit: UnitName,
        reason: String,
    },
    /// The end is recorded.
    Finished {
        outcome: ApplyOutcome,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { plan, steps: 1, .. } => write!(f, "applying plan {} in 1 step", plan.short()),
            Self::Started { plan, steps, .. } => write!(f, "applying plan {} in {steps} steps", plan.short()),
            Self::StepStarted { subject, verb, .. } => write!(f, "{verb} {subject}"),
            Self::StepRetried { subject, attempt, reason, .. } => {
                write!(f, "{subject}: try {attempt} failed: {reason}")
            }
            Self::StepWritten { subject, verb } => write!(f, "{verb} {subject}: written"),
            Self::StepEnded { subject, verb, outcome, .. } => match outcome {
                StepOutcome::Done => write!(f, "{verb} {subject}: done"),
                StepOutcome::Failed { reason } => write!(f, "{verb} {subject}: failed: {reason}"),
                StepOutcome::Skipped { reason } => write!(f, "{verb} {subject}: skipped: {reason}"),
            },
            Self::Waiting { for_unit, reason, .. } => write!(f, "waiting for {for_unit}: {reason}"),
            Self::UnitReady { unit } => write!(f, "unit {unit} is ready"),
            Self::UnitFailed { unit, reason } => write!(f, "unit {unit} failed: {reason}"),
            Self::Finished { outcome } => match outcome {
                ApplyOutcome::Succeeded => f.write_str("applied"),
                ApplyOutcome::Failed { reason } => write!(f, "apply failed: {reason}"),
                ApplyOutcome::Superseded => f.write_str("apply stopped before its end"),
                ApplyOutcome::Interrupted => f.write_str("apply was interrupted"),
            },
        }
    }
}
