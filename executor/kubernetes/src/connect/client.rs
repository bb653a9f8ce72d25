//! The connections to a server, and how they are made anew when credentials or addresses are others.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use kube::{Client, Config};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt as _};
use tracing::{info, warn};

use super::access::{Access, AccessError};
use super::api::root_cause;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that is dead without anybody saying so is found out after two of these.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Sends requests with our credentials. A clone for each: nothing of it waits in line for another, as it would in kube's own
/// client.
pub(super) type Http = BoxCloneSyncService<Request<Body>, Response<AnswerBody>, BoxError>;
/// With an error of a plain type: the compiler does not follow the lifetimes of a boxed one.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, io::Error>;

/// Requests and watches have connections of their own: a server allows 100 streams on each.
pub(super) struct Clients {
    pub(super) requests: Http,
    pub(super) watches: Http,
}

/// The connections that are used now.
pub(super) struct Connections {
    access: Access,
    now: RwLock<Arc<Clients>>,
    /// When they were made anew last. Held while that is done.
    renewed: tokio::sync::Mutex<Option<Instant>>,
}

impl Connections {
    /// And the address of the server.
    pub(super) async fn open(access: &Access) -> Result<(Self, String), AccessError> {
        let (clients, address) = clients(access).await?;
        let now = RwLock::new(Arc::new(clients));
        Ok((Self { access: access.clone(), now, renewed: tokio::sync::Mutex::default() }, address))
    }

    pub(super) fn now(&self) -> Arc<Clients> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads address and credentials anew: tokens, certificates and whole kubeconfigs are replaced while we run. Not within
    /// `rest` after the last time. False: there are no others than those that were used.
    pub(super) async fn renew(&self, used: &Arc<Clients>, rest: Duration) -> bool {
        // One reads, the others wait for what comes of it.
        let mut renewed = self.renewed.lock().await;
        if !Arc::ptr_eq(&self.now(), used) {
            return true;
        }
        if renewed.is_some_and(|renewed| renewed.elapsed() < rest) {
            return false;
        }
        *renewed = Some(Instant::now());
        match clients(&self.access).await {
            Ok((clients, _)) => {
                info!(cluster = %self.access.cluster, "address and credentials are read anew");
                *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(clients);
                true
            }
            Err(error) => {
                warn!(cluster = %self.access.cluster, %error, "address and credentials cannot be read anew");
                false
            }
        }
    }
}

async fn clients(access: &Access) -> Result<(Clients, String), AccessError> {
    let config = access.config().await?;
    let address = config.cluster_url.to_string();
    let refused = |error: kube::Error| AccessError::Credentials {
        cluster: Arc::clone(&access.cluster),
        reason: root_cause(&error),
    };
    let (requests, watches) = (client(&config).map_err(refused)?, client(&config).map_err(refused)?);
    Ok((Clients { requests, watches }, address))
}

async fn in_time<C>(connecting: impl Future<Output = Result<C, BoxError>>) -> Result<C, BoxError> {
    let late = || format!("no connection within {} s", CONNECT_TIMEOUT.as_secs());
    tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| Err(late().into()))
}

/// Over HTTP/2 where the server speaks it, so that many requests share a connection. Behind a proxy kube's own stack
/// stands in, which speaks HTTP/1.1.
fn client(config: &Config) -> Result<Http, kube::Error> {
    if config.proxy_url.is_some() {
        let client: Client = ClientBuilder::try_from(config.clone())?.build();
        let send = move |request| {
            let client = client.clone();
            async move { client.send(request).await.map(boxed).map_err(BoxError::from) }
        };
        return Ok(BoxCloneSyncService::new(tower::service_fn(send)));
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
    // The time for TCP alone ends where somebody accepts connections and says nothing.
    let connector =
        ServiceBuilder::new().map_future(|connecting| Box::pin(in_time(connecting))).service(connector);
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
    Ok(BoxCloneSyncService::new(service.map_response(boxed)))
}

fn boxed<B>(answer: Response<B>) -> Response<AnswerBody>
where
    B: BodyExt<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    answer.map(|body| body.map_err(io::Error::other).boxed_unsync())
}
