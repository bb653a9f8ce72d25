//! What merging would give.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_executor::port::forge::PullNumber;

use crate::git::{GitError, Merged, RefName};
use crate::promotion::{Brought, Promoted, brought};
use crate::task::{Feed, LoadedRevision, RefState};

/// What a change would be merged into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The head of the trunk: what rules.
    pub trunk: Revision,
    /// The head of another branch, which environments follow.
    pub branch: Option<(String, Revision)>,
}

/// A head that would be merged.
#[derive(Debug, Clone)]
pub struct Change {
    pub head: Revision,
    /// Where the remote keeps it.
    pub at: RefName,
    pub base: Base,
    /// Whoever wrote it may let it be compared with what is there.
    pub is_trusted: bool,
}

/// The trunk, and the same with a change merged into it: or into a branch that environments follow, and then the trunk stays.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub base: Arc<LoadedRevision>,
    /// Under the revision of the head: the merge itself is made in memory, and no commit.
    pub merged: Arc<LoadedRevision>,
    pub branch: Option<Branched>,
    /// Of what is not, nothing is compared with what is there.
    pub is_trusted: bool,
}

/// A branch that environments follow, as it is and with a change merged into it.
#[derive(Debug, Clone)]
pub struct Branched {
    pub name: String,
    pub base: Arc<LoadedRevision>,
    pub merged: Arc<LoadedRevision>,
    /// What it brings of what others follow: it is a promotion from these.
    pub brought: Option<Brought>,
}

impl Base {
    /// The same, where something else stands in its place: what a merge queue merges before.
    #[must_use]
    pub fn at(&self, revision: &Revision) -> Self {
        match &self.branch {
            None => Self { trunk: revision.clone(), branch: None },
            Some((name, _)) => {
                Self { trunk: self.trunk.clone(), branch: Some((name.clone(), revision.clone())) }
            }
        }
    }

    /// The revision that a change is merged into.
    pub fn head(&self) -> &Revision {
        self.branch.as_ref().map_or(&self.trunk, |(_, head)| head)
    }
}

impl Proposal {
    /// What is changed, before and after.
    pub fn sides(&self) -> (&Arc<LoadedRevision>, &Arc<LoadedRevision>) {
        match &self.branch {
            Some(branch) => (&branch.base, &branch.merged),
            None => (&self.base, &self.merged),
        }
    }
}

/// Where changes may go: the trunk, and each branch that an environment follows and that is there. None, before it is known of each of them
/// whether it is there: what is planned then says nothing of the others. Blocks for reading a commit that nobody read yet.
pub fn bases(feed: &Feed) -> Result<BTreeMap<String, Base>, GitError> {
    let Some(name) = feed.trunk() else { return Ok(BTreeMap::new()) };
    let RefState::At(trunk) = feed.at(&name) else { return Ok(BTreeMap::new()) };
    let control = feed.revisions.read(&trunk)?;
    let followed = control.loaded.definitions.environments.values();
    let followed = followed.filter_map(|environment| match &environment.follows {
        Follows::Branch(branch) => Some(branch.as_str()),
        Follows::Trunk | Follows::Promotion { .. } => None,
    });
    let mut bases = BTreeMap::new();
    for branch in followed {
        // What is no name of a branch is told by the environment that says so.
        let Ok(name) = RefName::branch(branch) else { continue };
        if !feed.was_asked_for(&name) {
            return Ok(BTreeMap::new());
        }
        if let RefState::At(head) = feed.at(&name) {
            let branch_of = Some((branch.to_owned(), head));
            bases.insert(branch.to_owned(), Base { trunk: trunk.clone(), branch: branch_of });
        }
    }
    if let Some(name) = name.branch_name() {
        bases.insert(name.to_owned(), Base { trunk, branch: None });
    }
    Ok(bases)
}

/// What came of trying.
#[derive(Debug, Clone)]
pub enum Proposed {
    Merges(Proposal),
    /// These paths conflict, and nothing is planned.
    Conflicts(BTreeSet<String>),
}

/// Brings the head of a change and merges it into its base. Blocks.
pub fn propose(feed: &Feed, change: &Change) -> Result<Proposed, GitError> {
    let Change { head, at, base, is_trusted } = change;
    feed.mirror.bring_head(at, head)?;
    let tree = match feed.mirror.objects().merge(base.head(), head)? {
        Merged::Clean(tree) => tree,
        Merged::Conflict(paths) => return Ok(Proposed::Conflicts(paths)),
    };
    let (control, merged) = (feed.revisions.read(&base.trunk)?, Arc::new(feed.revisions.load(head, tree)));
    let is_trusted = *is_trusted;
    Ok(Proposed::Merges(match &base.branch {
        None => Proposal { base: control, merged, branch: None, is_trusted },
        Some((name, at)) => {
            let brought = brought(feed, &control, name, (at, head))?;
            let branch = Branched { name: name.clone(), base: feed.revisions.read(at)?, merged, brought };
            Proposal { base: Arc::clone(&control), merged: control, branch: Some(branch), is_trusted }
        }
    }))
}

/// The promotions that it is: environments that get another source, and by which gates. Any pull request that moves a lock is one; one that
/// lets an environment follow the trunk from now on takes it to the base, at least; and one that brings what an environment follows into the
/// branch of another one.
pub fn promotions(proposal: &Proposal) -> Vec<Promoted> {
    if let Some(branch) = &proposal.branch {
        return merges_into(branch, &proposal.base);
    }
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
        (before != Some(&source)).then(|| Promoted::by_lock(environment, source))
    };
    merged.environments.iter().filter_map(promotion).collect()
}

/// Every environment that follows the branch gets what those before it run.
fn merges_into(branch: &Branched, control: &LoadedRevision) -> Vec<Promoted> {
    let Some(Brought { source, from }) = &branch.brought else { return Vec::new() };
    let follows = |environment: &&Arc<Environment>| matches!(&environment.follows, Follows::Branch(followed) if *followed == branch.name);
    let environments = control.loaded.definitions.environments.values().filter(follows);
    let promoted = |environment: &Arc<Environment>| {
        let (environment, source, from) = (Arc::clone(environment), source.clone(), from.clone());
        Promoted { environment, source, from }
    };
    environments.map(promoted).collect()
}

/// Where forges keep the head of a pull request, also of one whose branch is gone or in a fork (GitHub and Gitea alike).
pub fn head_of(number: PullNumber) -> Result<RefName, GitError> {
    RefName::parse(&format!("refs/pull/{}/head", number.0))
}
