//! Loading: every definition of a revision, and everything that is wrong between them.
//!
//! ```text
//! SourceTree ─ layout (which files) ─ cache (parse what changed) ─ assemble (names) ─ cross (references)
//!                                                                └ claims (every file belongs to one definition)
//! ```
//!
//! The only state is a cache of parsed files by path and content id; what a load returns depends on the tree
//! alone. Nothing is decided here about what to render or apply. A definition that cannot be read is listed as
//! broken, so that it never looks deleted.

mod assemble;
mod cache;
mod claims;
mod cross;
mod layout;
mod loader;
mod told;
mod unit_checks;

#[cfg(test)]
mod tests;

pub use claims::{Claimant, Claims};
pub use loader::{KnownRules, Loaded, Loader};
pub use told::told_once;

/// Files of one revision. Git itself gets slow beyond; a repository of 1000 units has some 10,000.
pub const MAX_FILES: usize = 100_000;
/// Definitions of one revision.
pub const MAX_DEFINITIONS: usize = 20_000;
/// Suggestions ("did you mean") per load: each compares with every name there is.
pub const MAX_SUGGESTIONS: usize = 100;
