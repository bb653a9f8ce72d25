//! What a target tells those who look into it: what became of objects, and what happened to them.
//!
//! Nothing in it is secret, and nothing decides anything: it is read when somebody asks, and shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use naksha_environments::object::{Health, ObjectKey};

/// An object that something in the target made for one of ours: a pod of a Deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descendant {
    pub key: ObjectKey,
    /// With the reason where it is known.
    pub health: Health,
    pub made: Made,
}

/// What was made for an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// By kind and name.
    pub children: Vec<Descendant>,
    /// Children that are left out: there are too many, or nothing is left of what they were made for.
    pub more: usize,
}

/// What was made for each of our objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Family {
    /// Objects for which nothing was made are left out.
    pub made: BTreeMap<ObjectKey, Made>,
    /// What could not be looked at, and why.
    pub gaps: Vec<String>,
}

/// Something that the target says happened to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub about: ObjectKey,
    /// The object of ours that it was made for; itself, where it is ours.
    pub of: ObjectKey,
    /// When it happened last.
    pub at: Timestamp,
    pub is_warning: bool,
    /// A word for programs: `FailedScheduling`.
    pub reason: String,
    pub message: String,
    /// How often it happened.
    pub count: u64,
}

/// What happened to our objects, and to what was made for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// In no particular order.
    pub events: Vec<Event>,
    /// What could not be looked at, and why.
    pub gaps: Vec<String>,
}
