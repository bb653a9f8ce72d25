//! Who is asking. On the socket: the peer's user id, told by the kernel. On TCP: a bearer token.

use std::path::{Path, PathBuf};

use axum::extract::connect_info::Connected;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::serve::IncomingStream;
use sha2::{Digest as _, Sha256};
use tokio::net::UnixListener;

/// The other end of a socket connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) uid: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self { uid: stream.io().peer_cred().ok().map(|credentials| credentials.uid()) }
    }
}

/// The API's bearer token, read anew at every request so that rotation needs no restart.
#[derive(Debug, Clone)]
pub(super) struct TokenFile(Option<PathBuf>);

impl TokenFile {
    pub(super) fn new(path: Option<&Path>) -> Self {
        Self(path.map(Path::to_owned))
    }

    /// Whether the request carries the token. No token configured: nobody may.
    pub(super) async fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(path) = &self.0 else { return false };
        let Ok(expected) = tokio::fs::read_to_string(path).await else { return false };
        let expected = expected.trim();
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        // Digests are compared, so that time tells nothing about the token.
        !expected.is_empty() && Sha256::digest(given.trim()) == Sha256::digest(expected)
    }
}
