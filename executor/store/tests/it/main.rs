//! The store as its callers see it: through the port and the file.

// Clippy takes only `#[test]` functions for tests, and not what they call.
#![allow(clippy::unwrap_used)]

mod backup;
mod contract;
mod crash;
mod folder;
mod refusals;
mod secrets;
mod upgrade;
