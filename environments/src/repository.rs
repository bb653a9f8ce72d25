//! `naksha.yaml`: the repository's own rules, and everything that was read from one revision of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use crate::codes::git::TRUNK_DIFFERS;
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::environment::{Approval, Environment, Lock};
use crate::globs::Globs;
use crate::health_rules::AllHealthRules;
use crate::ids::{
    ContextName, EnvironmentName, HealthRulesName, RepositoryName, RuleName, UnitName, WorkflowName,
};
use crate::policy::Policy;
use crate::source::TreePath;
use crate::unit::Unit;
use crate::variables::Variables;
use crate::workflow::{PolicyContext, WorkflowGraph};

#[derive(Debug, Clone, PartialEq)]
pub struct Repository {
    pub name: RepositoryName,
    pub place: Place,
    /// The branch that it says is the trunk, and where.
    pub trunk: Option<(String, Place)>,
    /// Files that many units may read.
    pub shared: Globs,
    /// Files that naksha leaves alone.
    pub ignore: Globs,
    pub owners: BTreeMap<EnvironmentName, Owners>,
    pub policies: PolicySettings,
    pub variables: Variables,
    /// What happens to a trunk commit that no pull request brought. Absent: apply without a forge, hold with one.
    pub unreviewed: Option<Unreviewed>,
}

impl Repository {
    /// The finding that another branch than the one written here is the trunk. `because`: who says so.
    pub fn trunk_differs(&self, trunk: &str, because: &str) -> Option<Diagnostic> {
        let (written, place) = self.trunk.as_ref().filter(|(written, _)| written != trunk)?;
        let message = format!("naksha.yaml says that `{written}` is the trunk, and {because} says `{trunk}`");
        let hint = "correct it here, change the remote's default branch, or set `trunk` in the daemon's configuration";
        Some(Diagnostic::new(TRUNK_DIFFERS, message).at(place.clone()).hint(hint))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreviewed {
    Apply,
    Hold,
}

/// Who may do what in an environment. Names are the forge's: `@org/team`, `@person`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    pub approve: Vec<String>,
    pub acknowledge: Vec<String>,
    pub promote: Vec<String>,
    pub skip: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicySettings {
    /// Bundled sets by name; `baseline` unless written.
    pub sets: Vec<String>,
    pub severity: BTreeMap<EnvironmentName, BTreeMap<RuleName, (SeveritySetting, Place)>>,
    pub waivers: Vec<Waiver>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeveritySetting {
    Off,
    At(Severity),
}

/// "We know, and it is fine until then."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    pub rule: RuleName,
    /// `Deployment naksha/web`, or a file. Exact.
    pub subject: String,
    /// Absent: every environment.
    pub environment: Option<EnvironmentName>,
    pub reason: String,
    /// The last day on which it counts.
    pub expires: Date,
    pub place: Place,
}

/// Everything one revision of a repository defines. What could not be read is listed as broken, not left out:
/// a broken definition never looks like a deleted one.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// Absent when there is no `naksha.yaml`, or a broken one.
    pub repository: Option<Arc<Repository>>,
    pub environments: BTreeMap<EnvironmentName, Arc<Environment>>,
    pub units: BTreeMap<UnitName, Arc<Unit>>,
    pub workflows: BTreeMap<WorkflowName, Arc<WorkflowGraph>>,
    pub contexts: BTreeMap<ContextName, Arc<PolicyContext>>,
    pub policies: BTreeMap<RuleName, Arc<Policy>>,
    pub health_rules: AllHealthRules,
    pub locks: BTreeMap<EnvironmentName, Arc<Lock>>,
    pub approvals: Vec<Arc<Approval>>,
    pub broken: Broken,
    /// Units of `broken` that could be read for all their errors: judged, never rendered.
    pub flawed_units: BTreeMap<UnitName, Arc<Unit>>,
    /// YAML files that belong to no definition.
    pub unclaimed: Vec<TreePath>,
}

/// Definitions that exist but could not be read, as far as their names are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Broken {
    pub repository: bool,
    /// naksha.yaml names rules or sets that there are not: what should judge is not known.
    pub rules: bool,
    pub environments: BTreeSet<EnvironmentName>,
    pub units: BTreeSet<UnitName>,
    pub workflows: BTreeSet<WorkflowName>,
    pub contexts: BTreeSet<ContextName>,
    pub policies: BTreeSet<RuleName>,
    pub health_rules: BTreeSet<HealthRulesName>,
    pub locks: BTreeSet<EnvironmentName>,
    /// Files whose definition has no readable name.
    pub nameless: BTreeSet<TreePath>,
}
