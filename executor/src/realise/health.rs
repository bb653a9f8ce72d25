//! Waiting for health: until a unit's objects do their work, so that what depends on them may start.
//!
//! Wakes when the target says that something changed, and by timer. Says what it waits for, once per reason, and what keeps
//! that from being healthy.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use naksha_environments::codes::apply as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::UnitName;
use naksha_environments::object::{Health, ObjectKey, Observation, Observed};
use naksha_environments::plan::{Payload, Subject};
use naksha_environments::run_once::is_run_once;
use tokio::time::Instant;

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
    let deadline = Instant::now() + timeout;
    let mut changes = run.input.target.changes();
    let (mut whys, mut ends) = (Whys::new(), Ends::new());
    loop {
        // Before looking: what changes meanwhile must wake us again.
        changes.borrow_and_update();
        let sick = look(run, &open, &mut ends).await;
        let health = whole(&sick);
        if matches!(health, Health::Healthy | Health::Suspended) {
            tell_no_more(run, awaited);
            return health;
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
            () = woken => {}
            () = timer => {}
        }
        if Instant::now() >= deadline {
            let sick = look(run, &open, &mut ends).await;
            let health = whole(&sick);
            let why = if sick.is_empty() { None } else { whys.now(run, &sick).await };
            return gave_up(run, awaited, health.because(why.as_deref()), timeout);
        }
    }
}

fn gave_up(run: &Run<'_>, awaited: Awaited<'_>, health: Health, timeout: Duration) -> Health {
    if matches!(health, Health::Healthy | Health::Suspended) {
        tell_no_more(run, awaited);
        return health;
    }
    let message =
        format!("unit `{}` is not healthy after {} s: {}", awaited.unit, timeout.as_secs(), words(&health));
    let hint = "look at its objects; `timeout` in the unit says how long it may take";
    run.found(Diagnostic::new(codes::UNIT_NOT_HEALTHY, message).hint(hint).unit(awaited.unit));
    tell(run, awaited, &words(&health));
    health
}

/// An object to look at, unless this apply's own write answered that it is healthy.
fn wanted(run: &Run<'_>, key: &ObjectKey) -> Option<Wanted> {
    match run.written(key) {
        Some((_, Health::Healthy)) => None,
        Some((mark, _)) => Some(Wanted { key: key.clone(), mark: Some(mark) }),
        None => {
            let mark = run.input.inventory.get(key).and_then(|owned| owned.mark.clone());
            Some(Wanted { key: key.clone(), mark })
        }
    }
}

/// How objects were that may be gone when they are done.
type Ends = BTreeMap<ObjectKey, Health>;

/// What is not healthy, worst first.
async fn look(run: &Run<'_>, open: &[Wanted], ends: &mut Ends) -> Vec<(ObjectKey, Health)> {
    let observation = match run.input.target.observe(open.to_vec().into()).await {
        Ok(observation) => observation,
        Err(error) => {
            let unknown = |wanted: &Wanted| (wanted.key.clone(), Health::Unknown(error.to_string()));
            return open.first().map(unknown).into_iter().collect();
        }
    };
    let health = |wanted: &Wanted| {
        let health = health_of(&observation, wanted);
        let health = if health == Health::Missing { ended(run, &wanted.key, ends) } else { health };
        (wanted.key.clone(), health)
    };
    let healths: Vec<(ObjectKey, Health)> = open.iter().map(health).collect();
    ends.extend(healths.iter().filter(|(_, health)| is_end(health)).cloned());
    sick(healths.into_iter())
}

fn is_end(health: &Health) -> bool {
    matches!(health, Health::Healthy | Health::Degraded(_))
}

/// An object that is not there: one that runs once is done, well or not. What was made a moment ago must have been seen at
/// its end; what was made earlier was waited for then.
fn ended(run: &Run<'_>, key: &ObjectKey, ends: &Ends) -> Health {
    let wanted =
        run.input.plan.plan().actions.iter().find_map(|action| match (&action.subject, &action.payload) {
            (Subject::Object(own), Payload::Write { desired, .. }) if own == key => {
                Some(desired.body.value())
            }
            _ => None,
        });
    let wanted = wanted.or_else(|| run.input.inventory.get(key).map(|owned| owned.applied.value()));
    if !wanted.is_some_and(|body| is_run_once(key, &body)) {
        return Health::Missing;
    }
    match (ends.get(key), run.written(key)) {
        (Some(end), _) => end.clone(),
        (None, Some(_)) => Health::Unknown(format!("{} is gone, and nobody saw its end", key.short())),
        (None, None) => Health::Healthy,
    }
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
