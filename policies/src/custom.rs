//! The repository's own policies: one CEL rule each, evaluated for every object, workflow or plan that it matches.
//!
//! A rule that cannot be evaluated blocks as if it had found something, and says why. What all evaluations of one
//! rule may cost together is bounded; the bound counts steps, not time, and counts cached answers too, so that it
//! strikes at the same object everywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::digest::Hasher;
use naksha_environments::expression::{Bindings, EvaluationError};
use naksha_environments::ids::{RuleName, UnitName, WorkflowName};
use naksha_environments::inventory::{Inventory, RegisteredWorkflow};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{Action, Cause, FieldPath, Plan, Subject, Verb};
use naksha_environments::policy::{Policy, PolicyMatch};
use naksha_environments::workflow::WorkflowGraph;
use serde_json::{Value, json};

use crate::cache::FindingCache;
use crate::estate::{Estate, Item, UnitObjects};
use crate::found::{Found, Located};
use crate::policy_set::PolicySet;

/// Steps that one rule may take over all that it judges in one check: about four seconds at most.
const RULE_BUDGET: u64 = 20_000_000;

/// What rules said of some objects, and what that cost.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    problems: Vec<(usize, RuleName, Problem)>,
    costs: Costs,
}

impl Judged {
    /// What was found, with the index of the object.
    pub(crate) fn found(&self, policies: &PolicySet) -> impl Iterator<Item = (usize, Found)> {
        self.problems.iter().filter_map(|(index, rule, problem)| {
            let policy = policies.custom.iter().find(|policy| policy.name == *rule)?;
            Some((*index, finding(policy, problem)))
        })
    }
}

#[derive(Debug, Clone)]
enum Problem {
    Failed,
    Unjudged(String),
}

/// What the rules have cost, and what they were stopped for.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    spent: BTreeMap<RuleName, u64>,
    skipped: BTreeMap<RuleName, usize>,
}

impl Costs {
    fn allow(&self, rule: &RuleName) -> bool {
        self.spent.get(rule).is_none_or(|spent| *spent < RULE_BUDGET)
    }

    fn skip(&mut self, rule: &RuleName, count: usize) {
        *self.skipped.entry(rule.clone()).or_default() += count;
    }

    /// A rule that needs more than one evaluation may cost is a bomb: it gets no second one.
    fn spend(&mut self, rule: &RuleName, steps: u64, problem: Option<&Problem>) {
        let bomb =
            matches!(problem, Some(Problem::Unjudged(_))) && steps > naksha_environments::expression::BUDGET;
        let spent = self.spent.entry(rule.clone()).or_default();
        *spent = if bomb { RULE_BUDGET } else { spent.saturating_add(steps) };
    }

    fn add(&mut self, other: &Self) {
        for (rule, steps) in &other.spent {
            self.spend(rule, *steps, None);
        }
        for (rule, count) in &other.skipped {
            self.skip(rule, *count);
        }
    }

    pub(crate) fn findings(self) -> impl Iterator<Item = Located> {
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

/// Rules about objects, by what they look at.
#[derive(Debug)]
pub(crate) struct ObjectRules<'a> {
    policies: &'a PolicySet,
    /// Those that look at one object alone.
    plain: Vec<&'a Policy>,
    /// Those that also ask what was there, or what is done.
    contextual: Vec<&'a Policy>,
}

impl<'a> ObjectRules<'a> {
    pub(crate) fn of(policies: &'a PolicySet) -> Self {
        let active = active(policies, |matches| matches!(matches, PolicyMatch::Objects { .. }));
        let (contextual, plain) =
            active.into_iter().partition(|policy| reads(policy, &["oldObject", "action"]));
        Self { policies, plain, contextual }
    }

    /// Judges a unit by the plain rules. Units are judged in order, not in parallel: where a budget ends must not
    /// depend on luck.
    pub(crate) fn unit(
        &self,
        unit: &UnitObjects<'_>,
        costs: &mut Costs,
        cache: &FindingCache,
    ) -> Option<Arc<Judged>> {
        if self.plain.is_empty() {
            return None;
        }
        let (allowed, stopped): (Vec<&Policy>, Vec<&Policy>) =
            self.plain.iter().copied().partition(|policy| costs.allow(&policy.name));
        for policy in stopped {
            costs.skip(&policy.name, unit.items().filter(|item| is_about(policy, item.key)).count());
        }
        let mut key = Hasher::new("naksha/judged-unit/1")
            .part(self.policies.digest().as_bytes())
            .part(unit.name.as_str())
            .part(unit.digest.as_bytes());
        for policy in &allowed {
            key.add(policy.name.as_str());
        }
        let judged = cache.judged(key.finish(), || {
            let mut judged = Judged::default();
            for (index, item) in unit.items().enumerate() {
                self.judge(&allowed, index, &item, None, &mut judged);
            }
            judged
        });
        costs.add(&judged.costs);
        Some(judged)
    }

