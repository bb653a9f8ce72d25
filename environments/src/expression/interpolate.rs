//! `${{ }}` in a tree of values: every text of it, with all errors at once. Keys are left alone.

use serde_json::Value;

use crate::expression::error::{EvaluationError, ExpressionError};
use crate::expression::{Bindings, Text};
use crate::plan::{FieldPath, Segment};

/// One text that could not be evaluated, and where in the tree it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpolation {
    pub path: FieldPath,
    pub error: InterpolationError,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterpolationError {
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

/// Evaluates every text of `value`.
pub fn interpolate(value: &Value, bindings: &Bindings) -> Result<Value, Vec<Interpolation>> {
    let mut errors = Vec::new();
    let made = walk(value, bindings, &FieldPath::default(), &mut errors);
    if errors.is_empty() { Ok(made) } else { Err(errors) }
}

fn walk(value: &Value, bindings: &Bindings, path: &FieldPath, errors: &mut Vec<Interpolation>) -> Value {
    match value {
        Value::String(text) if Text::may_hold_expression(text) => {
            let parsed = Text::parse(text, None).map_err(InterpolationError::from);
            match parsed.and_then(|text| text.evaluate(bindings).map_err(InterpolationError::from)) {
                Ok(value) => value,
                Err(error) => {
                    errors.push(Interpolation { path: path.clone(), error });
                    Value::Null
                }
            }
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| walk(item, bindings, &path.with(Segment::Index(index)), errors))
            .collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), walk(item, bindings, &path.key(key), errors)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
