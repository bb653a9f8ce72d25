//! A directory as a target: one YAML file per object. And a directory as a source of secrets: one file per value.
//!
//! The directory is trusted no further than it must be. Nothing is followed out of it, what cannot be read is
//! unknown and never absent, and a directory that lost its marker is an unmounted volume, not an empty target.
//! What it looks like to its users is in `docs/directory-target.md`.
//!
//! ```text
//! target ──▶ observe ─┐
//!        ──▶ change  ─┼─▶ layout (which file)   document (what is in it, masked)   stamp (has it moved)
//!        ──▶ marker  ─┘        │
//!        ──▶ watch             ▼
//!               │            place (the only module that opens files)
//!               ▼
//!            kernel ──▶ own (what is no news)   proven (what need not be looked at)
//! ```

mod change;
mod document;
mod error;
mod kernel;
mod layout;
mod marker;
mod observe;
mod own;
mod place;
mod proven;
mod recover;
mod secrets;
mod stamp;
mod target;
mod watch;

#[cfg(test)]
mod tests;

pub use error::DirectoryError;
pub use secrets::{DirectorySecrets, NoSecrets};
pub use target::{DirectoryTarget, Watching};
