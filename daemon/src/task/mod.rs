//! The daemon's tasks: one file each. The supervisor starts them; they talk through the types here.
//!
//! ```text
//! git::RepositorySignal  ──heads──▶ environment (per environment) ──status──▶ registry ──▶ HTTP
//!        ▲                               │ reconcile, one at a time               │
//!        └── poke ◀── HTTP               └──messages──▶ outbox ──▶ publish ──▶ sinks
//! ```

mod environment;
mod heads;
pub mod publish;
pub mod reconcile;
pub mod retain;
mod revisions;
mod shared;

pub use environment::EnvironmentTask;
pub use heads::{Feed, FoundTrunk, Heads, RefState};
pub use revisions::{LoadedRevision, Revisions};
pub use shared::Shared;
