//! The inventory: what an environment owns, and what it last applied.
//!
//! It is written before the first change (a superset) and shrinks afterwards. Deleting needs an entry here with
//! the object's uid; a failed delete stays in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digest::Digest;
use crate::ids::{UnitName, WorkflowName};
use crate::object::{Body, KeyMap, Mark};
use crate::secret::SecretMark;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    pub objects: KeyMap<Arc<Owned>>,
    pub workflows: BTreeMap<WorkflowName, RegisteredWorkflow>,
}

/// One owned object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    pub unit: UnitName,
    pub api_version: Arc<str>,
    /// Digest of the desired object that was applied last ([`crate::object::DesiredObject::digest`]).
    pub desired: Digest,
    /// The masked body that was applied last: the third side of the diff.
    pub applied: Body,
    /// What the target answered. Absent while a first write is intended but not confirmed: the object may or may
    /// not exist, and if it does it is ours only when nobody else owned it before.
    pub mark: Option<Mark>,
    /// Keyed hashes of the secret values that were applied, by key of `data`.
    pub secrets: BTreeMap<String, SecretMark>,
    pub stateful: bool,
}

/// The version of a workflow that is current in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredWorkflow {
    pub digest: Digest,
    /// The canonical JSON of the graph ([`crate::workflow::WorkflowGraph::to_json`]).
    pub graph: Arc<str>,
}
