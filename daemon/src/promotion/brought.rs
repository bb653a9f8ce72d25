//! What a branch that an environment follows gets from what others follow: by Git's history, whatever branches are called, and whoever
//! copied them. A commit that was picked or squashed has another history, and is a change of its own.

use std::sync::Arc;

use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::{EnvironmentName, Revision};

use crate::git::{GitError, RefName};
use crate::task::{Feed, LoadedRevision, RefState};

/// A commit that environments follow, and which of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    pub source: Revision,
    pub from: Vec<EnvironmentName>,
}

/// The newest commit of what others follow that `head` brings to `branch`, which is at `base`. Blocks.
pub fn brought(
    feed: &Feed,
    control: &LoadedRevision,
    branch: &str,
    (base, head): (&Revision, &Revision),
) -> Result<Option<Brought>, GitError> {
    let objects = feed.mirror.objects();
    let mut newest: Option<Brought> = None;
    for environment in control.loaded.definitions.environments.values() {
        let Some(at) = followed(feed, environment, branch)? else { continue };
        let Some(source) = objects.merge_base(head, &at)? else { continue };
        if objects.is_ancestor(&source, base)? {
            continue;
        }
        let name = environment.name.clone();
        match &mut newest {
            Some(known) if known.source == source => known.from.push(name),
            Some(known) if !objects.is_ancestor(&known.source, &source)? => {}
            newest => *newest = Some(Brought { source, from: vec![name] }),
        }
    }
    Ok(newest)
}

/// The head of what an environment follows, when that is something else than the branch.
fn followed(feed: &Feed, environment: &Arc<Environment>, branch: &str) -> Result<Option<Revision>, GitError> {
    let name = match &environment.follows {
        Follows::Trunk => feed.trunk(),
        Follows::Branch(other) if other != branch => Some(RefName::branch(other)?),
        Follows::Branch(_) | Follows::Promotion { .. } => None,
    };
    Ok(name.and_then(|name| match feed.at(&name) {
        RefState::At(head) => Some(head),
        RefState::Gone { .. } | RefState::Missing => None,
    }))
}
