//! Connecting: how a cluster is reached and as whom, and one request at a time.

mod access;
mod api;

pub use access::{Access, AccessError, Identity, Source};
pub(crate) use api::{Answer, Api, Lines, NoAnswer, REQUEST_TIMEOUT};
