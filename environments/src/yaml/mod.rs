//! YAML: texts to trees of values that know where they stand, and values back to texts.
//!
//! One reader for two dialects. A *definition* is ours and strict: what different YAML versions read differently
//! must be quoted. A *manifest* belongs to Kubernetes and means what kubectl makes of it (YAML 1.1 as read by
//! `sigs.k8s.io/yaml`: booleans such as `yes`, octal `0755`, integral floats as integers).
//!
//! All problems are reported at once: a document that does not parse costs that document, not the rest of the
//! file. Everything is bounded by the constants of [`limits`], each of which ends in its own diagnostic.
//! Presenting diagnostics and reading files are left to others.
//!
//! ```text
//! text ──granit-parser──▶ events ──read──▶ Node (spans) ──to_json──▶ serde_json::Value ──emit──▶ text
//! ```

mod emit;
mod keys;
pub mod limits;
mod lines;
mod node;
mod read;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;

pub use emit::emit;
pub use lines::Lines;
pub use node::{Content, Document, Entry, Mapping, Node};
pub use read::{Parsed, parse, parse_lines};
pub(crate) use scalar::is_ambiguous;

/// How plain scalars are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Our own files: YAML 1.2, and what YAML 1.1 would read differently must be quoted.
    Definition,
    /// Kubernetes manifests: what kubectl takes them to mean.
    Manifest,
}
