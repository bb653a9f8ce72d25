//! What GitHub alone has, on a GitHub that refuses what GitHub refuses: an App and its tokens, check runs, deployments, redelivery.

mod app;
mod checks;
mod mirror;
mod writing;
