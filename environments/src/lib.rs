//! The vocabulary of naksha: what every other part of it speaks.
//!
//! Pure: no clock, randomness, file system, network or environment variable. Depends on none of our crates.
//! Definitions are read from a [`source::SourceTree`] into [`repository::Definitions`]; rendering makes
//! [`rendered::Rendered`] of them; comparing that with [`object::Observation`] and [`inventory::Inventory`]
//! makes a [`plan::Plan`]; policies give a [`verdict::Verdict`] on it.

pub mod codes;
pub mod diagnostic;
pub mod digest;
pub mod ids;
pub mod secret;
pub mod source;
pub mod yaml;

pub mod definition;
pub mod environment;
pub mod expression;
pub mod facts;
pub mod globs;
pub mod health_rules;
pub mod load;
pub mod policy;
pub mod repository;
pub mod unit;
pub mod variables;
pub mod window;
pub mod workflow;
pub mod workflow_change;

pub mod inventory;
pub mod kubernetes;
pub mod merge;
pub mod moment;
pub mod object;
pub mod plan;
pub mod quiet;
pub mod rendered;
pub mod run_once;
pub mod stateful;
pub mod status;
pub mod verdict;

pub mod wire;
