//! The API of a running daemon, over its Unix socket.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use naksha_environments::codes::Code;
use naksha_environments::codes::daemon::NO_DAEMON;

use crate::http::api::{Refusal, RefusalBody};

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no daemon answers at {}", socket.display())]
    NotRunning {
        socket: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the daemon's answer could not be read")]
    Transport(#[source] hyper::Error),
    #[error("the daemon's answer is not what was expected; is it another version?")]
    Decode(#[source] serde_json::Error),
    #[error("{}", .0.message)]
    Refused(RefusalBody),
}

impl ClientError {
    /// The code that the daemon gave, or ours for what kept us from it.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::NotRunning { .. } | Self::Transport(_) | Self::Decode(_) => Some(NO_DAEMON),
            Self::Refused(refusal) => refusal.code.as_deref().and_then(Code::parse),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotRunning { .. } => {
                "start one with `naksha daemon`, or name its socket with --socket".to_owned()
            }
            Self::Transport(_) => "look whether the daemon still runs, and at its log".to_owned(),
            Self::Decode(_) => "use the program of the daemon's version".to_owned(),
            Self::Refused(refusal) => refusal.hint.clone().unwrap_or_default(),
        }
    }
}

/// Talks to one daemon; one connection per request.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).expect("should encode a request of ours");
        self.send(Method::POST, path, body.into()).await
    }

    /// As [`Client::get`], for answers that are no JSON.
    pub async fn get_text(&self, path: &str) -> Result<String, ClientError> {
        let (_, body) = self.exchange(Method::GET, path, Bytes::new()).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let (status, body) = self.exchange(method, path, body).await?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(ClientError::Decode);
        }
        let refusal: Refusal = serde_json::from_slice(&body).map_err(ClientError::Decode)?;
        Err(ClientError::Refused(refusal.error))
    }

    /// Whether the daemon knows its environments, and none of them is stuck.
    pub async fn is_ready(&self) -> Result<bool, ClientError> {
        let (status, _) = self.exchange(Method::GET, "/readyz", Bytes::new()).await?;
        Ok(status == StatusCode::OK)
    }

    pub(crate) async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "naksha")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .expect("should build a request from a path of ours");
        self.send_raw(request).await
    }

    pub(crate) async fn send_raw(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| ClientError::NotRunning { socket: self.socket.clone(), source })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(ClientError::Transport)?;
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(ClientError::Transport)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(ClientError::Transport)?.to_bytes();
        connection.abort();
        Ok((status, body))
    }
}
