//! Whether workflows succeeded in an environment with a source: what `gates.verify` asks.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use naksha_environments::ids::{Revision, WorkflowName};

use super::store::Scope;

#[async_trait]
pub trait Verifier: Send + Sync + fmt::Debug {
    /// How a workflow ended that ran in `environment`, in the version that `source` has of it. Nothing fails: what cannot be
    /// found out is [`Verified::Missing`].
    async fn verified(&self, environment: &Scope, workflow: &WorkflowName, source: &Revision) -> Verified;
}

pub type SharedVerifier = Arc<dyn Verifier>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    Succeeded,
    Running,
    Failed(String),
    /// It was not run, and why.
    Missing(String),
}

/// Nobody runs workflows.
#[derive(Debug, Clone, Copy)]
pub struct NoRuns;

#[async_trait]
impl Verifier for NoRuns {
    async fn verified(&self, _: &Scope, _: &WorkflowName, _: &Revision) -> Verified {
        Verified::Missing("this version of naksha runs no workflows".to_owned())
    }
}
