//! Rendering an environment: from definitions at two revisions to its desired objects.
//!
//! ```text
//! listed units ─ files (what each reads) ─ variables and outputs ─ key ─┬─ cache ─────────────┬─ across units ─ Rendered
//!   parallel         parallel                in order        parallel   └─ read, run, normalise┘   in order
//! ```
//!
//! A unit that cannot be rendered is broken alone; what it has applied stays as it is. Equal inputs give equal
//! results, whatever the cache holds and however many threads there are.

mod across;
mod cache;
mod dependencies;
mod environment;
mod failure;
mod files;
mod prepare;
mod unit;

#[cfg(test)]
mod tests;

pub use across::{MAX_ENVIRONMENT_OBJECTS, MAX_UNIT_OBJECTS};
pub use cache::RenderCache;
pub use environment::{RenderInput, render};
pub use files::{MAX_TEMPLATE_BYTES, MAX_TEMPLATE_FILES, MAX_TEMPLATES_BYTES};
