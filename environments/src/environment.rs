//! An environment: where units and workflows run, and under which rules. `environments/<name>/environment.yaml`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::diagnostic::Place;
use crate::digest::Digest;
use crate::ids::{EnvironmentName, Revision, UnitName, WorkflowName};
use crate::source::TreePath;
use crate::variables::Variables;
use crate::window::Window;

#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    pub name: EnvironmentName,
    pub place: Place,
    pub follows: Follows,
    pub gates: Gates,
    pub windows: Vec<Window>,
    pub target: TargetRef,
    pub variables: Variables,
    pub units: Vec<UnitUse>,
    pub workflows: Vec<(WorkflowName, Place)>,
    pub sync: Sync,
    pub guards: Guards,
    pub lifecycle: Lifecycle,
    /// Marks the environment for the rules that are stricter in production.
    pub production: bool,
    /// A reference that nothing creates is an error here.
    pub sealed: bool,
}

/// Which revision an environment's content is read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follows {
    /// The head of the trunk.
    Trunk,
    /// The head of a branch of its own.
    Branch(String),
    /// The source that its lock names.
    Promotion { from: Vec<EnvironmentName> },
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gates {
    pub soak: Duration,
    pub verify: Vec<WorkflowName>,
    pub auto_merge: bool,
}

/// Where an environment is applied. It only names: the daemon's configuration says what the name may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetRef {
    /// A folder that gets one file per object.
    Directory {
        path: String,
        namespace: Option<String>,
    },
    Kubernetes {
        cluster: String,
        namespace: Option<String>,
    },
    /// A cluster that a unit of this environment makes.
    FromUnit {
        unit: UnitName,
        namespace: Option<String>,
    },
}

impl TargetRef {
    /// Which place this is, whatever namespace is its default: `directory out`. What an environment owns is there.
    pub fn place(&self) -> String {
        match self {
            Self::Directory { path, .. } => format!("directory {path}"),
            Self::Kubernetes { cluster, .. } => format!("cluster {cluster}"),
            Self::FromUnit { unit, .. } => format!("cluster of unit {unit}"),
        }
    }

    /// The namespace of objects that name none.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Directory { namespace, .. }
            | Self::Kubernetes { namespace, .. }
            | Self::FromUnit { namespace, .. } => namespace.as_deref(),
        }
    }
}

/// A unit as an environment lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitUse {
    pub name: UnitName,
    /// The highest layer.
    pub variables: Variables,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sync {
    /// Delete what Git no longer has.
    pub prune: bool,
    /// Take back what somebody else changed.
    pub self_heal: bool,
    /// For what cannot be watched.
    pub interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// More deletions than this in one plan need an acknowledgement.
    pub max_deletions: usize,
    /// The same, as a share of what is owned.
    pub max_deletion_percent: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lifecycle {
    #[default]
    Active,
    /// Everything it owns is deleted, once that plan is acknowledged.
    Destroy,
    /// Ownership is given up; everything stays.
    Disown,
}

/// `environments/<name>/lock.yaml`. Only `source` decides; the rest is a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    pub source: Revision,
    pub place: Place,
    pub render: Option<Digest>,
    pub charts: BTreeMap<String, String>,
    pub images: BTreeMap<String, String>,
    pub workflows: BTreeMap<WorkflowName, Digest>,
}

/// `approvals/<plan id>.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    pub plan: crate::plan::PlanId,
    pub by: String,
    pub reason: String,
    pub expires: Option<Timestamp>,
    pub path: TreePath,
}
