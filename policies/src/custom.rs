//! The repository's own policies: one CEL rule each, evaluated for every object, workflow or plan that it matches.
//!
//! A rule that cannot be evaluated blocks as if it had found something, and says why. What all evaluations of one
//! rule may cost together is bounded; the bound counts steps, not time, and counts cached answers too, so that it
//! strikes at the same object everywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::digest::{Digest, Hasher};
use naksha_environments::expression::{Bindings, EvaluationError};
use naksha_environments::ids::{RuleName, UnitName, WorkflowName};
use naksha_environments::inventory::{Inventory, RegisteredWorkflow};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{Action, Cause, FieldPath, Plan, Subject, Verb};
use naksha_environments::policy::{Policy, PolicyMatch};
use naksha_environments::workflow::WorkflowGraph;
use serde_json::{Value, json};

use crate::cache::FindingCache;
use crate::estate::{Estate, Item};
use crate::found::{Found, Located};
use crate::policy_set::PolicySet;

/// Steps that one rule may take over all that it judges in one check: about four seconds at most.
const RULE_BUDGET: u64 = 20_000_000;

/// What one rule said of one thing.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    rule: RuleName,
    steps: u64,
    problem: Option<Problem>,
}

#[derive(Debug, Clone)]
enum Problem {
    Failed,
    Unjudged(String),
}

/// What the rules have cost, and what they were stopped for.
#[derive(Debug, Default)]
struct Costs {
    spent: BTreeMap<RuleName, u64>,
    skipped: BTreeMap<RuleName, usize>,
}

impl Costs {
    fn may_judge(&mut self, policy: &Policy) -> bool {
        if self.spent.get(&policy.name).is_none_or(|spent| *spent < RULE_BUDGET) {
            return true;
        }
        *self.skipped.entry(policy.name.clone()).or_default() += 1;
        false
    }

    fn add(&mut self, judged: &Judged) {
        // A rule that needs more than one evaluation may cost is a bomb: it gets no second one.
        let bomb = matches!(&judged.problem, Some(Problem::Unjudged(_)))
            && judged.steps > naksha_environments::expression::BUDGET;
        let spent = self.spent.entry(judged.rule.clone()).or_default();
        *spent = if bomb { RULE_BUDGET } else { spent.saturating_add(judged.steps) };
    }

    fn findings(self) -> impl Iterator<Item = Located> {
        self.skipped.into_iter().map(|(rule, count)| {
            let found = Found {
                rule,
                field: FieldPath::default(),
                message: format!("it costs too much to judge everything with it: {count} left unjudged"),
                fix: Some("let it match fewer kinds, or loop over less".to_owned()),
                unjudged: true,
                secret: false,
                at_most_warning: false,
            };
            Located { unit: None, subject: None, place: None, found }
        })
    }
}

/// How an object got here, for rules that ask.
#[derive(Debug)]
pub(crate) struct History<'a> {
    inventory: &'a Inventory,
    actions: BTreeMap<&'a ObjectKey, &'a Action>,
}

impl<'a> History<'a> {
    pub(crate) fn new(inventory: &'a Inventory, plan: Option<&'a Plan>) -> Self {
        let actions = plan.into_iter().flat_map(|plan| &plan.actions).filter_map(|action| {
            let Subject::Object(key) = &action.subject else { return None };
            Some((key, action))
        });
        Self { inventory, actions: actions.collect() }
    }

    fn action(&self, key: &ObjectKey) -> &'static str {
        self.actions.get(key).map_or("none", |action| action.verb.as_str())
    }
}

