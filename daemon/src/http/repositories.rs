//! Repositories, as the API tells of them: the trunk, the last fetch, and why one cannot be applied.
//!
//! Nothing is kept here. A problem is found anew from the last fetch and from what the trunk defines, so it is gone as
//! soon as its cause is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use futures::future::join_all;
use jiff::Timestamp;
use naksha_environments::codes::{Code, daemon as codes, git as git_codes};
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::{EnvironmentName, Revision};
use tokio::time::Instant;

use super::api::{RepositoryDocument, RepositoryProblem};
use super::routes::ApiState;
use crate::git::{GitError, RefChange, RefName};
use crate::registry::Registry;
use crate::task::{Feed, LoadedRevision, RefState};

/// Between two looks at a fetch: what finds nothing new wakes nobody, so nobody can be woken by its end.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) async fn repositories(State(state): State<ApiState>) -> Json<Vec<RepositoryDocument>> {
    Json(all(&state).await)
}

/// Every configured repository, in the order of the configuration.
pub(super) async fn all(state: &ApiState) -> Vec<RepositoryDocument> {
    join_all(state.heads.feeds().iter().map(|feed| document(feed, &state.registry))).await
}

/// Those that have a problem.
pub(super) async fn troubled(state: &ApiState) -> Vec<RepositoryDocument> {
    let mut documents = all(state).await;
    documents.retain(|document| document.problem.is_some());
    documents
}

/// Fetches every repository, and waits for those among them that have a problem or no environment: what a person just
/// did about it is seen. Waits for `limit` at most.
pub(super) async fn fetch(state: &ApiState, limit: Duration) {
    let deadline = Instant::now() + limit;
    let troubled: BTreeSet<String> =
        troubled(state).await.into_iter().map(|document| document.repository).collect();
    let is_idle =
        |feed: &&Feed| troubled.contains(feed.name().as_str()) || runs_nothing(feed, &state.registry);
    let idle: Vec<(&Feed, u64)> =
        state.heads.feeds().iter().filter(is_idle).map(|feed| (feed, feed.state.borrow().fetches)).collect();
    state.heads.poke();
    for (feed, before) in idle {
        while feed.state.borrow().fetches == before && Instant::now() < deadline {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

async fn document(feed: &Feed, registry: &Registry) -> RepositoryDocument {
    let trunk = feed.trunk();
    let head = trunk.as_ref().and_then(|trunk| match feed.at(trunk) {
        RefState::At(head) => Some(head.to_string()),
        RefState::Gone { .. } | RefState::Missing => None,
    });
    let trunk = trunk.map(|trunk| trunk.branch_name().unwrap_or(trunk.as_str()).to_owned());
    let fetched = feed.state.borrow().fetched_at;
    RepositoryDocument {
        repository: feed.name().to_string(),
        trunk,
        head,
        fetched,
        problem: problem(feed, registry).await,
    }
}

/// Why a repository is not, or not wholly, what the environments follow. `None` also before its first fetch has ended.
async fn problem(feed: &Feed, registry: &Registry) -> Option<RepositoryProblem> {
    if let Some(failure) = &feed.state.borrow().failure {
        return Some(of_git(&failure.error, Some(failure.since)));
    }
    feed.state.borrow().fetched_at?;
    let Some(trunk) = feed.trunk() else {
        let message = "the remote's HEAD names no branch, so no trunk is known";
        return Some(problem_of(
            git_codes::REF_MISSING,
            message,
            "name it: `trunk` of the repository's configuration",
        ));
    };
    if let Some(gone) = gone(feed, &trunk) {
        return Some(gone);
    }
    // Not there and not missing: the trunk's name was just found, and the fetch of it goes on.
    let RefState::At(head) = feed.at(&trunk) else { return None };
    match read(feed, head).await? {
        Ok(revision) => unmatched(feed, &trunk, &revision, registry),
        Err(error) => Some(of_git(&error, None)),
    }
}

/// The trunk, when the last fetch did not find it.
fn gone(feed: &Feed, trunk: &RefName) -> Option<RepositoryProblem> {
    let state = feed.state.borrow();
    let update = state.updates.get(trunk)?;
    if !matches!(update.kind, RefChange::Missing | RefChange::Deleted) {
        return None;
    }
    let Diagnostic { code, message, hint, .. } = update.diagnostic()?;
    let message = format!("{message}; it is the trunk");
    Some(problem_of(code, message, hint.as_deref().unwrap_or_default()))
}

async fn read(feed: &Feed, head: Revision) -> Option<Result<Arc<LoadedRevision>, GitError>> {
    let revisions = Arc::clone(&feed.revisions);
    tokio::task::spawn_blocking(move || revisions.read(&head)).await.ok()
}

/// What the configuration or a person expects of the trunk, and it does not define.
fn unmatched(
    feed: &Feed,
    trunk: &RefName,
    revision: &LoadedRevision,
    registry: &Registry,
) -> Option<RepositoryProblem> {
    let definitions = &revision.loaded.definitions;
    let at = format!(
        "the trunk `{}` at {}",
        trunk.branch_name().unwrap_or(trunk.as_str()),
        revision.revision.short()
    );
    let known: BTreeSet<EnvironmentName> = running(feed, registry)
        .chain(definitions.environments.keys().cloned())
        .chain(definitions.broken.environments.iter().cloned())
        .collect();
    if known.is_empty() {
        let errors = revision.loaded.diagnostics.iter().filter(|found| found.is_error()).count();
        let errors = match errors {
            0 => String::new(),
            1 => "; its definitions have 1 error".to_owned(),
            more => format!("; its definitions have {more} errors"),
        };
        let hint = "commit `environments/NAME/environment.yaml`; `naksha check` shows what is wrong with what is there";
        let message = format!("{at} defines no environment{errors}");
        return Some(problem_of(codes::ENVIRONMENT_UNKNOWN, message, hint));
    }
    let only = feed.config.only.iter().flatten().map(|name| ("only", name));
    let directories = feed.config.directories.keys().map(|name| ("directories", name));
    let named: Vec<_> = only
        .chain(directories)
        .filter(|(_, name)| !known.contains(*name))
        .map(|(key, name)| format!("`{name}` (in `{key}`)"))
        .collect();
    if named.is_empty() {
        return None;
    }
    let message =
        format!("the configuration names {}, and {at} defines no such environment", named.join(", "));
    Some(problem_of(
        codes::ENVIRONMENT_UNKNOWN,
        message,
        "correct the name in the configuration, or commit its definition",
    ))
}

/// Environments of a repository that have a loop, whatever became of their definition.
fn running(feed: &Feed, registry: &Registry) -> impl Iterator<Item = EnvironmentName> {
    let scopes = registry.all().into_iter().map(|handle| handle.scope);
    scopes.filter(|scope| scope.repository == *feed.name()).map(|scope| scope.environment)
}

fn runs_nothing(feed: &Feed, registry: &Registry) -> bool {
    running(feed, registry).next().is_none()
}

fn of_git(error: &GitError, since: Option<Timestamp>) -> RepositoryProblem {
    let transient = error.is_transient();
    RepositoryProblem { since, transient, ..problem_of(error.code(), error.to_string(), error.hint()) }
}

fn problem_of(code: Code, message: impl Into<String>, hint: &str) -> RepositoryProblem {
    RepositoryProblem {
        code: code.id().to_owned(),
        message: message.into(),
        hint: (!hint.is_empty()).then(|| hint.to_owned()),
        since: None,
        transient: false,
    }
}
