//! Any text as an expression: refused at a place in it, or evaluated within its budget, always to the same, and
//! without a word about the values it read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::expression::{BUDGET, Bindings, Expression, Text};
use serde_json::json;

/// Stands where values are; it may be in no message.
const CANARY: &str = "c4n4ry";

fuzz_target!(
    init: {
        // The parser and the interpreter are not ours: their panics are caught and told as errors. The fuzzer's own
        // hook would end the process before.
        std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    },
    |text: &str| {
        match Expression::parse(text, None) {
            Ok(expression) => evaluate(&expression, text),
            Err(error) => {
                naksha_fuzz::check_span(error.span, text);
                assert!(!error.to_string().is_empty());
            }
        }
        match Text::parse(text, None) {
            Ok(parsed) => {
                for (span, expression) in parsed.expressions() {
                    naksha_fuzz::check_span(span, text);
                    assert_eq!(text.get(span.start..span.end), Some(&*expression.source));
                }
                let _ = parsed.references();
                assert_eq!(parsed.evaluate(&bindings()), parsed.evaluate(&bindings()));
                assert!(!parsed.is_plain() || parsed.evaluate(&bindings()) == Ok(json!(text)), "plain text stays");
            }
            Err(error) => naksha_fuzz::check_span(error.span, text),
        }
    }
);

fn bindings() -> Bindings {
    let object = json!({
        "metadata": {"name": "web", "labels": {"app": "web", "tier": "front"}},
        "spec": {"replicas": 3, "hosts": ["a", "b", "a"], "cpu": 0.5, "paused": false, "none": null},
        "text": CANARY,
        "many": (0..40).collect::<Vec<_>>(),
    });
    let mut bindings = Bindings::default().with("object", object).with("item", json!([CANARY, 1, {"a": 2}]));
    bindings.set_unknown(&["units", "cluster", "outputs", "endpoint"]);
    bindings
}

fn evaluate(expression: &Expression, text: &str) {
    for name in expression.references().iter().flatten() {
        if let Some(span) = expression.span_of(name) {
            naksha_fuzz::check_span(span, text);
        }
    }
    let (result, steps) = expression.evaluate_counted(&bindings());
    assert_eq!(expression.evaluate_counted(&bindings()), (result.clone(), steps), "twice the same");
    match result {
        Ok(_) => assert!(steps <= BUDGET, "{steps} steps"),
        Err(error) => {
            let said = format!("{error} {}", error.hint().unwrap_or_default());
            assert!(!said.contains(CANARY) || text.contains(CANARY), "{said}");
            if let Some(span) = error.span() {
                naksha_fuzz::check_span(span, text);
            }
        }
    }
}
