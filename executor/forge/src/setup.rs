//! What is asked and done once: when a repository begins with its forge, and when somebody wonders why it does not work.
//!
//! No part of the port: a daemon needs none of it while it runs. Looking changes nothing, and what is done twice is done once.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_executor::port::forge::ForgeError;

/// What a webhook has to tell: whatever may change what is said or applied. GitHub and Gitea call it the same.
pub const HOOK_EVENTS: [&str; 3] = ["push", "pull_request", "issue_comment"];

/// On GitHub reviews are told apart from the rest. Where somebody has to approve, they are looked for at every poll, too.
pub const GITHUB_EVENTS: [&str; 4] = ["push", "pull_request", "pull_request_review", "issue_comment"];

/// One repository on its forge, as whoever sets it up.
#[async_trait]
pub trait Setup: Send + Sync + fmt::Debug {
    /// What time it is there, in whole seconds. A refusal has a time, too.
    async fn clock(&self) -> Result<Timestamp, ForgeError>;
    /// The number of the App that we are; nothing: we are none.
    async fn app(&self) -> Result<Option<u64>, ForgeError> {
        Ok(None)
    }
    /// What a webhook has to tell there.
    fn events(&self) -> &'static [&'static str] {
        &HOOK_EVENTS
    }
    /// Rights that naksha asks for there, and that we do not have.
    async fn lacks(&self) -> Result<Vec<Lack>, ForgeError>;
    /// Webhooks that tell of the repository. [`ForgeError::Denied`]: they are told to others.
    async fn hooks(&self) -> Result<Vec<Hook>, ForgeError>;
    /// Checks that have to pass before something is merged into a branch.
    async fn required(&self, branch: &str) -> Result<Vec<RequiredCheck>, ForgeError>;
    /// Whether there is a file on a branch.
    async fn has_file(&self, branch: &str, path: &str) -> Result<bool, ForgeError>;

    /// Has the forge call an address. A webhook that calls it already is made to fit.
    async fn set_hook(&self, hook: &NewHook) -> Result<Done, ForgeError>;
    /// Has a branch ask for a check. `app`: from this App alone, where the forge knows Apps.
    async fn require(&self, branch: &str, check: &str, app: Option<u64>) -> Result<Done, ForgeError>;
}

/// A right that we do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// As the forge calls it.
    pub right: String,
    /// What does not work without it.
    pub purpose: &'static str,
    pub remedy: &'static str,
    /// Otherwise only some installations want it.
    pub is_needed: bool,
}

/// A webhook, as far as the forge tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    pub url: String,
    pub is_active: bool,
    pub events: Vec<String>,
    /// Nothing: it is not told.
    pub is_signed: Option<bool>,
    /// What became of what it sent last; nothing: it sent nothing yet, or it is not told.
    pub last: Option<Delivery>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub has_arrived: bool,
    /// What was answered, in the forge's words.
    pub words: String,
}

/// A check that a branch asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredCheck {
    /// A pattern where the forge has patterns (`*`).
    pub name: String,
    /// Only what this App says counts.
    pub app: Option<u64>,
}

/// A webhook of ours.
#[derive(Debug, Clone)]
pub struct NewHook {
    pub url: String,
    pub secret: naksha_environments::secret::Secret,
    /// The secret was made just now: no webhook that is there can have it.
    pub is_fresh: bool,
}

/// What became of something that was to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    Made,
    /// It was there, and otherwise.
    Changed,
    /// It was there already.
    Found,
    /// A person has to do it, for this reason.
    Left(String),
}

/// Whether two addresses are one.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// Whether a webhook tells everything.
pub(crate) fn tells_all(events: &[String]) -> bool {
    HOOK_EVENTS.iter().all(|wanted| events.iter().any(|event| event == wanted || event == "*"))
}
