//! Health rules of the repository: what the statuses of its kinds say. `health/*.yaml`.
//!
//! Here they are a piece of text that has the outer form: whose rules, for which group and kinds. What stands in the rule of
//! a kind is read by who judges by it, with the spans that are kept here, so that findings name their place.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place};
use crate::ids::HealthRulesName;
use crate::source::TreePath;
use crate::yaml::Node;

/// One definition of health rules.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthRules {
    pub name: HealthRulesName,
    /// Its name.
    pub place: Place,
    pub path: TreePath,
    /// The whole file: the spans of `spec` are places in it.
    pub text: Arc<str>,
    /// `group` and `kinds`, as they are written.
    pub spec: Node,
}

/// The health rules of one revision.
pub type AllHealthRules = BTreeMap<HealthRulesName, Arc<HealthRules>>;

/// Finds everything that is wrong in the rules of a revision. Given to the loader by who can read them: this crate cannot.
pub type HealthReader = fn(&AllHealthRules) -> Vec<Diagnostic>;
