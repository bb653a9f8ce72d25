//! What the server said no with: told apart by code, cause and content type, and cut to what a person needs.
//!
//! Messages of the server quote whole objects, environment values included: only the field and the last clause are
//! passed on, and of a Secret not even that.

use std::time::Duration;

use http::StatusCode;
use naksha_environments::object::ObjectKey;
use naksha_environments::wire::scrub;
use naksha_executor::live::is_secret;
use naksha_executor::port::target::WriteError;
use serde::Deserialize;

use crate::connect::{Answer, NoAnswer};

/// Longest reason that is passed on.
const MAX_WORDS: usize = 400;

/// Said of the server, when it does not know who we are. They were read anew before that is said.
const CREDENTIALS: &str = "does not accept our credentials: they are expired, revoked or wrong";

/// An answer that is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 401: who we are is not known, or not any more.
    Unauthorized,
    /// 403: a right is missing.
    Forbidden(String),
    /// 403: a quota is used up.
    Quota(String),
    /// 403: the namespace is on its way out.
    NamespaceTerminating,
    /// 404: the namespace is not there.
    NamespaceMissing,
    /// 404 as plain text: the group, version or kind is not served.
    NotServed,
    /// 404: the object is not there.
    Missing,
    /// 409 with causes: fields of other managers.
    Conflicts(Vec<FieldConflict>),
    /// 409 without causes: it moved, or is another object.
    Stale(String),
    /// 422, 400 and others that only another object helps against.
    Invalid { field: Option<String>, reason: String },
    /// 410: what is asked about is older than what the server remembers.
    Expired,
    /// 429, and 5xx that name a time.
    Throttled(Option<Duration>),
    /// 5xx, and whatever answered in the server's place.
    Unavailable(String),
}

/// A field that another manager owns and wants otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldConflict {
    /// As the server writes it: `.spec.replicas`.
    pub(crate) field: String,
    pub(crate) manager: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    reason: String,
    details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    kind: String,
    causes: Vec<Cause>,
    retry_after_seconds: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
    field: String,
}

impl Refusal {
    /// `None`: the answer is a good one.
    pub(crate) fn of(answer: &Answer) -> Option<Self> {
        if answer.status.is_success() {
            return None;
        }
        let status: Option<Status> =
            if answer.is_json { serde_json::from_slice(&answer.body).ok() } else { None };
        Some(match status {
            Some(status) => Self::of_status(answer, &status),
            None => Self::of_text(answer),
        })
    }

    fn of_status(answer: &Answer, status: &Status) -> Self {
        let Status { message, reason, details } = status;
        let has_cause = |name: &str| details.causes.iter().any(|cause| cause.reason == name);
        let last = || last_clause(message);
        match answer.status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN if has_cause("NamespaceTerminating") => Self::NamespaceTerminating,
            StatusCode::FORBIDDEN if message.contains("exceeded quota") => Self::Quota(quota(message)),
            StatusCode::FORBIDDEN => Self::Forbidden(short(message)),
            StatusCode::NOT_FOUND if details.kind == "namespaces" => Self::NamespaceMissing,
            StatusCode::NOT_FOUND if reason == "NotFound" && !details.kind.is_empty() => Self::Missing,
            StatusCode::NOT_FOUND => Self::NotServed,
            StatusCode::CONFLICT if has_cause("FieldManagerConflict") => Self::Conflicts(conflicts(details)),
            StatusCode::CONFLICT => Self::Stale(last()),
            StatusCode::GONE => Self::Expired,
            StatusCode::TOO_MANY_REQUESTS => Self::Throttled(pause(answer, details)),
            // The author's error, in the guise of the server's: an unknown field, a key twice.
            StatusCode::INTERNAL_SERVER_ERROR if message.contains("failed to create typed patch object") => {
                Self::Invalid { field: None, reason: typed(message) }
            }
            code if code.is_server_error() => pause(answer, details)
                .map_or_else(|| Self::Unavailable(last()), |after| Self::Throttled(Some(after))),
            _ => invalid(message, details),
        }
    }

    fn of_text(answer: &Answer) -> Self {
        match answer.status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden("the server says no more".to_owned()),
            StatusCode::NOT_FOUND => Self::NotServed,
            StatusCode::GONE => Self::Expired,
            StatusCode::TOO_MANY_REQUESTS => Self::Throttled(answer.retry_after),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::Invalid { field: None, reason: "it is too large".to_owned() }
            }
            code => Self::Unavailable(format!("it answered {}", code.as_u16())),
        }
    }

    /// What it means to a write of `key`.
    pub(crate) fn to_write_error(&self, key: &ObjectKey) -> WriteError {
        let key = key.clone();
        // Of a Secret nothing is passed on that the server, or a webhook behind it, may have quoted.
        let said = |reason: &String| {
            if is_secret(&key) { "the server refuses it".to_owned() } else { reason.clone() }
        };
        let blocked = |reason: String| WriteError::Blocked { key: key.clone(), reason };
        let moved = |reason: String| WriteError::Moved { key: key.clone(), reason };
        let transient = |reason: String, after| WriteError::Transient { key: key.clone(), reason, after };
        match self {
            Self::Unauthorized => blocked(format!("the server {CREDENTIALS}")),
            Self::Forbidden(reason) => blocked(said(reason)),
            Self::Quota(reason) => blocked(said(reason)),
            Self::NamespaceTerminating => blocked("its namespace is being deleted".to_owned()),
            Self::NamespaceMissing => {
                let namespace = key.namespace.as_deref().unwrap_or_default();
                blocked(format!("namespace `{namespace}` does not exist"))
            }
            // A definition that was just made is served a moment later.
            Self::NotServed => transient(format!("the server does not serve {}", key.group_kind()), None),
            Self::Missing => moved("it is gone".to_owned()),
            Self::Conflicts(conflicts) => moved(conflict_words(conflicts)),
            Self::Stale(reason) => moved(said(reason)),
            Self::Expired => transient("the server asks to begin anew".to_owned(), None),
            Self::Throttled(after) => transient("the server asks to wait".to_owned(), *after),
            Self::Unavailable(reason) => transient(format!("the server failed: {}", said(reason)), None),
            Self::Invalid { field, reason } => {
                WriteError::Invalid { key: key.clone(), field: field.clone(), reason: said(reason) }
            }
        }
    }

    /// In a few words, where no object is meant.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Unauthorized => format!("it {CREDENTIALS}"),
            Self::Forbidden(reason)
            | Self::Quota(reason)
            | Self::Unavailable(reason)
            | Self::Stale(reason) => reason.clone(),
            Self::NamespaceTerminating => "the namespace is being deleted".to_owned(),
            Self::NamespaceMissing => "the namespace does not exist".to_owned(),
            Self::NotServed => "it does not serve this kind".to_owned(),
            Self::Missing => "it is not there".to_owned(),
            Self::Conflicts(conflicts) => conflict_words(conflicts),
            Self::Invalid { reason, .. } => reason.clone(),
            Self::Expired => "it asks to begin anew".to_owned(),
            Self::Throttled(_) => "it asks to wait".to_owned(),
        }
    }
}

