//! Judging: a plan and what it was rendered from, against a policy set.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::diagnostic::Place;
use naksha_environments::digest::{Digest, Hasher};
use naksha_environments::environment::Environment;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::DesiredObject;
use naksha_environments::plan::{FieldPath, Plan};
use naksha_environments::rendered::Rendered;
use naksha_environments::verdict::{Acknowledgement, Verdict};
use rayon::prelude::*;

use crate::cache::FindingCache;
use crate::custom::{self, History};
use crate::estate::{Estate, Item};
use crate::found::Located;
use crate::policy_set::PolicySet;
use crate::rule::{self, Examined};
use crate::sources::Sources;
use crate::standing::{Before, Bench, acknowledgement, sort};
use crate::waiver::Waivers;

/// Where a field of an object was written. Asked only for findings that are kept.
pub type Locate<'a> = dyn Fn(&DesiredObject, &FieldPath) -> Option<Place> + 'a;

/// Everything that is judged.
#[derive(Clone, Copy)]
pub struct CheckInput<'a> {
    pub plan: &'a Plan,
    pub rendered: &'a Rendered,
    /// What the base of a pull request renders: findings that it has do not count. Absent: the inventory takes its
    /// place.
    pub base: Option<&'a Rendered>,
    pub inventory: &'a Inventory,
    pub environment: &'a Environment,
    pub policies: &'a PolicySet,
    /// Definitions and files that `rendered` came from: for policy contexts and values files.
    pub sources: Option<Sources<'a>>,
    /// The same for `base`.
    pub base_sources: Option<Sources<'a>>,
    pub acknowledgements: &'a [Acknowledgement],
    pub now: Timestamp,
    pub locate: &'a Locate<'a>,
    pub cache: &'a FindingCache,
}

impl std::fmt::Debug for CheckInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckInput").field("environment", &self.environment.name).finish_non_exhaustive()
    }
}

/// Judges. Pure: equal inputs give equal verdicts, with a cold cache or a warm one.
pub fn check(input: CheckInput<'_>) -> Verdict {
    let CheckInput { plan, rendered, inventory, environment, policies, cache, .. } = input;
    cache.begin();
    let estate = Estate::of_rendered(rendered);
    let history = History::new(inventory, Some(plan));
    let mut found = judge(&input, rendered, input.sources, &estate, &history);
    found.extend(rule::guards(plan, rendered, inventory, environment));
    found.extend(custom::plan(policies, plan));

    let bench = Bench {
        policies,
        before: before(&input, &estate, &found),
        acknowledged: acknowledgement(&plan.id, input.acknowledgements, input.now),
        items: estate.items.iter().map(|item| (item.key, item)).collect(),
        locate: input.locate,
    };
    let mut waivers = Waivers::new(&policies.waivers, input.now);
    let mut findings: Vec<_> =
        found.into_iter().filter_map(|located| bench.finding(located, &mut waivers)).collect();
    let about_waivers = waivers.findings();
    findings.extend(about_waivers.into_iter().filter_map(|located| bench.finding(located, &mut waivers)));
    sort(&mut findings);
    Verdict { findings, policies: policies.digest() }
}

/// Everything that is found without looking at a plan.
fn judge(
    input: &CheckInput<'_>,
    rendered: &Rendered,
    sources: Option<Sources<'_>>,
    estate: &Estate<'_>,
    history: &History<'_>,
) -> Vec<Located> {
    let contexts = sources.map(|sources| &sources.definitions.contexts);
    let mut found = judge_objects(input, estate, history);
    found.extend(rule::in_variables(rendered));
    found.extend(sources.into_iter().flat_map(|sources| rule::in_values_files(sources, rendered)));
    found.extend(rule::graphs(&rendered.workflows, contexts));
    found.extend(custom::workflows(input.policies, &rendered.workflows, input.inventory));
    found
}

fn judge_objects(input: &CheckInput<'_>, estate: &Estate<'_>, history: &History<'_>) -> Vec<Located> {
    let examine = |item: &Item<'_>| {
        let key = examined_key(item);
        input.cache.examined(key, || rule::examine(item.key, &item.body.value()))
    };
    let examined: Vec<Arc<Examined>> = estate.items.par_iter().map(examine).collect();
    let mut found = Vec::new();
    for (item, examined) in estate.items.iter().zip(&examined) {
        found.extend(examined.found.iter().map(|one| Located {
            unit: Some(item.unit.clone()),
            subject: Some(naksha_environments::plan::Subject::Object(item.key.clone())),
            place: None,
            found: one.clone(),
        }));
    }
    found.extend(rule::dangling(estate, &examined));
    found.extend(custom::objects(input.policies, estate, history, input.cache));
    found
}

/// What examining depends on. The shipped rules come with the program, and a cache does not outlive it.
fn examined_key(item: &Item<'_>) -> Digest {
    Hasher::new("naksha/examined/1").part(item.digest.as_bytes()).part(item.key.to_string()).finish()
}

/// What was found before the change: on the base, or in what was applied last.
fn before(input: &CheckInput<'_>, estate: &Estate<'_>, found: &[Located]) -> Before {
    // Nothing found, nothing to compare with.
    if found.is_empty() {
        return Before::default();
    }
    let history = History::new(input.inventory, None);
    let (old, located) = if let Some(base) = input.base {
        let old = Estate::of_rendered(base);
        let located = judge(input, base, input.base_sources, &old, &history);
        (old, located)
    } else {
        let old = Estate::of_inventory(input.inventory);
        let mut located = judge_objects(input, &old, &history);
        located.extend(registered(input));
        (old, located)
    };
    let digests: std::collections::BTreeMap<_, _> =
        old.items.iter().map(|item| (item.key, item.digest)).collect();
    let same = estate.items.iter().filter(|item| digests.get(item.key) == Some(&item.digest));
    Before {
        identities: located.iter().map(Located::identity).collect(),
        unchanged: same.map(|item| item.key.clone()).collect::<BTreeSet<_>>(),
    }
}

/// Findings of workflows whose current version is registered already.
fn registered(input: &CheckInput<'_>) -> Vec<Located> {
    let known = |graph: &naksha_environments::workflow::WorkflowGraph| {
        input.inventory.workflows.get(&graph.name).is_some_and(|known| known.digest == graph.digest())
    };
    let graphs = input.rendered.workflows.iter().filter(|(_, graph)| known(graph));
    let graphs = graphs.map(|(name, graph)| (name.clone(), Arc::clone(graph))).collect();
    let contexts = input.sources.map(|sources| &sources.definitions.contexts);
    let mut found = rule::graphs(&graphs, contexts);
    found.extend(custom::workflows(input.policies, &graphs, input.inventory));
    found
}
