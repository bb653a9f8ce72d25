//! Secrets from a HashiCorp Vault or an OpenBao: `vault:kv/naksha/db#url` is the field `url` of the entry `naksha/db` in the KV
//! store `kv`, of either version.
//!
//! vaultrs says what requests look like. Sending them and reading what came of them is ours: its client keeps whole answers in
//! its errors, follows redirects with the token, and reads answers of any size.
//!
//! ```text
//! reference ─> VaultSecrets ─ path ─> Remembered ─ one request for all who ask ─> Reader
//!                                                                                  ├─ Mounts    which store, of which version
//!                                                                                  ├─ Identity  a token, or a login that is kept alive
//!                                                                                  └─ Server    requests, and what came of them
//! ```

mod access;
mod address;
mod answer;
mod call;
mod credential;
mod entry;
mod failure;
mod identity;
mod login;
mod mount;
mod reader;
mod remembered;
mod secrets;
mod server;
mod session;

pub use access::{Access, Login};
pub use address::{Address, AddressError};
pub use secrets::VaultSecrets;
pub use server::VaultError;