/// Nobody answered: the write may or may not have happened.
pub(crate) fn unanswered(key: &ObjectKey, error: &NoAnswer) -> WriteError {
    WriteError::Transient { key: key.clone(), reason: error.to_string(), after: None }
}

fn conflict_words(conflicts: &[FieldConflict]) -> String {
    let one = |conflict: &FieldConflict| {
        format!("`{}` is set by {}", conflict.field.trim_start_matches('.'), conflict.manager)
    };
    let words: Vec<String> = conflicts.iter().take(3).map(one).collect();
    let more = match conflicts.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(", and {more} more fields"),
    };
    words.join(", ") + &more
}

fn conflicts(details: &Details) -> Vec<FieldConflict> {
    let causes = details.causes.iter().filter(|cause| cause.reason == "FieldManagerConflict");
    causes
        .map(|cause| FieldConflict { field: cause.field.clone(), manager: manager(&cause.message) })
        .collect()
}

/// `conflict with "NAME" using apps/v1` → NAME
fn manager(message: &str) -> String {
    let quoted = message.split_once('"').and_then(|(_, rest)| rest.split_once('"'));
    quoted.map_or_else(|| "somebody else".to_owned(), |(name, _)| name.to_owned())
}

fn pause(answer: &Answer, details: &Details) -> Option<Duration> {
    let named = (details.retry_after_seconds > 0).then(|| Duration::from_secs(details.retry_after_seconds));
    answer.retry_after.or(named)
}

fn invalid(message: &str, details: &Details) -> Refusal {
    let named = details.causes.iter().find(|cause| !cause.field.is_empty() && cause.field != "<nil>");
    let Some(cause) = named.or(details.causes.first()) else {
        return Refusal::Invalid { field: None, reason: last_clause(message) };
    };
    let field = (!cause.field.is_empty() && cause.field != "<nil>").then(|| cause.field.clone());
    if field.as_deref() == Some("metadata.uid") {
        return Refusal::Stale("another object has its name now".to_owned());
    }
    // A policy's words name it and its binding in the message, the cause only says that it was refused.
    let words = if cause.message.is_empty() || field.is_none() { message } else { &cause.message };
    let reason = if field.is_none() { short(words) } else { last_clause(words) };
    Refusal::Invalid { field, reason }
}

/// `…: exceeded quota: NAME, requested: …, used: …, limited: …`
fn quota(message: &str) -> String {
    let from = message.find("exceeded quota").unwrap_or_default();
    short(&message[from..])
}

/// `failed to create typed patch object (…): .spec.foo: field not declared in schema`
fn typed(message: &str) -> String {
    let (_, rest) = message.split_once("): ").unwrap_or(("", message));
    short(rest)
}

/// What follows the last colon: before it the server quotes values.
fn last_clause(message: &str) -> String {
    short(message.rsplit(": ").next().unwrap_or(message))
}

fn short(text: &str) -> String {
    let mut text = scrub(text.trim()).into_owned();
    if let Some((at, _)) = text.char_indices().nth(MAX_WORDS) {
        text.truncate(at);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
