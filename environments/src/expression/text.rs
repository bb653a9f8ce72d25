//! Texts with zero or more `${{ CEL }}` in them. Alone, an expression keeps its type; inside text it makes a
//! string.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::{Place, Span};
use crate::expression::error::{EvaluationError, ExpressionError, Problem};
use crate::expression::guard;
use crate::expression::{Bindings, Expression};

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// A text in which `${{ }}` may stand. To write `${{` itself: `${{ '${{' }}`.
#[derive(Clone)]
pub struct Text {
    pub source: Arc<str>,
    pub place: Option<Place>,
    parts: Arc<[Part]>,
}

#[derive(Debug, Clone)]
enum Part {
    Plain(String),
    Expression { at: Span, expression: Expression },
}

impl Text {
    /// Parses `source`; spans of the error are bytes of it.
    pub fn parse(source: &str, place: Option<Place>) -> Result<Self, ExpressionError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(open) = source[at..].find(OPEN).map(|found| at + found) {
            if open > at {
                parts.push(Part::Plain(source[at..open].to_owned()));
            }
            let start = open + OPEN.len();
            let Some(end) = guard::closing(source, start) else {
                let error = ExpressionError::new(Problem::Unclosed, Span { start: open, end: start });
                return Err(error.hint("close it with `}}`"));
            };
            let inner = &source[start..end];
            let trimmed = inner.trim();
            let from = start + (inner.len() - inner.trim_start().len());
            let expression =
                Expression::parse(trimmed, place.clone()).map_err(|error| error.shifted(from))?;
            at = end + CLOSE.len();
            parts.push(Part::Expression { at: Span { start: from, end: from + trimmed.len() }, expression });
        }
        if at < source.len() || parts.is_empty() {
            parts.push(Part::Plain(source[at..].to_owned()));
        }
        Ok(Self { source: source.into(), place, parts: parts.into() })
    }

    /// Whether there is no expression in it.
    pub fn is_plain(&self) -> bool {
        self.expressions().next().is_none()
    }

    /// Whether `source` may hold an expression: cheaper than parsing it.
    pub fn may_hold_expression(source: &str) -> bool {
        source.contains(OPEN)
    }

    /// The expressions, with the bytes of the text that they stand at.
    pub fn expressions(&self) -> impl Iterator<Item = (Span, &Expression)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Plain(_) => None,
            Part::Expression { at, expression } => Some((*at, expression)),
        })
    }

    /// The paths that its expressions read, sorted, each once.
    pub fn references(&self) -> Vec<Vec<String>> {
        let mut paths: Vec<_> = self.expressions().flat_map(|(_, one)| one.references()).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Its value: of any type when an expression stands alone, a string otherwise.
    pub fn evaluate(&self, bindings: &Bindings) -> Result<Value, EvaluationError> {
        if let [Part::Expression { expression, .. }] = &*self.parts {
            return expression.evaluate(bindings);
        }
        let mut text = String::new();
        for part in &*self.parts {
            match part {
                Part::Plain(plain) => text.push_str(plain),
                Part::Expression { expression, .. } => {
                    text.push_str(&in_text(expression.evaluate(bindings)?)?);
                }
            }
        }
        Ok(Value::String(text))
    }
}

/// A value inside text. Only what has one obvious spelling.
fn in_text(value: Value) -> Result<String, EvaluationError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Err(EvaluationError::InText("null")),
        Value::Array(_) => Err(EvaluationError::InText("a list")),
        Value::Object(_) => Err(EvaluationError::InText("a map")),
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&self.source).finish()
    }
}