/// Judges every object. In order, not in parallel: where a budget ends must not depend on luck.
pub(crate) fn objects(
    policies: &PolicySet,
    estate: &Estate<'_>,
    history: &History<'_>,
    cache: &FindingCache,
) -> Vec<Located> {
    let mut costs = Costs::default();
    let mut found = Vec::new();
    let rules: Vec<(&Arc<Policy>, &[String])> = policies
        .custom
        .iter()
        .filter(|policy| policies.severity(&policy.name).is_some())
        .filter_map(|policy| match &policy.matches {
            PolicyMatch::Objects { kinds } => Some((policy, kinds.as_slice())),
            PolicyMatch::Workflows | PolicyMatch::Plan => None,
        })
        .collect();
    for item in &estate.items {
        let matching: Vec<&Arc<Policy>> =
            rules.iter().filter(|(_, kinds)| matches(kinds, item.key)).map(|(policy, _)| *policy).collect();
        if matching.is_empty() {
            continue;
        }
        let allowed: Vec<&Arc<Policy>> =
            matching.iter().filter(|policy| costs.may_judge(policy)).copied().collect();
        let judged = judge_object(policies, &allowed, item, history, cache);
        for one in judged.iter() {
            costs.add(one);
            if let Some(problem) = &one.problem {
                let policy = allowed.iter().find(|policy| policy.name == one.rule);
                found.extend(policy.map(|policy| Located {
                    unit: Some(item.unit.clone()),
                    subject: Some(Subject::Object(item.key.clone())),
                    place: None,
                    found: finding(policy, problem),
                }));
            }
        }
    }
    found.extend(costs.findings());
    found
}

fn judge_object(
    policies: &PolicySet,
    rules: &[&Arc<Policy>],
    item: &Item<'_>,
    history: &History<'_>,
    cache: &FindingCache,
) -> Arc<Vec<Judged>> {
    let old = history.inventory.objects.get(item.key);
    let contextual = rules.iter().any(|policy| reads(policy, &["oldObject", "action"]));
    let mut key = Hasher::new("naksha/judged/1")
        .part(policies.digest().as_bytes())
        .part(item.digest.as_bytes())
        .part(item.key.to_string())
        .part(item.unit.as_str());
    for policy in rules {
        key.add(policy.name.as_str());
    }
    if contextual {
        key.add(old.map_or([0; 32], |old| *old.applied.digest().as_bytes()));
        key.add(history.action(item.key));
    }
    let key: Digest = key.finish();
    if let Some(known) = cache.judged(key) {
        return known;
    }
    let mut bindings = object_bindings(policies.bindings(), item.body.value(), item.unit.as_str());
    bindings.set(
        "oldObject",
        if contextual { old.map_or(Value::Null, |old| old.applied.value()) } else { Value::Null },
    );
    bindings.set("action", json!(history.action(item.key)));
    let judged: Arc<Vec<Judged>> = Arc::new(rules.iter().map(|policy| judge(policy, &bindings)).collect());
    cache.keep_judged(key, Arc::clone(&judged));
    judged
}

fn object_bindings(base: Bindings, object: Value, unit: &str) -> Bindings {
    base.with("object", object).with("unit", json!({"name": unit}))
}

fn reads(policy: &Policy, names: &[&str]) -> bool {
    policy.rule.uses().iter().any(|read| names.contains(&read.path[0].as_str()))
}

/// `Deployment`, `apps/Deployment`; no kinds: all.
pub(crate) fn matches(kinds: &[String], key: &ObjectKey) -> bool {
    kinds.is_empty() || kinds.iter().any(|kind| *kind == *key.kind || *kind == key.group_kind())
}

fn judge(policy: &Policy, bindings: &Bindings) -> Judged {
    let (answer, steps) = policy.rule.evaluate_counted(bindings);
    Judged { rule: policy.name.clone(), steps, problem: problem(answer) }
}

fn problem(answer: Result<Value, EvaluationError>) -> Option<Problem> {
    match answer {
        Ok(Value::Bool(true)) => None,
        Ok(Value::Bool(false)) => Some(Problem::Failed),
        Ok(_) => Some(Problem::Unjudged("the rule gives neither true nor false".to_owned())),
        Err(error) => Some(Problem::Unjudged(error.to_string())),
    }
}

