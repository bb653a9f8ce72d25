//! Plain JSON over HTTP, as one user: what waiting needs, and what a test says to a server and about it.
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

pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("should start a runtime")
});

/// What comes of it, from a plain thread and from within an async test alike.
pub(crate) fn on_runtime<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> anyhow::Result<T>
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

/// A server, as one user.
#[derive(Clone)]
pub struct Api {
    client: Client,
    url: String,
    proof: Proof,
}

/// Who one is.
#[derive(Clone)]
enum Proof {
    Token(String),
    Password { login: String, password: String },
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
    pub(crate) fn new(url: &str, authority: &str, token: &str) -> anyhow::Result<Self> {
        let client = trusting(authority)?.timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { client, url: url.to_owned(), proof: Proof::Token(token.to_owned()) })
    }

    /// A server on loopback, without TLS.
    pub fn plain(url: &str, token: &str) -> anyhow::Result<Self> {
        Self::proven(url, Proof::Token(token.to_owned()))
    }

    /// The same, with a password.
    pub(crate) fn with_password(url: &str, login: &str, password: &str) -> anyhow::Result<Self> {
        Self::proven(url, Proof::Password { login: login.to_owned(), password: password.to_owned() })
    }

    fn proven(url: &str, proof: Proof) -> anyhow::Result<Self> {
        install_provider();
        // GitHub refuses who does not say what asks.
        let client =
            Client::builder().no_proxy().user_agent("naksha-tests").timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { client, url: url.to_owned(), proof })
    }

    /// Any request, and any answer to it.
    pub fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let what = format!("{method} {path}");
        let request = self.client.request(method, format!("{}{path}", self.url));
        let mut request = match &self.proof {
            Proof::Token(token) => request.bearer_auth(token),
            Proof::Password { login, password } => request.basic_auth(login, Some(password)),
        };
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

/// Another test may have installed it.
fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client that believes this authority (PEM) and no other.
pub(crate) fn trusting(authority: &str) -> anyhow::Result<ClientBuilder> {
    install_provider();
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
