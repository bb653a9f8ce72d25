//! Puts a plan together.

use std::collections::{BTreeMap, BTreeSet};

use naksha_environments::environment::{Environment, Lifecycle};
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::{Mark, ObjectKey, Observation};
use naksha_environments::plan::{
    Action, Blocked, LeftAlone, LeftField, Plan, PlanId, Preconditions, Unjudged,
};
use naksha_environments::quiet::Quiet;
use naksha_environments::rendered::Rendered;
use naksha_environments::secret::{SecretMark, SecretRef};
use naksha_environments::workflow_change::Contexts;

use super::blocked::blocked_units;
use super::joined::{Row, asked, owned, rows};
use super::object::{Decided, Decision, Pruning, Wishes, decide_unwanted, decide_wanted, disown};
use super::workflow::{register, retire};
use crate::diff::Costs;

/// What a plan is made from.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    pub rendered: &'a Rendered,
    pub observation: &'a Observation,
    pub inventory: &'a Inventory,
    pub environment: &'a Environment,
    pub preconditions: Preconditions,
    /// Policy contexts before and after, for the grants of workflows. Empty: no grants are compared.
    pub contexts: Contexts<'a>,
    /// Marks of what the sources of secrets hold now. Absent: rotation is not looked for.
    pub secrets: Option<&'a BTreeMap<SecretRef, SecretMark>>,
    /// Objects that are not healed for now, although the environment heals.
    pub resting: Option<&'a BTreeSet<ObjectKey>>,
    /// Units that are as they should be, of which nothing was answered: they are counted, and not looked at.
    pub quiet: Option<&'a Quiet>,
}

impl<'a> PlanInput<'a> {
    pub fn new(
        rendered: &'a Rendered,
        observation: &'a Observation,
        inventory: &'a Inventory,
        environment: &'a Environment,
    ) -> Self {
        let (preconditions, contexts) = (Preconditions::default(), Contexts::default());
        let (secrets, resting, quiet) = (None, None, None);
        Self {
            rendered,
            observation,
            inventory,
            environment,
            preconditions,
            contexts,
            secrets,
            resting,
            quiet,
        }
    }
}

/// Every object that [`plan`] needs to know about, in no particular order: what is wanted, and what is owned, outside of
/// quiet units; with the mark where "it is what our last write left" is answer enough.
pub fn objects_to_observe(
    rendered: &Rendered,
    inventory: &Inventory,
    quiet: &Quiet,
) -> Vec<(ObjectKey, Option<Mark>)> {
    let nothing = Observation::default();
    let rows = rows(rendered, inventory, quiet, &nothing);
    rows.map(|row| (row.key.clone(), asked(row.wanted.as_ref(), row.owned).cloned())).collect()
}

/// As [`objects_to_observe`], for whoever wants to see what is left alone too: objects that ignore rules are about are read,
/// although they are as our last write left them.
pub fn objects_to_compare(rendered: &Rendered, inventory: &Inventory) -> Vec<(ObjectKey, Option<Mark>)> {
    let (nothing, quiet) = (Observation::default(), Quiet::default());
    let is_told = |row: &Row<'_>| {
        let rules = row.wanted.map(|wanted| &wanted.rendered.ignore);
        !rules.is_some_and(|rules| rules.iter().any(|rule| rule.is_about(row.key)))
    };
    let mark = |row: &Row<'_>| asked(row.wanted.as_ref(), row.owned).filter(|_| is_told(row)).cloned();
    rows(rendered, inventory, &quiet, &nothing).map(|row| (row.key.clone(), mark(&row))).collect()
}

/// Compares what should be with what is. Pure; the same inputs give the same plan.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let environment = &input.rendered.environment;
    let mut draft = Draft { plan: Plan::empty(environment) };
    draft.plan.preconditions.clone_from(&input.preconditions);
    draft.plan.order = order(input.rendered);
    match input.environment.lifecycle {
        // Nothing may be applied or pruned while the environment's own definitions cannot be read.
        _ if input.rendered.broken => draft.plan.blocked = blocked_units(input.rendered),
        Lifecycle::Active => {
            draft.plan.blocked = blocked_units(input.rendered);
            draft.active(input);
            draft.workflows(input);
        }
        Lifecycle::Destroy => draft.destroy(input),
        Lifecycle::Disown => draft.disown(input),
    }
    draft.finish()
}

/// What each unit waits for. A name that is no unit of the environment is nothing to wait for.
fn order(rendered: &Rendered) -> BTreeMap<UnitName, Vec<UnitName>> {
    let needs = |unit: &naksha_environments::rendered::RenderedUnit| {
        unit.depends_on.keys().filter(|needed| rendered.units.contains_key(*needed)).cloned().collect()
    };
    rendered.units.iter().map(|(name, unit)| (name.clone(), needs(unit))).collect()
}

struct Draft {
    plan: Plan,
}

