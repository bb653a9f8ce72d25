//! Fetching over the network: list the refs, and only when something is new negotiate a pack.

use std::sync::Arc;

use git2::{AutotagOption, Direction, FetchOptions, Oid, RemoteCallbacks, Repository};

use super::config::MirrorConfig;
use super::error::GitError;
use super::local::RemoteRefs;
use super::refs::RefName;
use super::transport::{self, Session};

/// Lists the wanted refs of the remote, and downloads what `missing` says is not here yet. Refs of the mirror
/// are not touched. Returns what the remote has, and how many bytes came.
pub(super) fn fetch(
    config: &MirrorConfig,
    mirror: &Repository,
    wanted: &[RefName],
    missing: impl Fn(&RemoteRefs) -> Vec<String>,
) -> Result<(RemoteRefs, u64), GitError> {
    transport::ensure_registered()?;
    let session = Arc::new(Session::begin(config)?);
    let _entered = transport::enter(&session);
    let done = converse(config, &session, mirror, wanted, missing);
    // What libgit2 says of a failed transport is a consequence; the session knows the cause.
    let refs =
        done.map_err(|error| session.take_failure().unwrap_or_else(|| told(config, &session, &error)))?;
    Ok((refs, session.received_bytes()))
}

fn converse(
    config: &MirrorConfig,
    session: &Arc<Session>,
    mirror: &Repository,
    wanted: &[RefName],
    missing: impl Fn(&RemoteRefs) -> Vec<String>,
) -> Result<RemoteRefs, git2::Error> {
    let Some(address) = transport::address(&config.url) else { return Ok(RemoteRefs::default()) };
    let mut remote = mirror.remote_anonymous(address)?;
    let mut connection = remote.connect_auth(Direction::Fetch, None, None)?;
    let mut refs = RemoteRefs::default();
    for head in connection.list()? {
        if head.name() == "HEAD" {
            refs.default_branch = head.symref_target().and_then(|target| RefName::parse(target).ok());
        } else if let Some(name) = wanted.iter().find(|name| name.as_str() == head.name()) {
            refs.heads.insert(name.clone(), head.oid());
        }
    }
    let specs = missing(&refs);
    if !specs.is_empty() {
        let over = Arc::clone(session);
        let mut callbacks = RemoteCallbacks::new();
        callbacks.transfer_progress(move |_| !over.is_over());
        let mut options = FetchOptions::new();
        options.remote_callbacks(callbacks).download_tags(AutotagOption::None).update_fetchhead(false);
        connection.remote().download(&specs, Some(&mut options))?;
    }
    Ok(refs)
}

/// What an error of libgit2 itself means in a conversation.
fn told(config: &MirrorConfig, session: &Session, error: &git2::Error) -> GitError {
    let url = config.url.to_string();
    if session.is_over() {
        return GitError::Timeout { url, seconds: config.fetch_timeout.as_secs() };
    }
    match error.class() {
        git2::ErrorClass::Os | git2::ErrorClass::Filesystem => {
            GitError::from_git(&url, "write the pack", error)
        }
        // The remote's bytes were not what the protocol or the pack format says.
        _ => GitError::Protocol { url, reason: super::error::foreign_text(error.message()) },
    }
}

/// The refspec that downloads a ref without naming a ref of ours.
pub(super) fn spec_of(name: &RefName) -> String {
    format!("+{name}:{name}")
}

/// The refspec that downloads a commit by its id; servers may refuse it.
pub(super) fn spec_of_commit(id: Oid) -> String {
    format!("+{id}:refs/naksha/wanted/{id}")
}
