//! HTTP on loopback and on a Unix socket: health, metrics, and the JSON API.
//!
//! The socket (mode 0600) is the door of people on the machine; the TCP listener takes a bearer token for anything
//! that reveals content. Nothing here decides: handlers read the registry and the store, look into a
//! target, or poke a loop.

mod acknowledging;
mod acting;
pub mod api;
mod auth;
mod environment_ref;
mod looking;
mod reading;
mod refusal;
mod repositories;
mod request;
mod routes;
mod serve;
#[cfg(test)]
mod tests;
mod webhook;

pub use environment_ref::EnvironmentRef;
pub use routes::ApiState;
pub use serve::{ServeError, start};
