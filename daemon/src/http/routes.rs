//! The routes. Reading comes from the registry and the store; writing goes through the store and a poke.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use naksha_environments::ids::EnvironmentName;
use naksha_environments::verdict::Acknowledgement;
use naksha_environments::wire::StatusDocument;
use naksha_executor::port::store::{AuditEntry, SharedStore, StoreError, Suspension};
use serde::Deserialize;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::api::{AckRequest, Done, HistoryDocument, Refusal, StoredPlan, SuspendRequest};
use super::auth::{Peer, TokenFile};
use crate::history;
use crate::metrics::Metrics;
use crate::registry::{Handle, Registry};
use crate::task::Heads;

/// A request of ours is a few hundred bytes.
const MAX_BODY: usize = 64 * 1024;
/// Handlers read local state only; longer means that the store hangs.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows of history when none are asked for.
const DEFAULT_HISTORY: u32 = 20;

/// What handlers need.
#[derive(Debug, Clone)]
pub struct ApiState {
    pub registry: Arc<Registry>,
    pub store: SharedStore,
    pub metrics: Arc<Metrics>,
    pub heads: Heads,
    pub stuck_after: Duration,
}

/// Routes that reveal nothing but that the daemon lives.
pub(super) fn open_routes(state: &ApiState) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(state.clone())
        .layer(CatchPanicLayer::new())
}

/// Everything else. `who` names the caller in the audit log.
pub(super) fn api_routes(state: &ApiState) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/history", get(history_of))
        .route("/api/v1/plans/{plan}", get(plan))
        .route("/api/v1/plans/{plan}/ack", post(acknowledge))
        .route("/api/v1/sync", post(sync))
        .route("/api/v1/suspend", post(suspend))
        .route("/api/v1/resume", post(resume))
        .with_state(state.clone())
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::new())
}

/// The caller, as the audit log names it.
#[derive(Debug, Clone)]
pub(super) struct Caller(String);

/// Names the caller of the socket by its user id.
pub(super) async fn name_peer(
    axum::extract::ConnectInfo(peer): axum::extract::ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let name = peer.uid.map_or_else(|| "socket".to_owned(), |uid| format!("uid:{uid}"));
    request.extensions_mut().insert(Caller(name));
    next.run(request).await
}

/// Turns away who lacks the token.
pub(super) async fn require_token(
    State(token): State<TokenFile>,
    mut request: Request,
    next: Next,
) -> Response {
    if !token.admits(request.headers()) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "a bearer token is needed (http.token_file), or use the socket",
        );
    }
    request.extensions_mut().insert(Caller("token".to_owned()));
    next.run(request).await
}

pub(super) fn with_token(router: Router, token: TokenFile) -> Router {
    router.layer(middleware::from_fn_with_state(token, require_token))
}

pub(super) fn with_peer(router: Router) -> Router {
    router.layer(middleware::from_fn(name_peer))
}

fn refuse(status: StatusCode, error: impl Into<String>) -> Response {
    (status, Json(Refusal { error: error.into() })).into_response()
}

fn refuse_store(error: &StoreError) -> Response {
    let status = match error {
        StoreError::NotFound { .. } => StatusCode::NOT_FOUND,
        StoreError::Fenced { .. }
        | StoreError::Leased { .. }
        | StoreError::Lapsed { .. }
        | StoreError::Stale { .. }
        | StoreError::Exists { .. } => StatusCode::CONFLICT,
        StoreError::Newer { .. }
        | StoreError::Changed { .. }
        | StoreError::Foreign { .. }
        | StoreError::Locked { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
    };
    refuse(status, error.to_string())
}

/// Which environment a request means. Without one: all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    environment: Option<EnvironmentName>,
    limit: Option<u32>,
}

impl Which {
    /// As [`Which::handles`], for what must not reach every environment by a slip of the pen.
    fn named(&self, registry: &Registry) -> Result<Vec<Handle>, Box<Response>> {
        if self.environment.is_none() {
            return Err(Box::new(refuse(StatusCode::BAD_REQUEST, "name an environment: ?environment=NAME")));
        }
        self.handles(registry)
    }

    fn handles(&self, registry: &Registry) -> Result<Vec<Handle>, Box<Response>> {
        let Some(environment) = &self.environment else {
            return Ok(registry.all());
        };
        let found = registry.named(environment);
        if found.is_empty() {
            let known: Vec<_> =
                registry.all().iter().map(|handle| handle.scope.environment.to_string()).collect();
            let error =
                format!("there is no environment `{environment}` here; there are: {}", known.join(", "));
            return Err(Box::new(refuse(StatusCode::NOT_FOUND, error)));
        }
        Ok(found)
    }
}

async fn ready(State(state): State<ApiState>) -> Response {
    let stuck = state.registry.stuck(state.stuck_after);
    if !state.heads.feeds().iter().all(|feed| state.registry.lists(feed.name())) {
        return (StatusCode::SERVICE_UNAVAILABLE, "not every repository was read yet\n").into_response();
    }
    if stuck.is_empty() {
        return "ready\n".into_response();
    }
    // Names reveal content, and this route is open: only how many.
    (StatusCode::SERVICE_UNAVAILABLE, format!("{} reconciles make no progress\n", stuck.len()))
        .into_response()
}

