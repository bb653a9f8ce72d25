//! Whatever is asked, the answer is JSON, and an error says what it is, its code, and what to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::get;
use hyper::body::Bytes;
use naksha_executor_store::SqliteStore;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::UnixListener;

use super::routes::{ApiState, guarded, socket_routes};
use crate::client::Client;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::task::Heads;

/// A server on a socket of its own, without any environment.
struct Server {
    client: Client,
    metrics: Arc<Metrics>,
    _folder: TempDir,
}

impl Server {
    async fn start(routes: impl FnOnce(&ApiState) -> Router) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("naksha.db")).await.unwrap());
        let (metrics, heads) = (Arc::new(Metrics::new()), Heads::new(Vec::new()));
        let state = ApiState {
            registry: Arc::new(Registry::default()),
            store,
            metrics: Arc::clone(&metrics),
            heads,
            stuck_after: Duration::from_mins(10),
        };
        let socket: PathBuf = folder.path().join("naksha.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let app = routes(&state);
        tokio::spawn(async move {
            let service = app.into_make_service_with_connect_info::<super::auth::Peer>();
            axum::serve(listener, service).await
        });
        Self { client: Client::new(socket), metrics, _folder: folder }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let (status, body) = self.client.exchange(method, path, body).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }
}

#[tokio::test]
async fn looking_at_what_is_not_there_is_refused() {
    let server = Server::start(socket_routes).await;
    let cases = [
        ("GET", "/api/v1/tree?environment=dev", "", 404, "NK0911", "no environment `dev`"),
        ("GET", "/api/v1/diff?environment=dev", "", 404, "NK0911", "no environment `dev`"),
        ("GET", "/api/v1/diff?since=3", "", 400, "NK0910", "unknown field `since`"),
        ("GET", "/api/v1/events?since=soon", "", 400, "NK0910", "since"),
        ("GET", "/api/v1/events?since=18446744073709551615", "", 400, "NK0910", "`since` is seconds"),
    ];
    for (method, path, body, status, code, message) in cases {
        let (answered, body) = server.ask(method, path, body).await;
        assert_eq!((answered.as_u16(), &body["error"]["code"]), (status, &code.into()), "{path}: {body}");
        assert!(body["error"]["message"].as_str().unwrap().contains(message), "{path}: {body}");
    }
}

#[tokio::test]
async fn every_error_is_json_with_a_code() {
    let server = Server::start(socket_routes).await;
    let long = format!("{{\"reason\": \"{}\"}}", "x".repeat(70_000));
    let cases = [
        ("GET", "/api/v1/nothing", "", 404, "NK0910", "there is no `GET /api/v1/nothing`"),
        ("GET", "/", "", 404, "NK0910", "there is no `GET /`"),
        ("DELETE", "/api/v1/status", "", 405, "NK0910", "does not take DELETE"),
        ("POST", "/api/v1/status", "{}", 405, "NK0910", "does not take POST"),
        ("GET", "/api/v1/sync", "", 405, "NK0910", "does not take GET"),
        ("GET", "/api/v1/status?environment=dev", "", 404, "NK0911", "no environment `dev`"),
        ("GET", "/api/v1/status?environment=Dev!", "", 400, "NK0910", "environment"),
        ("GET", "/api/v1/status?environment=own/dev", "", 404, "NK0911", "no environment `own/dev`"),
        (
            "GET",
            "/api/v1/status?environment=a/b/c",
            "",
            400,
            "NK0910",
            "environment `b/c` is not a valid name",
        ),
        ("GET", "/api/v1/status?limit=3", "", 400, "NK0910", "unknown field `limit`"),
        ("GET", "/api/v1/history?limit=0", "", 400, "NK0910", "1 to 1000"),
        ("GET", "/api/v1/history?limit=1001", "", 400, "NK0910", "1 to 1000"),
        ("GET", "/api/v1/history?limit=many", "", 400, "NK0910", "limit"),
        ("GET", "/api/v1/plans/short", "", 400, "NK0910", "too short"),
        ("GET", "/api/v1/plans/0123456789ab", "", 404, "NK0810", "no plan `0123456789ab`"),
        ("GET", "/api/v1/plans/%ff%ff%ff%ff", "", 400, "NK0910", "UTF-8"),
        ("POST", "/api/v1/sync", "{\"now\": true}", 400, "NK0910", "unknown field `now`"),
        ("POST", "/api/v1/sync?all=yes", "{}", 400, "NK0910", "unknown field `all`"),
        ("POST", "/api/v1/suspend", "{\"reason\": \"why\"}", 400, "NK0910", "name an environment"),
        ("POST", "/api/v1/suspend?environment=dev", "{}", 400, "NK0910", "missing field `reason`"),
        ("POST", "/api/v1/suspend?environment=dev", "", 400, "NK0910", "missing field `reason`"),
        ("POST", "/api/v1/suspend?environment=dev", "{\"reason\":", 400, "NK0910", "EOF"),
        ("POST", "/api/v1/suspend?environment=dev", "{\"reason\": 1}", 400, "NK0910", "invalid type"),
        ("POST", "/api/v1/suspend?environment=dev", "{\"reason\": \"a\", \"x\": 1}", 400, "NK0910", "`x`"),
        ("POST", "/api/v1/suspend?environment=dev", &long, 413, "NK0910", "limit"),
        ("POST", "/api/v1/resume", "{}", 400, "NK0910", "name an environment"),
        ("POST", "/api/v1/resume?environment=dev", "{\"reason\": \"x\"}", 400, "NK0910", "`reason`"),
        ("POST", "/api/v1/forget", "{\"reason\": \"x\"}", 400, "NK0910", "name an environment"),
        ("POST", "/api/v1/forget?environment=dev", "{\"reason\": \"x\"}", 404, "NK0911", "no environment"),
        ("POST", "/api/v1/plans/0123456789ab/ack", "{\"reason\": \" \\n\"}", 400, "NK0910", "is empty"),
        ("POST", "/api/v1/plans/0123456789ab/ack", "{\"reason\": \"a\"}", 409, "NK0912", "no plan"),
        (
            "POST",
            "/api/v1/plans/0123456789ab/ack",
            "{\"reason\": \"a\", \"expires\": \"2001-01-01T00:00:00Z\"}",
            400,
            "NK0910",
            "run out",
        ),
        (
            "POST",
            "/api/v1/plans/0123456789ab/ack",
            "{\"reason\": \"a\", \"expires\": \"soon\"}",
            400,
            "NK0910",
            "",
        ),
    ];
    for (method, path, body, status, code, message) in cases {
        let (found, document) = server.ask(method, path, body).await;
        let error = &document["error"];
        let told = format!("{method} {path}: {found} {document}");
        assert_eq!((found.as_u16(), error["code"].as_str()), (status, Some(code)), "{told}");
        assert!(error["message"].as_str().unwrap().contains(message), "{told}");
        assert!(naksha_environments::codes::Code::parse(code).is_some());
    }
}

