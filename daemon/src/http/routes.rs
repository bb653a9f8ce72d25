//! The routes, who may use them, and what holds for all: a bounded body, an answer in time, errors as JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use naksha_environments::codes::daemon::TOKEN_MISSING;
use naksha_executor::port::store::SharedStore;
use tower_http::catch_panic::CatchPanicLayer;

use super::auth::{Peer, TokenFile};
use super::refusal::{Panicked, Refused, in_time, unknown_method, unknown_path};
use super::{acknowledging, acting, looking, reading, repositories, webhook};
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::task::Heads;

/// A request of ours is a few hundred bytes.
const MAX_BODY: usize = 64 * 1024;

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
fn open_routes() -> Router<ApiState> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(reading::ready))
}

/// Everything else.
fn api_routes() -> Router<ApiState> {
    Router::new()
        .route("/metrics", get(reading::metrics))
        .route("/api/v1/status", get(reading::status))
        .route("/api/v1/repositories", get(repositories::repositories))
        .route("/api/v1/history", get(reading::history_of))
        .route("/api/v1/tree", get(looking::tree))
        .route("/api/v1/events", get(looking::events))
        .route("/api/v1/diff", get(looking::diff))
        .route("/api/v1/plans/{plan}", get(reading::plan))
        .route("/api/v1/plans/{plan}/ack", post(acknowledging::acknowledge))
        .route("/api/v1/sync", post(acting::sync))
        .route("/api/v1/suspend", post(acting::suspend))
        .route("/api/v1/resume", post(acting::resume))
        .route("/api/v1/forget", post(acting::forget))
        .route("/api/v1/inventory/rebuild", post(acting::rebuild))
}

/// What is served on the socket: the caller is named by its user id.
pub(super) fn socket_routes(state: &ApiState) -> Router {
    let api = api_routes().method_not_allowed_fallback(unknown_method);
    guarded(api.layer(middleware::from_fn(name_peer)).merge(open_routes()), state)
}

/// What is served on an address: everything that reveals content needs the token.
pub(super) fn address_routes(state: &ApiState, token: TokenFile) -> Router {
    let api = api_routes().method_not_allowed_fallback(unknown_method);
    let api = api.layer(middleware::from_fn_with_state(token, require_token));
    // A forge has no token, and signs.
    guarded(api.merge(open_routes()).merge(webhook::webhook_routes()), state)
}

/// What holds for every route.
pub(super) fn guarded(routes: Router<ApiState>, state: &ApiState) -> Router {
    routes
        .fallback(unknown_path)
        .with_state(state.clone())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(in_time))
        .layer(CatchPanicLayer::custom(Panicked(Arc::clone(&state.metrics))))
}

/// The caller, as the audit log names it.
#[derive(Debug, Clone)]
pub(super) struct Caller(pub(super) String);

async fn name_peer(ConnectInfo(peer): ConnectInfo<Peer>, mut request: Request, next: Next) -> Response {
    let name = peer.uid.map_or_else(|| "socket".to_owned(), |uid| format!("uid:{uid}"));
    request.extensions_mut().insert(Caller(name));
    next.run(request).await
}

/// Turns away who lacks the token.
async fn require_token(State(token): State<TokenFile>, mut request: Request, next: Next) -> Response {
    if !token.admits(request.headers()).await {
        let message = "the request carries no valid bearer token";
        return Refused::new(StatusCode::UNAUTHORIZED, TOKEN_MISSING, message)
            .hint("send the content of `http.token_file`, or use the socket")
            .into_response();
    }
    request.extensions_mut().insert(Caller("token".to_owned()));
    next.run(request).await
}
