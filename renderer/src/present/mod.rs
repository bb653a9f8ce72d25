//! Plans, states and diagnostics for people: terminal text, Markdown for pull requests, pictures of graphs.
//!
//! Everything is made from documents ([`naksha_environments::wire`]), which are masked, so that a stored plan is
//! shown exactly as it was made. Every text from outside loses control, bidirectional and invisible characters
//! here ([`clean_line`]); Markdown neutralises the rest.
//!
//! ```text
//! PlanDocument ── lines (what is said, in which tone) ──┬─ text      colours, symbols
//!                                                       └─ markdown  tables, folds, fences, a byte budget
//! ```

mod clean;
mod diagnostics;
mod diff;
mod escape;
mod events;
mod gains;
mod left;
mod lines;
mod markdown;
mod mermaid;
mod page;
mod status;
mod stored;
mod style;
mod text;
mod tree;
mod value;

pub use clean::{clean_block, clean_line, clean_time};
pub use diagnostics::{diagnostics, summary};
pub use diff::diff;
pub use escape::{cell_code, code, fenced, inline, prose};
pub use events::events;
pub use lines::counted;
pub use markdown::{COMMENT_BUDGET, markdown, preview};
pub use mermaid::mermaid;
pub use naksha_environments::wire::scrub;
pub use status::status;
pub use stored::{stored, stored_markdown};
pub use style::Style;
pub use text::{counts, text, text_after};
pub use tree::tree;

#[cfg(test)]
mod tests;
