//! Whether the Git remote answers, and takes the credentials.

use std::sync::Arc;

use naksha_executor::port::secrets::SecretSource;
use naksha_executor_forge::Installation;

use super::Finding;
use crate::config::RepositoryConfig;
use crate::git::{self, GitError, RefName, Seen};
use crate::supervisor::mirror_config;

const ABOUT: &str = "git";

/// Lists the refs, and fetches nothing.
pub(super) async fn look(
    repository: &RepositoryConfig,
    (secrets, installation): (&Arc<dyn SecretSource>, Option<&Installation>),
) -> Finding {
    let trunk = match repository.trunk.as_deref().map(RefName::branch).transpose() {
        Ok(trunk) => trunk,
        Err(error) => return refused(&error),
    };
    let mut config = match mirror_config(repository, secrets) {
        Ok(config) => config,
        Err(error) => return refused(&error),
    };
    config.credentials.installation = installation.cloned();
    let (url, wanted) = (config.url.to_string(), trunk.clone());
    let asked = tokio::task::spawn_blocking(move || {
        let scratch = tempfile::tempdir().map_err(|error| GitError::Storage {
            url: config.url.to_string(),
            doing: "make a scratch folder",
            reason: error.to_string(),
        })?;
        git::look(&config, wanted.as_slice(), scratch.path())
    });
    match asked.await {
        Ok(Ok(seen)) => judge(&url, trunk.as_ref(), &seen),
        Ok(Err(error)) => refused(&error),
        Err(error) => Finding::error(ABOUT, format!("looking ended abnormally: {error}"), "this is a bug"),
    }
}

fn refused(error: &GitError) -> Finding {
    Finding::error(ABOUT, error.to_string(), error.hint()).with(error.code())
}

fn short(branch: &RefName) -> &str {
    branch.branch_name().unwrap_or(branch.as_str())
}

/// Pure.
fn judge(url: &str, trunk: Option<&RefName>, seen: &Seen) -> Finding {
    match (trunk, &seen.default_branch) {
        (Some(trunk), _) if seen.there.contains(trunk) => {
            Finding::ok(ABOUT, format!("{url} answers; the trunk is `{}`", short(trunk)))
        }
        (Some(trunk), _) => Finding::error(
            ABOUT,
            format!("{url} answers, and has no branch `{}`", short(trunk)),
            "push that branch, or name another one: `trunk` of the repository",
        ),
        (None, Some(branch)) => {
            Finding::ok(ABOUT, format!("{url} answers; the trunk is `{}`", short(branch)))
        }
        (None, None) => Finding::warning(
            ABOUT,
            format!("{url} answers, and is empty"),
            "push a first commit: `naksha init` writes one",
        ),
    }
}
