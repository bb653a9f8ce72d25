//! Connecting: how a cluster is reached and as whom, how much of it is asked at a time, and one request at a time.
//!
//! ```text
//! Access ── client ─> connections, made anew when credentials are refused
//! Api    ── a place among those in flight (permits, limit) ─> request ─> Answer | NoAnswer
//! ```

mod access;
mod api;
mod client;
mod limit;
mod permits;

pub use access::{Access, AccessError, Identity, Source};
pub(crate) use api::{Answer, Api, Lines, NoAnswer, REQUEST_TIMEOUT};
pub use permits::{Pressure, pressures};