impl Draft {
    fn active(&mut self, input: &PlanInput<'_>) {
        let sync = &input.environment.sync;
        let unread =
            |why: &Blocked| matches!(why, Blocked::Broken(_) | Blocked::Unsupported(_) | Blocked::NotYet);
        let unknown = self.plan.blocked.iter().find(|(_, why)| unread(why)).map(|(unit, _)| unit.clone());
        let elsewhere = input.inventory.is_elsewhere(&input.environment.target);
        let pruning = Pruning { prune: sync.prune, unknown: unknown.as_ref(), elsewhere };
        let nothing = Quiet::default();
        let quiet = input.quiet.unwrap_or(&nothing);
        let standing = input.rendered.units.values().filter(|unit| quiet.has(&unit.name));
        let standing = standing.filter(|unit| !self.plan.blocked.contains_key(&unit.name));
        self.plan.unchanged += standing.map(|unit| unit.objects().len()).sum::<usize>();
        let costs = Costs::default();
        for row in rows(input.rendered, input.inventory, quiet, input.observation) {
            let Row { key, wanted, owned, seen } = row;
            let rests = input.resting.is_some_and(|resting| resting.contains(key));
            let self_heal = sync.self_heal && !rests;
            let wishes = Wishes { self_heal, elsewhere, sources: input.secrets, costs: &costs };
            let wants = wanted.as_ref().map(|wanted| wanted.unit);
            let is_frozen = owned.is_some_and(|owned| self.plan.blocked.contains_key(&owned.unit));
            let decision = match (wanted, owned) {
                (Some(wanted), _) if self.plan.blocked.contains_key(wanted.unit) => continue,
                (Some(wanted), Some(owned)) if is_frozen && owned.unit != *wanted.unit => {
                    let unit = &owned.unit;
                    Decision::Unknown(format!("it belongs to unit `{unit}`, of which nothing is planned"))
                }
                (Some(wanted), owned) => {
                    let Decided { decision, left, unjudged } = decide_wanted(wishes, &wanted, owned, seen);
                    self.leave(key, wanted.unit, left, unjudged);
                    decision
                }
                (None, Some(_)) if is_frozen => continue,
                (None, Some(owned)) => decide_unwanted(pruning, key, owned, seen),
                (None, None) => continue,
            };
            if let (Some(unit), Decision::Unknown(reason)) = (wants, &decision) {
                self.unseen(unit, format!("{key} is unknown: {reason}"));
            }
            self.take(key, decision);
        }
    }

    /// Of several objects the first by name is told.
    fn unseen(&mut self, unit: &UnitName, words: String) {
        let told = self.plan.unseen.entry(unit.clone()).or_insert_with(|| words.clone());
        if words < *told {
            *told = words;
        }
    }

    fn workflows(&mut self, input: &PlanInput<'_>) {
        let current = &input.inventory.workflows;
        let graphs = &input.rendered.workflows;
        for (name, graph) in graphs {
            match register(graph, current.get(name), &input.contexts) {
                Some(action) => self.plan.actions.push(action),
                None => self.plan.unchanged += 1,
            }
        }
        let is_gone =
            |name: &_| !graphs.contains_key(name) && !input.rendered.broken_workflows.contains(name);
        for (name, registered) in
            current.iter().filter(|(name, _)| is_gone(*name) && input.environment.sync.prune)
        {
            self.plan.actions.push(retire(name, registered, &input.contexts));
        }
    }

    /// Everything that is owned goes, whatever renders; ownership is proven as always.
    fn destroy(&mut self, input: &PlanInput<'_>) {
        let elsewhere = input.inventory.is_elsewhere(&input.environment.target);
        let pruning = Pruning { prune: true, unknown: None, elsewhere };
        for (key, owned, seen) in owned(input.inventory, input.observation) {
            self.take(key, decide_unwanted(pruning, key, owned, seen));
        }
        self.retire_all(input);
    }

    /// Objects stay; workflows end, because it is we who run them.
    fn disown(&mut self, input: &PlanInput<'_>) {
        for (key, owned) in input.inventory.iter() {
            self.take(key, disown(key, owned));
        }
        self.retire_all(input);
    }

    fn retire_all(&mut self, input: &PlanInput<'_>) {
        let retired = input.inventory.workflows.iter().map(|(name, it)| retire(name, it, &input.contexts));
        self.plan.actions.extend(retired);
    }

    fn leave(&mut self, key: &ObjectKey, unit: &UnitName, fields: Vec<LeftField>, unjudged: Vec<Unjudged>) {
        if !fields.is_empty() || !unjudged.is_empty() {
            let left = LeftAlone { unit: unit.clone(), fields, unjudged };
            self.plan.left.insert(key.clone(), left);
        }
    }

    fn take(&mut self, key: &ObjectKey, decision: Decision) {
        let plan = &mut self.plan;
        match decision {
            Decision::Act(action) => plan.actions.push(*action),
            Decision::Unchanged => plan.unchanged += 1,
            Decision::Unknown(reason) => {
                plan.unknown.insert(key.clone(), reason);
            }
            Decision::Drifted(changes) => {
                plan.drifted.insert(key.clone(), changes);
            }
            Decision::Kept(reason) => {
                plan.kept.insert(key.clone(), reason);
            }
            Decision::Forget => {
                plan.forget.insert(key.clone());
            }
        }
    }

    fn finish(self) -> Plan {
        let mut plan = self.plan;
        // Workflows, which have no unit, come last.
        let place = |action: &Action| (action.unit.is_none(), action.unit.clone(), action.subject.clone());
        plan.actions.sort_by_cached_key(place);
        plan.id = PlanId::of(&plan.environment, &plan.actions);
        plan
    }
}
