//! Webhooks on their way to the daemon: when each arrived. A forge takes its time before it sends one, which is none of the daemon's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const SIGNATURE: &str = "x-hub-signature-256";

/// Stops when dropped.
pub(crate) struct Relay {
    url: String,
    arrived: Arc<Mutex<Vec<Instant>>>,
    _runtime: Runtime,
}

#[derive(Clone)]
struct Onward {
    to: Arc<str>,
    client: reqwest::Client,
    arrived: Arc<Mutex<Vec<Instant>>>,
}

impl Relay {
    /// Hands everything on to this address.
    pub(crate) fn start(to: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let url = format!("http://{}/", listener.local_addr()?);
        let arrived = Arc::<Mutex<Vec<Instant>>>::default();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let onward = Onward { to: to.into(), client, arrived: Arc::clone(&arrived) };
        let router = Router::new().fallback(hand_on).with_state(onward);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, arrived, _runtime: runtime })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The first that arrived since then.
    pub(crate) fn first_since(&self, since: Instant) -> Option<Instant> {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.iter().copied().find(|at| *at >= since)
    }
}

async fn hand_on(State(onward): State<Onward>, headers: HeaderMap, body: Bytes) -> StatusCode {
    onward.arrived.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    let mut request = onward.client.post(&*onward.to).body(body);
    if let Some(signature) = headers.get(SIGNATURE) {
        request = request.header(SIGNATURE, signature);
    }
    request.send().await.map_or(StatusCode::BAD_GATEWAY, |answer| answer.status())
}
