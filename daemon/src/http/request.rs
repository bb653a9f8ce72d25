//! What requests may hold. An unknown field is a slip of the pen, and refused: in a query, in a body, anywhere.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use naksha_environments::codes::daemon::REQUEST_REFUSED;
use serde::de::DeserializeOwned;

use super::refusal::Refused;

/// A query.
pub(super) struct Asked<T>(pub(super) T);

/// The last part of a path.
pub(super) struct Named(pub(super) String);

/// A JSON body; nothing at all counts as an object without fields.
pub(super) struct Given<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Refused::bad(rejection.body_text())),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(Refused::bad(rejection.body_text())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let is_json = is_json(request.headers());
        let body = Bytes::from_request(request, state).await;
        let body = body
            .map_err(|rejection| Refused::new(rejection.status(), REQUEST_REFUSED, rejection.body_text()))?;
        if body.is_empty() {
            return decode(b"{}");
        }
        if !is_json {
            let message = "the body must be JSON, and say so: `content-type: application/json`";
            return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, REQUEST_REFUSED, message));
        }
        decode(&body)
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<Given<T>, Refused> {
    match serde_json::from_slice(body) {
        Ok(value) => Ok(Given(value)),
        Err(error) => Err(Refused::bad(format!("the body is not understood: {error}"))),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
