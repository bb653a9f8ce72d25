//! Any stored plan as a comment: within its budget, with every fence and fold closed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::wire::PlanDocument;
use naksha_renderer::present;

fuzz_target!(|input: (&str, u16)| {
    let (text, budget) = input;
    let budget = usize::from(budget) + 1024;
    let subject = serde_json::json!({"kind": text, "name": text});
    let action = serde_json::json!({
        "digest": "sha256:0", "subject": subject, "verb": "delete", "cause": "change", "stateful": true,
        "changes": [{"path": text, "before": {"value": text}}],
    });
    let document = serde_json::json!({
        "version": 1, "environment": text, "id": "0".repeat(32), "counts": {"delete": 1}, "actions": [action],
    });
    let Ok(plan) = serde_json::from_value::<PlanDocument>(document) else { return };
    let markdown = present::markdown(&[plan], budget);
    assert!(markdown.len() <= budget, "{} bytes, {budget} are allowed", markdown.len());
    assert_eq!(markdown.matches("<details>").count(), markdown.matches("</details>").count());
});