#[tokio::test]
async fn a_body_that_is_not_called_json_is_refused() {
    let server = Server::start(socket_routes).await;
    let request = hyper::Request::post("/api/v1/sync").header("host", "naksha");
    let request = request.header("content-type", "text/plain").body("{}".to_owned().into()).unwrap();
    let (status, body) = server.client.send_raw(request).await.unwrap();
    let document: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status.as_u16(), document["error"]["code"].as_str()), (415, Some("NK0910")), "{document}");
}

#[tokio::test]
async fn a_handler_that_panics_answers_and_is_counted() {
    async fn panics() -> &'static str {
        assert!(std::hint::black_box(false), "a bug");
        "never"
    }
    let routes = |state: &ApiState| guarded(Router::new().route("/api/v1/bug", get(panics)), state);
    let server = Server::start(routes).await;
    let (status, document) = server.ask("GET", "/api/v1/bug", "").await;
    assert_eq!((status.as_u16(), document["error"]["code"].as_str()), (500, Some("NK0906")), "{document}");
    let labels = crate::metrics::TaskLabels { task: "request".to_owned() };
    assert_eq!(server.metrics.task_panics.get_or_create(&labels).get(), 1);
}

#[tokio::test]
async fn a_handler_that_hangs_is_given_up() {
    let routes = |state: &ApiState| {
        guarded(Router::new().route("/api/v1/hangs", get(std::future::pending::<&'static str>)), state)
    };
    let server = Server::start(routes).await;
    tokio::time::pause();
    let (status, document) = server.ask("GET", "/api/v1/hangs", "").await;
    assert_eq!((status.as_u16(), document["error"]["code"].as_str()), (504, Some("NK0915")), "{document}");
}

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "open sesame\n").unwrap();
    let token = super::auth::TokenFile::new(Some(&file));
    let server = Server::start(|state| super::routes::address_routes(state, token)).await;
    for path in ["/metrics", "/api/v1/status", "/api/v1/repositories", "/api/v1/plans/0123456789ab"] {
        let (status, document) = server.ask("GET", path, "").await;
        assert_eq!(
            (status.as_u16(), document["error"]["code"].as_str()),
            (401, Some("NK0914")),
            "{document}"
        );
    }
    let request = hyper::Request::get("/api/v1/status").header("host", "naksha");
    let request = request.header("authorization", "Bearer open sesame").body(Bytes::new().into()).unwrap();
    let (status, _) = server.client.send_raw(request).await.unwrap();
    assert_eq!(status, StatusCode::OK);
}
