//! Whether a test holds for an object. Three answers: what cannot be told makes no state fit, not even behind `not`.

use std::cell::{Cell, OnceCell};

use naksha_environments::expression::{Bindings, Expression};
use serde_json::Value;

use crate::comparison::Roots;
use crate::condition::Condition;
use crate::path::Path;
use crate::rule::{ConditionTest, Expected, FieldTest, Pattern, Test};

/// The object that is judged, and what is made of it once.
pub(crate) struct Scope<'v> {
    pub(crate) object: &'v Value,
    pub(crate) generation: Option<i64>,
    /// Some test met a condition that tells of an older generation.
    pub(crate) met_old: Cell<bool>,
    bindings: OnceCell<Bindings>,
}

impl<'v> Scope<'v> {
    pub(crate) fn new(object: &'v Value, generation: Option<i64>) -> Self {
        Self { object, generation, met_old: Cell::new(false), bindings: OnceCell::new() }
    }

    /// Made when the first expression asks: most objects meet none.
    pub(crate) fn bindings(&self) -> &Bindings {
        self.bindings.get_or_init(|| Bindings::new().with("object", without_managed_fields(self.object)))
    }
}

/// `managedFields` can be larger than the rest, and no rule has a use for them.
fn without_managed_fields(object: &Value) -> Value {
    let Value::Object(map) = object else { return object.clone() };
    let kept = map.iter().map(|(key, value)| {
        let value = match (key.as_str(), value) {
            ("metadata", Value::Object(metadata)) => {
                let fields = metadata.iter().filter(|(key, _)| *key != "managedFields");
                Value::Object(fields.map(|(key, value)| (key.clone(), value.clone())).collect())
            }
            _ => value.clone(),
        };
        (key.clone(), value)
    });
    Value::Object(kept.collect())
}

/// What a test met on its way: for messages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found<'v> {
    pub(crate) condition: Option<Condition<'v>>,
    pub(crate) item: Option<&'v Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Yes,
    No,
    /// It depends on something that is missing, or that tells of an older generation.
    Unsure,
}

impl From<bool> for Fit {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Whether `test` holds for the object; fills in what it met.
pub(crate) fn fits<'v>(test: &Test, scope: &Scope<'v>, found: &mut Found<'v>) -> Fit {
    Looking { scope, item: None }.at(test, found)
}

/// Where a test looks: at the object, or at an item of one of its lists.
#[derive(Clone, Copy)]
struct Looking<'s, 'v> {
    scope: &'s Scope<'v>,
    item: Option<&'v Value>,
}

impl<'v> Looking<'_, 'v> {
    fn root(self) -> &'v Value {
        self.item.unwrap_or(self.scope.object)
    }

    fn at(self, test: &Test, found: &mut Found<'v>) -> Fit {
        match test {
            Test::All(tests) => all(tests.iter().map(|test| self.at(test, found))),
            Test::Any(tests) => any(tests.iter().map(|test| self.at(test, found))),
            Test::Not(inner) => match self.at(inner, &mut Found::default()) {
                Fit::Yes => Fit::No,
                Fit::No => Fit::Yes,
                Fit::Unsure => Fit::Unsure,
            },
            Test::Condition(test) => self.condition(test, found),
            Test::Field(test) => field(test, self.root()).into(),
            Test::Compare(comparison) => {
                let roots = Roots { object: self.scope.object, item: self.item };
                comparison.holds(roots).map_or(Fit::Unsure, Fit::from)
            }
            Test::Some { of, test } => self.some(of, test, found),
            Test::Every { of, test } => self.every(of, test),
            Test::Expression(expression) => evaluates(expression, self.scope),
        }
    }

    fn condition(self, test: &ConditionTest, found: &mut Found<'v>) -> Fit {
        let root = self.root();
        let list = match &test.at {
            Some(path) => path.first(root),
            None if self.item.is_some() => root.get("conditions"),
            None => root.get("status").and_then(|status| status.get("conditions")),
        };
        let mut answer = Fit::No;
        for value in list.and_then(Value::as_array).into_iter().flatten() {
            let Some(condition) = Condition::of(value) else { continue };
            if !test.types.iter().any(|kind| kind == condition.kind) {
                continue;
            }
            if condition.is_old(self.scope.generation) {
                self.scope.met_old.set(true);
                answer = Fit::Unsure;
                continue;
            }
            let status = test.statuses.is_empty() || test.statuses.iter().any(|own| own == condition.status);
            let listed = |patterns: &[Pattern]| patterns.iter().any(|own| own.fits(condition.reason));
            if status && (test.reasons.is_empty() || listed(&test.reasons)) && !listed(&test.not_reasons) {
                found.condition = Some(condition);
                return Fit::Yes;
            }
        }
        answer
    }

    fn some(self, of: &[Path], test: &Test, found: &mut Found<'v>) -> Fit {
        let mut sum = Fit::No;
        for item in items(of, self.root()) {
            let mut inner = Found { item: Some(item), condition: None };
            match (Self { item: Some(item), ..self }).at(test, &mut inner) {
                Fit::Yes => {
                    *found = Found { item: inner.item, condition: inner.condition.or(found.condition) };
                    return Fit::Yes;
                }
                Fit::Unsure => sum = Fit::Unsure,
                Fit::No => {}
            }
        }
        sum
    }

    fn every(self, of: &[Path], test: &Test) -> Fit {
        let items = items(of, self.root());
        if items.is_empty() {
            return Fit::No;
        }
        let look = |item| (Self { item: Some(item), ..self }).at(test, &mut Found::default());
        all(items.into_iter().map(look))
    }
}

fn all(answers: impl Iterator<Item = Fit>) -> Fit {
    let mut sum = Fit::Yes;
    for answer in answers {
        match answer {
            Fit::No => return Fit::No,
            Fit::Unsure => sum = Fit::Unsure,
            Fit::Yes => {}
        }
    }
    sum
}

fn any(answers: impl Iterator<Item = Fit>) -> Fit {
    let mut sum = Fit::No;
    for answer in answers {
        match answer {
            Fit::Yes => return Fit::Yes,
            Fit::Unsure => sum = Fit::Unsure,
            Fit::No => {}
        }
    }
    sum
}

fn field(test: &FieldTest, root: &Value) -> bool {
    let FieldTest { path, expected } = test;
    match expected {
        Expected::OneOf(literals) => {
            path.any(root, &mut |value| literals.iter().any(|literal| literal.is(value)))
        }
        Expected::NoneOf(literals) => {
            let listed = path.any(root, &mut |value| literals.iter().any(|literal| literal.is(value)));
            !listed && path.any(root, &mut |value| !is_empty(value))
        }
        Expected::Present(wanted) => path.any(root, &mut |value| !is_empty(value)) == *wanted,
    }
}

/// Whether a value says nothing.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The items of lists and the values of maps that stand at these paths.
fn items<'v>(of: &[Path], root: &'v Value) -> Vec<&'v Value> {
    let mut items = Vec::new();
    for path in of {
        path.any(root, &mut |value| {
            match value {
                Value::Array(list) => items.extend(list),
                Value::Object(map) => items.extend(map.values()),
                _ => {}
            }
            false
        });
    }
    items
}

fn evaluates(expression: &Expression, scope: &Scope<'_>) -> Fit {
    match expression.evaluate(scope.bindings()) {
        Ok(Value::Bool(holds)) => holds.into(),
        // A field is missing, or it gives no truth.
        Ok(_) | Err(_) => Fit::Unsure,
    }
}
