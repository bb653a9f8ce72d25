//! One conversation with a remote: what to connect to, with which credential, until when, and how much may come.
//!
//! Errors travel through libgit2 as text. The session keeps the first typed one, and `Mirror::fetch` asks for it.

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use naksha_executor_forge::TokenError;
use reqwest::Url;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::git::config::{CredentialPlaces, MirrorConfig, RemoteUrl};
use crate::git::credential::Token;
use crate::git::error::{GitError, foreign_text};

#[derive(Debug)]
pub(in crate::git) struct Session {
    pub(super) url: RemoteUrl,
    pub(super) token: Option<Token>,
    pub(super) places: CredentialPlaces,
    pub(super) ssh_program: PathBuf,
    started: Instant,
    timeout: Duration,
    max_bytes: u64,
    received: AtomicU64,
    failure: Mutex<Option<GitError>>,
}

impl Session {
    /// Reads the credentials and starts the clock.
    pub(in crate::git) fn begin(config: &MirrorConfig) -> Result<Self, GitError> {
        let mut session = Self {
            url: config.url.clone(),
            token: None,
            places: config.credentials.clone(),
            ssh_program: config.ssh_program.clone(),
            started: Instant::now(),
            timeout: config.fetch_timeout,
            max_bytes: config.limits.max_fetch_bytes,
            received: AtomicU64::new(0),
            failure: Mutex::new(None),
        };
        session.token = match &config.url {
            RemoteUrl::Http(url) => session.credential(url)?,
            RemoteUrl::Local(_) | RemoteUrl::Ssh(_) => None,
        };
        Ok(session)
    }

    /// What is configured for the remote itself, else the token of an App, at its own GitHub only.
    fn credential(&self, url: &Url) -> Result<Option<Token>, GitError> {
        if let Some(place) = &self.places.token {
            let token = self.wait(place.read())?.map_err(|error| self.unread(error))?;
            return Ok(Some(Token::given(token, self.places.username.as_deref())));
        }
        let installation = self.places.installation.as_ref();
        let Some(installation) = installation.filter(|installation| installation.is_for(url.as_str())) else {
            return Ok(None);
        };
        match self.wait(installation.token())? {
            Ok(token) => Ok(Some(Token::of_app(token))),
            Err(error) if error.is_transient() => {
                Err(GitError::Unreachable { url: self.url.to_string(), reason: error.to_string() })
            }
            Err(error) => {
                Err(GitError::Credential { place: "the GitHub App".to_owned(), reason: error.to_string() })
            }
        }
    }

    fn unread(&self, TokenError { place, reason, is_transient }: TokenError) -> GitError {
        if is_transient {
            return GitError::Unreachable { url: self.url.to_string(), reason: format!("{place}: {reason}") };
        }
        GitError::Credential { place, reason }
    }

    /// The server does not take the token. That of an App may have been revoked: the next fetch has another one.
    pub(super) fn refused(&self) {
        if let (Some(installation), Some(token)) = (&self.places.installation, &self.token) {
            // Over its time, a fetch has failed for that.
            let _ = self.wait(installation.forget(token.secret()));
        }
    }

    /// Runs network work on the transports' runtime and waits for it, until the deadline at most.
    pub(super) fn wait<F: Future>(&self, future: F) -> Result<F::Output, GitError> {
        let _in_runtime = runtime()?.enter();
        let deadline = tokio::time::Instant::from_std(self.started + self.timeout);
        futures::executor::block_on(tokio::time::timeout_at(deadline, future)).map_err(|_| self.timed_out())
    }

    pub(super) fn timed_out(&self) -> GitError {
        GitError::Timeout { url: self.url.to_string(), seconds: self.timeout.as_secs() }
    }

    pub(in crate::git) fn is_over(&self) -> bool {
        self.started.elapsed() >= self.timeout
    }

    /// Counts bytes that came; too many of them is an error.
    pub(super) fn count(&self, bytes: usize) -> Result<(), GitError> {
        let bytes = bytes as u64;
        let total = self.received.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if total > self.max_bytes {
            return Err(GitError::TooLarge {
                url: self.url.to_string(),
                what: "bytes in one fetch",
                limit: self.max_bytes,
            });
        }
        Ok(())
    }

    pub(in crate::git) fn received_bytes(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// A text from the other side, fit for an error.
    pub(super) fn shown(&self, text: &str) -> String {
        let text = self.token.as_ref().map_or_else(|| text.to_owned(), |token| token.scrub(text));
        foreign_text(&text)
    }

    /// Keeps the first failure; what libgit2 gets says nothing.
    pub(super) fn fail(&self, error: GitError) -> git2::Error {
        self.keep(error);
        git2::Error::from_str("the transport failed")
    }

    /// As [`Session::fail`], for readers and writers.
    pub(super) fn fail_io(&self, error: GitError) -> std::io::Error {
        self.keep(error);
        std::io::Error::other("the transport failed")
    }

    fn keep(&self, error: GitError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    pub(in crate::git) fn take_failure(&self) -> Option<GitError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Starts work that goes on beside a conversation.
pub(super) fn spawn<F>(future: F) -> Result<JoinHandle<F::Output>, GitError>
where
    F: Future<Output: Send> + Send + 'static,
{
    Ok(runtime()?.spawn(future))
}

/// The transports' own runtime. One thread: it moves bytes, libgit2 does the work on the caller's thread.
fn runtime() -> Result<&'static Runtime, GitError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("git-transport")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    made.as_ref().map_err(|reason| GitError::Storage {
        url: "(all)".to_owned(),
        doing: "start the network thread",
        reason: reason.clone(),
    })
}
