//! From a rendered environment and what is, to a plan with its verdict: the pure core that a laptop and the daemon
//! share. Only what is observed, and what is done with the result, differs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::Digest;
use naksha_environments::environment::{Approval, Environment};
use naksha_environments::ids::EnvironmentName;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::DesiredObject;
use naksha_environments::plan::{Action, Cause, FieldPath, Plan, PlanId, Verb};
use naksha_environments::rendered::Rendered;
use naksha_environments::repository::Definitions;
use naksha_environments::source::SourceTree;
use naksha_environments::verdict::{Acknowledgement, Verdict};
use naksha_policies::{CheckInput, FindingCache, PolicySet, Sources, check};
use naksha_renderer::locate::Locator;

/// Everything that is judged, and by what.
#[derive(Debug)]
pub struct Bench<'a> {
    /// Rules, waivers and acknowledgements are read here.
    pub control: &'a Definitions,
    pub content: &'a Definitions,
    pub tree: &'a SourceTree,
    pub environment: &'a Environment,
    pub rendered: &'a Rendered,
    /// What was there before, with its files: findings that it has too are not new.
    pub base: Option<Base<'a>>,
    pub inventory: &'a Inventory,
    /// Those of the store; those in the repository are added.
    pub acknowledgements: &'a [Acknowledgement],
    /// The rules that ruled before this change. Approval files that they had were used up by an apply, and who brings one may not make
    /// himself its owner.
    pub before: Option<&'a Definitions>,
    /// What was begun and is not done yet.
    pub begun: &'a Begun,
    pub cache: &'a FindingCache,
}

/// Plans that were begun since the last apply that succeeded: interrupted, superseded, or failed in a step. A word about
/// one of them is a word about what is left of it.
#[derive(Debug, Clone, Default)]
pub struct Begun(pub BTreeMap<PlanId, BegunPlan>);

/// What a begun plan was to do, and what of it is done.
#[derive(Debug, Clone, Default)]
pub struct BegunPlan {
    pub actions: BTreeSet<Digest>,
    /// Subject and verb of the steps that were done.
    pub done: BTreeSet<(String, String)>,
}

