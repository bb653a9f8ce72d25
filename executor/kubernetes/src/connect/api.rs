//! One request, one answer. How many are in flight is up to the server: see [`super::limit`].
//!
//! Two answers are no answers to the request, and are dealt with here: "too many requests" (it is sent again, within a
//! bounded time) and "who are you?" (credentials are read anew, and it is sent again once). Neither did anything.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use kube::client::Body;
use naksha_executor::retry::spread;
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;
use tower::ServiceExt as _;
use tracing::debug;

use super::access::{Access, AccessError};
use super::client::{Clients, Connections, Http};
use super::limit::{Kind, pause};
use super::permits::Permits;

/// One request and its answer. The server itself gives up after a minute; a webhook may take half of one.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
/// How long "too many requests" is taken for an answer to wait, and not for one to give. Whoever asks for a write checked its
/// lease before, and a lease holds three times as long.
const ABSORBED: Duration = Duration::from_secs(20);
/// Credentials that are refused are read anew at most this often: while they are wrong, every request is refused.
const RENEW: Duration = Duration::from_secs(5);
/// And so often while nobody answers: address, authority or certificate may be others now.
const RENEW_UNANSWERED: Duration = Duration::from_secs(30);
/// An answer larger than this is none of ours: objects end at 1.5 MiB, lists are asked for in pages.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Lines of a watch.
pub(crate) type Lines = futures::stream::BoxStream<'static, Result<String, NoAnswer>>;

/// A cluster's API server, as one identity sees it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) cluster: Arc<str>,
    connections: Arc<Connections>,
    permits: Arc<Permits>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({})", self.cluster)
    }
}

/// What the server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Whether it is an object, and no plain text of something in between.
    pub(crate) is_json: bool,
    /// Set when the answer is a group discovery, and no plain list of groups.
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

/// Nobody answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("{0}")]
    Unreachable(String),
}

impl Api {
    pub(crate) async fn connect(access: &Access) -> Result<Self, AccessError> {
        let (connections, address) = Connections::open(access).await?;
        let cluster = Arc::clone(&access.cluster);
        let permits = Permits::of(&cluster, &address);
        Ok(Self { cluster, connections: Arc::new(connections), permits })
    }

    /// One request within a time of its own; waiting for its turn does not count.
    pub(crate) async fn call(&self, request: Request<Vec<u8>>, within: Duration) -> Result<Answer, NoAnswer> {
        let request = request.map(Bytes::from);
        let kind = if request.method() == Method::GET { Kind::Read } else { Kind::Write };
        let mut again = Again::default();
        loop {
            let place = self.permits.place().await;
            let clients = self.connections.now();
            let sent = Instant::now();
            let answer = send(&clients.requests, request.clone(), within).await;
            match &answer {
                Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => place.throttled(),
                Ok(answer) => place.answered(kind, answer.status.is_success(), sent.elapsed()),
                Err(NoAnswer::TimedOut(_)) => place.timed_out(),
                Err(NoAnswer::Unreachable(_)) => drop(place),
            }
            if !self.is_to_ask_again(&answer, &clients, &mut again).await {
                return answer;
            }
        }
    }

    pub(crate) async fn get(&self, path: &str, accept: &str) -> Result<Answer, NoAnswer> {
        self.call(get(path, accept), REQUEST_TIMEOUT).await
    }

    /// A watch: its lines as they come, or what the server said instead. It takes no place: it lasts.
    pub(crate) async fn watch(&self, path: &str, accept: &str) -> Result<Result<Lines, Answer>, NoAnswer> {
        let mut again = Again::default();
        loop {
            let clients = self.connections.now();
            let open = open(&clients.watches, get(path, accept).map(Body::from));
            let opened = tokio::time::timeout(REQUEST_TIMEOUT, open).await;
            let answer = match opened.unwrap_or(Err(NoAnswer::TimedOut(REQUEST_TIMEOUT))) {
                Ok(Ok(lines)) => return Ok(Ok(lines)),
                Ok(Err(answer)) => Ok(answer),
                Err(error) => Err(error),
            };
            if !self.is_to_ask_again(&answer, &clients, &mut again).await {
                return answer.map(Err);
            }
        }
    }

