//! Contract suites: what every adapter of a port must pass, written once. For tests only.

pub mod forge;
pub mod reviews;
pub mod soaks;
pub mod store;
pub mod target;
