//! Policies tried on one object, and the cases beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::ids::RuleName;
use naksha_environments::policy::{Policy, PolicyMatch};
use serde_json::json;

use crate::cases::{CaseOutcome, Expect, Outcome, evaluate_policy, parse_cases, policy_file_of, run_cases};
use crate::testing::{path, policy};

fn node_port() -> Policy {
    let matches = PolicyMatch::Objects { kinds: vec!["Service".to_owned()] };
    policy("no-node-port", matches, "!has(object.spec.type) || object.spec.type != 'NodePort'")
}

#[test]
fn one_object() {
    let judge = |object| evaluate_policy(&node_port(), &object, None, None);
    let service =
        |spec| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec});
    assert_eq!(judge(service(json!({}))), Outcome::Pass);
    assert_eq!(judge(service(json!({"type": "NodePort"}))).to_string(), "fail: breaks no-node-port");
    assert_eq!(judge(json!({"apiVersion": "v1", "kind": "Pod"})), Outcome::NotMatched);
    assert_eq!(judge(json!({"kind": "Service"})).to_string(), "could not judge: there is no `spec`");

    let matches = PolicyMatch::Objects { kinds: Vec::new() };
    let shrinks = policy("no-shrink", matches, "oldObject == null || object.size >= oldObject.size");
    let judge = |old: Option<&serde_json::Value>| evaluate_policy(&shrinks, &json!({"size": 1}), old, None);
    assert_eq!(judge(None), Outcome::Pass);
    assert!(matches!(judge(Some(&json!({"size": 2}))), Outcome::Fail { .. }));
}

const CASES: &str = "
cases:
  - name: closed
    expect: pass
    object: {apiVersion: v1, kind: Service, spec: {type: ClusterIP}}
  - name: open
    expect: pass
    object: {apiVersion: v1, kind: Service, spec: {type: NodePort}}
  - name: for one of them
    policy: no-node-port
    expect: fail
    object: {apiVersion: v1, kind: Service, spec: {type: NodePort}}
  - name: for another
    policy: no-host-port
    expect: fail
    object: {apiVersion: v1, kind: Service}
";

#[test]
fn cases_beside_a_policy() {
    let file = path("policies/no-node-port.test.yaml");
    assert_eq!(policy_file_of(&file), Some(path("policies/no-node-port.yaml")));
    assert_eq!(policy_file_of(&path("policies/no-node-port.yaml")), None);
    let (cases, diagnostics) = parse_cases(&file, CASES);
    assert_eq!((cases.len(), diagnostics.len()), (4, 0));
    let policies: BTreeMap<RuleName, Arc<Policy>> =
        [node_port()].into_iter().map(|policy| (policy.name.clone(), Arc::new(policy))).collect();
    let (results, diagnostics) = run_cases(&file, &cases, &policies);
    let failed: Vec<_> = results.iter().filter(|one| one.outcome != CaseOutcome::AsExpected).collect();
    assert_eq!(results.len(), 3);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].case, "open");
    assert_eq!(failed[0].place.to_string(), "policies/no-node-port.test.yaml:6:5");
    let got = Outcome::Fail { message: "breaks no-node-port".to_owned(), fix: None };
    assert_eq!(failed[0].outcome, CaseOutcome::Unexpected { expected: Expect::Pass, got });
    let messages: Vec<_> = diagnostics.iter().map(|one| (one.code.id(), one.message.as_str())).collect();
    assert_eq!(
        messages,
        [("NK0505", "case `for another` is for policy `no-host-port`, which is not beside it")]
    );

    let (_, diagnostics) = run_cases(&path("policies/other.test.yaml"), &cases, &policies);
    assert_eq!(diagnostics[0].code.id(), "NK0505");
}

#[test]
fn broken_cases_are_all_named() {
    let text = "cases:\n  - expect: pass\n    object: {}\n  - {name: a, object: {}, expect: maybe}\n  - {name: b, expect: pass}\n  - {name: c, objct: {}}\n  - 7\n---\ncase: []\n";
    let (cases, diagnostics) = parse_cases(&path("policies/x.test.yaml"), text);
    assert!(cases.is_empty());
    let shown: Vec<_> = diagnostics
        .iter()
        .map(|one| format!("{} {} {}", one.code.id(), one.place.as_ref().unwrap(), one.message))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}
