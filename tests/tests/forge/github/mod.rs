//! What GitHub alone has, on a GitHub that refuses what GitHub refuses: an App and its tokens, check runs, deployments, redelivery.

mod answers;
mod app;
mod approvals;
mod away;
mod canary;
mod checks;
mod commands;
mod daemon;
mod doctor;
mod elsewhere;
mod killed;
mod meanwhile;
mod mirror;
mod pulls;
mod queue;
mod quiet;
mod refusals;
mod setup;
mod signed;
mod site;
mod size;
mod webhooks;
mod writing;