impl Begun {
    /// Whether a plan is what is left of that one. What heals needs nobody's word, unless it deletes; what was done once is
    /// not left, whatever has the same name since.
    fn is_left_of(&self, begun: &PlanId, plan: &Plan) -> bool {
        let deletes = |action: &Action| matches!(action.verb, Verb::Delete | Verb::Replace);
        let heals = |action: &Action| action.cause != Cause::Change && !deletes(action);
        self.0.get(begun).is_some_and(|BegunPlan { actions, done }| {
            let is_done = |action: &Action| {
                done.contains(&(action.subject.to_string(), action.verb.as_str().to_owned()))
            };
            let is_left = |action: &Action| actions.contains(&action.digest) && !is_done(action);
            plan.actions.iter().all(|action| heals(action) || is_left(action))
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    pub rendered: &'a Rendered,
    pub definitions: &'a Definitions,
    pub tree: &'a SourceTree,
}

/// What came of it.
#[derive(Debug)]
pub struct Judged {
    pub verdict: Verdict,
    /// What judged, and how severely.
    pub policies: PolicySet,
    /// Findings about the rules themselves.
    pub diagnostics: Vec<Diagnostic>,
    /// Every acknowledgement that was considered.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Approval files for this plan that do not count, and why.
    pub ignored: Vec<String>,
}

/// Judges a plan. Pure but for `now`, which is given.
pub fn judge(bench: &Bench<'_>, plan: &Plan, now: Timestamp) -> Judged {
    let repository = bench.control.repository.as_deref();
    let (policies, diagnostics) = PolicySet::build(repository, &bench.control.policies, bench.environment);
    let acknowledgements = acknowledgements(bench, plan);
    let locator = Locator::new(bench.tree);
    let place = |object: &DesiredObject, field: &FieldPath| locator.place(object, field);
    let verdict = check(CheckInput {
        plan,
        rendered: bench.rendered,
        base: bench.base.map(|base| base.rendered),
        inventory: bench.inventory,
        environment: bench.environment,
        policies: &policies,
        sources: Some(Sources { definitions: bench.content, tree: bench.tree }),
        base_sources: bench.base.map(|base| Sources { definitions: base.definitions, tree: base.tree }),
        acknowledgements: &acknowledgements,
        now,
        locate: &place,
        cache: bench.cache,
    });
    let ignored = ignored(bench, plan);
    Judged { verdict, policies, diagnostics, acknowledgements, ignored }
}

impl Bench<'_> {
    /// Why an approval file does not count; nothing when it does.
    fn refuses(&self, approval: &Approval) -> Option<String> {
        let (path, by, name) = (&approval.path, &approval.by, &self.environment.name);
        let other_door = "`naksha ack` is the other door";
        if !may_acknowledge(self.control, name, by) {
            return Some(format!("`{path}` is by `{by}`, who is not among `owners.{name}.acknowledge`"));
        }
        let before = self.before?;
        if !may_acknowledge(before, name, by) {
            let since = format!("`{path}` is by `{by}`, who came to `owners.{name}.acknowledge`");
            return Some(format!("{since} with what is not applied yet; {other_door}"));
        }
        let is_used_up = before.approvals.iter().any(|before| before.path == *path);
        is_used_up.then(|| format!("`{path}` was there at the last apply and is used up; {other_door}"))
    }
}

fn ignored(bench: &Bench<'_>, plan: &Plan) -> Vec<String> {
    let of_plan = bench.control.approvals.iter().filter(|approval| approval.plan == plan.id);
    of_plan.filter_map(|approval| bench.refuses(approval)).collect()
}

/// Those of the store, those in the repository, and what they mean to what is left of a plan that was begun.
fn acknowledgements(bench: &Bench<'_>, plan: &Plan) -> Vec<Acknowledgement> {
    let files = bench.control.approvals.iter().filter(|approval| bench.refuses(approval).is_none());
    let files = files.map(|approval| by_file(approval));
    let mut given: Vec<Acknowledgement> = bench.acknowledgements.iter().cloned().chain(files).collect();
    let left =
        given.iter().filter(|given| given.plan != plan.id && bench.begun.is_left_of(&given.plan, plan));
    let left: Vec<_> = left.map(|given| Acknowledgement { plan: plan.id.clone(), ..given.clone() }).collect();
    given.extend(left);
    given
}

/// Whether an approval file by somebody counts: anybody's, where `owners` do not name the environment, and nobody's where they cannot be
/// read.
pub fn may_acknowledge(control: &Definitions, environment: &EnvironmentName, by: &String) -> bool {
    if control.broken.repository {
        return false;
    }
    let owners = control.repository.as_ref().and_then(|repository| repository.owners.get(environment));
    owners.is_none_or(|owners| owners.acknowledge.contains(by))
}

/// A file's word.
pub fn by_file(approval: &Approval) -> Acknowledgement {
    Acknowledgement {
        plan: approval.plan.clone(),
        by: approval.by.clone(),
        reason: approval.reason.clone(),
        at: None,
        expires: approval.expires,
        source: approval.path.to_string(),
    }
}

/// The program's version, as plans record it.
pub fn planner() -> String {
    format!("naksha {}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use naksha_environments::ids::EnvironmentName;
    use naksha_environments::object::ObjectKey;
    use naksha_environments::plan::{Payload, Subject};

    use super::*;

    fn action(verb: Verb, cause: Cause, name: &str) -> Action {
        let subject = Subject::Object(ObjectKey::new("", "PersistentVolumeClaim", Some("ns"), name));
        Action {
            digest: Action::digest_of(&subject, &verb, &[]),
            unit: None,
            subject,
            verb,
            cause,
            changes: Vec::new(),
            conflicts: Vec::new(),
            stateful: true,
            wave: 0,
            payload: Payload::Remove { expect: None },
        }
    }

    fn plan(actions: Vec<Action>) -> Plan {
        let environment = EnvironmentName::parse("dev").unwrap();
        let id = PlanId::of(&environment, &actions);
        Plan { id, actions, ..Plan::empty(&environment) }
    }

    #[test]
    fn what_is_left_of_a_begun_plan_is_what_was_acknowledged_and_not_done() {
        let delete = |name: &str| action(Verb::Delete, Cause::Change, name);
        let whole = plan(vec![delete("a"), delete("b"), delete("c")]);
        let mut begun = BegunPlan::default();
        begun.actions.extend(whole.actions.iter().map(|action| action.digest));
        begun.done.insert(("PersistentVolumeClaim ns/a".to_owned(), "delete".to_owned()));
        let begun = Begun(BTreeMap::from([(whole.id.clone(), begun)]));
        let is_left = |actions: Vec<Action>| begun.is_left_of(&whole.id, &plan(actions));
        assert!(is_left(vec![delete("b"), delete("c")]));
        assert!(
            is_left(vec![delete("c"), action(Verb::Update, Cause::Drift, "x")]),
            "what heals needs no word"
        );
        assert!(!is_left(vec![delete("b"), delete("d")]), "nobody said yes to it");
        assert!(!is_left(vec![delete("a")]), "it was done: this is another object of that name");
        assert!(!is_left(vec![delete("b"), action(Verb::Replace, Cause::Drift, "x")]), "it deletes");
        assert!(!begun.is_left_of(&plan(vec![delete("z")]).id, &whole));
    }
}
