//! What GitHub alone has, on a GitHub that refuses what GitHub refuses: an App and its tokens, check runs, deployments, redelivery.

mod answers;
mod app;
mod checks;
mod daemon;
mod doctor;
mod mirror;
mod pulls;
mod queue;
mod setup;
mod site;
mod webhooks;
mod writing;
