//! What a working copy is compared with: the trunk, and where the branch left it.

use git2::Repository;
use naksha_environments::ids::Revision;

use super::files::WorkTree;
use crate::git::error::GitError;
use crate::git::refs::RefName;

/// Tried in this order where nothing else tells.
const USUAL_NAMES: [&str; 2] = ["main", "master"];

/// The branch that rules, as this working copy knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// `main`
    pub name: String,
    /// Where it was found: the remote's branch as last fetched, else the local one.
    pub reference: RefName,
    pub revision: Revision,
}

impl WorkTree {
    /// The trunk: `configured` (from `naksha.yaml`) when it is written, else what `origin/HEAD` names, else git's
    /// `init.defaultBranch`, else `main` or `master`, whichever exists. `None` when none of them does.
    pub fn trunk(&self, configured: Option<&str>) -> Result<Option<Trunk>, GitError> {
        let Some(objects) = self.objects() else { return Ok(None) };
        let handle = objects.handle()?;
        let candidates = match configured {
            Some(name) => vec![name.to_owned()],
            None => candidates(&handle),
        };
        for name in candidates {
            for reference in [format!("refs/remotes/origin/{name}"), format!("refs/heads/{name}")] {
                let Ok(reference) = RefName::parse(&reference) else { continue };
                if objects.peeled(&handle, reference.as_str())?.is_some() {
                    let revision = objects.head(&reference)?;
                    return Ok(Some(Trunk { name, reference, revision }));
                }
            }
        }
        Ok(None)
    }

    /// The branch that the remote's HEAD names, as far as it is known here.
    pub fn remote_head(&self) -> Result<Option<String>, GitError> {
        let Some(objects) = self.objects() else { return Ok(None) };
        Ok(remote_head(&*objects.handle()?))
    }

    /// Whether the trunk itself is checked out.
    pub fn is_on(&self, trunk: &Trunk) -> Result<bool, GitError> {
        Ok(self.branch()?.as_deref() == Some(&*trunk.name))
    }

    /// Where the checked-out commit left the trunk; `None` before the first commit, or with unrelated histories.
    pub fn merge_base(&self, trunk: &Trunk) -> Result<Option<Revision>, GitError> {
        match (self.objects(), self.head()?) {
            (Some(objects), Some(head)) => objects.merge_base(&head, &trunk.revision),
            _ => Ok(None),
        }
    }
}

/// The branch that `origin/HEAD` names, as of the clone or the last `git remote set-head`.
fn remote_head(repository: &Repository) -> Option<String> {
    let origin = repository.find_reference("refs/remotes/origin/HEAD").ok()?;
    let target = origin.symbolic_target().ok().flatten()?;
    target.strip_prefix("refs/remotes/origin/").map(str::to_owned)
}

fn candidates(repository: &Repository) -> Vec<String> {
    let mut names = Vec::from_iter(remote_head(repository));
    names.extend(repository.config().and_then(|config| config.get_string("init.defaultBranch")).ok());
    names.extend(USUAL_NAMES.map(str::to_owned));
    names
}
