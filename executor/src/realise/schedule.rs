//! Who waits for whom: the plan's actions, sorted into units, waves and deletions. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{Action, Payload, Plan, Subject};

use super::outcome::RealiseError;

/// What is done, in which order.
#[derive(Debug)]
pub(super) struct Schedule<'p> {
    /// Units with something to write, and the units those wait for.
    pub units: BTreeMap<UnitName, UnitSchedule<'p>>,
    pub workflows: Vec<&'p Action>,
    /// One batch after the other; the actions of a batch do not depend on each other.
    pub deletions: Vec<Vec<&'p Action>>,
    /// For each unit of the plan, every unit that needs it, directly or not. Empty when nothing is deleted.
    pub dependents: BTreeMap<UnitName, BTreeSet<UnitName>>,
}

#[derive(Debug, Default)]
pub(super) struct UnitSchedule<'p> {
    pub waits_for: Vec<UnitName>,
    /// Lowest first.
    pub waves: BTreeMap<i32, Vec<&'p Action>>,
    /// Everything the unit consists of once it is applied.
    pub objects: BTreeSet<ObjectKey>,
    /// Units that start only when this one is ready.
    pub awaited_by: Vec<UnitName>,
    /// The workflows wait for it too.
    pub before_workflows: bool,
    /// What of it could not be observed: it is not as it should be, as far as anybody knows.
    pub unseen: Option<&'p str>,
}

impl UnitSchedule<'_> {
    pub(super) fn is_awaited(&self) -> bool {
        self.before_workflows || !self.awaited_by.is_empty()
    }
}

impl<'p> Schedule<'p> {
    pub(super) fn of(plan: &'p Plan, inventory: &Inventory) -> Result<Self, RealiseError> {
        let depths = depths(&plan.order)?;
        let mut units: BTreeMap<UnitName, UnitSchedule<'p>> = BTreeMap::new();
        let mut workflows = Vec::new();
        let mut deletions: BTreeMap<(Reverse<usize>, Reverse<i32>), Vec<&'p Action>> = BTreeMap::new();
        for action in &plan.actions {
            match (&action.payload, &action.subject, &action.unit) {
                (Payload::Write { .. }, Subject::Object(_), Some(unit)) => {
                    units.entry(unit.clone()).or_default().waves.entry(action.wave).or_default().push(action);
                }
                (Payload::Remove { .. }, Subject::Object(_), unit) => {
                    // A unit that the environment no longer has depends on others, never the reverse: first.
                    let depth = unit.as_ref().and_then(|unit| depths.get(unit)).copied();
                    let rank = (Reverse(depth.unwrap_or(usize::MAX)), Reverse(action.wave));
                    deletions.entry(rank).or_default().push(action);
                }
                (Payload::Register { .. } | Payload::Retire { .. }, Subject::Workflow(_), _) => {
                    workflows.push(action);
                }
                (Payload::Write { .. }, Subject::Object(_), None) => {
                    return Err(malformed(action, "belongs to no unit"));
                }
                _ => return Err(malformed(action, "has a payload of another kind")),
            }
        }
        let registers = workflows.iter().any(|action| matches!(action.payload, Payload::Register { .. }));
        for unit in units.values_mut() {
            unit.before_workflows = registers;
        }
        connect(&mut units, &plan.order);
        for (name, words) in &plan.unseen {
            if let Some(unit) = units.get_mut(name) {
                unit.unseen = Some(words);
            }
        }
        assign_objects(&mut units, plan, inventory);
        let dependents = if deletions.is_empty() { BTreeMap::new() } else { dependents(&plan.order) };
        Ok(Self { units, workflows, deletions: deletions.into_values().collect(), dependents })
    }
}

fn malformed(action: &Action, reason: &'static str) -> RealiseError {
    RealiseError::Malformed { subject: action.subject.clone(), reason }
}

/// Adds the units that those with actions wait for, directly or not, and ties them together.
fn connect(units: &mut BTreeMap<UnitName, UnitSchedule<'_>>, order: &BTreeMap<UnitName, Vec<UnitName>>) {
    let mut open: Vec<UnitName> = units.keys().cloned().collect();
    while let Some(name) = open.pop() {
        let Some(needs) = order.get(&name) else { continue };
        // What the plan does not know cannot be waited for: it is neither applied nor owned.
        let needs: Vec<UnitName> = needs.iter().filter(|need| order.contains_key(*need)).cloned().collect();
        for need in &needs {
            if !units.contains_key(need) {
                open.push(need.clone());
            }
            units.entry(need.clone()).or_default().awaited_by.push(name.clone());
        }
        units.entry(name).or_default().waits_for = needs;
    }
}

/// A unit's objects: what the inventory has of it and the plan writes, without what the plan takes away.
fn assign_objects(units: &mut BTreeMap<UnitName, UnitSchedule<'_>>, plan: &Plan, inventory: &Inventory) {
    for (name, unit) in &mut *units {
        if let Some(holding) = inventory.units().get(name) {
            unit.objects.extend(holding.keys().cloned());
        }
    }
    // What is gone and wanted by nobody is nobody's to wait for.
    for key in &plan.forget {
        if let Some(unit) = inventory.get(key).and_then(|owned| units.get_mut(&owned.unit)) {
            unit.objects.remove(key);
        }
    }
    for action in &plan.actions {
        let Subject::Object(key) = &action.subject else { continue };
        if let Some(unit) = inventory.get(key).and_then(|owned| units.get_mut(&owned.unit)) {
            unit.objects.remove(key);
        }
        let stays = !matches!(action.payload, Payload::Remove { .. });
        if let Some(unit) = action.unit.as_ref().filter(|_| stays).and_then(|unit| units.get_mut(unit)) {
            unit.objects.insert(key.clone());
        }
    }
}

/// For each unit the length of the longest chain of units below it.
fn depths(order: &BTreeMap<UnitName, Vec<UnitName>>) -> Result<BTreeMap<UnitName, usize>, RealiseError> {
    let mut depths: BTreeMap<UnitName, usize> = BTreeMap::new();
    // Each round settles the units all of whose needs are settled; a round that settles none means a circle.
    while depths.len() < order.len() {
        let mut round = Vec::new();
        for (name, needs) in order.iter().filter(|(name, _)| !depths.contains_key(*name)) {
            let known = needs.iter().filter(|need| order.contains_key(*need));
            let below: Option<Vec<usize>> = known.map(|need| depths.get(need).copied()).collect();
            if let Some(below) = below {
                round.push((name.clone(), below.into_iter().max().map_or(0, |depth| depth + 1)));
            }
        }
        if round.is_empty() {
            let units = order.keys().filter(|name| !depths.contains_key(*name)).cloned().collect();
            return Err(RealiseError::Circle { units });
        }
        depths.extend(round);
    }
    Ok(depths)
}

fn dependents(order: &BTreeMap<UnitName, Vec<UnitName>>) -> BTreeMap<UnitName, BTreeSet<UnitName>> {
    let mut direct: BTreeMap<&UnitName, Vec<&UnitName>> = BTreeMap::new();
    for (name, needs) in order {
        for need in needs {
            direct.entry(need).or_default().push(name);
        }
    }
    let all = |name: &UnitName| {
        let mut found = BTreeSet::new();
        let mut open = vec![name];
        while let Some(next) = open.pop() {
            for dependent in direct.get(next).into_iter().flatten() {
                if found.insert((*dependent).clone()) {
                    open.push(dependent);
                }
            }
        }
        found
    };
    order.keys().map(|name| (name.clone(), all(name))).collect()
}