    /// Judges every object by the rules that look at its history.
    pub(crate) fn contextual(
        &self,
        estate: &Estate<'_>,
        history: &History<'_>,
        costs: &mut Costs,
        cache: &FindingCache,
    ) -> Vec<Located> {
        let mut found = Vec::new();
        for item in estate.items().filter(|_| !self.contextual.is_empty()) {
            let about = self.contextual.iter().copied().filter(|policy| is_about(policy, item.key));
            let (allowed, stopped): (Vec<&Policy>, Vec<&Policy>) =
                about.partition(|policy| costs.allow(&policy.name));
            for policy in stopped {
                costs.skip(&policy.name, 1);
            }
            if allowed.is_empty() {
                continue;
            }
            let judged = self.with_history(&allowed, &item, history, cache);
            costs.add(&judged.costs);
            found.extend(judged.found(self.policies).map(|(_, found)| Located {
                unit: Some(item.unit.clone()),
                subject: Some(Subject::Object(item.key.clone())),
                place: None,
                found,
            }));
        }
        found
    }

    fn with_history(
        &self,
        rules: &[&Policy],
        item: &Item<'_>,
        history: &History<'_>,
        cache: &FindingCache,
    ) -> Arc<Judged> {
        let old = history.inventory.get(item.key);
        let mut key = Hasher::new("naksha/judged/1")
            .part(self.policies.digest().as_bytes())
            .part(item.body.digest().as_bytes())
            .part(item.unit.as_str())
            .part(old.map_or([0; 32], |old| *old.applied.digest().as_bytes()))
            .part(history.action(item.key));
        for policy in rules {
            key.add(policy.name.as_str());
        }
        cache.judged(key.finish(), || {
            let mut judged = Judged::default();
            self.judge(rules, 0, item, Some(history), &mut judged);
            judged
        })
    }

    fn judge(
        &self,
        rules: &[&Policy],
        index: usize,
        item: &Item<'_>,
        history: Option<&History<'_>>,
        judged: &mut Judged,
    ) {
        let matching: Vec<&&Policy> = rules.iter().filter(|policy| is_about(policy, item.key)).collect();
        if matching.is_empty() {
            return;
        }
        let mut bindings = object_bindings(self.policies.bindings(), item.body.value(), item.unit.as_str());
        let old = history.and_then(|history| history.inventory.get(item.key));
        bindings.set("oldObject", old.map_or(Value::Null, |old| old.applied.value()));
        bindings.set("action", json!(history.map_or("none", |history| history.action(item.key))));
        for policy in matching {
            if !judged.costs.allow(&policy.name) {
                judged.costs.skip(&policy.name, 1);
                continue;
            }
            let (problem, steps) = judge(policy, &bindings);
            judged.costs.spend(&policy.name, steps, problem.as_ref());
            judged.problems.extend(problem.map(|problem| (index, policy.name.clone(), problem)));
        }
    }
}

fn is_about(policy: &Policy, key: &ObjectKey) -> bool {
    matches!(&policy.matches, PolicyMatch::Objects { kinds } if matches(kinds, key))
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

fn judge(policy: &Policy, bindings: &Bindings) -> (Option<Problem>, u64) {
    let (answer, steps) = policy.rule.evaluate_counted(bindings);
    (problem(answer), steps)
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
            if !costs.allow(&policy.name) {
                costs.skip(&policy.name, 1);
                continue;
            }
            let (problem, steps) = judge(policy, &bindings);
            costs.spend(&policy.name, steps, problem.as_ref());
            found.extend(problem.map(|problem| Located {
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

fn active(policies: &PolicySet, wanted: fn(&PolicyMatch) -> bool) -> Vec<&Policy> {
    let active = |policy: &&Policy| wanted(&policy.matches) && policies.severity(&policy.name).is_some();
    policies.custom.iter().map(AsRef::as_ref).filter(active).collect()
}

/// Judges the plan as a whole.
pub(crate) fn plan(policies: &PolicySet, plan: &Plan) -> Vec<Located> {
    let matching = active(policies, |matches| matches!(matches, PolicyMatch::Plan));
    if matching.is_empty() {
        return Vec::new();
    }
    let bindings = policies.bindings().with("plan", plan_value(plan));
    let judged = matching.into_iter().filter_map(|policy| {
        let (problem, _) = judge(policy, &bindings);
        let problem = problem?;
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
