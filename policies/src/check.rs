//! Judging: a plan and what it was rendered from, against a policy set.
//!
//! A unit that is the same before and after a change is not looked into again: what is found in it is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::diagnostic::Place;
use naksha_environments::digest::{Digest, Hasher};
use naksha_environments::environment::Environment;
use naksha_environments::ids::RuleName;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::DesiredObject;
use naksha_environments::plan::{FieldPath, Plan};
use naksha_environments::rendered::Rendered;
use naksha_environments::verdict::{Acknowledgement, Verdict};

use crate::before::Before;
use crate::cache::FindingCache;
use crate::custom::{self, Costs, History, Judged, ObjectRules};
use crate::estate::{Estate, UnitObjects};
use crate::found::Located;
use crate::policy_set::PolicySet;
use crate::rule::{self, Examined};
use crate::sources::Sources;
use crate::standing::{Bench, acknowledgement};

/// Where a field of an object was written. Asked only for findings that count.
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
    let before = Before::new(&input, &estate);
    let acknowledged = acknowledgement(&plan.id, input.acknowledgements, input.now);
    let mut bench = Bench::new(&input, &estate, &before, acknowledged);

    let units = UnitFindings::of(&estate, policies, cache);
    let mut known: BTreeMap<&RuleName, usize> = BTreeMap::new();
    for ((unit, examined), judged) in estate.units.iter().zip(&units.examined).zip(&units.judged) {
        let unchanged = before.has_unit(unit);
        if unchanged && bench.only_counts() {
            examined.counts.iter().for_each(|(rule, count)| *known.entry(rule).or_default() += count);
        } else {
            for (index, one) in examined.objects.iter().enumerate() {
                one.found.iter().for_each(|found| bench.object(unit.item(index), found, unchanged));
            }
        }
        for (index, found) in judged.iter().flat_map(|judged| judged.found(policies)) {
            bench.object(unit.item(index), &found, unchanged);
        }
    }
    bench.known(known);
    let history = History::new(inventory, Some(plan));
    for located in around(&input, Side { estate: &estate, rendered, sources: input.sources }, units, &history)
    {
        bench.other(located);
    }
    bench.all(rule::guards(plan, rendered, inventory, environment));
    bench.all(custom::plan(policies, plan));
    bench.finish()
}

/// What was found by looking at one object at a time. Goes with the units of an estate, one to one.
pub(crate) struct UnitFindings {
    pub(crate) examined: Vec<Arc<ExaminedUnit>>,
    pub(crate) judged: Vec<Option<Arc<Judged>>>,
    costs: Costs,
}

impl UnitFindings {
    fn of(estate: &Estate<'_>, policies: &PolicySet, cache: &FindingCache) -> Self {
        let rules = ObjectRules::of(policies);
        let mut costs = Costs::default();
        let examined = examined(estate, cache);
        let judged = estate.units.iter().map(|unit| rules.unit(unit, &mut costs, cache)).collect();
        Self { examined, judged, costs }
    }

    /// For looking around only.
    pub(crate) fn unjudged(examined: Vec<Arc<ExaminedUnit>>) -> Self {
        Self { examined, judged: Vec::new(), costs: Costs::default() }
    }
}

/// What the shipped rules found in the objects of a unit, in its order.
#[derive(Debug)]
pub(crate) struct ExaminedUnit {
    pub(crate) objects: Box<[Examined]>,
    /// How often each rule found something.
    counts: Vec<(RuleName, usize)>,
    /// Of everything in the unit that can be referred to.
    pub(crate) supply: Digest,
    /// Whether controllers make something of its objects.
    pub(crate) makes: bool,
}

impl ExaminedUnit {
    fn new(unit: &UnitObjects<'_>) -> Self {
        let objects = unit.items().map(|item| rule::examine(item.key, &item.body.value()));
        let objects: Box<[Examined]> = objects.collect();
        let mut supply = Hasher::new("naksha/supply/1");
        for (item, object) in unit.items().zip(&objects) {
            supply.add(item.key.to_string());
            let made = object.makes.iter().map(|made| format!("makes {} {}", made.kind, made.name));
            made.chain(object.keys.iter().flatten().map(|key| format!("key {key}"))).for_each(|text| {
                supply.add(text);
            });
        }
        let mut counts: BTreeMap<RuleName, usize> = BTreeMap::new();
        for found in objects.iter().flat_map(|object| &object.found) {
            *counts.entry(found.rule.clone()).or_default() += 1;
        }
        let makes = objects.iter().any(|object| !object.makes.is_empty());
        Self { objects, counts: counts.into_iter().collect(), supply: supply.finish(), makes }
    }
}

/// What the shipped rules found in each unit.
pub(crate) fn examined(estate: &Estate<'_>, cache: &FindingCache) -> Vec<Arc<ExaminedUnit>> {
    let keys: Vec<Digest> = estate.units.iter().map(|unit| unit.digest).collect();
    cache.all_examined(&keys, |index| ExaminedUnit::new(&estate.units[index]))
}

/// What the shipped rules found in the objects of a unit.
pub(crate) fn examined_unit(unit: &UnitObjects<'_>, cache: &FindingCache) -> Arc<ExaminedUnit> {
    cache.examined(unit.digest, || ExaminedUnit::new(unit))
}

/// One side of the comparison.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) estate: &'a Estate<'a>,
    pub(crate) rendered: &'a Rendered,
    pub(crate) sources: Option<Sources<'a>>,
}

/// Everything that takes more than one object to find: references, histories, files, graphs.
pub(crate) fn around(
    input: &CheckInput<'_>,
    side: Side<'_>,
    units: UnitFindings,
    history: &History<'_>,
) -> Vec<Located> {
    let Side { estate, rendered, sources } = side;
    let UnitFindings { examined, judged: _, mut costs } = units;
    let mut found = rule::dangling(estate, &examined, input.cache);
    let rules = ObjectRules::of(input.policies);
    found.extend(rules.contextual(estate, history, &mut costs, input.cache));
    found.extend(costs.findings());
    found.extend(rule::in_variables(rendered, input.cache));
    found.extend(sources.into_iter().flat_map(|sources| rule::in_values_files(sources, rendered)));
    let contexts = sources.map(|sources| &sources.definitions.contexts);
    found.extend(rule::graphs(&rendered.workflows, contexts));
    found.extend(custom::workflows(input.policies, &rendered.workflows, input.inventory));
    found
}
