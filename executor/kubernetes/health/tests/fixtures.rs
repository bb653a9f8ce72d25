//! Statuses as controllers write them, and what the shipped rules make of each: `fixtures/*.yaml`.
//!
//! A case has `is` and `rule`, what is expected; `conditions`, written `Type=Status[@generation][/Reason][: message]`;
//! `observed: true` for a status about this generation; and whatever else the object has. Cases stand under the kinds that
//! they hold for.

#![allow(clippy::unwrap_used, reason = "a failed expectation ends a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use naksha_environments::object::Health;
use naksha_environments::source::TreePath;
use naksha_environments::yaml::{self, Dialect};
use naksha_kubernetes_health::RuleSet;
use serde_json::{Map, Value, json};

/// The generation of an object whose case does not say another.
const GENERATION: i64 = 2;

struct Case {
    /// File and kind, for messages.
    at: String,
    object: Value,
    is: String,
    rule: String,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| in_file(file)).collect()
}

fn in_file(file: &Path) -> Vec<Case> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(file).unwrap();
    let (documents, problems) = yaml::parse(&text, &TreePath::parse(name).unwrap(), Dialect::Manifest);
    assert!(problems.is_empty(), "{name}: {problems:#?}");
    let mut found = Vec::new();
    for document in documents {
        let document = document.root.to_json();
        let versions = match &document["apiVersion"] {
            Value::Array(versions) => versions.clone(),
            version => vec![version.clone()],
        };
        for (kinds, cases) in document["cases"].as_object().unwrap() {
            for kind in kinds.split(", ") {
                for version in &versions {
                    let of = |case: &Value| case_of(name, version, kind, case.as_object().unwrap());
                    found.extend(cases.as_array().unwrap().iter().map(of));
                }
            }
        }
    }
    found
}

fn case_of(file: &str, version: &Value, kind: &str, case: &Map<String, Value>) -> Case {
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
    for (key, value) in case {
        match key.as_str() {
            "is" | "rule" | "generation" | "observed" | "conditions" => {}
            "metadata" => {
                object["metadata"].as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
            }
            key => object[key] = value.clone(),
        }
    }
    let generation = case.get("generation").and_then(Value::as_i64).unwrap_or(GENERATION);
    object["metadata"]["generation"] = json!(generation);
    if case.get("observed") == Some(&json!(true)) {
        object["status"]["observedGeneration"] = json!(generation);
    }
    if let Some(conditions) = case.get("conditions") {
        let conditions = conditions.as_array().unwrap().iter().map(|text| condition(text.as_str().unwrap()));
        object["status"]["conditions"] = conditions.collect();
    }
    let text = |key: &str| case[key].as_str().unwrap().to_owned();
    Case {
        at: format!("{file}: {} {kind}", version.as_str().unwrap()),
        object,
        is: text("is"),
        rule: text("rule"),
    }
}

fn condition(text: &str) -> Value {
    let (head, message) = text.split_once(": ").unwrap_or((text, ""));
    let (kind, rest) = head.split_once('=').unwrap();
    let (status, reason) = rest.split_once('/').unwrap_or((rest, ""));
    let (status, observed) = status.split_once('@').unwrap_or((status, ""));
    let mut condition = json!({"type": kind, "status": status, "reason": reason, "message": message});
    if let Ok(observed) = observed.parse::<i64>() {
        condition["observedGeneration"] = json!(observed);
    }
    condition
}

fn said(health: &Health) -> String {
    match health.message() {
        Some(message) => format!("{}: {message}", health.word()),
        None => health.word().to_owned(),
    }
}

fn check(problems: &[String]) {
    let shown = problems.iter().take(40).cloned().collect::<Vec<_>>();
    assert!(problems.is_empty(), "{} problems\n{}\n", problems.len(), shown.join("\n"));
}

#[test]
fn every_case_is_judged_as_it_says() {
    let mut problems = Vec::new();
    for Case { at, object, is, rule } in cases() {
        let judged = RuleSet::bundled().judge(&object);
        let decided = judged.rule.rsplit_once(": ").map_or(judged.rule.as_str(), |(_, decided)| decided);
        if said(&judged.health) != is || decided != rule {
            let said = said(&judged.health);
            problems.push(format!("{at}: `{said}` by `{decided}`, not `{is}` by `{rule}`\n    {object}"));
        }
    }
    check(&problems);
}

#[test]
fn every_state_of_every_rule_has_a_case() {
    let decided: BTreeSet<String> =
        cases().iter().map(|case| RuleSet::bundled().judge(&case.object).rule).collect();
    let mut problems = Vec::new();
    for kind in RuleSet::bundled().kinds() {
        let label =
            if kind.group.is_empty() { kind.kind.clone() } else { format!("{}/{}", kind.group, kind.kind) };
        for (state, word) in kind.states {
            if !decided.contains(&format!("{label}: {state}")) {
                problems.push(format!("{label}: no case for `{state}` ({word})"));
            }
        }
    }
    check(&problems);
}

/// But for kinds whose existence is their health.
#[test]
fn a_status_about_an_older_generation_is_never_healthy() {
    let mut problems = Vec::new();
    for Case { at, mut object, .. } in cases() {
        let before = RuleSet::bundled().judge(&object);
        if before.rule.ends_with(": exists") || object.get("status").is_none() {
            continue;
        }
        object["metadata"]["generation"] = json!(7);
        object["status"]["observedGeneration"] = json!(6);
        let judged = RuleSet::bundled().judge(&object);
        if judged.health == Health::Healthy {
            problems.push(format!("{at}: {}", judged.rule));
        }
    }
    check(&problems);
}
