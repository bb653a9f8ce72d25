//! Workflow graphs, valid by construction: every edge names a node, there is no cycle, every expression parses.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use crate::diagnostic::Place;
use crate::digest::Digest;
use crate::expression::Expression;
use crate::ids::{ContextName, NodeId, WorkflowName};

/// An immutable version of a workflow; its digest is the version.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowGraph {
    pub name: WorkflowName,
    pub place: Place,
    pub context: Option<ContextName>,
    pub triggers: Vec<Trigger>,
    /// JSON Schema of the input.
    pub input: Value,
    pub concurrency: Option<Concurrency>,
    /// In the order they were written. Nodes come after what they need in no particular order: use `needs`.
    pub nodes: IndexMap<NodeId, Node>,
    pub budget: Budgets,
    /// Canonical JSON of the resolved definition (prompt files are in it by content), and its digest.
    pub json: Arc<str>,
    pub digest: Digest,
}

impl WorkflowGraph {
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The canonical JSON of the resolved definition.
    pub fn to_json(&self) -> &Arc<str> {
        &self.json
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub uses: String,
    pub needs: Vec<NodeId>,
    /// As written: texts in it may hold `${{ }}`.
    pub with: Value,
    pub when: Option<Expression>,
    pub for_each: Option<Expression>,
    pub until: Option<Expression>,
    pub max_iterations: Option<u32>,
    pub max_parallel: Option<u32>,
    pub retry: Option<Retry>,
    pub timeout: Option<Duration>,
    pub effect: Option<Effect>,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries in all, the first one included.
    pub attempts: u32,
    pub initial: Duration,
    pub max: Duration,
    pub factor: f64,
    pub jitter: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    None,
    Idempotent,
    AtLeastOnce,
    External,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    Cron {
        schedule: String,
        time_zone: String,
        input: Value,
    },
    Nats {
        subject: String,
        dedupe: Option<Expression>,
        input: Value,
    },
    /// Starts by HTTP, CLI, merge or promotion gate, as written.
    Other {
        kind: String,
        settings: Value,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Concurrency {
    pub key: Option<Expression>,
    pub limit: u32,
    pub when_full: WhenFull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    Queue,
    Drop,
    Replace,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budgets {
    pub run: Budget,
    pub day: Budget,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    pub usd: Option<f64>,
    pub tokens: Option<u64>,
}

/// What a workflow's nodes may touch. `contexts/<name>.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyContext {
    pub name: ContextName,
    pub place: Place,
    pub models: Vec<String>,
    pub tools: Vec<String>,
    pub hosts: Vec<String>,
    pub buckets: Vec<String>,
    pub collections: Vec<String>,
    /// Patterns over references: `vault:kv/rag#*`.
    pub secrets: Vec<String>,
    pub budget: Budgets,
    pub searches_per_second: Option<u32>,
}
