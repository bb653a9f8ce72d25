//! Deletions: last, in reverse order of units and waves.
//!
//! What may still be used is not deleted. A unit's deletions wait for its own writes and for those of every unit
//! that depends on it; those of a unit that the environment no longer has, for all writes, because what used it
//! is no longer known. A deletion that fails leaves its entry in the inventory, and whatever the object stands on.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use naksha_environments::ids::UnitName;
use naksha_environments::plan::Action;
use naksha_environments::status::UnitSync;

use super::outcome::UnitEnd;
use super::run::Run;
use super::schedule::Schedule;
use super::step;

pub(super) async fn remove(run: &Run<'_>, schedule: &Schedule<'_>, ends: &BTreeMap<UnitName, UnitEnd>) {
    let unfinished: BTreeSet<&UnitName> =
        ends.iter().filter(|(_, end)| end.sync != UnitSync::Synced).map(|(name, _)| name).collect();
    // Units one of whose deletions failed or was skipped.
    let mut stuck: BTreeSet<UnitName> = BTreeSet::new();
    for batch in &schedule.deletions {
        let (mut free, mut held) = (Vec::new(), Vec::new());
        for action in batch {
            match obstacle(schedule, action, &unfinished, &stuck) {
                Some(reason) => {
                    held.push((action, reason));
                    stuck.extend(action.unit.clone());
                }
                None => free.push(action),
            }
        }
        join_all(held.iter().map(|(action, reason)| step::skip(run, action, reason))).await;
        let done = join_all(free.iter().map(|action| step::perform(run, action))).await;
        stuck.extend(
            free.iter().zip(done).filter(|(_, done)| !done).filter_map(|(action, _)| action.unit.clone()),
        );
    }
    join_all(run.input.plan.plan().forget.iter().map(|key| step::forget(run, key))).await;
}

/// Why an object must stay for now.
fn obstacle(
    schedule: &Schedule<'_>,
    action: &Action,
    unfinished: &BTreeSet<&UnitName>,
    stuck: &BTreeSet<UnitName>,
) -> Option<String> {
    let unit = action.unit.as_ref()?;
    let Some(dependents) = schedule.dependents.get(unit) else {
        let first = unfinished.first()?;
        return Some(format!("unit {unit} may still be used: {first} was not applied"));
    };
    if unfinished.contains(unit) {
        return Some(format!("unit {unit} was not applied"));
    }
    if stuck.contains(unit) {
        return Some(format!("what stands on it in unit {unit} was not deleted"));
    }
    if let Some(user) = dependents.iter().find(|user| unfinished.contains(user)) {
        return Some(format!("unit {user} may still use it, and was not applied"));
    }
    let user = dependents.iter().find(|user| stuck.contains(*user))?;
    Some(format!("unit {user} may still use it: not all of its deletions are done"))
}
