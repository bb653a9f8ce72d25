//! Any text as an expression: refused, or evaluated within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::expression::{Bindings, Expression, Text};
use serde_json::json;

fuzz_target!(|text: &str| {
    let mut bindings = Bindings::default();
    bindings.set("object", json!({"a": [1, 2, 3], "b": "text", "c": {"d": null}}));
    if let Ok(expression) = Expression::parse(text, None) {
        let _ = expression.references();
        let _ = expression.evaluate(&bindings);
    }
    if let Ok(text) = Text::parse(text, None) {
        let _ = text.evaluate(&bindings);
    }
});
