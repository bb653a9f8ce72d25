//! Health of Kubernetes objects: what a status says about whether the object does its work, as data.
//!
//! Pure: no clock, cluster or file system. The rules are `rules/*.yaml`, one file per API group; a user's own win over
//! them. docs/health.md describes their form and the decisions in them. The invariant that everything here serves: what is
//! not understood, or tells of an older generation, is never healthy.
//!
//! ```text
//! rules/*.yaml ─ parse ─▶ RuleSet ◀─ with ─ the user's own
//! object ─ judge ─▶ being deleted? ─▶ the kind's rule: suspended, generation, states, phase, ready, otherwise
//!                                  └▶ no rule: the API conventions (generic)
//! ```

mod bundled;
mod comparison;
mod condition;
mod conventions;
mod fits;
mod judge;
mod message;
mod path;
mod read;
mod rule;
mod rule_set;

pub use judge::Judged;
pub use rule_set::{KindRules, RuleSet};

#[cfg(test)]
mod tests;
