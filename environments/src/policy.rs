//! A policy of the repository: one rule in CEL. `policies/*.yaml`.

use crate::diagnostic::{Place, Severity};
use crate::expression::Expression;
use crate::ids::RuleName;

#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub name: RuleName,
    pub place: Place,
    pub matches: PolicyMatch,
    /// True means fine.
    pub rule: Expression,
    pub message: String,
    pub fix: Option<String>,
    pub severity: Severity,
}

/// What a rule is evaluated for, once each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyMatch {
    /// Rendered objects of these kinds (`Deployment`, `apps/Deployment`; empty: all): variables `object`,
    /// `oldObject`, `environment`, `unit`, `action`.
    Objects { kinds: Vec<String> },
    /// Workflow graphs: variables `workflow`, `oldWorkflow`, `environment`.
    Workflows,
    /// The plan as a whole: variables `plan`, `environment`.
    Plan,
}