async fn metrics(State(state): State<ApiState>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], state.metrics.text(&state.heads)).into_response()
}

async fn status(State(state): State<ApiState>, Query(which): Query<Which>) -> Response {
    match which.handles(&state.registry) {
        Err(response) => *response,
        Ok(handles) => {
            let documents: Vec<_> = handles
                .iter()
                .filter_map(|handle| Some((handle, handle.status()?)))
                .map(|(handle, status)| StatusDocument::of(handle.scope.repository.as_str(), &status))
                .collect();
            Json(documents).into_response()
        }
    }
}

async fn history_of(State(state): State<ApiState>, Query(which): Query<Which>) -> Response {
    let handles = match which.handles(&state.registry) {
        Ok(handles) => handles,
        Err(response) => return *response,
    };
    let limit = which.limit.unwrap_or(DEFAULT_HISTORY);
    let mut entries = Vec::new();
    for handle in handles {
        match history::entries(state.store.as_ref(), &handle.scope, limit).await {
            Ok(found) => entries.extend(found),
            Err(error) => return refuse_store(&error),
        }
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries.truncate(limit as usize);
    Json(HistoryDocument { entries }).into_response()
}

async fn plan(State(state): State<ApiState>, Path(plan): Path<String>) -> Response {
    match history::stored_plan(state.store.as_ref(), &plan).await {
        Ok(Some(stored)) => Json::<StoredPlan>(stored).into_response(),
        Ok(None) => refuse(StatusCode::NOT_FOUND, history::no_such_plan(&plan)),
        Err(error) => refuse_store(&error),
    }
}

async fn sync(State(state): State<ApiState>, Query(which): Query<Which>) -> Response {
    let handles = match which.handles(&state.registry) {
        Ok(handles) => handles,
        Err(response) => return *response,
    };
    state.heads.poke();
    for handle in &handles {
        handle.poke();
    }
    Json(done(&handles, "reconciling")).into_response()
}

async fn suspend(
    State(state): State<ApiState>,
    Query(which): Query<Which>,
    axum::Extension(caller): axum::Extension<Caller>,
    Json(request): Json<SuspendRequest>,
) -> Response {
    let handles = match which.named(&state.registry) {
        Ok(handles) => handles,
        Err(response) => return *response,
    };
    let suspension = Suspension { by: caller.0.clone(), reason: request.reason, since: Timestamp::now() };
    for handle in &handles {
        let audit = audit(&caller, "suspend", &suspension.reason);
        if let Err(error) = state.store.suspend(&handle.scope, Some(&suspension), &audit).await {
            return refuse_store(&error);
        }
        handle.halt();
    }
    Json(done(&handles, "suspended: nothing is written until `naksha resume`")).into_response()
}

/// Lifts everything that a person may lift: a suspension, a bar, and a rewritten history.
async fn resume(
    State(state): State<ApiState>,
    Query(which): Query<Which>,
    axum::Extension(caller): axum::Extension<Caller>,
) -> Response {
    let handles = match which.named(&state.registry) {
        Ok(handles) => handles,
        Err(response) => return *response,
    };
    for handle in &handles {
        let result =
            history::resume(state.store.as_ref(), &handle.scope, &state.heads, &audit(&caller, "resume", ""))
                .await;
        if let Err(error) = result {
            return refuse_store(&error);
        }
        handle.poke();
    }
    Json(done(&handles, "resumed")).into_response()
}

async fn acknowledge(
    State(state): State<ApiState>,
    Path(prefix): Path<String>,
    axum::Extension(caller): axum::Extension<Caller>,
    Json(request): Json<AckRequest>,
) -> Response {
    let AckRequest { reason, expires } = request;
    if reason.trim().is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "an acknowledgement needs a reason");
    }
    let (scope, plan) = match history::one_plan(state.store.as_ref(), &prefix).await {
        Ok(Ok(found)) => found,
        Ok(Err(message)) => return refuse(StatusCode::NOT_FOUND, message),
        Err(error) => return refuse_store(&error),
    };
    let by = caller.0.clone();
    let ack = Acknowledgement { plan: plan.clone(), by, reason, expires, source: "socket".to_owned() };
    let mut audit = audit(&caller, "ack", &ack.reason);
    audit.plan = Some(plan.clone());
    if let Err(error) = state.store.acknowledge(&scope, &ack, &audit).await {
        return refuse_store(&error);
    }
    let handles: Vec<_> = state.registry.get(&scope).into_iter().collect();
    for handle in &handles {
        handle.poke();
    }
    Json(done(&handles, &format!("plan {} is acknowledged", plan.short()))).into_response()
}

fn audit(caller: &Caller, what: &str, result: &str) -> AuditEntry {
    AuditEntry {
        at: Timestamp::now(),
        who: caller.0.clone(),
        what: what.to_owned(),
        revision: None,
        plan: None,
        result: result.to_owned(),
    }
}

fn done(handles: &[Handle], message: &str) -> Done {
    let scopes = handles.iter().map(|handle| handle.scope.to_string()).collect();
    Done { scopes, message: message.to_owned() }
}
