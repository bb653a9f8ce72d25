//! What an error says to people: everything behind it in one line, the code that explains it, and what to do.

use std::error::Error;

use naksha_environments::codes::{Code, daemon as codes};
use naksha_executor::port::forge::ForgeError;
use naksha_executor::port::secrets::SecretError;
use naksha_executor::port::store::StoreError;
use naksha_executor::port::target::TargetError;

use crate::client::ClientError;
use crate::config::ConfigError;
use crate::git::GitError;
use crate::setup::PerformError;
use crate::supervisor::DaemonError;
use crate::target::TargetOpenError;

/// The error and everything behind it, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// The code of the first error in the chain that has one, and its hint.
pub fn code_of(error: &(dyn Error + 'static)) -> Option<(Code, String)> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = own_code(error) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn own_code(error: &(dyn Error + 'static)) -> Option<(Code, String)> {
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return Some((error.code(), error.hint()));
    }
    if let Some(error) = error.downcast_ref::<GitError>() {
        return Some((error.code(), error.hint().to_owned()));
    }
    if let Some(error) = error.downcast_ref::<TargetError>() {
        return Some((error.code(), error.hint().to_owned()));
    }
    if let Some(error) = error.downcast_ref::<TargetOpenError>() {
        return Some((error.code(), error.hint().to_owned()));
    }
    if let Some(error) = error.downcast_ref::<SecretError>() {
        return Some((error.code(), error.hint().to_owned()));
    }
    if let Some(error) = error.downcast_ref::<ForgeError>() {
        return Some((error.code(), error.hint().to_owned()));
    }
    // It is the forge's error, which is not in its chain.
    if let Some(PerformError::Forge(error)) = error.downcast_ref::<PerformError>() {
        return own_code(error);
    }
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        return Some((error.code(), error.hint().to_owned()));
    }
    if let Some(error) = error.downcast_ref::<DaemonError>() {
        return error.code().map(|code| (code, error.hint().to_owned()));
    }
    if let Some(error) = error.downcast_ref::<ClientError>() {
        return error.code().map(|code| (code, error.hint()));
    }
    if error.is::<tokio::task::JoinError>() {
        return Some((codes::TASK_PANICKED, "this is a bug; the log has its place".to_owned()));
    }
    None
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use naksha_environments::codes::{git, store};

    use super::*;

    /// The code that the command line prints for an error.
    fn printed(error: impl Into<anyhow::Error>) -> Option<Code> {
        let error = error.into();
        code_of(error.as_ref()).map(|(code, _)| code)
    }

    #[test]
    fn the_first_code_in_the_chain_counts() {
        let newer = || StoreError::Newer { found: 9, known: 1 };
        assert_eq!(printed(newer()), Some(store::NEWER));
        assert_eq!(printed(DaemonError::Store(newer())), Some(store::NEWER));
        let wrapped = Err::<(), _>(newer()).context("no backup was written").unwrap_err();
        assert_eq!(printed(wrapped), Some(store::NEWER));
        let denied = GitError::Denied { url: "x".to_owned(), reason: "no".to_owned() };
        let refused = DaemonError::Repository { name: "infra".to_owned(), source: denied };
        assert_eq!(printed(refused), Some(git::DENIED));
        assert_eq!(printed(anyhow::anyhow!("something else")), None);
    }

    #[test]
    fn what_the_daemon_lost_or_was_refused_has_a_code() {
        let ended = DaemonError::Ended { task: "HTTP server".to_owned() };
        assert_eq!(printed(ended), Some(codes::TASK_ENDED));
        let refused = || std::io::Error::other("no more processes");
        assert_eq!(printed(DaemonError::Signals(refused())), Some(codes::SYSTEM_REFUSES));
        let workers = naksha_renderer_sandbox::Error::Watchdog(refused());
        assert_eq!(printed(DaemonError::Workers(workers)), Some(codes::SYSTEM_REFUSES));
    }

    #[test]
    fn a_chain_is_one_line() {
        let error = DaemonError::Store(StoreError::NotFound { what: "plan".to_owned() });
        assert_eq!(chain(&error), "the database cannot be opened: there is no plan");
    }
}
