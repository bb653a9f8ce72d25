//! Expressions: CEL, and texts with `${{ CEL }}` in them. Guarded before they are parsed, bounded when evaluated.

use std::sync::Arc;

use crate::diagnostic::Place;

/// A CEL expression that parses and is within the limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    pub source: Arc<str>,
    pub place: Option<Place>,
}

/// A text in which `${{ }}` may stand. Alone, an expression keeps its type; inside text it makes a string.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pub source: Arc<str>,
    pub place: Option<Place>,
}
