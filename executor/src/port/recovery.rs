//! What is found in a target after the database was lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use naksha_environments::ids::UnitName;
use naksha_environments::object::{Body, Live, ObjectKey};

use super::store::Scope;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Search {
    pub scope: Scope,
    /// Where to look at least, when not everything may be looked at.
    pub namespaces: BTreeSet<Arc<str>>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// Proven: the object has an identity, its signature names just this object, and it is as we write objects.
    pub objects: Vec<Recovered>,
    /// Looked like ours, and is not proven to be.
    pub unproven: Vec<Unproven>,
    /// What could not be looked at.
    pub unseen: Vec<Unseen>,
}

#[derive(Debug, Clone)]
pub struct Recovered {
    pub key: ObjectKey,
    /// Who signed it.
    pub unit: UnitName,
    pub api_version: Arc<str>,
    pub live: Live,
    /// What of it we wrote, masked. Absent: the target keeps no account of that.
    pub applied: Option<Body>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    pub key: ObjectKey,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    pub what: String,
    pub reason: String,
}
