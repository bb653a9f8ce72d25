//! Workflows: versions become current, or stop being it, after the units.
//!
//! Which units a workflow's nodes need is not in the plan, so a new version waits for all units that this apply
//! touches. Retiring waits for nothing.

use std::collections::BTreeMap;

use naksha_environments::ids::UnitName;
use naksha_environments::plan::Payload;

use super::outcome::UnitEnd;
use super::run::Run;
use super::schedule::Schedule;
use super::{step, units};

pub(super) async fn switch(run: &Run<'_>, schedule: &Schedule<'_>, ends: &BTreeMap<UnitName, UnitEnd>) {
    let not_ready = ends.iter().find(|(name, end)| is_changed(schedule, name) && !units::is_ready(end));
    for action in &schedule.workflows {
        match (&action.payload, not_ready) {
            (Payload::Register { .. }, Some((unit, end))) => {
                let why = units::why_not_ready(end);
                if !run.halt.is_cancelled() {
                    run.waits(None, unit, &why);
                }
                step::skip(run, action, &format!("waiting for {unit}: {why}")).await;
            }
            _ => {
                step::perform(run, action).await;
            }
        }
    }
}

fn is_changed(schedule: &Schedule<'_>, unit: &UnitName) -> bool {
    schedule.units.get(unit).is_some_and(|unit| !unit.waves.is_empty())
}
