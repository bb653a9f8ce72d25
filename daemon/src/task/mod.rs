//! The daemon's tasks: one file each. The supervisor starts them; they talk through the types here.
//!
//! ```text
//! git::RepositorySignal  ──heads──▶ environment (per environment) ──status──▶ registry ──▶ HTTP
//!        ▲                               │ reconcile, one at a time               │
//!        └── poke ◀── HTTP               └──messages──▶ outbox ──▶ publish ──▶ sinks
//! ```
//!
//! Each is run by [`keep::Tasks`], which starts it again when it panics.

mod approving;
pub mod commands;
mod environment;
pub mod groups;
mod heads;
pub mod hosting;
pub mod keep;
pub mod merges;
mod owning;
mod planning;
pub mod promotions;
pub mod publish;
pub mod pulls;
pub mod reconcile;
mod refusals;
pub mod retain;
mod reviewed;
mod revisions;
pub mod sequel;
mod shared;
pub mod soaks;
#[cfg(test)]
mod tests;
mod words;

pub use environment::EnvironmentTask;
pub use heads::{Feed, FoundTrunk, Heads, RefState};
pub use reviewed::Reviewed;
pub use revisions::{LoadedRevision, Revisions};
pub use shared::Shared;