    /// Whether the same request is worth another try now; waits until it is.
    async fn is_to_ask_again(
        &self,
        answer: &Result<Answer, NoAnswer>,
        used: &Arc<Clients>,
        again: &mut Again,
    ) -> bool {
        match answer {
            Ok(Answer { status: StatusCode::TOO_MANY_REQUESTS, retry_after, .. }) => {
                let pause = pause(*retry_after, spread());
                if again.since.elapsed() + pause > ABSORBED {
                    return false;
                }
                debug!(cluster = %self.cluster, ?pause, "the server has enough; waiting");
                tokio::time::sleep(pause).await;
                true
            }
            Ok(Answer { status: StatusCode::UNAUTHORIZED, .. }) if !again.renewed => {
                again.renewed = true;
                self.connections.renew(used, RENEW).await
            }
            Ok(_) | Err(NoAnswer::TimedOut(_)) => false,
            Err(NoAnswer::Unreachable(_)) => {
                // It may have been done, so that it is for the caller to ask again.
                self.connections.renew(used, RENEW_UNANSWERED).await;
                false
            }
        }
    }
}

/// What was tried for one request.
struct Again {
    since: Instant,
    renewed: bool,
}

impl Default for Again {
    fn default() -> Self {
        Self { since: Instant::now(), renewed: false }
    }
}

async fn send(client: &Http, request: Request<Bytes>, within: Duration) -> Result<Answer, NoAnswer> {
    let call = async {
        let response = client.clone().oneshot(request.map(Body::from)).await;
        let response = response.map_err(|error| no_answer(&*error))?;
        let (parts, body) = response.into_parts();
        let limited = http_body_util::Limited::new(body, MAX_ANSWER_BYTES);
        let body = limited.collect().await.map_err(|error| {
            NoAnswer::Unreachable(format!("its answer broke off: {}", root_cause(&*error)))
        })?;
        Ok(answer(&parts, body.to_bytes()))
    };
    tokio::time::timeout(within, call).await.unwrap_or(Err(NoAnswer::TimedOut(within)))
}

async fn open(client: &Http, request: Request<Body>) -> Result<Result<Lines, Answer>, NoAnswer> {
    let response = client.clone().oneshot(request).await.map_err(|error| no_answer(&*error))?;
    let (parts, body) = response.into_parts();
    if parts.status != StatusCode::OK {
        let body = body.collect().await.map_err(|error| no_answer(&error))?;
        return Ok(Err(answer(&parts, body.to_bytes())));
    }
    let body = StreamReader::new(body.into_data_stream());
    let lines = FramedRead::new(body, LinesCodec::new_with_max_length(MAX_ANSWER_BYTES));
    let lines = lines.map_err(|error| NoAnswer::Unreachable(root_cause(&error)));
    Ok(Ok(Box::pin(lines) as Lines))
}

fn get(path: &str, accept: &str) -> Request<Vec<u8>> {
    let request = Request::get(path).header(ACCEPT, accept).body(Vec::new());
    request.expect("should be a request: its path is escaped")
}

fn answer(parts: &http::response::Parts, body: Bytes) -> Answer {
    let header = |name| parts.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let content_type = header(CONTENT_TYPE).unwrap_or_default().to_owned();
    let retry_after = header(RETRY_AFTER).and_then(|value| value.parse().ok()).map(Duration::from_secs);
    let is_json = content_type.starts_with("application/json");
    Answer { status: parts.status, is_json, content_type, retry_after, body }
}

fn no_answer(error: &(dyn Error + 'static)) -> NoAnswer {
    NoAnswer::Unreachable(root_cause(error))
}

/// The words of the innermost error: those around it say "error sending request" in many ways.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
