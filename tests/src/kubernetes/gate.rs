//! A gate before an API server: it sees every request, lets it through, holds it, or answers in the server's place. It speaks
//! plain HTTP, so that nobody needs to trust it; what is behind it is asked over HTTPS as the asker.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, TRANSFER_ENCODING};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use reqwest::Method;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::api::{RUNTIME, on_runtime, trusting};

/// No object is larger.
const MAX_BODY_BYTES: usize = 4 << 20;

/// A request, as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub method: Method,
    /// With its query.
    pub path: String,
}

impl Asked {
    /// Whether it applies an object or lets one go.
    pub fn is_write(&self) -> bool {
        matches!(self.method, Method::PATCH | Method::DELETE)
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// It waits until whoever asked is gone: the server never hears of it.
    Hold,
    /// The server has answered, and nobody hears it.
    HoldAnswer,
    /// As something between the two would: this code, with this text that is no JSON, and a pause in seconds where one is named.
    Refuse(u16, &'static str, Option<u32>),
}

type Judge = dyn Fn(&Asked) -> Verdict + Send + Sync;

/// A gate before a server on this machine. It ends when dropped.
#[derive(Debug)]
pub struct Gate {
    port: u16,
    shared: Arc<Shared>,
    /// Aborted when dropped.
    _serving: JoinSet<()>,
}

struct Shared {
    client: reqwest::Client,
    server: String,
    judge: Mutex<Arc<Judge>>,
    asked: Mutex<Vec<Asked>>,
    held: AtomicUsize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Gate {
    pub(super) fn to(server: &str, authority: &str) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            client: trusting(authority)?.build()?,
            server: server.to_owned(),
            judge: Mutex::new(Arc::new(|_: &Asked| Verdict::Pass)),
            asked: Mutex::default(),
            held: AtomicUsize::new(0),
        });
        let listener = on_runtime(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let mut serving = JoinSet::new();
        let serve = async { drop(axum::serve(listener, router).await) };
        serving.spawn_on(serve, RUNTIME.handle());
        Ok(Self { port, shared, _serving: serving })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Judges every request from now on. It is asked for one at a time.
    pub fn judge(&self, judge: impl Fn(&Asked) -> Verdict + Send + Sync + 'static) {
        *self.shared.judge.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(judge);
    }

    /// Every request so far, those that were held or refused included.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing was asked so far.
    pub fn forget(&self) {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.held.store(0, Ordering::SeqCst);
    }

    /// How many requests are held, or were when their asker went.
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Notes the request and judges it, in the order in which requests come.
    fn verdict(&self, asked: Asked) -> Verdict {
        let judge = Arc::clone(&self.judge.lock().unwrap_or_else(PoisonError::into_inner));
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = judge(&asked);
        all.push(asked);
        verdict
    }

    async fn hold(&self) -> Response {
        self.held.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    async fn forward(&self, asked: Asked, headers: HeaderMap, body: Body) -> anyhow::Result<Response> {
        let body = to_bytes(body, MAX_BODY_BYTES).await?;
        let mut request =
            self.client.request(asked.method, format!("{}{}", self.server, asked.path)).body(body);
        for (name, value) in &headers {
            if ![HOST, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING].contains(name) {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await?;
        let mut response = Response::builder().status(answer.status());
        for name in [CONTENT_TYPE, RETRY_AFTER] {
            if let Some(value) = answer.headers().get(&name) {
                response = response.header(name, value);
            }
        }
        Ok(response.body(Body::from_stream(answer.bytes_stream()))?)
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let asked = Asked { method: parts.method, path };
    let verdict = shared.verdict(asked.clone());
    let answered = match verdict {
        Verdict::Pass => shared.forward(asked, parts.headers, body).await,
        Verdict::Hold => return shared.hold().await,
        Verdict::HoldAnswer => {
            // The headers are there once it was done.
            drop(shared.forward(asked, parts.headers, body).await);
            return shared.hold().await;
        }
        Verdict::Refuse(code, words, pause) => {
            let mut response = Response::builder().status(code).header(CONTENT_TYPE, "text/html");
            if let Some(pause) = pause {
                response = response.header(RETRY_AFTER, pause);
            }
            response.body(Body::from(words)).map_err(Into::into)
        }
    };
    answered.unwrap_or_else(|error| {
        let mut response = Response::new(Body::from(format!("{error:#}")));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}
