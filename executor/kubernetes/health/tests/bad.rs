//! One file of wrong rules per code: `bad/<code>.yaml`. The snapshots show everything that is said of it.

#![allow(clippy::unwrap_used, reason = "a failed expectation ends a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use naksha_environments::codes::Code;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::source::TreePath;
use naksha_kubernetes_health::RuleSet;
use serde_json::json;

fn show(diagnostic: &Diagnostic) -> String {
    let Diagnostic { place, code, severity, message, hint, notes, unit: _ } = diagnostic;
    let mut text = format!("{severity}[{code}]: {message}\n");
    show_place(&mut text, place.as_ref());
    for note in notes {
        writeln!(text, "  note: {}", note.message).unwrap();
        show_place(&mut text, note.place.as_ref());
    }
    if let Some(hint) = hint {
        writeln!(text, "  hint: {hint}").unwrap();
    }
    text
}

fn show_place(text: &mut String, place: Option<&Place>) {
    let Some(place) = place else { return };
    writeln!(text, "  --> {place}").unwrap();
    if let Some(line) = &place.line
        && let Some(source) = &line.text
    {
        let mark = format!("{}{}", " ".repeat(line.column - 1), "^".repeat(line.width));
        writeln!(text, "      {source}\n      {mark}").unwrap();
    }
}

#[test]
fn every_code_has_a_file_that_raises_it() {
    for code in Code::all().filter(|code| code.id().starts_with("NK10")) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/bad/{code}.yaml"));
        let text = fs::read_to_string(file).unwrap();
        let (_, found) = RuleSet::parse(&text, &TreePath::parse("health.yaml").unwrap());
        let shown = found.iter().map(show).collect::<Vec<_>>().join("\n");
        assert!(found.iter().any(|one| one.code == code), "{code} is not raised:\n{shown}");
        insta::assert_snapshot!(code.id(), shown);
    }
}

#[test]
fn a_rule_with_a_mistake_is_left_out_as_a_whole() {
    let text = "group: example.org\nkinds:\n  Widget:\n    states:\n      - {name: a, health: Degrade, condition: {type: Bad}}\n    otherwise: Healthy\n  Gadget: {otherwise: Healthy}\n";
    let (own, found) = RuleSet::parse(text, &TreePath::parse("health.yaml").unwrap());
    assert_eq!(found.len(), 1, "{found:?}");
    let kinds: Vec<_> = own.kinds().into_iter().map(|kind| kind.kind).collect();
    assert_eq!(kinds, ["Gadget"]);
}

#[test]
fn own_rules_win_and_the_others_stay() {
    let text = "group: apps\nkinds:\n  Deployment: {otherwise: Healthy}\n";
    let (own, found) = RuleSet::parse(text, &TreePath::parse("health.yaml").unwrap());
    assert_eq!(found, []);
    let rules = RuleSet::bundled().with(&own);
    let judged = |kind: &str| {
        rules.judge(&json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"generation": 1}}))
    };
    assert_eq!(judged("Deployment").rule, "apps/Deployment: otherwise");
    assert_eq!(judged("StatefulSet").rule, "apps/StatefulSet: not observed yet");
}

#[test]
fn expressions_decide_where_shorthands_do_not() {
    let text = r#"group: example.org
kinds:
  Widget:
    suspended: "has(object.spec.paused) && object.spec.paused"
    states:
      - {name: crowded, health: Degraded, when: "object.status.parts.filter(p, p.broken).size() > 1", message: "${{ object.status.parts.filter(p, p.broken).size() }} parts are broken"}
      - {name: fine, health: Healthy, when: "object.status.parts.size() > 0"}
"#;
    let (own, found) = RuleSet::parse(text, &TreePath::parse("health.yaml").unwrap());
    assert_eq!(found, []);
    let judged = |spec: serde_json::Value, status: serde_json::Value| {
        let object =
            json!({"apiVersion": "example.org/v1", "kind": "Widget", "spec": spec, "status": status});
        let judged = own.judge(&object);
        format!("{}: {}", judged.health.word(), judged.health.message().unwrap_or("-"))
    };
    assert_eq!(judged(json!({"paused": true}), json!({})), "Suspended: -");
    assert_eq!(judged(json!({}), json!({"parts": [{"broken": false}]})), "Healthy: -");
    assert_eq!(
        judged(json!({}), json!({"parts": [{"broken": true}, {"broken": true}]})),
        "Degraded: 2 parts are broken"
    );
    assert_eq!(judged(json!({}), json!({"parts": 3})), "Unknown: its status is none that we know");
    assert_eq!(judged(json!({}), json!({})), "Progressing: no status yet");
}
