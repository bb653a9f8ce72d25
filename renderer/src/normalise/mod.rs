//! From documents to desired objects: named, in a namespace, without what the server sets, in one spelling.
//!
//! ```text
//! Node ─ expand lists ─ identity (kinds, names) ─ clean (nulls, server fields) ─ spelling (quantities, env)
//!      ─ secrets (values leave the body) ─ wave ─ DesiredObject
//! ```
//!
//! Every problem of a document is reported at its line; a document with an error makes no object. Whether two
//! objects want the same name, and how many there may be, is decided by who sees them all.

mod clean;
mod identity;
mod object;
mod origin;
mod pod;
mod quantity;
mod secrets;
mod texts;
mod wave;

#[cfg(test)]
mod tests;

pub use object::{MAX_OBJECT_BYTES, Normaliser, Output};
pub use origin::Origin;
pub use pod::references;
pub use quantity::canonical_quantity;
pub use wave::{MAX_WAVE, WAVE_ANNOTATION};

pub(crate) use object::{secret_object, without_namespace};
pub(crate) use pod::has_pods;
pub(crate) use wave::{of_kind as wave_of_kind, parse as parse_wave};
