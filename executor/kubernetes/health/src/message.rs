//! Messages of states: plain words, `{path ?? default}` for fields, `{condition}` for what a condition says.
//!
//! A text with `${{ }}` in it is CEL over `object`, as elsewhere; it is evaluated only when its state fits.

use std::sync::Arc;

use naksha_environments::expression::{ExpressionError, Text};
use serde_json::Value;

use crate::comparison::{Roots, Sum};
use crate::condition::one_line;
use crate::fits::{Found, Scope};

#[derive(Debug, Clone)]
pub(crate) struct Message(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Parts(Arc<[Part]>),
    Text(Text),
}

#[derive(Debug, Clone)]
enum Part {
    Plain(String),
    Condition,
    Sum(Sum),
}

/// What is wrong with a message.
#[derive(Debug)]
pub(crate) enum Wrong {
    Expression(ExpressionError),
    /// What stands between braces is no field, or is never closed.
    Field(String),
}

impl Message {
    pub(crate) fn parse(source: &str) -> Result<Self, Wrong> {
        if Text::may_hold_expression(source) {
            let text = Text::parse(source, None).map_err(Wrong::Expression)?;
            return Ok(Self(Kind::Text(text)));
        }
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some((plain, inner)) = rest.split_once('{') {
            let (field, after) = inner.split_once('}').ok_or_else(|| Wrong::Field(inner.to_owned()))?;
            if !plain.is_empty() {
                parts.push(Part::Plain(plain.to_owned()));
            }
            parts.push(match field {
                "condition" => Part::Condition,
                field => Part::Sum(Sum::parse(field).ok_or_else(|| Wrong::Field(field.to_owned()))?),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Plain(rest.to_owned()));
        }
        Ok(Self(Kind::Parts(parts.into())))
    }

    /// The words; absent when a field in them is missing.
    pub(crate) fn words(&self, scope: &Scope<'_>, found: &Found<'_>) -> Option<String> {
        let text = match &self.0 {
            Kind::Text(text) => match text.evaluate(scope.bindings()).ok()? {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                _ => return None,
            },
            Kind::Parts(parts) => {
                let roots = Roots { object: scope.object, item: found.item };
                let mut words = String::new();
                for part in &**parts {
                    match part {
                        Part::Plain(plain) => words.push_str(plain),
                        Part::Condition => words.push_str(&found.condition?.words()),
                        Part::Sum(sum) => words.push_str(&sum.shown(roots)?),
                    }
                }
                words
            }
        };
        Some(one_line(&text)).filter(|words| !words.is_empty())
    }
}
