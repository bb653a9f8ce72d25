//! What merging would give.

use std::collections::BTreeSet;
use std::sync::Arc;

use naksha_environments::ids::Revision;
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

/// Where forges keep the head of a pull request, also of one whose branch is gone or in a fork (GitHub and Gitea alike).
fn head_of(number: PullNumber) -> Result<RefName, GitError> {
    RefName::parse(&format!("refs/pull/{}/head", number.0))
}
