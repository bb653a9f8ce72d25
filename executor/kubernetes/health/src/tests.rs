//! The shipped rules as a whole: complete for Kubernetes itself, and never generous.

use naksha_environments::kubernetes;
use naksha_environments::object::Health;
use naksha_environments::source::TreePath;
use serde_json::{Value, json};

use crate::RuleSet;
use crate::bundled::FILES;
use crate::judge;
use crate::read;
use crate::rule::{Form, Judging, KindRule, Pattern, Word};

fn layer() -> Vec<KindRule> {
    let files = FILES.iter().map(|(name, text)| (TreePath::parse(name).unwrap(), *text));
    let (layer, found) = read::read(files);
    assert!(found.is_empty(), "{found:#?}");
    layer
        .groups
        .into_values()
        .chain(layer.endings.into_values())
        .flat_map(std::collections::HashMap::into_values)
        .collect()
}

fn judging(rule: &KindRule) -> Option<&Judging> {
    match &rule.form {
        Form::Judged(judging) => Some(judging),
        Form::Data | Form::Conventions | Form::Broken(_) => None,
    }
}

#[test]
fn every_kind_of_kubernetes_has_a_rule() {
    let missing: Vec<_> = kubernetes::kinds()
        .filter(|(group, kind)| RuleSet::bundled().find(group, kind).is_none())
        .map(|(group, kind)| format!("{group}/{kind}"))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn rules_of_kubernetes_name_kinds_that_there_are() {
    for known in RuleSet::bundled().kinds() {
        if kubernetes::is_built_in(&known.group) {
            let there = kubernetes::scope(&known.group, &known.kind).is_some();
            assert!(there, "{}/{}", known.group, known.kind);
        }
    }
}

#[test]
fn plain_data_need_not_be_read_with_its_status() {
    let rules = RuleSet::bundled();
    assert!(!rules.has_status_rules("", "ConfigMap"));
    assert!(!rules.has_status_rules("rbac.authorization.k8s.io", "Role"));
    assert!(rules.has_status_rules("apps", "Deployment"));
    assert!(rules.has_status_rules("s3.services.k8s.aws", "Bucket"));
    assert!(rules.has_status_rules("example.org", "Widget"), "nobody knows it, so it is read");
}

fn set(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for key in path.split('.') {
        at = &mut at[key];
    }
    *at = value;
}

#[test]
fn a_word_of_a_phase_is_never_better_than_its_rule_says() {
    for rule in layer() {
        let Some(phase) = judging(&rule).and_then(|judging| judging.phase.as_ref()) else { continue };
        for (pattern, word) in &phase.words {
            let Pattern::Exactly(text) = pattern else { continue };
            let mut object = json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1}});
            set(&mut object, &phase.at.to_string(), json!(text));
            let judged = judge::by_rule(&rule, &object);
            let generous = *word != Word::Healthy && judged.health == Health::Healthy;
            assert!(!generous, "{} {text}: {judged:?}", rule.label);
            set(&mut object, &phase.at.to_string(), json!("Zorp"));
            let judged = judge::by_rule(&rule, &object);
            assert!(judged.health != Health::Healthy, "{} Zorp: {judged:?}", rule.label);
        }
    }
}

#[test]
fn a_condition_is_ready_only_when_it_is_true_and_current() {
    for rule in layer() {
        let Some(ready) = judging(&rule).and_then(|judging| judging.ready.as_ref()) else { continue };
        for odd in &ready.conditions {
            for (status, observed) in [("False", 2), ("Unknown", 2), ("Perhaps", 2), ("True", 1)] {
                let condition = |kind: &String| {
                    let (status, observed) = if kind == odd { (status, observed) } else { ("True", 2) };
                    json!({"type": kind, "status": status, "observedGeneration": observed, "reason": "Zorp"})
                };
                let conditions: Vec<Value> = ready.conditions.iter().map(condition).collect();
                let status_of = json!({"observedGeneration": 2, "conditions": conditions});
                let object = json!({"metadata": {"generation": 2}, "status": status_of});
                let judged = judge::by_rule(&rule, &object);
                assert!(
                    judged.health != Health::Healthy,
                    "{} {odd}={status}@{observed}: {judged:?}",
                    rule.label
                );
            }
        }
    }
}

/// The table of docs/health.md: groups, and their kinds.
fn table() -> String {
    let mut table = String::from("| group | kinds |\n|---|---|\n");
    let mut groups: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    let mut kinds = RuleSet::bundled().kinds();
    // What stands for all others comes last.
    kinds.sort_by_key(|known| known.kind == "*");
    for known in kinds {
        let kind = if known.kind == "*" { "every other kind".to_owned() } else { known.kind };
        let group = if known.group.is_empty() { "core".to_owned() } else { known.group };
        groups.entry(group).or_default().push(if known.data { format!("*{kind}*") } else { kind });
    }
    for (group, kinds) in groups {
        table.push_str(&format!("| {} | {} |\n", group.replace('*', "\\*"), kinds.join(", ")));
    }
    table
}

#[test]
fn the_documentation_has_the_table() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/health.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, _) = text.split_once("| group | kinds |").unwrap();
    let wanted = format!("{before}{}", table());
    if std::env::var_os("NAKSHA_REGENERATE").is_some() {
        std::fs::write(&page, &wanted).unwrap();
    }
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text == wanted, "docs/health.md is not current: run with NAKSHA_REGENERATE=1 and read the diff");
}
