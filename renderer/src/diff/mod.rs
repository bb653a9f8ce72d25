//! Comparing objects field by field: what Git wants, what is there, and what was applied last.
//!
//! Bodies are JSON objects as [`naksha_environments::object::Body`] holds them: masked. A field that we neither
//! want nor ever applied is nobody's business here. Lists of items with an identity (containers, ports, env) are
//! compared item by item, other lists as a whole. [`merge`] is the other half: what an object looks like after a
//! write; comparing again after a merge finds nothing.

mod ignore;
mod mask;
mod three_way;

pub use ignore::{Costs, Ignored};
pub use mask::{shown, translate_secrets};
pub use naksha_environments::merge::{merge, without};
pub use three_way::{FieldDiff, Origin, Sides, compare};

#[cfg(test)]
mod tests;
