//! Units: each starts as soon as everything it depends on is applied and healthy, and writes its waves in order.
//!
//! Units do not wait for anything else, so a broken one holds up those that depend on it and nobody else.
//!
//! ```text
//! postgres  [wave 0] [wave 1] [healthy?]──┐
//! nats      [wave 0]                      ├─> langgraph [wave 0] [wave 1]
//! vault     (unchanged)       [healthy?]──┘
//! ```

use std::collections::BTreeMap;

use futures::future::join_all;
use naksha_environments::codes::apply as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::UnitName;
use naksha_environments::object::{Health, ObjectKey};
use naksha_environments::plan::{Action, Subject};
use naksha_environments::status::UnitSync;
use tokio::sync::watch;

use super::health::{self, Awaited};
use super::outcome::UnitEnd;
use super::progress::Progress;
use super::run::Run;
use super::schedule::{Schedule, UnitSchedule};
use super::step;

/// Kinds that the objects of later waves cannot be written without: the server refuses them until these are
/// healthy. For everything else waves order the writes and nothing more; `dependsOn` waits for health. (Waiting
/// for all kinds would never end where a claim is bound only when a Pod of a later wave uses it.)
const NEEDED_BY_LATER_WAVES: &[(&str, &str)] =
    &[("apiextensions.k8s.io", "CustomResourceDefinition"), ("", "Namespace")];

/// Where each unit posts its end, for those that wait for it.
type Board = BTreeMap<UnitName, watch::Sender<Option<UnitEnd>>>;

/// Applies every unit and says how each came out.
pub(super) async fn apply(run: &Run<'_>, schedule: &Schedule<'_>) -> BTreeMap<UnitName, UnitEnd> {
    let board: Board = schedule.units.keys().map(|name| (name.clone(), watch::Sender::new(None))).collect();
    let work = schedule.units.iter().map(|(name, unit)| {
        let board = &board;
        async move {
            let end = apply_one(run, name, unit, board).await;
            if let Some(post) = board.get(name) {
                post.send_replace(Some(end.clone()));
            }
            (name.clone(), end)
        }
    });
    join_all(work).await.into_iter().collect()
}

/// Whether what depends on the unit may go on.
pub(super) fn is_ready(end: &UnitEnd) -> bool {
    end.sync == UnitSync::Synced && matches!(end.health, Health::Healthy | Health::Suspended)
}

async fn apply_one(run: &Run<'_>, name: &UnitName, unit: &UnitSchedule<'_>, board: &Board) -> UnitEnd {
    if let Some(reason) = await_needs(run, name, unit, board).await {
        join_all(unit.waves.values().flatten().map(|action| step::skip(run, action, &reason))).await;
        if !run.halt.is_cancelled() && !unit.waves.is_empty() {
            let message = format!("unit `{name}` is {reason}");
            let hint = "it is applied as soon as that unit is ready";
            run.found(Diagnostic::new(codes::UNIT_WAITS, message).hint(hint).unit(name));
        }
        let sync =
            if run.halt.is_cancelled() { UnitSync::Pending } else { UnitSync::Waiting(reason.clone()) };
        return UnitEnd { sync, health: Health::Unknown(reason) };
    }
    if let Err(end) = write_waves(run, name, unit).await {
        return end;
    }
    if run.halt.is_cancelled() && !unit.waves.is_empty() {
        return UnitEnd { sync: UnitSync::Pending, health: written_health(run, unit) };
    }
    let health = if let Some(unseen) = unit.unseen {
        // Waiting does not help: what it needs is planned when it can be seen.
        Health::Unknown(unseen.to_owned())
    } else if unit.is_awaited() {
        let waiting = Awaited { unit: name, by: &unit.awaited_by, workflows: unit.before_workflows };
        health::await_healthy(run, waiting, &unit.objects, run.input.timeouts.of(name)).await
    } else {
        written_health(run, unit)
    };
    let end = UnitEnd { sync: UnitSync::Synced, health };
    if unit.is_awaited() && !is_ready(&end) {
        run.tell(&Progress::UnitFailed { unit: name.clone(), reason: health::words(&end.health) });
    } else {
        run.tell(&Progress::UnitReady { unit: name.clone() });
    }
    end
}

