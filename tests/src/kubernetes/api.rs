//! Plain JSON over HTTPS, as one user: what waiting needs, and what a test says about the cluster.
//!
//! A call blocks its thread and runs on a runtime of its own, so that it may be made from async tests too.

use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, Client, ClientBuilder, Method};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

/// An API server that starts may keep a request waiting; one that is asked again answers.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("should start a runtime")
});

/// What comes of it, from a plain thread and from within an async test alike.
pub(super) fn on_runtime<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> anyhow::Result<T>
where
    T: Send + 'static,
    E: Into<anyhow::Error> + Send + 'static,
{
    let (tell, told) = mpsc::channel();
    RUNTIME.spawn(async move {
        // Who asked waits for it.
        let _ = tell.send(work.await);
    });
    told.recv().context("the runtime is gone")?.map_err(Into::into)
}

/// The API server, as one user.
#[derive(Clone)]
pub struct Api {
    client: Client,
    url: String,
    token: String,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What was answered; text that is no JSON is a JSON string.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Api {
    /// `authority` is PEM, and the only one that is believed.
    pub(super) fn new(url: &str, authority: &str, token: &str) -> anyhow::Result<Self> {
        let client = trusting(authority)?.timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { client, url: url.to_owned(), token: token.to_owned() })
    }

    /// Any request, and any answer to it.
    pub fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let what = format!("{method} {path}");
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        on_runtime(receive(request)).with_context(|| what)
    }

    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.expect(Method::GET, path, None)
    }

    /// Posts an object to its collection.
    pub fn create(&self, collection: &str, object: &Value) -> anyhow::Result<Value> {
        self.expect(Method::POST, collection, Some(object))
    }

    /// Lets an object go, and what it owns in the background.
    pub fn delete(&self, path: &str) -> anyhow::Result<Value> {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        self.expect(Method::DELETE, path, Some(&options))
    }

    fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let what = format!("{method} {path}");
        let Answer { status, body } = self.send(method, path, body)?;
        if !(200..300).contains(&status) {
            bail!("{what}: {status}: {}", body["message"].as_str().unwrap_or_default());
        }
        Ok(body)
    }
}

/// A client that believes this authority (PEM) and no other.
pub(super) fn trusting(authority: &str) -> anyhow::Result<ClientBuilder> {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = Certificate::from_pem_bundle(authority.as_bytes()).context("cannot read a certificate")?;
    Ok(Client::builder().no_proxy().tls_certs_only(roots))
}

async fn receive(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer { status, body })
}
