//! Policies: what may be applied. Rules judge plans, rendered objects and workflow graphs; [`admit()`] decides.
//!
//! Pure: no clock, randomness, file system or network. The same inputs give the same verdict, byte for byte.
//!
//! ```text
//! bundled rules + the repository's own + severities + waivers ─▶ PolicySet
//! PolicySet, plan, rendered objects, base ─ check ─▶ Verdict ─ admit ─▶ apply | hold | wait
//! ```

pub mod admit;
mod before;
mod bundled;
mod cache;
mod cases;
mod check;
mod custom;
mod estate;
mod found;
mod gates;
mod pod;
mod policy_set;
mod rule;
mod sources;
mod standing;
mod waiver;

pub use admit::{AdmitInput, admit};
pub use bundled::{BundledRule, SETS, bundled_rules, known_rules, rule_table};
pub use cache::FindingCache;
pub use cases::{
    Case, CaseOutcome, CaseResult, Expect, Outcome, evaluate_policy, parse_cases, policy_file_of, run_cases,
};
pub use check::{CheckInput, Locate, check};
pub use gates::{Gate, GateState, GateVerdict, Promotion, Upstream, Verification, Wellness, gates};
pub use policy_set::{ActiveRule, PolicySet};
pub use sources::Sources;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
