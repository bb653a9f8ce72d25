//! What can be wrong with an expression, when it is read and when it is evaluated.

use crate::diagnostic::Span;

/// An expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ExpressionError {
    pub problem: Problem,
    /// Bytes of the text that was parsed.
    pub span: Span,
    pub hint: Option<String>,
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("expression has {length} bytes, more than {limit}")]
    TooLong { length: usize, limit: usize },
    #[error("expression is nested deeper than {limit} brackets")]
    TooNested { limit: usize },
    #[error("expression is chained or nested deeper than {limit} steps")]
    TooDeep { limit: usize },
    #[error("expression has loops inside loops, deeper than {limit}")]
    TooManyLoops { limit: usize },
    #[error("expression does not parse: {0}")]
    Syntax(String),
    #[error("unknown function `{0}`")]
    UnknownFunction(String),
    #[error("expression makes a `{0}`, and there are no such types here")]
    Struct(String),
    #[error("`${{{{` is never closed")]
    Unclosed,
    #[error("expression is empty")]
    Empty,
}

impl ExpressionError {
    pub(super) fn new(problem: Problem, span: Span) -> Self {
        Self { problem, span, hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error in a text in which the expression starts at byte `base`.
    pub(super) fn shifted(mut self, base: usize) -> Self {
        self.span = Span { start: self.span.start + base, end: self.span.end + base };
        self
    }
}

/// An evaluation that gave no value. Messages name types and keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// It touches a value that is not known yet.
    #[error("`{reference}` is not known yet")]
    Unknown { reference: String },
    #[error("`{name}` is not defined here")]
    Undefined { name: String, span: Option<Span> },
    #[error("there is no `{key}`")]
    Missing { key: String, span: Option<Span> },
    #[error("`{function}` does not take {types}")]
    Types { function: String, types: String },
    #[error("`{function}` failed: {reason}")]
    Function { function: String, reason: String },
    /// One of the fixed bounds; it names which.
    #[error("evaluation stopped: {0}")]
    Limit(Limit),
    #[error("the result is {0}, which cannot stand here")]
    Result(&'static str),
    #[error("{0} cannot stand inside text")]
    InText(&'static str),
    #[error("the evaluator failed")]
    Internal,
}

/// Which bound an evaluation ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    #[error("it takes more than {} steps", super::BUDGET)]
    Steps,
    #[error("a list or map has more than {} items", super::MAX_ITEMS)]
    Items,
    #[error("it makes a text longer than {} bytes", super::MAX_STRING)]
    Text,
    #[error("a pattern is too large")]
    Pattern,
    #[error("a value is nested deeper than {}", super::MAX_VALUE_DEPTH)]
    Depth,
}

impl EvaluationError {
    /// Where in the expression, as far as that is known.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Undefined { span, .. } | Self::Missing { span, .. } => *span,
            _ => None,
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { key, .. } => Some(format!("test for it first: `has(….{key})`")),
            Self::InText("null") => Some("give it a default: `has(a.b) ? a.b : ''`".to_owned()),
            Self::InText("a list") => Some("join it: `….join(',')`".to_owned()),
            Self::InText(_) => Some("let the expression stand alone, so that it keeps its type".to_owned()),
            Self::Result("an optional") => Some("say what it is otherwise: `.orValue(…)`".to_owned()),
            Self::Result("bytes" | "a timestamp" | "a duration") => {
                Some("make a text of it: `string(…)`".to_owned())
            }
            Self::Limit(_) => Some("loop over less, or say it in several expressions".to_owned()),
            _ => None,
        }
    }
}
