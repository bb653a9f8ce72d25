//! How long reading the shipped rules and judging one object takes: `cargo run --release -p naksha-kubernetes-health --example speed`.

#![allow(clippy::print_stdout, reason = "it prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use naksha_kubernetes_health::RuleSet;
use serde_json::{Value, json};

const ROUNDS: u32 = 20_000;

fn main() {
    let start = Instant::now();
    let rules = RuleSet::bundled();
    let kinds = rules.kinds();
    let states: usize = kinds.iter().map(|kind| kind.states.len()).sum();
    println!("rules read once: {:.1} ms, {} kinds, {states} states", millis(start), kinds.len());
    for (name, object) in objects() {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(rules.judge(black_box(&object)));
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS);
        println!("{micros:6.2} us  {name}: {}", rules.judge(&object).rule);
    }
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn objects() -> Vec<(&'static str, Value)> {
    let object = |version: &str, kind: &str, spec: Value, status: Value| {
        let fields: Vec<Value> =
            (0..40).map(|at| json!({"manager": "m", "fieldsV1": {"f:spec": at}})).collect();
        let metadata = json!({"name": "web", "namespace": "shop", "generation": 2, "managedFields": fields});
        json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, "status": status})
    };
    let replicas = |ready: u32| {
        json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": ready, "availableReplicas": ready,
            "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]})
    };
    let ready = json!({"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}]});
    let collector = json!({"version": "0.130.0", "scale": {"statusReplicas": "1/2"}});
    vec![
        ("Deployment, complete", object("apps/v1", "Deployment", json!({"replicas": 3}), replicas(3))),
        ("Deployment, not ready", object("apps/v1", "Deployment", json!({"replicas": 3}), replicas(1))),
        ("ConfigMap", object("v1", "ConfigMap", Value::Null, Value::Null)),
        ("Certificate", object("cert-manager.io/v1", "Certificate", json!({}), ready.clone())),
        ("a kind without a rule", object("example.org/v1", "Widget", json!({}), ready)),
        (
            "a kind with CEL",
            object("opentelemetry.io/v1beta1", "OpenTelemetryCollector", json!({}), collector),
        ),
    ]
}
