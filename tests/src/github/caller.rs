//! Who asks, and whether what is asked is for them.

use std::collections::BTreeMap;

use super::answer::{Answer, not_for_integrations, not_found, refusal};
use super::state::State;

const NOT_FOR_TOKENS: &str = "Resource not accessible by personal access token";

/// What somebody may do in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The older name, which knows three.
    pub(super) fn permission(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }
}

/// Permissions of an installation by their names: `read` or `write`.
pub(super) type Permissions = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    Nobody,
    Person(String),
    /// By a JSON Web Token.
    App,
    /// By a token of its installation.
    Installation(Permissions),
}

impl Caller {
    /// For the log, and as author.
    pub(super) fn login(&self, state: &State) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Person(login) => login.clone(),
            Self::App => "the app".to_owned(),
            Self::Installation(_) => state.app.login(),
        }
    }

    pub(super) fn is_app(&self) -> bool {
        matches!(self, Self::Installation(_))
    }
}

/// What an operation asks of who calls it.
struct Need {
    /// Any of these permissions will do for an installation.
    any_of: &'static [&'static str],
    level: Level,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Read,
    Write,
}

/// By the permissions that GitHub documents for each of its endpoints. Nothing: it is not about the repository.
fn need(operation: &str) -> Option<Need> {
    use Level::{Read, Write};
    let need = |any_of, level, role| Some(Need { any_of, level, role });
    match operation {
        "repos/get" => need(&["metadata"], Read, Role::Read),
        // People have to be able to push to be told.
        "repos/get-collaborator-permission-level" => need(&["metadata"], Read, Role::Write),
        "repos/get-branch-rules" => need(&["metadata"], Read, Role::Read),
        "repos/list-webhooks" => need(&["repository_hooks"], Read, Role::Admin),
        "repos/create-webhook" | "repos/update-webhook" => need(&["repository_hooks"], Write, Role::Admin),
        "repos/get-branch-protection" => need(&["administration"], Read, Role::Admin),
        "repos/update-branch-protection" | "repos/update-status-check-protection" => {
            need(&["administration"], Write, Role::Admin)
        }
        "repos/get-branch" | "repos/get-content" | "git/get-ref" => need(&["contents"], Read, Role::Read),
        "repos/create-or-update-file-contents"
        | "git/create-ref"
        | "git/update-ref"
        | "git/delete-ref"
        | "pulls/merge" => need(&["contents"], Write, Role::Write),
        "pulls/list" | "pulls/get" => need(&["pull_requests"], Read, Role::Read),
        "pulls/create" => need(&["pull_requests"], Write, Role::Read),
        "pulls/update" => need(&["pull_requests"], Write, Role::Write),
        "checks/create" | "checks/update" => need(&["checks"], Write, Role::Write),
        "checks/get" | "checks/list-for-ref" | "checks/list-annotations" => {
            need(&["checks"], Read, Role::Read)
        }
        "repos/create-commit-status" => need(&["statuses"], Write, Role::Write),
        "repos/list-commit-statuses-for-ref" | "repos/get-combined-status-for-ref" => {
            need(&["statuses"], Read, Role::Read)
        }
        "issues/list-comments"
        | "issues/list-comments-for-repo"
        | "issues/get-comment"
        | "reactions/list-for-issue-comment" => need(&["issues", "pull_requests"], Read, Role::Read),
        "issues/create-comment"
        | "issues/update-comment"
        | "issues/delete-comment"
        | "reactions/create-for-issue-comment" => need(&["issues", "pull_requests"], Write, Role::Read),
        "repos/list-deployments" | "repos/list-deployment-statuses" => {
            need(&["deployments"], Read, Role::Read)
        }
        "repos/create-deployment" | "repos/create-deployment-status" => {
            need(&["deployments"], Write, Role::Write)
        }
        "teams/get-membership-for-user-in-org" => need(&["members"], Read, Role::None),
        _ => None,
    }
}

/// Whether it changes something: an archived repository takes none of these.
pub(super) fn is_write(operation: &str) -> bool {
    need(operation).is_some_and(|need| need.level == Level::Write)
}

/// Whether the operation is for them.
pub(super) fn admit(state: &State, operation: &str, caller: &Caller) -> Result<(), Answer> {
    let by_web_token = operation.starts_with("apps/");
    match (by_web_token, caller) {
        (true, Caller::App) => return Ok(()),
        (true, _) => return Err(refusal(401, "A JSON web token could not be decoded")),
        (false, Caller::App) => return Err(refusal(401, "Bad credentials")),
        (false, _) => {}
    }
    if operation == "users/get-authenticated" {
        return match caller {
            Caller::Person(_) => Ok(()),
            Caller::Nobody => Err(refusal(401, "Requires authentication")),
            _ => Err(not_for_integrations()),
        };
    }
    let Some(need) = need(operation) else { return Ok(()) };
    match caller {
        Caller::Installation(permissions) => may(permissions, &need),
        Caller::Person(_) if state.is_fine_grained && operation.starts_with("checks/") => {
            Err(refusal(403, NOT_FOR_TOKENS))
        }
        Caller::Person(login) => person_may(state.role(login), operation, &need),
        // The repository is private.
        Caller::Nobody | Caller::App => Err(not_found()),
    }
}

fn may(permissions: &Permissions, need: &Need) -> Result<(), Answer> {
    let is_enough = |level: &String| level == "write" || need.level == Level::Read;
    let may = need.any_of.iter().any(|name| permissions.get(*name).is_some_and(is_enough));
    // Who was given anything reads what is public about it.
    let is_metadata = need.any_of == ["metadata"];
    if may || is_metadata { Ok(()) } else { Err(not_for_integrations()) }
}

fn person_may(role: Role, operation: &str, need: &Need) -> Result<(), Answer> {
    if need.role != Role::None && role == Role::None {
        return Err(not_found());
    }
    // Check runs are for Apps, whoever asks.
    if operation == "checks/create" || operation == "checks/update" {
        return Err(refusal(403, "You must authenticate via a GitHub App."));
    }
    if role >= need.role {
        return Ok(());
    }
    Err(refusal(
        403,
        match operation {
            "repos/get-collaborator-permission-level" => {
                "Must have push access to view collaborator permission."
            }
            // What one may not see is not there.
            "repos/list-webhooks"
            | "repos/create-webhook"
            | "repos/update-webhook"
            | "repos/get-branch-protection"
            | "repos/update-branch-protection"
            | "repos/update-status-check-protection" => return Err(not_found()),
            _ => NOT_FOR_TOKENS,
        },
    ))
}
