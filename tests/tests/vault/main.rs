//! A real Vault as the source of secrets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod logins;
mod sharing;
mod stage;
mod tokens;
mod trouble;
mod values;
