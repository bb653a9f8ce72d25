//! Trying policies: one object against one policy, and the cases that are kept beside it.
//!
//! `policies/no-node-port.test.yaml` belongs to the policies of `policies/no-node-port.yaml`. Each case names an
//! object (and the one before it, for rules that read `oldObject`) and what every policy of that file should say.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use naksha_environments::codes::policy as codes;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::expression::Bindings;
use naksha_environments::ids::RuleName;
use naksha_environments::object::ObjectKey;
use naksha_environments::policy::{Policy, PolicyMatch};
use naksha_environments::source::TreePath;
use naksha_environments::yaml::{self, Dialect, Lines, Node};
use serde_json::{Value, json};

use crate::custom::matches;

/// What test files end with.
const SUFFIX: &str = ".test.yaml";

/// One case of a test file.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub name: String,
    pub place: Place,
    /// The policy it is for; absent: every policy of the file beside it.
    pub policy: Option<String>,
    pub object: Value,
    pub old: Option<Value>,
    /// What the policy sees as `environment`; absent: a plain environment called `test`.
    pub environment: Option<Value>,
    pub expect: Expect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Pass,
    Fail,
}

/// What a policy says of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Fail {
        message: String,
        fix: Option<String>,
    },
    /// It could not be evaluated; in earnest this blocks.
    Unjudged {
        reason: String,
    },
    /// The policy is about other kinds, workflows or plans.
    NotMatched,
}

/// One case and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseResult {
    pub policy: RuleName,
    pub case: String,
    pub place: Place,
    pub outcome: CaseOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseOutcome {
    AsExpected,
    Unexpected { expected: Expect, got: Outcome },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Fail { message, .. } => write!(f, "fail: {message}"),
            Self::Unjudged { reason } => write!(f, "could not judge: {reason}"),
            Self::NotMatched => f.write_str("the policy does not match this object"),
        }
    }
}

/// What one policy says of one object. `environment` is what it sees under that name.
pub fn evaluate_policy(
    policy: &Policy,
    object: &Value,
    old: Option<&Value>,
    environment: Option<&Value>,
) -> Outcome {
    let PolicyMatch::Objects { kinds } = &policy.matches else { return Outcome::NotMatched };
    if !matches(kinds, &key_of(object)) {
        return Outcome::NotMatched;
    }
    let plain = || json!({"name": "test", "production": false, "sealed": false, "variables": {}});
    let bindings = Bindings::new()
        .with("object", object.clone())
        .with("oldObject", old.cloned().unwrap_or_default())
        .with("environment", environment.cloned().unwrap_or_else(plain))
        .with("unit", json!({"name": "test"}))
        .with("action", json!(if old.is_some() { "update" } else { "create" }));
    match policy.rule.evaluate(&bindings) {
        Ok(Value::Bool(true)) => Outcome::Pass,
        Ok(Value::Bool(false)) => Outcome::Fail { message: policy.message.clone(), fix: policy.fix.clone() },
        Ok(_) => Outcome::Unjudged { reason: "the rule gives neither true nor false".to_owned() },
        Err(error) => Outcome::Unjudged { reason: error.to_string() },
    }
}

fn key_of(object: &Value) -> ObjectKey {
    let word = |path: &[&str]| {
        path.iter().try_fold(object, |value, key| value.get(*key)).and_then(Value::as_str).unwrap_or_default()
    };
    let group = word(&["apiVersion"]).rsplit_once('/').map_or("", |(group, _)| group);
    ObjectKey::new(group, word(&["kind"]), None, word(&["metadata", "name"]))
}

/// Whether a file holds cases, and the file of the policies that they are for.
pub fn policy_file_of(path: &TreePath) -> Option<TreePath> {
    let stem = path.as_str().strip_suffix(SUFFIX)?;
    TreePath::parse(&format!("{stem}.yaml")).ok()
}

