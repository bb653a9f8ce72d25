//! Refusals: every error of the API is one JSON document with a code, also where no handler was reached.
//!
//! `{"error": {"code": "NK0911", "message": "…", "hint": "…"}}`

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use naksha_environments::codes::store::NOT_FOUND;
use naksha_environments::codes::{Code, daemon as codes};
use naksha_executor::port::store::StoreError;
use tower_http::catch_panic::ResponseForPanic;
use tracing::error;

use super::api::{Refusal, RefusalBody};
use crate::failure::chain;
use crate::history::PlanNotFound;
use crate::metrics::{Metrics, TaskLabels};

/// Handlers read local state only, and wait a few seconds at most for a loop; longer means that the store hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Why a request is not answered as it was meant to be.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    code: Code,
    message: String,
    hint: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: String::new() }
    }

    /// The request itself is wrong.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, codes::REQUEST_REFUSED, message)
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { status, code, message, hint } = self;
        let hint = (!hint.is_empty()).then_some(hint);
        let body = RefusalBody { code: Some(code.id().to_owned()), message, hint };
        (status, Json(Refusal { error: body })).into_response()
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
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
        Self::new(status, error.code(), chain(&error)).hint(error.hint())
    }
}

impl From<PlanNotFound> for Refused {
    fn from(error: PlanNotFound) -> Self {
        match &error {
            PlanNotFound::None { .. } => Self::new(StatusCode::NOT_FOUND, NOT_FOUND, error.to_string())
                .hint("`naksha history` lists them"),
            PlanNotFound::TooShort { .. } => Self::bad(error.to_string()),
            PlanNotFound::Several { .. } => Self::bad(error.to_string())
                .hint("give more digits, or name the environment: ?environment=REPOSITORY/NAME, --env"),
        }
    }
}

pub(super) async fn unknown_path(method: Method, uri: Uri) -> Refused {
    let message = format!("there is no `{method} {}` here", uri.path());
    Refused::new(StatusCode::NOT_FOUND, codes::REQUEST_REFUSED, message)
        .hint("docs/configuration.md lists the paths")
}

pub(super) async fn unknown_method(method: Method, uri: Uri) -> Refused {
    let message = format!("`{}` does not take {method}", uri.path());
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, codes::REQUEST_REFUSED, message)
        .hint("reading is GET, changing is POST")
}

/// Gives up on a handler that hangs. What it had begun in the store ends there whole or not at all.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    if let Ok(response) = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        return response;
    }
    let message = format!("no answer within {} s", ANSWER_WITHIN.as_secs());
    Refused::new(StatusCode::GATEWAY_TIMEOUT, codes::ANSWER_LATE, message)
        .hint("`naksha status` says whether a cluster does not answer; else look at the log and the disk. What was asked for may have happened all the same")
        .into_response()
}

/// Answers for a handler that panicked.
#[derive(Debug, Clone)]
pub(super) struct Panicked(pub(super) Arc<Metrics>);

impl ResponseForPanic for Panicked {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, panic: Box<dyn Any + Send>) -> Response {
        let labels = TaskLabels { task: "request".to_owned() };
        self.0.task_panics.get_or_create(&labels).inc();
        error!(error = crate::task::keep::words(panic.as_ref()), "a request's handler panicked");
        Refused::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            codes::TASK_PANICKED,
            "answering the request panicked",
        )
        .hint("this is a bug; the log has its place")
        .into_response()
    }
}
