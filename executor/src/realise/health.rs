//! Waiting for health: until a unit's objects do their work, so that what depends on them may start.
//!
//! Wakes when the target says that something changed, and by timer. Says what it waits for, once per reason, and what keeps
//! that from being healthy.

use std::collections::BTreeSet;
use std::time::Duration;

use naksha_environments::codes::apply as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::UnitName;
use naksha_environments::object::{Health, Mark, ObjectKey, Observation, Observed};
use tokio::time::Instant;

use super::disturbance;
use super::ends;
use super::run::Run;
use super::why::Whys;
use crate::port::target::Wanted;

/// How often health is looked at when the target does not say that anything changed: its changes are a hint only.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Who is waited for, and by whom.
#[derive(Clone, Copy)]
pub(super) struct Awaited<'a> {
    pub unit: &'a UnitName,
    pub by: &'a [UnitName],
    pub workflows: bool,
}

/// Waits until every object is healthy, the time is up, or the apply is halted. Returns the health at the end.
pub(super) async fn await_healthy(
    run: &Run<'_>,
    awaited: Awaited<'_>,
    objects: &BTreeSet<ObjectKey>,
    timeout: Duration,
) -> Health {
    // What was just written and answered "healthy" needs no second look.
    let open: Vec<Wanted> = objects.iter().filter_map(|key| wanted(run, key)).collect();
    if open.is_empty() {
        return Health::Healthy;
    }
    let deadline = run.waits_since(awaited.unit) + timeout;
    let mut changes = run.input.target.changes();
    let mut whys = Whys::new();
    let mut gone_since: Option<Instant> = None;
    loop {
        // Before looking: what changes meanwhile must wake us again, and what changed is looked at.
        if changes.has_changed().unwrap_or_default() {
            run.lookout.stir();
        }
        changes.borrow_and_update();
        let Looked { sick, is_final, is_gone } = look(run, &open).await;
        let health = whole(&sick);
        gone_since = is_gone.then(|| gone_since.unwrap_or_else(Instant::now));
        // Seen twice: a controller may replace an object, and a server be behind for a moment.
        let is_final = is_final || gone_since.is_some_and(|since| since.elapsed() >= POLL_INTERVAL);
        if matches!(health, Health::Healthy | Health::Suspended) {
            tell_no_more(run, awaited);
            return health;
        }
        if is_final {
            return gave_up(run, awaited, health, None);
        }
        let health = health.because(whys.of(run, &sick).await.as_deref());
        tell(run, awaited, &words(&health));
        let timer = tokio::time::sleep_until(deadline.min(Instant::now() + POLL_INTERVAL));
        let woken = async {
            if changes.changed().await.is_err() {
                // The target stopped watching; the timer remains.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = run.halt.cancelled() => return health,
            () = woken => run.lookout.stir(),
            () = timer => {}
        }
        disturbance::look_around(run).await;
        if Instant::now() >= deadline {
            let Looked { sick, .. } = look(run, &open).await;
            let health = whole(&sick);
            let why = if sick.is_empty() { None } else { whys.now(run, &sick).await };
            return gave_up(run, awaited, health.because(why.as_deref()), Some(timeout));
        }
    }
}

/// `after`: how long was waited; none where waiting longer helps nobody.
fn gave_up(run: &Run<'_>, awaited: Awaited<'_>, health: Health, after: Option<Duration>) -> Health {
    if matches!(health, Health::Healthy | Health::Suspended) {
        tell_no_more(run, awaited);
        return health;
    }
    let (unit, words) = (awaited.unit, words(&health));
    let (message, hint) = match after {
        Some(after) => (
            format!("unit `{unit}` is not healthy after {} s: {words}", after.as_secs()),
            "look at its objects; `timeout` in the unit says how long it may take",
        ),
        None => (
            format!("unit `{unit}` does not become healthy: {words}"),
            "what was deleted meanwhile is made again by the next pass; what runs once runs again when it is changed",
        ),
    };
    run.found(Diagnostic::new(codes::UNIT_NOT_HEALTHY, message).hint(hint).unit(awaited.unit));
    tell(run, awaited, &words);
    health
}

/// An object to look at, unless this apply's own write answered that it is healthy.
fn wanted(run: &Run<'_>, key: &ObjectKey) -> Option<Wanted> {
    match run.written(key) {
        Some((_, Health::Healthy)) => None,
        Some((mark, _)) => Some(Wanted { key: key.clone(), mark: Some(mark) }),
        None => Some(Wanted { key: key.clone(), mark: mark_of(run, key) }),
    }
}

fn mark_of(run: &Run<'_>, key: &ObjectKey) -> Option<Mark> {
    run.entry(key)?.mark.clone()
}

/// What a look found.
struct Looked {
    /// What is not healthy, worst first.
    sick: Vec<(ObjectKey, Health)>,
    /// Something of it runs once, and is gone: it stays as it is.
    is_final: bool,
    /// Something else of it is not there.
    is_gone: bool,
}

async fn look(run: &Run<'_>, open: &[Wanted]) -> Looked {
    let mut asked = open.to_vec();
    let undone = run.undone();
    let others = undone.iter().filter(|key| !open.iter().any(|one| one.key == **key));
    asked.extend(others.map(|key| Wanted { mark: mark_of(run, key), key: key.clone() }));
    let observation = match run.input.target.observe(asked.into()).await {
        Ok(observation) => observation,
        Err(error) => {
            let unknown = |wanted: &Wanted| (wanted.key.clone(), Health::Unknown(error.to_string()));
            return Looked {
                sick: open.first().map(unknown).into_iter().collect(),
                is_final: false,
                is_gone: false,
            };
        }
    };
    ends::record(run, &observation, &undone).await;
    let (mut is_final, mut is_gone) = (false, false);
    let healths = open.iter().map(|wanted| {
        let (key, health) = (&wanted.key, health_of(&observation, wanted));
        let gone = (health == Health::Missing).then(|| run.entry(key)?.health_when_gone(key)).flatten();
        is_final |= gone.as_ref().is_some_and(|health| !health.is_healthy());
        // Everything of the unit is written by now: nobody makes this one again before it is planned anew.
        is_gone |= gone.is_none() && health == Health::Missing;
        (key.clone(), gone.unwrap_or(health))
    });
    let sick = sick(healths);
    Looked { sick, is_final, is_gone }
}

fn health_of(observation: &Observation, wanted: &Wanted) -> Health {
    match observation.of(&wanted.key, wanted.mark.as_ref()) {
        Observed::InSync { health, .. } => health,
        Observed::Live(live) => live.health,
        Observed::Absent => Health::Missing,
        Observed::Unknown { reason } => Health::Unknown(reason),
    }
}

/// What is not healthy, worst first. Among equals the first in order speaks for the others.
pub(super) fn sick(healths: impl Iterator<Item = (ObjectKey, Health)>) -> Vec<(ObjectKey, Health)> {
    let mut sick: Vec<_> = healths.filter(|(_, health)| rank(health) > 0).collect();
    sick.sort_by_key(|(_, health)| std::cmp::Reverse(rank(health)));
    sick
}

/// The health of a whole: that of its sickest object, in words that say how many more there are.
pub(super) fn whole(sick: &[(ObjectKey, Health)]) -> Health {
    let Some((key, health)) = sick.first() else { return Health::Healthy };
    let more = match sick.len() - 1 {
        0 => String::new(),
        1 => ", and one more object is not ready".to_owned(),
        more => format!(", and {more} more objects are not ready"),
    };
    match health {
        Health::Healthy => Health::Healthy,
        Health::Suspended => Health::Suspended,
        Health::Progressing(message) => Health::Progressing(format!("{message}{more}")),
        Health::Degraded(message) => Health::Degraded(format!("{message}{more}")),
        Health::Unknown(message) => Health::Unknown(format!("{message}{more}")),
        // An object that is not there: the whole goes on as soon as it is.
        Health::Missing => Health::Progressing(format!("{} is missing{more}", key.short())),
    }
}

fn rank(health: &Health) -> u8 {
    match health {
        Health::Healthy | Health::Suspended => 0,
        Health::Progressing(_) => 1,
        Health::Missing => 2,
        Health::Unknown(_) => 3,
        Health::Degraded(_) => 4,
    }
}

/// "1 of 2 replicas ready", or the word itself where there are no others.
pub(super) fn words(health: &Health) -> String {
    health.message().map_or_else(|| health.word().to_lowercase(), str::to_owned)
}

fn tell(run: &Run<'_>, awaited: Awaited<'_>, reason: &str) {
    for unit in awaited.by {
        run.waits(Some(unit), awaited.unit, reason);
    }
    if awaited.workflows {
        run.waits(None, awaited.unit, reason);
    }
    if awaited.by.is_empty() && !awaited.workflows {
        run.waits(Some(awaited.unit), awaited.unit, reason);
    }
}

fn tell_no_more(run: &Run<'_>, awaited: Awaited<'_>) {
    for unit in awaited.by {
        run.waits_no_more(Some(unit), awaited.unit);
    }
    run.waits_no_more(None, awaited.unit);
    run.waits_no_more(Some(awaited.unit), awaited.unit);
}
