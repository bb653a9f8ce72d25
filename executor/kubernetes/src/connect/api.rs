//! One request, one answer. Requests and watches have connections of their own: a server allows 100 streams on each.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use kube::{Client, Config};
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;
use tower::{BoxError, ServiceBuilder};

use super::access::{Access, AccessError};

/// One request and its answer. The server itself gives up after a minute; a webhook may take half of one.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that is dead without anybody saying so is found out after two of these.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// An answer larger than this is none of ours: objects end at 1.5 MiB, lists are asked for in pages.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Lines of a watch.
pub(crate) type Lines = futures::stream::BoxStream<'static, Result<String, NoAnswer>>;

/// A cluster's API server, as one identity sees it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) cluster: Arc<str>,
    requests: Client,
    watches: Client,
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
        let config = access.config().await?;
        let cluster = Arc::clone(&access.cluster);
        let refused = |error: kube::Error| AccessError::Credentials {
            cluster: Arc::clone(&access.cluster),
            reason: root_cause(&error),
        };
        let requests = client(&config).map_err(refused)?;
        let watches = client(&config).map_err(refused)?;
        Ok(Self { cluster, requests, watches })
    }

    /// One request within a time of its own.
    pub(crate) async fn call(&self, request: Request<Vec<u8>>, within: Duration) -> Result<Answer, NoAnswer> {
        let call = async {
            let response =
                self.requests.send(request.map(Body::from)).await.map_err(|error| no_answer(&error))?;
            let (parts, body) = response.into_parts();
            let limited = http_body_util::Limited::new(body, MAX_ANSWER_BYTES);
            let body = limited.collect().await.map_err(|error| {
                NoAnswer::Unreachable(format!("its answer broke off: {}", root_cause(&*error)))
            })?;
            Ok(answer(&parts, body.to_bytes()))
        };
        tokio::time::timeout(within, call).await.unwrap_or(Err(NoAnswer::TimedOut(within)))
    }

    pub(crate) async fn get(&self, path: &str, accept: &str) -> Result<Answer, NoAnswer> {
        self.call(get(path, accept), REQUEST_TIMEOUT).await
    }

    /// A watch: its lines as they come, or what the server said instead.
    pub(crate) async fn watch(&self, path: &str, accept: &str) -> Result<Result<Lines, Answer>, NoAnswer> {
        let open = async {
            let request = get(path, accept).map(Body::from);
            let response = self.watches.send(request).await.map_err(|error| no_answer(&error))?;
            let (parts, body) = response.into_parts();
            if parts.status != StatusCode::OK {
                let body = body.collect().await.map_err(|error| no_answer(&error))?;
                return Ok(Err(answer(&parts, body.to_bytes())));
            }
            let body = body.into_data_stream().map_err(std::io::Error::other);
            let lines =
                FramedRead::new(StreamReader::new(body), LinesCodec::new_with_max_length(MAX_ANSWER_BYTES));
            let lines = lines.map_err(|error| NoAnswer::Unreachable(root_cause(&error)));
            Ok(Ok(Box::pin(lines) as Lines))
        };
        tokio::time::timeout(REQUEST_TIMEOUT, open).await.unwrap_or(Err(NoAnswer::TimedOut(REQUEST_TIMEOUT)))
    }
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

/// Over HTTP/2 where the server speaks it, so that many requests share a connection. Behind a proxy kube's own stack
/// stands in, which speaks HTTP/1.1.
fn client(config: &Config) -> Result<Client, kube::Error> {
    if config.proxy_url.is_some() {
        return Ok(ClientBuilder::try_from(config.clone())?.build());
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config.rustls_client_config()?);
    let builder = builder.https_or_http();
    let builder = match config.tls_server_name.clone().map(TryInto::try_into) {
        Some(Ok(name)) => builder.with_server_name_resolver(hyper_rustls::FixedServerNameResolver::new(name)),
        Some(Err(_)) | None => builder,
    };
    let connector = builder.enable_http1().enable_http2().wrap_connector(tcp);
    let hyper = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE)
        .http2_keep_alive_while_idle(true)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(hyper);
    Ok(Client::new(service, config.default_namespace.clone()))
}

fn no_answer(error: &kube::Error) -> NoAnswer {
    NoAnswer::Unreachable(root_cause(error))
}

/// The words of the innermost error: those around it say "error sending request" in many ways.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
