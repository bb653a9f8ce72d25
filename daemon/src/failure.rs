//! What an error says to people: everything behind it in one line, the code that explains it, and what to do.

use std::error::Error;

use naksha_environments::codes::{Code, daemon as codes};
use naksha_executor::port::secrets::SecretError;
use naksha_executor::port::store::StoreError;
use naksha_executor::port::target::TargetError;

use crate::client::ClientError;
use crate::config::ConfigError;
use crate::git::GitError;
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
