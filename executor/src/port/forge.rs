//! The forge: where pull requests, checks and comments of one repository live.
//!
//! Everything is read anew: a webhook is a hint, and carries nothing that is acted on. What is posted was built from masked
//! values. Git itself is not a matter of the forge: heads of pull requests are fetched like any ref.
//!
//! Every adapter passes the suite of [`crate::contract::forge`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_environments::codes::{Code, forge as codes};
use naksha_environments::digest::{Digest, Hasher};
use naksha_environments::ids::Revision;

/// One repository on its forge, as one identity sees it.
#[async_trait]
pub trait Forge: Send + Sync + fmt::Debug {
    /// Who we are there: comments and checks of others are never taken for ours.
    async fn whoami(&self) -> Result<Login, ForgeError>;
    /// The repository as the forge has it now.
    async fn hosted(&self) -> Result<Hosted, ForgeError>;

    // --- pull requests
    /// Those that are open, by number.
    async fn open_pulls(&self) -> Result<Vec<Pull>, ForgeError>;
    async fn pull(&self, number: PullNumber) -> Result<Pull, ForgeError>;
    async fn open(&self, pull: &NewPull) -> Result<PullNumber, ForgeError>;
    /// Title and text; the branch says the rest.
    async fn amend(&self, number: PullNumber, title: &str, text: &str) -> Result<(), ForgeError>;
    /// Closes without merging.
    async fn close(&self, number: PullNumber) -> Result<(), ForgeError>;
    /// Merges as the repository usually does, while its head is this. [`ForgeError::Invalid`]: its rules do not let us.
    async fn merge(&self, number: PullNumber, head: &Revision) -> Result<(), ForgeError>;

    /// Who approves of a pull request now: whoever said so last, and did not say otherwise since.
    async fn approvals(&self, number: PullNumber) -> Result<Vec<Approval>, ForgeError>;
    /// Takes back what others approved of a pull request, since it is another one now; how many did.
    async fn dismiss_approvals(&self, number: PullNumber, why: &str) -> Result<usize, ForgeError>;

    // --- merge queues
    /// What stands in line to be merged. Forges without merge queues have none.
    async fn merge_groups(&self) -> Result<Vec<MergeGroup>, ForgeError> {
        Ok(Vec::new())
    }

    // --- branches of ours
    /// The head of a branch; absent where there is none.
    async fn branch(&self, name: &str) -> Result<Option<Revision>, ForgeError>;
    /// Writes one file as one commit, and tells the branch's new head. Nothing is ever forced.
    async fn commit(&self, commit: &FileCommit) -> Result<Revision, ForgeError>;
    /// Deletes a branch. One that is gone is no error.
    async fn delete_branch(&self, name: &str) -> Result<(), ForgeError>;

    // --- checks
    /// Sets a check on a commit. The last word under a name counts.
    async fn report(&self, head: &Revision, check: &Check) -> Result<(), ForgeError>;
    /// What counts now on a commit, ours and those of others, by name.
    async fn checks(&self, head: &Revision) -> Result<Vec<Reported>, ForgeError>;

    // --- comments
    /// Of a pull request, oldest first.
    async fn comments(&self, number: PullNumber) -> Result<Vec<Comment>, ForgeError>;
    /// Those of all pull requests that were made or edited since, oldest first.
    async fn comments_since(&self, since: Timestamp) -> Result<Vec<(PullNumber, Comment)>, ForgeError>;
    async fn comment(&self, number: PullNumber, text: &str) -> Result<CommentId, ForgeError>;
    async fn edit(&self, comment: CommentId, text: &str) -> Result<(), ForgeError>;
    /// Says under a comment that it was heard.
    async fn react(&self, comment: CommentId, reaction: Reaction) -> Result<(), ForgeError>;

    // --- people
    /// What somebody may do in the repository.
    async fn permission(&self, login: &Login) -> Result<Permission, ForgeError>;
    /// Whether somebody belongs to a team of an organisation.
    async fn is_member(&self, organisation: &str, team: &str, login: &Login) -> Result<bool, ForgeError>;

    // --- deployments
    /// Tells what became of a revision in an environment. The same again sends nothing. Forges that know no deployments take it and do
    /// nothing.
    async fn deploy(&self, deployment: &Deployment) -> Result<(), ForgeError> {
        let _ = deployment;
        Ok(())
    }

    // --- webhooks
    /// Asks for those again that did not reach us since then; how many. Forges that keep no list: none.
    async fn redeliver(&self, since: Timestamp) -> Result<usize, ForgeError> {
        let _ = since;
        Ok(0)
    }

    /// What the forge's clock says, as far as its answers told: what it dates is compared with this. Clocks that agree within seconds are one.
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// How much more the forge takes of us, as its last answer said. Nothing: it does not say, or was not asked yet.
    fn budget(&self) -> Option<Budget> {
        None
    }
}

pub type SharedForge = Arc<dyn Forge>;

/// The name of somebody on the forge. Two that differ in case alone are one.
#[derive(Debug, Clone)]
pub struct Login(Arc<str>);

