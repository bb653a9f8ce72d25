//! Definitions: what people write about a repository, its environments, units, workflows and policies.
//!
//! ```text
//! text ─ yaml::parse ─▶ Node ─ structure (schema of the kind) ─▶ twin ─ convert ─▶ domain type
//!                         └──────────── places of all diagnostics ────────────┘
//! ```
//!
//! The twins ([`v1alpha1`]) are the single source of the JSON Schemas in `environments/schema/`. One document
//! gives all its problems at once; one with an error gives no value, but keeps its name, so that it never looks
//! deleted. What concerns several files is left to [`crate::load`].

mod convert;
pub(crate) mod cycle;
mod document;
mod duration;
mod expressions;
mod instead;
mod kind;
mod node_types;
mod reading;
pub(crate) mod references;
mod structure;
mod v1alpha1;

#[cfg(test)]
mod tests;

pub(crate) use document::{FileReading, Found, FoundValue, read};
pub use duration::{MAX_DURATION, format_duration, parse_duration};
pub use kind::{API_VERSION, Kind, kinds, schema};
pub use node_types::NODE_TYPES;
pub(crate) use reading::Files;
