//! The two listeners: a Unix socket for people on the machine, and TCP on loopback.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use naksha_environments::codes::{Code, daemon as codes};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::auth::{Peer, TokenFile};
use super::routes::{ApiState, address_routes, socket_routes};
use crate::config::{Config, Listen};
use crate::task::keep::Tasks;

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

impl ServeError {
    pub fn code(&self) -> Code {
        match self {
            Self::Listen { .. } => codes::CANNOT_LISTEN,
            Self::Taken { .. } => codes::SOCKET_TAKEN,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Listen { .. } => {
                "free the address, or choose another one: --listen, `http.listen` and `http.socket`"
            }
            Self::Taken { .. } => "use the daemon that runs, or give this one its own --state folder",
        }
    }
}

/// Starts both listeners. A socket left behind by a killed daemon is replaced.
pub async fn start(
    config: &Config,
    state: ApiState,
    tasks: &Tasks,
    stop: &CancellationToken,
) -> Result<(), ServeError> {
    let socket = config.socket();
    let listener = bind_socket(&socket).await?;
    let app = socket_routes(&state);
    let stopped = stop.clone();
    tasks.spawn_vital("socket's server", async move {
        let service = app.into_make_service_with_connect_info::<Peer>();
        let served = axum::serve(listener, service).with_graceful_shutdown(stopped.cancelled_owned()).await;
        if let Err(error) = served {
            warn!(%error, "the socket's server ended");
        }
        // A socket without a listener would look like a daemon that hangs.
        let _ = tokio::fs::remove_file(socket).await;
    });
    if let Listen::At(address) = config.http.listen {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Listen { address: address.to_string(), source })?;
        info!(%address, "listening");
        let token = TokenFile::new(config.http.token_file.as_deref());
        let app = address_routes(&state, token);
        let stopped = stop.clone();
        tasks.spawn_vital("HTTP server", async move {
            let served = axum::serve(listener, app).with_graceful_shutdown(stopped.cancelled_owned()).await;
            if let Err(error) = served {
                warn!(%error, "the HTTP server ended");
            }
        });
    }
    Ok(())
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
