//! One watch per kind, and what they tell.
//!
//! ```text
//! Watcher (a task per kind) ── events ──> Cache ── stirred objects ──> observe
//!                                           ^
//! write, remove ── what the server answered ┘
//! ```
//!
//! A watch is selected by the label of the environment: a filter, never proof. An object that loses the label arrives as
//! deleted; what is not in the cache is therefore read before it is called absent.

mod cache;
mod watcher;

pub(crate) use cache::{Cache, Judged, State, States};
pub(crate) use watcher::Watchers;
