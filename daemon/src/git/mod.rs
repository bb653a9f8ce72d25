//! Git: mirrors of the watched repositories, working copies on a laptop, and when to look.
//!
//! Everything that reads a repository goes through here and comes out as a value: a
//! [`SourceTree`](naksha_environments::source::SourceTree), a revision, a finding, a [`GitError`]. There is no
//! checkout, no program but the ssh client is started, no credential is stored, and submodules, LFS, hooks and
//! filters are never followed or run. Deciding what a rewritten history means is left to the environments' tasks.

mod compact;
mod config;
mod credential;
mod error;
mod lfs;
mod listing;
mod local;
mod look;
mod merge;
mod mirror;
mod names;
mod notes;
mod objects;
mod rebuild;
mod refs;
mod remote;
mod signal;
mod transport;
mod worktree;

#[cfg(test)]
pub(crate) mod tests;

pub use config::{CredentialPlaces, Limits, MirrorConfig, PlainHttp, RemoteUrl, SshUrl};
pub use error::GitError;
pub use look::{Seen, look};
pub use merge::{Merged, conflict};
pub use mirror::{Fetched, Mirror};
pub use notes::{NOTES_REF, NotePlace};
pub use objects::{CommitInfo, Objects};
pub use refs::{RefChange, RefName, RefUpdate};
pub use signal::{Driver, FetchFailure, LOCAL_POLL, REMOTE_POLL, RepositorySignal, RepositoryState};
pub use worktree::{Trunk, WorkTree};
