//! How libgit2 reaches a remote: two transports of our own, registered once under schemes that nobody else uses.
//!
//! libgit2's own http and ssh need OpenSSL, and its local transport and protocol list are wider than ours. So it
//! is given an address of the scheme `naksha-http` or `naksha-ssh` that says nothing; what to really connect to
//! is in the [`Session`] that the calling thread has entered. Addresses and credentials never reach libgit2, the
//! user's `url.insteadOf` never applies, and no other use of libgit2 in the process is affected.
//!
//! ```text
//!   Mirror::fetch ── enters Session ── libgit2 connect ── factory (same thread) ── https.rs | ssh.rs
//!                                                                                     │ async, on RUNTIME
//! ```
//!
//! Reads and writes block the calling thread until the deadline at most. The network runs on a runtime of its
//! own, so a fetch works from any thread, and a stalled server never stalls the daemon's tasks.

mod https;
mod session;
mod ssh;

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use git2::transport::{Transport, register};

use super::config::RemoteUrl;
use super::error::GitError;

pub(super) use session::Session;

const HTTP_SCHEME: &str = "naksha-http";
const SSH_SCHEME: &str = "naksha-ssh";

thread_local! {
    /// What a transport made on this thread connects to.
    static ENTERED: RefCell<Option<Arc<Session>>> = const { RefCell::new(None) };
}

/// Makes `session` the one that transports created on this thread use, while the guard lives.
pub(super) fn enter(session: &Arc<Session>) -> Entered {
    ENTERED.with_borrow_mut(|entered| *entered = Some(Arc::clone(session)));
    Entered(())
}

#[derive(Debug)]
pub(super) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        ENTERED.with_borrow_mut(|entered| *entered = None);
    }
}

/// The address that libgit2 gets for `url`; `None` for a local repository, which needs no transport.
pub(super) fn address(url: &RemoteUrl) -> Option<&'static str> {
    match url {
        RemoteUrl::Local(_) => None,
        RemoteUrl::Http(_) => Some("naksha-http://session"),
        RemoteUrl::Ssh(_) => Some("naksha-ssh://session"),
    }
}

/// Registers both transports, on the first call only.
pub(super) fn ensure_registered() -> Result<(), GitError> {
    static REGISTERED: OnceLock<Result<(), String>> = OnceLock::new();
    REGISTERED.get_or_init(|| register_both().map_err(|error| error.message().to_owned())).clone().map_err(
        |reason| GitError::Storage { url: "(all)".to_owned(), doing: "register the transports", reason },
    )
}

// `register` is unsafe because libgit2's list of custom transports has no lock: registering must not overlap with
// another registration or with the creation of a transport. The `OnceLock` above lets one thread in, and makes
// every other wait. All transports of this process are created by `Mirror::fetch`, after this returned, or by
// nobody: local repositories are read without libgit2's remotes. Hence no creation overlaps either.
#[allow(unsafe_code)]
fn register_both() -> Result<(), git2::Error> {
    // A pool of handles, each with an object cache of its own, would hold every tree several times; listings are
    // cached once, in `listing.rs`.
    git2::opts::enable_caching(false);
    unsafe {
        register(HTTP_SCHEME, |remote| {
            Transport::smart(remote, true, https::HttpTransport::new(entered_session()?))
        })?;
        register(SSH_SCHEME, |remote| {
            Transport::smart(remote, false, ssh::SshTransport::new(entered_session()?))
        })
    }
}

fn entered_session() -> Result<Arc<Session>, git2::Error> {
    ENTERED
        .with_borrow(Clone::clone)
        .ok_or_else(|| git2::Error::from_str("this transport is only for naksha's own mirrors"))
}
