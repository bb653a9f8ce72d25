//! One file of wrong rules per code: `bad/<code>.yaml`. The snapshots show everything that is said of it.

#![allow(clippy::unwrap_used, reason = "a failed expectation ends a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use naksha_environments::codes::Code;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::load::Loader;
use naksha_environments::object::Health;
use naksha_environments::source::{SourceTree, TreePath};
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
fn a_kind_whose_rule_has_a_mistake_is_never_healthy() {
    let text = "group: example.org\nkinds:\n  Widget:\n    states:\n      - {name: a, health: Degrade, condition: {type: Bad}}\n    otherwise: Healthy\n  Gadget: {otherwise: Healthy}\n";
    let (own, found) = RuleSet::parse(text, &TreePath::parse("health.yaml").unwrap());
    assert_eq!(found.len(), 1, "{found:?}");
    let rules = RuleSet::bundled().with(&own);
    let judged = |kind: &str| {
        let object = json!({"apiVersion": "example.org/v1", "kind": kind, "metadata": {"name": "x"}});
        rules.judge(&object).health
    };
    assert_eq!(judged("Gadget"), Health::Healthy);
    assert_eq!(
        judged("Widget"),
        Health::Unknown("its health rule cannot be read (health.yaml:3:3)".to_owned())
    );
}

#[test]
fn two_rules_for_a_kind_are_none() {
    let text = "group: apps\nkinds: {Deployment: {otherwise: Healthy}}\n---\ngroup: apps\nkinds: {Deployment: {data: true}}\n";
    let (own, found) = RuleSet::parse(text, &TreePath::parse("health.yaml").unwrap());
    assert_eq!(found.len(), 1, "{found:?}");
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}});
    assert_eq!(RuleSet::bundled().with(&own).judge(&object).health.word(), "Unknown");
}

#[test]
fn a_definition_of_a_repository_is_a_file_of_rules() {
    let rules = "group: example.org\nkinds:\n  Widget: {otherwise: Healthy}\n  Gadget: {otherwise: Helthy}\n";
    let head = "apiVersion: naksha.dev/v1alpha1\nkind: HealthRules\nmetadata: {name: widgets}\nspec:\n";
    let indented: String = rules.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("{head}{indented}");
    let path = TreePath::parse("health/widgets.yaml").unwrap();
    let (own, found) = RuleSet::parse(&text, &path);
    assert_eq!(found.len(), 1, "{found:?}");
    // As the loader reads it.
    let tree = SourceTree::from_texts([(path.as_str(), text.as_str())]).unwrap();
    let loaded = Loader::default().load(&tree);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let (repository, again) = RuleSet::of_repository(&loaded.definitions.health_rules);
    assert_eq!(again, found);
    assert_eq!(found[0].place.as_ref().unwrap().to_string(), "health/widgets.yaml:8:25");
    assert_eq!(repository.kinds(), own.kinds());
}

#[test]
fn a_broken_rule_is_what_it_was_while_it_was_good() {
    let path = TreePath::parse("health.yaml").unwrap();
    let good = "group: [example.org, '*.example.net']\nkinds: {Widget: {otherwise: Healthy}, Gadget: {otherwise: Healthy}}\n";
    let broken = good.replace("Widget: {otherwise: Healthy}", "Widget: {otherwise: Helthy}");
    let (good, broken) = (RuleSet::parse(good, &path).0, RuleSet::parse(&broken, &path).0);
    let judged = |rules: &RuleSet, group: &str| {
        let version = format!("{group}/v1");
        rules.judge(&json!({"apiVersion": version, "kind": "Widget", "metadata": {"name": "x"}})).health
    };
    for group in ["example.org", "a.example.net"] {
        assert_eq!(judged(&broken, group).word(), "Unknown");
        let mended = broken.mended_by(&good);
        assert_eq!(judged(&mended, group), Health::Healthy);
        assert_eq!(judged(&broken.mended_by(&mended), group), Health::Healthy, "and stays so");
        assert_eq!(judged(&broken.mended_by(&broken), group).word(), "Unknown");
    }
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