fn finding(policy: &Policy, problem: &Problem) -> Found {
    let (message, fix, unjudged) = match problem {
        Problem::Failed => (policy.message.clone(), policy.fix.clone(), false),
        Problem::Unjudged(reason) => {
            let fix = format!("correct the rule of policy `{}`", policy.name);
            (format!("could not judge: {reason}"), Some(fix), true)
        }
    };
    Found {
        rule: policy.name.clone(),
        field: FieldPath::default(),
        message,
        fix,
        unjudged,
        secret: false,
        at_most_warning: false,
    }
}

/// Judges every workflow.
pub(crate) fn workflows(
    policies: &PolicySet,
    graphs: &BTreeMap<WorkflowName, Arc<WorkflowGraph>>,
    inventory: &Inventory,
) -> Vec<Located> {
    let mut costs = Costs::default();
    let mut found = Vec::new();
    let matching = active(policies, |matches| matches!(matches, PolicyMatch::Workflows));
    for (name, graph) in graphs.iter().filter(|_| !matching.is_empty()) {
        let old = inventory.workflows.get(name).map(|RegisteredWorkflow { graph, .. }| parsed(graph));
        let bindings = policies
            .bindings()
            .with("workflow", parsed(graph.to_json()))
            .with("oldWorkflow", old.unwrap_or_default());
        for policy in &matching {
            if !costs.may_judge(policy) {
                continue;
            }
            let judged = judge(policy, &bindings);
            costs.add(&judged);
            found.extend(judged.problem.map(|problem| Located {
                unit: None,
                subject: Some(Subject::Workflow(name.clone())),
                place: Some(graph.place.clone()),
                found: finding(policy, &problem),
            }));
        }
    }
    found.extend(costs.findings());
    found
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

fn active(policies: &PolicySet, wanted: fn(&PolicyMatch) -> bool) -> Vec<&Arc<Policy>> {
    let active = |policy: &&Arc<Policy>| wanted(&policy.matches) && policies.severity(&policy.name).is_some();
    policies.custom.iter().filter(active).collect()
}

/// Judges the plan as a whole.
pub(crate) fn plan(policies: &PolicySet, plan: &Plan) -> Vec<Located> {
    let matching = active(policies, |matches| matches!(matches, PolicyMatch::Plan));
    if matching.is_empty() {
        return Vec::new();
    }
    let bindings = policies.bindings().with("plan", plan_value(plan));
    let judged = matching.into_iter().filter_map(|policy| {
        let problem = judge(policy, &bindings).problem?;
        Some(Located { unit: None, subject: None, place: None, found: finding(policy, &problem) })
    });
    judged.collect()
}

/// The plan as rules see it: no values, so nothing that may not be shown.
fn plan_value(plan: &Plan) -> Value {
    let actions: Vec<Value> = plan.actions.iter().map(action_value).collect();
    let count = |verb: fn(&Verb) -> bool| plan.count(verb);
    json!({
        "actions": actions,
        "creates": count(|verb| *verb == Verb::Create),
        "updates": count(|verb| *verb == Verb::Update),
        "replaces": count(|verb| *verb == Verb::Replace),
        "deletes": count(|verb| *verb == Verb::Delete),
        "unchanged": plan.unchanged,
    })
}

fn action_value(action: &Action) -> Value {
    let mut value = match &action.subject {
        Subject::Object(key) => json!({
            "group": &*key.group,
            "kind": &*key.kind,
            "namespace": key.namespace.as_deref(),
            "name": &*key.name,
        }),
        Subject::Workflow(name) => {
            json!({"group": "naksha.dev", "kind": "Workflow", "namespace": null, "name": name.as_str()})
        }
    };
    value["verb"] = json!(action.verb.as_str());
    value["unit"] = json!(action.unit.as_ref().map(UnitName::as_str));
    value["cause"] = json!(match action.cause {
        Cause::Change => "change",
        Cause::Drift => "drift",
        Cause::Rotation => "rotation",
    });
    value["stateful"] = json!(action.stateful);
    value["fields"] = action.changes.iter().map(|change| change.path.to_string()).collect();
    value
}
