//! Forges: the contract of the port, and the daemon's reports, on a real Gitea.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod bases;
mod commands;
mod promotions;
mod pulls;
mod site;
mod stage;
mod webhooks;

mod gitea {
    naksha_executor::forge_contract!(crate::stage::on_gitea);
}
