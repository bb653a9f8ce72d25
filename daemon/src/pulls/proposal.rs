//! What merging would give.

use std::collections::BTreeSet;
use std::sync::Arc;

use naksha_environments::environment::{Environment, Follows};
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

/// The promotions that it is: environments that get another source, and by which gates. Any pull request that moves a lock is one; and one
/// that lets an environment follow the trunk from now on takes it to the base, at least.
pub fn promotions(proposal: &Proposal) -> Vec<(Arc<Environment>, Revision)> {
    let (base, merged) = (&proposal.base.loaded.definitions, &proposal.merged.loaded.definitions);
    let is_promoted =
        |environment: &&Arc<Environment>| matches!(environment.follows, Follows::Promotion { .. });
    let promotion = |(name, after): (&EnvironmentName, &Arc<Environment>)| {
        // By the base's rules; an environment that is new has only its own.
        let environment = base.environments.get(name).unwrap_or(after);
        if !is_promoted(&environment) {
            return None;
        }
        let before = base.locks.get(name).map(|lock| &lock.source);
        let source = match merged.locks.get(name).filter(|_| is_promoted(&after)) {
            Some(lock) => lock.source.clone(),
            None if is_promoted(&after) => return None,
            None => proposal.base.revision.clone(),
        };
        (before != Some(&source)).then(|| (Arc::clone(environment), source))
    };
    merged.environments.iter().filter_map(promotion).collect()
}

/// Where forges keep the head of a pull request, also of one whose branch is gone or in a fork (GitHub and Gitea alike).
pub fn head_of(number: PullNumber) -> Result<RefName, GitError> {
    RefName::parse(&format!("refs/pull/{}/head", number.0))
}
