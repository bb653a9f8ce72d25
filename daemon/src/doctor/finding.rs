//! What was found out about one thing.

use naksha_environments::codes::Code;
use naksha_executor::port::forge::ForgeError;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// It works, and not as well as it could.
    Warning,
    /// Something does not work.
    Error,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One line. Nothing secret stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `git`, `webhook`.
    pub about: &'static str,
    pub level: Level,
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Finding {
    pub(super) fn ok(about: &'static str, message: impl Into<String>) -> Self {
        Self { about, level: Level::Ok, message: message.into(), hint: None, code: None }
    }

    pub(super) fn warning(about: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { level: Level::Warning, hint: Some(hint.into()), ..Self::ok(about, message) }
    }

    pub(super) fn error(about: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { level: Level::Error, hint: Some(hint.into()), ..Self::ok(about, message) }
    }

    /// What a forge did not tell.
    pub(super) fn refused(about: &'static str, error: &ForgeError) -> Self {
        Self::error(about, error.to_string(), error.hint()).with(error.code())
    }

    pub(super) fn with(self, code: Code) -> Self {
        Self { code: Some(code.to_string()), ..self }
    }
}
