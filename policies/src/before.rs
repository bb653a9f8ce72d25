//! What was found before the change: on the base, or in what was applied last. Worked out only as far as it is asked.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use naksha_environments::digest::Digest;
use naksha_environments::ids::UnitName;
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::Subject;

use crate::check::{CheckInput, Side, UnitFindings, around, examined, examined_unit};
use crate::custom::{self, Costs, History, ObjectRules};
use crate::estate::{Estate, Item, UnitObjects};
use crate::found::{Found, Identity, Located};
use crate::rule;

pub(crate) struct Before<'a> {
    input: &'a CheckInput<'a>,
    estate: Estate<'a>,
    units: HashMap<&'a UnitName, Digest>,
    /// Units as they are now: what is the same needs no looking into.
    now: HashMap<&'a UnitName, Digest>,
    in_objects: OnceCell<BTreeSet<Identity>>,
    elsewhere: OnceCell<BTreeSet<Identity>>,
}

impl<'a> Before<'a> {
    pub(crate) fn new(input: &'a CheckInput<'a>, now: &Estate<'a>) -> Self {
        let estate = match input.base {
            Some(base) => Estate::of_rendered(base),
            None => Estate::of_inventory(input.inventory),
        };
        let (units, now) = (estate.digests(), now.digests());
        let (in_objects, elsewhere) = (OnceCell::new(), OnceCell::new());
        Self { input, estate, units, now, in_objects, elsewhere }
    }

    /// Whether the very same unit was there.
    pub(crate) fn has_unit(&self, unit: &UnitObjects<'_>) -> bool {
        self.units.get(unit.name) == Some(&unit.digest)
    }

    /// Whether the same was found in an object: the object may have moved to another unit since.
    pub(crate) fn found_in_object(&self, item: &Item<'_>, found: &Found) -> bool {
        let identities = self.in_objects.get_or_init(|| self.changed_units());
        identities.contains(&Identity::of_object(item.key, found))
    }

    /// Whether the same was found outside of objects, or by looking at more than one.
    pub(crate) fn found_elsewhere(&self, located: &Located) -> bool {
        self.elsewhere.get_or_init(|| self.around()).contains(&located.identity())
    }

    /// Whether an object is what it was.
    pub(crate) fn has_object(&self, item: &Item<'_>) -> bool {
        self.estate.find(item.key).is_some_and(|before| before.body.digest() == item.body.digest())
    }

    /// What was found in units that are not the same any more.
    fn changed_units(&self) -> BTreeSet<Identity> {
        let CheckInput { policies, cache, .. } = self.input;
        let rules = ObjectRules::of(policies);
        // What judging costs was counted on the side that is judged.
        let mut costs = Costs::default();
        let mut identities = BTreeSet::new();
        let changed = self.estate.units.iter().filter(|unit| self.now.get(unit.name) != Some(&unit.digest));
        for unit in changed {
            for (item, examined) in unit.items().zip(&examined_unit(unit, cache).objects) {
                identities.extend(examined.found.iter().map(|found| Identity::of_object(item.key, found)));
            }
            let judged = rules.unit(unit, &mut costs, cache);
            let judged = judged.iter().flat_map(|judged| judged.found(policies));
            identities.extend(judged.map(|(index, found)| Identity::of_object(unit.item(index).key, &found)));
        }
        identities
    }

    fn around(&self) -> BTreeSet<Identity> {
        let input = self.input;
        let history = History::new(input.inventory, None);
        let units = UnitFindings::unjudged(examined(&self.estate, input.cache));
        let found = if let Some(base) = input.base {
            let side = Side { estate: &self.estate, rendered: base, sources: input.base_sources };
            around(input, side, units, &history)
        } else {
            let mut found = rule::dangling(&self.estate, &units.examined, input.cache);
            let rules = ObjectRules::of(input.policies);
            found.extend(rules.contextual(&self.estate, &history, &mut Costs::default(), input.cache));
            found.extend(registered(input));
            found
        };
        found.iter().map(Located::identity).collect()
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

impl Identity {
    fn of_object(key: &ObjectKey, found: &Found) -> Self {
        Self::new(None, Some(Subject::Object(key.clone())), None, found)
    }
}
