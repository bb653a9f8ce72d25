//! What holds for every object there could be.

#![allow(clippy::unwrap_used, reason = "a failed expectation ends a test")]

use naksha_environments::object::Health;
use naksha_kubernetes_health::{KindRules, RuleSet};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Names that controllers use, so that rules look at what stands behind them.
static NAMES: [&str; 24] = [
    "phase",
    "state",
    "status",
    "health",
    "healthStatus",
    "conditions",
    "observedGeneration",
    "replicas",
    "readyReplicas",
    "ready",
    "type",
    "reason",
    "message",
    "parents",
    "listeners",
    "byPod",
    "ceph",
    "sync",
    "instances",
    "errors",
    "error",
    "lifecycleState",
    "jobStatus",
    "currentState",
];

/// Words that no controller uses.
fn word() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("Zorp")),
        Just(json!("")),
        Just(json!(-7)),
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        "\\PC{0,12}".prop_map(|text| json!(format!("Zorp{text}"))),
    ]
}

fn junk() -> impl Strategy<Value = Value> {
    let name = proptest::sample::select(&NAMES[..]);
    word().prop_recursive(4, 32, 6, move |inner| {
        let map = proptest::collection::btree_map(name.clone(), inner.clone(), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            map.prop_map(|map| map
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

fn condition() -> impl Strategy<Value = Value> {
    let kinds = vec!["Ready", "Available", "Synced", "Accepted", "Healthy", "Zorp", "Progressing"];
    let statuses = vec!["Unknown", "False", "Perhaps", "true", ""];
    (proptest::sample::select(kinds), proptest::sample::select(statuses))
        .prop_map(|(kind, status)| json!({"type": kind, "status": status, "reason": "Zorp"}))
}

fn kinds() -> Vec<KindRules> {
    let mut kinds = RuleSet::bundled().kinds();
    kinds.push(KindRules {
        group: "example.org".into(),
        kind: "Widget".into(),
        data: false,
        states: Vec::new(),
    });
    kinds
}

fn object(kind: &KindRules, status: &Value) -> Value {
    let group = kind.group.replace('*', "any");
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let name = kind.kind.replace('*', "Thing");
    json!({"apiVersion": version, "kind": name, "metadata": {"name": "x", "generation": 3}, "status": status})
}

/// Kinds whose rule says that nothing needs to be reported.
fn may_be_silent(kind: &KindRules) -> bool {
    kind.data || kind.states.iter().any(|(name, word)| name == "otherwise" && *word == "Healthy")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_nobody_writes_is_never_healthy(status in junk(), conditions in prop::collection::vec(condition(), 0..4)) {
        let mut with_conditions = status.clone();
        if let Value::Object(map) = &mut with_conditions {
            map.insert("conditions".to_owned(), Value::Array(conditions));
        }
        let silent = |status: &Value| match status {
            Value::Null => true,
            Value::Object(map) => map.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        for kind in kinds() {
            for status in [&status, &with_conditions] {
                let judged = RuleSet::bundled().judge(&object(&kind, status));
                let excused = may_be_silent(&kind) || silent(status);
                prop_assert!(excused || judged.health != Health::Healthy, "{kind:?}\n{status}\n{judged:?}");
            }
        }
    }

    #[test]
    fn whatever_is_no_object_is_judged_without_a_panic(value in junk()) {
        let judged = RuleSet::bundled().judge(&value);
        prop_assert!(judged.health != Health::Healthy);
    }
}

#[test]
fn messages_are_one_short_line() {
    let long = format!("first {}\nsecond", "x".repeat(1000));
    let status = json!({"phase": "Failed", "message": long});
    let judged = RuleSet::bundled().judge(&json!({"apiVersion": "v1", "kind": "Pod", "status": status}));
    let message = judged.health.message().unwrap();
    assert!(message.starts_with("first") && message.len() <= 200 && !message.contains('\n'), "{message}");
}
