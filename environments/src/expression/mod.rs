//! Expressions: CEL, and texts with `${{ CEL }}` in them. Guarded before they are parsed, bounded when evaluated.
//!
//! ```text
//! source ─ guard (length, nesting) ─ parse ─ check (depth, loops, functions) ─ meter (rewrite) ─ Expression
//! Expression + Bindings ─ evaluate: every read, loop step and new value is charged to one fixed budget ─ Value
//! ```
//!
//! Invariants: evaluation has no clock and reads nothing but its bindings; the same expression and bindings give
//! the same answer or the same error, on every machine; no bound depends on time. Maps are walked in key order.
//! Error messages name types, keys and functions, never values: bindings may hold what must not be shown.

mod bindings;
mod compile;
mod convert;
mod error;
mod evaluate;
mod functions;
mod guard;
mod interpolate;
mod matching;
mod meter;
mod metering;
mod references;
mod result;
mod text;

pub use bindings::{Bindings, MAX_VALUE_DEPTH};
pub use compile::{Expression, MAX_DEPTH, MAX_LOOPS};
pub use error::{EvaluationError, ExpressionError, Problem};
pub use functions::{FUNCTIONS, Function};
pub use guard::{MAX_LENGTH, MAX_NESTING};
pub use interpolate::{Interpolation, InterpolationError, interpolate};
pub use meter::{BUDGET, MAX_ITEMS, MAX_STRING};
pub use references::Use;
pub use result::Gives;
pub use text::Text;

#[cfg(test)]
mod tests;
