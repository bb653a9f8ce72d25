//! The ports: small traits in domain types. One adapter crate per outside system implements each.

pub mod forge;
pub mod look;
pub mod recovery;
pub mod review;
pub mod secrets;
pub mod soak;
pub mod store;
pub mod target;
pub mod verify;
