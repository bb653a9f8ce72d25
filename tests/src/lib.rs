//! What end-to-end tests and benchmarks share: a scratch installation ([`naksha::scratch`]) in a temporary folder,
//! with the program as a child process; a real Kubernetes control plane ([`kubernetes`]), a real forge ([`gitea`]), a real
//! Vault ([`vault`]), and a GitHub that refuses what GitHub refuses ([`github`]).

#![allow(clippy::panic, reason = "a failed expectation ends a test")]

mod api;
mod checkout;
pub mod gitea;
pub mod github;
pub mod installation;
pub mod kubernetes;
mod person;
pub mod program;
pub mod programs;
pub mod repository;
mod servers;
pub mod shop;
pub mod vault;

pub use api::Api;
pub use installation::Installation;
pub use person::Person;
pub use program::{DaemonProcess, Program};
pub use repository::Repository;

/// What must succeed, or the test has failed.
///
/// # Panics
/// With the error and its causes.
pub fn must<T>(result: anyhow::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error:#}"))
}

/// As [`await_true`], for what takes a minute or two.
pub fn await_patiently(what: &str, mut fits: impl FnMut() -> bool) {
    let mut look = || naksha::scratch::wait_for(what, || Ok(fits().then_some(())));
    must(look().or_else(|_| look()));
}

/// Looks until `fits` holds.
pub fn await_true(what: &str, mut fits: impl FnMut() -> bool) {
    must(naksha::scratch::wait_for(what, || Ok(fits().then_some(()))));
}
