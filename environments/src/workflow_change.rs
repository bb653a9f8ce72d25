//! The difference of two versions of a workflow, as a graph: nodes, edges, triggers, budgets and grants.
//!
//! Pure comparison of two [`crate::workflow::WorkflowGraph`]s ([`WorkflowChange::between`]). The renderer presents
//! it, policies judge it.

mod compare;

#[cfg(test)]
mod tests;

pub use compare::{Contexts, Version};

use serde_json::Value;

use crate::digest::Digest;
use crate::ids::{NodeId, WorkflowName};

#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowChange {
    pub workflow: WorkflowName,
    /// Absent: the workflow is new.
    pub before: Option<Digest>,
    /// Absent: it is retired.
    pub after: Option<Digest>,
    pub nodes: Vec<NodeChange>,
    pub edges: Vec<EdgeChange>,
    /// Everything else, by name: triggers, input, concurrency, context, budgets.
    pub settings: Vec<SettingChange>,
    /// What the nodes may touch more, or less, than before.
    pub grants: Vec<GrantChange>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NodeChange {
    Added { node: NodeId, uses: String },
    Removed { node: NodeId, uses: String },
    Changed { node: NodeId, fields: Vec<SettingChange> },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EdgeChange {
    pub from: NodeId,
    pub to: NodeId,
    pub gained: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SettingChange {
    /// `retry.attempts`, `budget.run.usd`, `triggers[0].cron`.
    pub field: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// "gains tool slack.post", "loses model small".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantChange {
    /// model, tool, host, bucket, collection, secret.
    pub kind: &'static str,
    pub name: String,
    pub gained: bool,
}
