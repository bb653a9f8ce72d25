//! How a Vault is reached, and as whom.

use std::path::PathBuf;

use crate::address::Address;

/// How a Vault is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub address: Address,
    /// Certificates (PEM) of the authorities that are believed, and no others; those of the system without it. Read once.
    pub ca_file: Option<PathBuf>,
    /// Namespace that paths are in. An enterprise Vault and OpenBao have them.
    pub namespace: Option<String>,
    pub login: Login,
}

/// Whom Vault takes us for. Files are read for each use, so that rotation needs no restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A token that somebody else keeps alive, such as an agent beside us.
    TokenFile(PathBuf),
    /// The same in an environment variable.
    TokenVariable(String),
    /// The service account of a pod. `mount`: where this way to log in is enabled, `kubernetes` unless somebody chose another.
    Kubernetes { mount: String, role: String, jwt_file: PathBuf },
    /// A role for machines. `mount`: as above, usually `approle`.
    AppRole { mount: String, role_id: String, secret_id_file: PathBuf },
}
