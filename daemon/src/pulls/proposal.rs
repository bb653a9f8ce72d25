//! What merging would give.

use std::collections::BTreeSet;
use std::sync::Arc;

use naksha_environments::environment::{Environment, Follows, Lock};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_executor::port::forge::{Pull, PullNumber};

use crate::git::{GitError, Merged, RefName};
use crate::task::{Feed, LoadedRevision};

/// A base, and the same with a pull request merged into it.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub base: Arc<LoadedRevision>,
    /// Under the revision of the head: the merge itself is made in memory, and no commit.
    pub merged: Arc<LoadedRevision>,
    /// Its head is in another repository.
    pub is_fork: bool,
}

/// What came of trying.
#[derive(Debug, Clone)]
pub enum Proposed {
    Merges(Proposal),
    /// These paths conflict, and nothing is planned.
    Conflicts(BTreeSet<String>),
}

/// Brings the head of a pull request and merges it into `base`. Blocks.
pub fn propose(feed: &Feed, base: &Revision, pull: &Pull) -> Result<Proposed, GitError> {
    feed.mirror.bring_head(&head_of(pull.number)?, &pull.head)?;
    let tree = match feed.mirror.objects().merge(base, &pull.head)? {
        Merged::Clean(tree) => tree,
        Merged::Conflict(paths) => return Ok(Proposed::Conflicts(paths)),
    };
    Ok(Proposed::Merges(Proposal {
        base: feed.revisions.read(base)?,
        merged: Arc::new(feed.revisions.load(&pull.head, tree)),
        is_fork: pull.is_fork,
    }))
}

/// The locks that it moves: to which source, and by which gates. Any pull request that changes one is a promotion.
pub fn promotions(proposal: &Proposal) -> Vec<(Arc<Environment>, Revision)> {
    let (base, merged) = (&proposal.base.loaded.definitions, &proposal.merged.loaded.definitions);
    let moved = merged
        .locks
        .iter()
        .filter(|(name, lock)| base.locks.get(*name).is_none_or(|before| before.source != lock.source));
    let promotion = |(name, lock): (&EnvironmentName, &Arc<Lock>)| {
        // By the base's rules; an environment that is new has only its own.
        let environment = base.environments.get(name).or_else(|| merged.environments.get(name))?;
        let is_promoted = matches!(environment.follows, Follows::Promotion { .. });
        is_promoted.then(|| (Arc::clone(environment), lock.source.clone()))
    };
    moved.filter_map(promotion).collect()
}

/// Where forges keep the head of a pull request, also of one whose branch is gone or in a fork (GitHub and Gitea alike).
pub fn head_of(number: PullNumber) -> Result<RefName, GitError> {
    RefName::parse(&format!("refs/pull/{}/head", number.0))
}
