//! Evaluating: an expression and bindings give a value or a named error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::{Context, ExecutionError};
use serde_json::Value;

use crate::expression::bindings::Bindings;
use crate::expression::compile::{ENVIRONMENT, Expression};
use crate::expression::error::{EvaluationError, Limit};
use crate::expression::{convert, meter};

impl Expression {
    /// Evaluates over `bindings`. Bounded by fixed budgets; needs little stack; may run on any thread.
    pub fn evaluate(&self, bindings: &Bindings) -> Result<Value, EvaluationError> {
        self.evaluate_counted(bindings).0
    }

    /// As [`Expression::evaluate`], with the steps it took: for who evaluates many times and has a budget for all.
    pub fn evaluate_counted(&self, bindings: &Bindings) -> (Result<Value, EvaluationError>, u64) {
        let bound = bindings.bound();
        if bound.too_deep {
            return (Err(EvaluationError::Limit(Limit::Depth)), 0);
        }
        let run = || {
            let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
            context.set_variable_resolver(bound);
            // Not `resolve_val`: it is inlined into its caller, and with it, unoptimised, ten times the stack.
            let value = cel::Value::resolve(&self.compiled.metered, &context).map_err(Failure::Execution)?;
            convert::to_json(&value).map_err(Failure::Conversion)
        };
        // The interpreter is not ours; should it panic on some value, that evaluation fails and the process lives.
        let (outcome, meter) = meter::metered(|| catch_unwind(AssertUnwindSafe(run)));
        let result = match (meter.limit, meter.unknown, outcome) {
            (Some(limit), _, _) => Err(EvaluationError::Limit(limit)),
            (None, Some(reference), _) => Err(EvaluationError::Unknown { reference }),
            (None, None, Ok(Ok(value))) => Ok(value),
            (None, None, Ok(Err(Failure::Conversion(error)))) => Err(error),
            (None, None, Ok(Err(Failure::Execution(error)))) => Err(self.explain(error)),
            (None, None, Err(_)) => Err(EvaluationError::Internal),
        };
        (result, meter.spent)
    }

    /// The interpreter's error in our words: its own messages print values.
    fn explain(&self, error: ExecutionError) -> EvaluationError {
        let types = |function: &str, types: &str| EvaluationError::Types {
            function: operator_name(function),
            types: types.to_owned(),
        };
        match error {
            ExecutionError::NoSuchKey(key) => {
                let key = key.to_string();
                if !self.source.contains(&key) {
                    // Computed: it is a value, and values are not shown.
                    return failed("[ ]", "there is no such key");
                }
                let span = self.span_of(&key);
                EvaluationError::Missing { key, span }
            }
            ExecutionError::UndeclaredReference(name) => {
                let name = name.to_string();
                let span = self.span_of(&name);
                EvaluationError::Undefined { name, span }
            }
            ExecutionError::NoSuchOverload(overload) => {
                let given = overload.argument_types().join(" and ");
                types(overload.function(), &given)
            }
            ExecutionError::UnexpectedType { got, want } => {
                EvaluationError::Types { function: format!("an operator for {want}"), types: got }
            }
            ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
                types(operator, &format!("{} and {}", left.type_of(), right.type_of()))
            }
            ExecutionError::ValuesNotComparable(left, right) => {
                types("comparison", &format!("{} and {}", left.type_of(), right.type_of()))
            }
            ExecutionError::IndexOutOfBounds(_) | ExecutionError::UnsupportedIndex(..) => {
                failed("[ ]", "there is no such item")
            }
            ExecutionError::DivisionByZero(_) => failed("/", "it divides by zero"),
            ExecutionError::RemainderByZero(_) => failed("%", "it divides by zero"),
            ExecutionError::Overflow(operator, ..) => {
                failed(&operator_name(operator), "the number is too large")
            }
            ExecutionError::DuplicateKey(_) => failed("{ }", "a key is given twice"),
            ExecutionError::UnsupportedKeyType(_) => failed("{ }", "this cannot be a key"),
            ExecutionError::InvalidArgumentCount { expected, actual } => {
                failed("call", &format!("it takes {expected} arguments, not {actual}"))
            }
            ExecutionError::FunctionError { function, .. } => failed(&function, "it cannot take this value"),
            _ => EvaluationError::Internal,
        }
    }
}

enum Failure {
    Execution(ExecutionError),
    Conversion(EvaluationError),
}

fn failed(function: &str, reason: &str) -> EvaluationError {
    EvaluationError::Function { function: function.to_owned(), reason: reason.to_owned() }
}

/// `_+_` as people write it.
fn operator_name(name: &str) -> String {
    match name {
        "add" => "+".to_owned(),
        "sub" => "-".to_owned(),
        "mul" => "*".to_owned(),
        "div" => "/".to_owned(),
        "rem" => "%".to_owned(),
        "@in" => "in".to_owned(),
        "_._" | "_?._" => "a field".to_owned(),
        name => name.trim_matches(['_', '@']).to_owned(),
    }
}
