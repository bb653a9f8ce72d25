//! Forges: the contract of the port, on a real Gitea and on a GitHub that refuses what GitHub refuses; and the daemon's reports.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod approvals;
mod audit;
mod bars;
mod bases;
mod commands;
mod demo;
mod doctor;
mod followed;
mod forks;
mod gates;
mod github;
mod github_fake;
mod github_stage;
mod judging;
mod locks;
mod losing;
mod merges;
mod moving;
mod promotions;
mod pulls;
mod rollbacks;
mod setup;
mod site;
mod stage;
mod story;
mod tokens;
mod vault;
mod webhooks;

mod gitea {
    naksha_executor::forge_contract!(crate::stage::on_gitea);
}

mod github_app {
    naksha_executor::forge_contract!(crate::github_stage::as_app);
}

mod github_token {
    naksha_executor::forge_contract!(crate::github_stage::as_token);
}
