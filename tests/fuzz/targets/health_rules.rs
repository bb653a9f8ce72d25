//! Any text as health rules: mistakes at places that exist, the same ones each time; what is judged by them is judged
//! without a panic, and never Healthy by a rule with a mistake in it. What the text is not about is judged as without it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::object::Health;
use naksha_environments::source::TreePath;
use naksha_kubernetes_health::RuleSet;
use serde_json::{Value, json};

fuzz_target!(
    init: {
        // The parser and the interpreter of expressions are not ours: their panics are caught and told as errors.
        std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    },
    |text: &str| {
        let path = TreePath::parse("health.yaml").expect("should be a path");
        let (own, found) = RuleSet::parse(text, &path);
        naksha_fuzz::check_diagnostics(&found, |_| Some(text));
        let (again, told) = RuleSet::parse(text, &path);
        assert_eq!((again.kinds(), told), (own.kinds(), found), "twice the same");

        let rules = RuleSet::bundled().with(&own);
        for known in own.kinds() {
            let group = known.group.replace('*', "any");
            let kind = known.kind.replace('*', "Thing");
            for status in statuses() {
                let object = object(&group, &kind, status);
                let judged = rules.judge(&object);
                assert_eq!(rules.judge(&object), judged, "twice the same");
                let is_broken = judged.rule.ends_with(": broken rule");
                assert!(!is_broken || matches!(judged.health, Health::Unknown(_)), "{judged:?}");
                if let Some(message) = judged.health.message() {
                    assert!(!message.contains('\n'), "{message:?}");
                }
            }
            // With rules that were broken all along nothing gets better.
            let mended = own.mended_by(&own);
            assert_eq!(mended.kinds(), own.kinds());
        }
        for (group, kind) in [("apps", "Deployment"), ("", "Pod"), ("example.org", "Unheard")] {
            if own.kinds().iter().any(|known| concerns(&known.group, group)) {
                continue;
            }
            for status in statuses() {
                let object = object(group, kind, status);
                assert_eq!(rules.judge(&object), RuleSet::bundled().judge(&object));
            }
        }
    }
);

/// Whether rules of the group `own` may be about `group`.
fn concerns(own: &str, group: &str) -> bool {
    own.strip_prefix('*').map_or(own == group, |ending| group.ends_with(ending))
}

fn object(group: &str, kind: &str, status: Value) -> Value {
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "x", "generation": 2},
        "spec": {"replicas": 3, "paused": false},
        "status": status,
    })
}

fn statuses() -> [Value; 5] {
    [
        Value::Null,
        json!({"phase": "Running", "observedGeneration": 1}),
        json!({"phase": "Zorp", "observedGeneration": 2, "replicas": 3, "readyReplicas": 2}),
        json!({"conditions": [{"type": "Ready", "status": "True", "reason": "Good", "message": "a\nb"}]}),
        json!({"parents": [{"conditions": [{"type": "Accepted", "status": "False"}]}], "state": [1, {"a": null}]}),
    ]
}
