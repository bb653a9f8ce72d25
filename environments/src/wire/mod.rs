//! The documented JSON of plans, states and diagnostics: twins of the domain types, converted here by hand.
//!
//! What leaves the process (files, the API, the store, comments on pull requests) is built from these documents,
//! and they are masked by construction: a secret has no field to stand in, and every other text went through
//! [`scrub()`]. They own their texts, so a stored document can be shown long after its plan is gone.

mod scrub;

pub use scrub::{is_sensitive_name, scrub, scrub_value};

#[cfg(test)]
mod tests;
