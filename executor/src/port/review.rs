//! What pull requests showed, and which commits brought them: what an environment goes by when it asks whether anybody has
//! seen what it is about to do.
//!
//! Kept with everything else that must not be forgotten; the suite is part of [`crate::contract::store`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_environments::digest::Digest;
use naksha_environments::ids::{EnvironmentName, RepositoryName, Revision};
use naksha_environments::plan::PlanId;

use super::forge::{CommentId, PullNumber, ReviewId};
use super::store::{AuditEntry, Scope, StoreError};

#[async_trait]
pub trait Reviews: Send + Sync + fmt::Debug {
    /// Whose approval is asked for on a pull request, and what reviews there were about.
    async fn asked(&self, repository: &RepositoryName, number: PullNumber) -> Result<Asked, StoreError>;
    /// Remembers what was shown on a pull request, in place of what was shown there before. From then on it counts as not
    /// merged. [`super::store::Store::plan`] finds its plans, unless the environment made the same one itself.
    async fn show(&self, repository: &RepositoryName, report: &ShownReport) -> Result<(), StoreError>;
    /// The pull requests that something is remembered of, by number.
    async fn pulls(&self, repository: &RepositoryName) -> Result<Vec<ShownPull>, StoreError>;
    /// A pull request was merged. One that nothing is remembered of is no error.
    async fn merge(&self, repository: &RepositoryName, merge: &ShownMerge) -> Result<(), StoreError>;
    /// What became of a merged pull request was told for good.
    async fn settle(&self, repository: &RepositoryName, number: PullNumber) -> Result<(), StoreError>;
    /// Forgets what was shown on a pull request: it was closed, or merged as something else.
    async fn withdraw(&self, repository: &RepositoryName, number: PullNumber) -> Result<(), StoreError>;
    /// What was shown on a pull request, by environment.
    async fn shown(
        &self,
        repository: &RepositoryName,
        number: PullNumber,
    ) -> Result<Vec<ShownPlan>, StoreError>;
    /// A comment was read, and what it asked for is done or refused. `at`: when it was made. Comment 0 stands for how far all of them were
    /// read, which only grows.
    async fn hear(
        &self,
        repository: &RepositoryName,
        comment: CommentId,
        at: Timestamp,
    ) -> Result<(), StoreError>;
    /// When the latest comment that was read was made, and those that were made within the day before it. Nothing: none was read yet.
    async fn heard(&self, repository: &RepositoryName) -> Result<Option<Heard>, StoreError>;
    /// What merged pull requests showed of an environment, by number.
    async fn merged(&self, scope: &Scope) -> Result<Vec<MergedPlan>, StoreError>;
}

pub type SharedReviews = Arc<dyn Reviews>;

/// How far comments were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub until: Timestamp,
    pub comments: BTreeSet<CommentId>,
}

/// What a report showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownReport {
    pub number: PullNumber,
    pub head: Revision,
    /// Of the environments that it would change.
    pub plans: Vec<ShownPlan>,
    pub asks: Vec<Ask>,
    /// Reviews that there were by then. What is known of one stays.
    pub approved: Approved,
    pub at: Timestamp,
}

/// What it would do to one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPlan {
    pub environment: EnvironmentName,
    pub plan: PlanId,
    /// What the change would do, without what the base alone would.
    pub actions: BTreeSet<Digest>,
    /// As [`super::store::Proposal::document`].
    pub document: String,
}

/// Of what an environment's owners are asked to approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub environment: EnvironmentName,
    /// One of these, as the owners name them. Nobody: it is not known who.
    pub approvers: Vec<String>,
    /// Everything that the change does to the environment.
    pub content: Digest,
}

/// What each review was about: what was shown by environment when it was seen first. Nothing: nothing was shown of that head then.
pub type Approved = BTreeMap<ReviewId, BTreeMap<EnvironmentName, Digest>>;

/// Approvals of one pull request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// By the last report.
    pub asks: Vec<Ask>,
    pub approved: Approved,
}

/// How a pull request was merged that something was shown on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownMerge {
    pub number: PullNumber,
    /// What its branch got.
    pub commit: Revision,
    pub at: Timestamp,
    /// Environments whose plan nobody approved of who had to.
    pub unapproved: BTreeSet<EnvironmentName>,
    /// Who brought it where.
    pub audit: BTreeMap<EnvironmentName, AuditEntry>,
}

/// A pull request that something is remembered of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPull {
    pub number: PullNumber,
    /// The head that was shown.
    pub head: Revision,
    /// The commit that its branch got.
    pub merged: Option<Revision>,
    /// What became of it was told for good.
    pub is_settled: bool,
    /// Since when something is shown of this head, or when it was merged.
    pub at: Timestamp,
}

/// What a merged pull request showed of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedPlan {
    pub number: PullNumber,
    pub commit: Revision,
    pub actions: BTreeSet<Digest>,
    /// Of whom one had to approve, and nobody did; nobody is named where it is not known who. Absent: it has every approval that it needs.
    pub lacking: Option<Vec<String>>,
}