/// Reads a test file: `cases: [{name, object, old, environment, policy, expect}]`.
pub fn parse_cases(path: &TreePath, text: &str) -> (Vec<Case>, Vec<Diagnostic>) {
    let lines = Lines::new(path, text);
    let parsed = yaml::parse_lines(&lines, Dialect::Manifest);
    let mut diagnostics = parsed.diagnostics;
    let mut cases = Vec::new();
    for document in &parsed.documents {
        let Some(list) = document.root.get("cases").and_then(Node::as_sequence) else {
            let message = "a policy test file needs a list `cases`";
            diagnostics.push(*bad(message, &lines, &document.root));
            continue;
        };
        for node in list {
            match case(node, &lines) {
                Ok(case) => cases.push(case),
                Err(diagnostic) => diagnostics.push(*diagnostic),
            }
        }
    }
    (cases, diagnostics)
}

const KEYS: &[&str] = &["name", "object", "old", "environment", "policy", "expect"];

fn case(node: &Node, lines: &Lines<'_>) -> Result<Case, Box<Diagnostic>> {
    let mapping = node.as_mapping().ok_or_else(|| bad("a case is a map", lines, node))?;
    if let Some(unknown) = mapping.iter().find(|entry| !KEYS.contains(&&*entry.key)) {
        let message = format!("a case has no key `{}`", unknown.key);
        return Err(bad(&message, lines, &unknown.value));
    }
    let text = |key: &str| node.get(key).and_then(|node| node.to_json().as_str().map(str::to_owned));
    let name = text("name").ok_or_else(|| bad("a case needs a `name`", lines, node))?;
    let object = node.get("object").ok_or_else(|| bad("a case needs an `object`", lines, node))?;
    let expect = match text("expect").as_deref() {
        Some("pass") => Expect::Pass,
        Some("fail") => Expect::Fail,
        _ => return Err(bad("a case needs `expect: pass` or `expect: fail`", lines, node)),
    };
    Ok(Case {
        name,
        place: lines.place(node.span),
        policy: text("policy"),
        object: object.to_json(),
        old: node.get("old").map(Node::to_json),
        environment: node.get("environment").map(Node::to_json),
        expect,
    })
}

fn bad(message: &str, lines: &Lines<'_>, node: &Node) -> Box<Diagnostic> {
    let hint = "cases: [{name: …, expect: pass, object: {…}}]";
    Box::new(Diagnostic::new(codes::BAD_CASES, message).at(lines.place(node.span)).hint(hint))
}

/// Runs the cases of one test file against the policies beside it, in order.
pub fn run_cases(
    path: &TreePath,
    cases: &[Case],
    policies: &BTreeMap<RuleName, Arc<Policy>>,
) -> (Vec<CaseResult>, Vec<Diagnostic>) {
    let file = policy_file_of(path);
    let beside: Vec<&Arc<Policy>> =
        policies.values().filter(|policy| Some(&policy.place.path) == file.as_ref()).collect();
    let mut results = Vec::new();
    let mut diagnostics = Vec::new();
    if beside.is_empty() {
        let message = format!("there is no policy beside `{path}`");
        let hint = "the cases of policies/x.test.yaml are for the policies of policies/x.yaml";
        diagnostics
            .push(Diagnostic::new(codes::CASES_WITHOUT_POLICY, message).at(Place::file(path)).hint(hint));
    }
    for case in cases {
        let chosen =
            |policy: &&&Arc<Policy>| case.policy.as_deref().is_none_or(|name| name == policy.name.as_str());
        let mut matched = false;
        for policy in beside.iter().filter(chosen) {
            matched = true;
            results.push(run(policy, case));
        }
        if let Some(name) = case.policy.as_ref().filter(|_| !matched && !beside.is_empty()) {
            let message = format!("case `{}` is for policy `{name}`, which is not beside it", case.name);
            diagnostics.push(Diagnostic::new(codes::CASES_WITHOUT_POLICY, message).at(case.place.clone()));
        }
    }
    (results, diagnostics)
}

fn run(policy: &Policy, case: &Case) -> CaseResult {
    let got = evaluate_policy(policy, &case.object, case.old.as_ref(), case.environment.as_ref());
    let as_expected =
        matches!((case.expect, &got), (Expect::Pass, Outcome::Pass) | (Expect::Fail, Outcome::Fail { .. }));
    let outcome = if as_expected {
        CaseOutcome::AsExpected
    } else {
        CaseOutcome::Unexpected { expected: case.expect, got }
    };
    CaseResult { policy: policy.name.clone(), case: case.name.clone(), place: case.place.clone(), outcome }
}