impl Login {
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Login {}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PullNumber(pub u64);

impl fmt::Display for PullNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommentId(pub u64);

/// The repository, as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosted {
    /// `owner/name`; another than configured: it was renamed or moved.
    pub full_name: String,
    pub default_branch: String,
    /// Nothing can be written any more.
    pub archived: bool,
    /// Whether we may set checks and write comments.
    pub writable: bool,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub number: PullNumber,
    pub title: String,
    pub author: Login,
    pub head: Revision,
    /// The branch of the head, in the repository that it is in.
    pub branch: String,
    /// The head is in another repository, or its repository is gone.
    pub is_fork: bool,
    /// The branch that it would be merged into.
    pub base: String,
    pub is_draft: bool,
    pub state: PullState,
    /// The page for people.
    pub page: String,
    pub changed: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullState {
    Open,
    /// Without a merge.
    Closed,
    /// The commit that the base got: of the merge, the squash, or the last one that was rebased.
    Merged {
        commit: Option<Revision>,
    },
}

/// Somebody approves of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Another word of the same person has another one.
    pub review: ReviewId,
    pub by: Login,
    /// The head that was looked at; absent: the forge has forgotten it.
    pub head: Option<Revision>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReviewId(pub u64);

/// A head that a merge queue made, and merges once its checks are green.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeGroup {
    /// The pull request that it ends with; those before it are in groups of their own.
    pub number: PullNumber,
    pub head: Revision,
    /// What it was put onto: the head of its branch, or of the group before it.
    pub onto: Revision,
    /// The queue's own branch, where the head is.
    pub branch: String,
    /// The branch that it would be merged into.
    pub base: String,
}

/// A pull request of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPull {
    pub title: String,
    pub text: String,
    pub branch: String,
    pub base: String,
}

/// One file, as it is to be on a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCommit {
    pub branch: String,
    /// The branch is new, and begins where this one is.
    pub from: Option<String>,
    pub path: String,
    pub text: String,
    pub message: String,
}

/// What is said on a commit under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `naksha/plan: staging`
    pub name: String,
    pub state: CheckState,
    /// One line. What a forge has no room for is cut.
    pub summary: String,
    /// Markdown, for forges that show a text with a check.
    pub text: Option<String>,
    /// Lines of files that something is said about, for forges that show them.
    pub annotations: Vec<Annotation>,
}

impl Check {
    /// Of what it shows beyond its summary.
    pub fn content(&self) -> Digest {
        let mut hasher = Hasher::new("naksha/check").part(self.text.as_deref().unwrap_or_default());
        for Annotation { path, line, is_error, title, message } in &self.annotations {
            for part in [path, &line.to_string(), &is_error.to_string(), title, message] {
                hasher.add(part);
            }
        }
        hasher.finish()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    Running,
    Passed,
    /// A person has to do something before it passes.
    Waits,
    Failed,
}

/// A finding, where the diff shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub path: String,
    pub line: usize,
    pub is_error: bool,
    pub title: String,
    pub message: String,
}

/// A check as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    pub name: String,
    pub state: CheckState,
    pub summary: String,
    /// Who set it: anybody who may write can set any check.
    pub author: Option<Login>,
    /// [`Check::content`] of what was set, where the forge keeps that.
    pub content: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: CommentId,
    pub author: Login,
    /// A program wrote it, as far as the forge knows.
    pub is_bot: bool,
    pub text: String,
    pub made: Timestamp,
    /// It says something else than when it was made.
    pub is_edited: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// It is being looked at.
    Seen,
    Done,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    None,
    Read,
    Write,
    Admin,
}

/// What became of a revision in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub revision: Revision,
    pub environment: String,
    pub state: DeploymentState,
    /// One line. What a forge has no room for is cut.
    pub summary: String,
    /// A page for people with more about it.
    pub page: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentState {
    /// For its turn, or for a person.
    Waits,
    Running,
    Done,
    Failed,
}

/// Requests that a forge takes within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub limit: u64,
    pub remaining: u64,
    /// When it is the limit again.
    pub resets: Timestamp,
}

/// Why the forge was of no help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// Nobody answers, or it is broken. Worth another try.
    #[error("the forge is out of reach: {0}")]
    Unreachable(String),
    /// It has enough of us.
    #[error("the forge has enough requests for {} s", .after.as_secs())]
    Throttled { after: Duration },
    /// Wrong, expired or too few rights.
    #[error("the forge refuses us: {0}")]
    Denied(String),
    /// The repository, pull request or comment is not there, or not for us to see.
    #[error("{0} is not there")]
    Missing(String),
    /// What we said makes no sense to it. The same again would not either.
    #[error("the forge does not take it: {0}")]
    Invalid(String),
    #[error("the forge answered what cannot be read: {0}")]
    Strange(String),
}

impl ForgeError {
    /// Whether the same may work in a moment.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Throttled { .. })
    }

    pub fn code(&self) -> Code {
        match self {
            Self::Unreachable(_) | Self::Strange(_) => codes::UNREACHABLE,
            Self::Throttled { .. } => codes::THROTTLED,
            Self::Denied(_) => codes::DENIED,
            Self::Missing(_) => codes::MISSING,
            Self::Invalid(_) => codes::REFUSED,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Strange(_) => {
                "environments go on without it; reports catch up when it is back"
            }
            Self::Throttled { .. } => "reports catch up by themselves",
            Self::Denied(_) => {
                "look at the token or the App, its rights and its end; docs/pull-requests.md names them"
            }
            Self::Missing(_) => {
                "look at `forge.repository` in the daemon's configuration, and at what the token or the App may see"
            }
            Self::Invalid(_) => "this is a bug; the log has what was sent and why it was refused",
        }
    }
}
