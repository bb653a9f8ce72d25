//! Handlers that read: from the registry and the store.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use naksha_environments::codes::daemon as codes;
use naksha_environments::plan::PlanId;
use naksha_environments::status::{EnvironmentStatus, State as EnvironmentState};
use naksha_environments::wire::{StatusDocument, StoredPlanDocument};
use naksha_executor::port::store::{Scope, Store};
use serde::Deserialize;

use super::EnvironmentRef;
use super::api::HistoryDocument;
use super::refusal::Refused;
use super::repositories;
use super::request::{Asked, Named};
use super::routes::ApiState;
use crate::history::{self, MAX_ENTRIES, PlanNotFound};
use crate::registry::Handle;
use crate::stored_plan::stored_plan;

/// Entries of history when no number is asked for.
const DEFAULT_ENTRIES: u32 = 20;

/// Which environment a request means. Without one: all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    pub(super) environment: Option<EnvironmentRef>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichEntries {
    environment: Option<EnvironmentRef>,
    limit: Option<u32>,
}

impl Which {
    pub(super) async fn handles(&self, state: &ApiState) -> Result<Vec<Handle>, Refused> {
        let Some(environment) = &self.environment else {
            return Ok(state.registry.all());
        };
        let mut found = state.registry.all();
        found.retain(|handle| environment.fits(&handle.scope));
        if found.is_empty() {
            let message = format!("there is no environment `{environment}` here");
            return Err(Refused::new(StatusCode::NOT_FOUND, codes::ENVIRONMENT_UNKNOWN, message)
                .hint(there_are(state).await));
        }
        Ok(found)
    }

    /// The one environment that a request names: what changes something must reach no other by a slip of the pen.
    pub(super) async fn one(&self, state: &ApiState) -> Result<Handle, Refused> {
        let Some(environment) = &self.environment else {
            return Err(Refused::bad("name an environment: ?environment=NAME"));
        };
        let mut found = self.handles(state).await?;
        if found.len() > 1 {
            let names: Vec<_> = found.iter().map(|handle| handle.scope.to_string()).collect();
            let message = format!("`{environment}` is in several repositories: {}", names.join(", "));
            return Err(Refused::bad(message).hint("write REPOSITORY/NAME"));
        }
        Ok(found.remove(0))
    }
}

/// The one plan that a prefix names.
async fn one_plan(
    store: &dyn Store,
    asked: Option<&EnvironmentRef>,
    prefix: &str,
) -> Result<(Scope, PlanId), Refused> {
    let Some(scope) = asked.and_then(EnvironmentRef::scope) else {
        let environment = asked.map(|asked| &asked.environment);
        return Ok(history::one_plan(store, environment, prefix).await??);
    };
    history::check_prefix(prefix)?;
    let mut plans = store.plan(Some(&scope), prefix).await?;
    match plans.len() {
        0 => Err(PlanNotFound::None { prefix: prefix.to_owned() }.into()),
        1 => Ok((scope, plans.remove(0).plan)),
        _ => {
            let names = plans.iter().map(|plan| format!("{} ({scope})", plan.plan)).collect();
            Err(PlanNotFound::Several { prefix: prefix.to_owned(), names }.into())
        }
    }
}

/// Which environments there are, and which repositories cannot say.
async fn there_are(state: &ApiState) -> String {
    let known: Vec<_> = state.registry.all().iter().map(|handle| handle.scope.to_string()).collect();
    let known = if known.is_empty() {
        "no environment is known yet".to_owned()
    } else {
        format!("there are: {}", known.join(", "))
    };
    let troubled = repositories::troubled(state).await;
    troubled.iter().fold(known, |text, repository| format!("{text}; {repository}"))
}

pub(super) async fn ready(State(state): State<ApiState>) -> Response {
    let refuse = |text: String| (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    if !state.heads.feeds().iter().all(|feed| state.registry.lists(feed.name())) {
        return refuse("not every repository was read yet\n".to_owned());
    }
    match state.registry.stuck(state.stuck_after).len() {
        0 => "ready\n".into_response(),
        // Names reveal content, and this route is open: only how many.
        stuck => refuse(format!("{stuck} reconciles make no progress\n")),
    }
}

pub(super) async fn metrics(State(state): State<ApiState>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], state.metrics.text(&state.heads)).into_response()
}

pub(super) async fn status(
    State(state): State<ApiState>,
    Asked(which): Asked<Which>,
) -> Result<Json<Vec<StatusDocument>>, Refused> {
    let handles = which.handles(&state).await?;
    Ok(Json(handles.iter().map(document).collect()))
}

/// What an environment said last. One that said nothing yet is there all the same, or it would pass for fine.
fn document(handle: &Handle) -> StatusDocument {
    let repository = handle.scope.repository.as_str();
    if let Some(status) = handle.status() {
        return StatusDocument::of(repository, &status);
    }
    let state = EnvironmentState::Unknown { reason: "its first reconcile has not ended yet".to_owned() };
    let environment = handle.scope.environment.clone();
    StatusDocument::of(repository, &EnvironmentStatus::bare(environment, state, Timestamp::now()))
}

pub(super) async fn history_of(
    State(state): State<ApiState>,
    Asked(which): Asked<WhichEntries>,
) -> Result<Json<HistoryDocument>, Refused> {
    let WhichEntries { environment, limit } = which;
    let limit = limit.unwrap_or(DEFAULT_ENTRIES);
    if !(1..=MAX_ENTRIES).contains(&limit) {
        return Err(Refused::bad(format!("`limit` is 1 to {MAX_ENTRIES}, not {limit}")));
    }
    let mut entries = Vec::new();
    for handle in (Which { environment }).handles(&state).await? {
        entries.extend(history::entries(state.store.as_ref(), &handle.scope, limit).await?);
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries.truncate(limit as usize);
    Ok(Json(HistoryDocument { entries }))
}

pub(super) async fn plan(
    State(state): State<ApiState>,
    Named(prefix): Named,
    Asked(which): Asked<Which>,
) -> Result<Json<StoredPlanDocument>, Refused> {
    let (scope, plan) = one_plan(state.store.as_ref(), which.environment.as_ref(), &prefix).await?;
    let status = state.registry.get(&scope).and_then(|handle| handle.status());
    Ok(Json(stored_plan(state.store.as_ref(), &scope, &plan, status.as_deref()).await?))
}
