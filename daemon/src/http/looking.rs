//! Handlers that look into targets. They read, and wait for a target a few seconds at most.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use naksha_environments::wire::{DiffDocument, EventsDocument, TREE_VERSION, TreeDocument};
use serde::Deserialize;

use super::EnvironmentRef;
use super::reading::Which;
use super::refusal::Refused;
use super::request::Asked;
use super::routes::ApiState;
use crate::failure::chain;
use crate::looking::{self, LookError, Told, scene};
use crate::registry::Handle;

/// How far back events are told when nobody says: clusters keep them for an hour.
const DEFAULT_SINCE_S: u64 = 3600;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichSince {
    environment: Option<EnvironmentRef>,
    /// In seconds.
    since: Option<u64>,
}

impl From<LookError> for Refused {
    fn from(error: LookError) -> Self {
        let status = match &error {
            LookError::Nothing { .. } => StatusCode::CONFLICT,
            LookError::Store(_) | LookError::Target(_) => StatusCode::SERVICE_UNAVAILABLE,
            LookError::Computation(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.code(), chain(&error)).hint(error.hint())
    }
}

/// What was found in several environments. An error is one where all that were asked for have one; else it is told in the
/// place of the environment.
fn found<T>(
    handles: &[Handle],
    looks: Vec<Result<T, LookError>>,
    instead: impl Fn(&Handle, String) -> T,
) -> Result<Vec<T>, LookError> {
    let any = looks.iter().any(Result::is_ok);
    let told = |(handle, look): (&Handle, Result<T, LookError>)| match look {
        Err(error) if any => Ok(instead(handle, format!("{}: {}", error.code(), chain(&error)))),
        look => look,
    };
    handles.iter().zip(looks).map(told).collect()
}

pub(super) async fn tree(
    State(state): State<ApiState>,
    Asked(which): Asked<Which>,
) -> Result<Json<Vec<TreeDocument>>, Refused> {
    let handles = which.handles(&state).await?;
    let store = state.store.as_ref();
    let looks = handles.iter().map(|handle| async move {
        let scene = scene(handle)?;
        looking::tree(&handle.scope, &scene, store).await
    });
    let instead = |handle: &Handle, why: String| TreeDocument {
        version: TREE_VERSION,
        repository: handle.scope.repository.to_string(),
        environment: handle.scope.environment.to_string(),
        units: Vec::new(),
        gaps: vec![why],
    };
    Ok(Json(found(&handles, join_all(looks).await, instead)?))
}

pub(super) async fn events(
    State(state): State<ApiState>,
    Asked(which): Asked<WhichSince>,
) -> Result<Json<EventsDocument>, Refused> {
    let WhichSince { environment, since } = which;
    let handles = Which { environment }.handles(&state).await?;
    let ago = SignedDuration::try_from(Duration::from_secs(since.unwrap_or(DEFAULT_SINCE_S)));
    let since = ago.ok().and_then(|ago| Timestamp::now().checked_sub(ago).ok());
    let since = since.ok_or_else(|| Refused::bad("`since` is seconds, and fewer than the world has had"))?;
    let store = state.store.as_ref();
    let looks = handles.iter().map(|handle| async move {
        // Where nothing can be looked into, what the daemon did is told all the same.
        let (scene, gap) = match scene(handle) {
            Ok(scene) => (Some(scene), None),
            Err(error) => (None, Some(format!("{}: {}", error.code(), chain(&error)))),
        };
        let mut told = looking::events(&handle.scope, scene.as_deref(), store, since).await?;
        told.gaps.extend(gap);
        Ok(told)
    });
    let instead = |handle: &Handle, why: String| Told {
        events: Vec::new(),
        gaps: vec![format!("{}: {why}", handle.scope)],
    };
    let told = found(&handles, join_all(looks).await, instead)?;
    Ok(Json(looking::events_of_all(told, since)))
}

pub(super) async fn diff(
    State(state): State<ApiState>,
    Asked(which): Asked<Which>,
) -> Result<Json<Vec<DiffDocument>>, Refused> {
    let handles = which.handles(&state).await?;
    let store = state.store.as_ref();
    let looks = handles.iter().map(|handle| async move {
        let scene = scene(handle)?;
        looking::diff(&handle.scope, scene, store).await
    });
    let instead = |handle: &Handle, why: String| {
        let (repository, environment) = (&handle.scope.repository, &handle.scope.environment);
        DiffDocument::unknown(repository.as_str(), environment, &why)
    };
    Ok(Json(found(&handles, join_all(looks).await, instead)?))
}
