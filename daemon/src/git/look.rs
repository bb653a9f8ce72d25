//! Asking a remote what it has, and bringing nothing: whether it answers, and takes our credentials.

use std::path::Path;

use git2::Repository;

use super::config::MirrorConfig;
use super::error::GitError;
use super::local::LocalSource;
use super::refs::RefName;
use super::remote;

/// What a remote answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What its HEAD names; nothing: it is empty, or its HEAD names no branch that is there.
    pub default_branch: Option<RefName>,
    /// Those that were asked for and are there.
    pub there: Vec<RefName>,
}

/// Lists refs of the remote. `scratch`: an empty folder. Blocks.
pub fn look(config: &MirrorConfig, refs: &[RefName], scratch: &Path) -> Result<Seen, GitError> {
    let found = if let Some(path) = config.url.local_path() {
        LocalSource::open(config, path)?.refs(refs)?
    } else {
        let url = config.url.to_string();
        let nowhere = Repository::init_bare(scratch);
        let nowhere = nowhere.map_err(|error| GitError::from_git(&url, "make a scratch folder", &error))?;
        remote::fetch(config, &nowhere, refs, |_| Vec::new())?.0
    };
    Ok(Seen { default_branch: found.default_branch, there: found.heads.into_keys().collect() })
}
