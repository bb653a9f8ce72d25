//! The two listeners: a Unix socket for people on the machine, and TCP on loopback.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::auth::{Peer, TokenFile};
use super::routes::{ApiState, api_routes, open_routes, with_peer, with_token};
use crate::config::{Config, Listen};

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address}")]
    Listen {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("another daemon answers at {}", socket.display())]
    Taken { socket: PathBuf },
}

/// The running listeners.
#[derive(Debug)]
pub struct Servers {
    tasks: JoinSet<()>,
}

impl Servers {
    /// Waits until both ended; they do when the token given to [`start`] is cancelled.
    pub async fn ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Starts both listeners. A socket left behind by a killed daemon is replaced.
pub async fn start(
    config: &Config,
    state: ApiState,
    stop: &CancellationToken,
) -> Result<Servers, ServeError> {
    let mut tasks = JoinSet::new();
    let socket = config.socket();
    let listener = bind_socket(&socket).await?;
    let app = with_peer(api_routes(&state)).merge(open_routes(&state));
    let stopped = stop.clone();
    tasks.spawn(async move {
        let service = app.into_make_service_with_connect_info::<Peer>();
        let served = axum::serve(listener, service).with_graceful_shutdown(stopped.cancelled_owned()).await;
        if let Err(error) = served {
            warn!(%error, "the socket's server ended");
        }
        // A socket without a listener would look like a daemon that hangs.
        let _ = std::fs::remove_file(socket);
    });
    if let Listen::At(address) = config.http.listen {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Listen { address: address.to_string(), source })?;
        info!(%address, "listening");
        let token = TokenFile::new(config.http.token_file.as_deref());
        let app = with_token(api_routes(&state), token).merge(open_routes(&state));
        let stopped = stop.clone();
        tasks.spawn(async move {
            let served = axum::serve(listener, app).with_graceful_shutdown(stopped.cancelled_owned()).await;
            if let Err(error) = served {
                warn!(%error, "the HTTP server ended");
            }
        });
    }
    Ok(Servers { tasks })
}

async fn bind_socket(socket: &Path) -> Result<UnixListener, ServeError> {
    let refuse = |source| ServeError::Listen { address: socket.display().to_string(), source };
    if socket.exists() {
        if tokio::net::UnixStream::connect(socket).await.is_ok() {
            return Err(ServeError::Taken { socket: socket.to_owned() });
        }
        std::fs::remove_file(socket).map_err(refuse)?;
    }
    let listener = UnixListener::bind(socket).map_err(refuse)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(refuse)?;
    Ok(listener)
}