/// Waits until every unit that this one needs is ready. Returns why it cannot start.
async fn await_needs(
    run: &Run<'_>,
    name: &UnitName,
    unit: &UnitSchedule<'_>,
    board: &Board,
) -> Option<String> {
    for need in &unit.waits_for {
        let Some(post) = board.get(need) else { continue };
        let mut seen = post.subscribe();
        if seen.borrow().is_none() && !unit.waves.is_empty() {
            run.begins_to_wait(name, need, "it is being applied");
        }
        // The board outlives every unit, so that the end always comes.
        let end = match seen.wait_for(Option::is_some).await {
            Ok(end) => end.clone(),
            Err(_) => None,
        };
        match end {
            Some(end) if is_ready(&end) => run.waits_no_more(Some(name), need),
            Some(end) => {
                let why = why_not_ready(&end);
                if !unit.waves.is_empty() {
                    run.waits(Some(name), need, &why);
                }
                return Some(format!("waiting for {need}: {why}"));
            }
            None => return Some(format!("waiting for {need}")),
        }
    }
    None
}

pub(super) fn why_not_ready(end: &UnitEnd) -> String {
    match &end.sync {
        UnitSync::Failed(reason) => format!("it failed: {reason}"),
        UnitSync::Waiting(reason) => format!("it is {reason} itself"),
        UnitSync::Pending => "it was not applied".to_owned(),
        UnitSync::Synced
        | UnitSync::Broken(_)
        | UnitSync::Drifted(_)
        | UnitSync::NotYet
        | UnitSync::Unsupported(_) => health::words(&end.health),
    }
}

/// Waves in ascending order, each all at once. After a failed wave the rest of the unit is skipped.
async fn write_waves(run: &Run<'_>, name: &UnitName, unit: &UnitSchedule<'_>) -> Result<(), UnitEnd> {
    let mut failed: Option<String> = None;
    for actions in unit.waves.values() {
        if let Some(reason) = &failed {
            join_all(actions.iter().map(|action| step::skip(run, action, reason))).await;
            continue;
        }
        let done = join_all(actions.iter().map(|action| step::perform(run, action))).await;
        let first_failed = actions.iter().zip(done).find(|(_, done)| !done);
        failed = first_failed.map(|(action, _)| format!("{} was not applied", action.subject));
        if failed.is_none() {
            failed = await_foundations(run, name, actions).await;
        }
    }
    match failed {
        Some(_) if run.halt.is_cancelled() => {
            Err(UnitEnd { sync: UnitSync::Pending, health: written_health(run, unit) })
        }
        Some(reason) => {
            run.tell(&Progress::UnitFailed { unit: name.clone(), reason: reason.clone() });
            Err(UnitEnd { sync: UnitSync::Failed(reason), health: written_health(run, unit) })
        }
        None => Ok(()),
    }
}

/// Waits for what later waves cannot be written without; returns why they cannot.
async fn await_foundations(run: &Run<'_>, name: &UnitName, actions: &[&Action]) -> Option<String> {
    let needed = |key: &ObjectKey| NEEDED_BY_LATER_WAVES.contains(&(&*key.group, &*key.kind));
    let keys = actions.iter().filter_map(|action| match &action.subject {
        Subject::Object(key) if needed(key) => Some(key.clone()),
        Subject::Object(_) | Subject::Workflow(_) => None,
    });
    let keys = keys.collect();
    let waiting = Awaited { unit: name, by: &[], workflows: false };
    match health::await_healthy(run, waiting, &keys, run.input.timeouts.of(name)).await {
        Health::Healthy | Health::Suspended => None,
        other => Some(health::words(&other)),
    }
}

/// The worst of what the target answered to the writes of this apply.
fn written_health(run: &Run<'_>, unit: &UnitSchedule<'_>) -> Health {
    let healths = unit.objects.iter().filter_map(|key| Some((key.clone(), run.written(key)?.1)));
    health::whole(&health::sick(healths))
}
