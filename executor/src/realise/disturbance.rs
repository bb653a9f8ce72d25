//! What somebody does to the rest of the environment while an apply waits for health: it ends the apply, so that the next
//! pass can heal it. A wait may last as long as a unit's timeout; what is broken meanwhile must not last as long.
//!
//! News is what is not as its mark says now and was when the plan was made: what the plan knew, it either changes or leaves
//! alone on purpose. So the next pass knows it too, and waits in peace.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use naksha_environments::object::{ObjectKey, Observation, Observed};
use naksha_environments::plan::Subject;
use tokio::time::Instant;
use tracing::info;

use super::run::{Input, Run};
use crate::port::target::Wanted;

/// Between two looks. Each asks about everything that is owned, and what is waited for stirs all the time.
const PAUSE: Duration = Duration::from_secs(2);

/// When to look; shared by all who wait.
#[derive(Debug)]
pub(super) struct Lookout {
    /// Something changed since the last look. What happened before anybody waited is nobody's to tell.
    stirred: AtomicBool,
    last: tokio::sync::Mutex<Option<Instant>>,
}

impl Default for Lookout {
    fn default() -> Self {
        Self { stirred: AtomicBool::new(true), last: tokio::sync::Mutex::default() }
    }
}

impl Lookout {
    pub(super) fn stir(&self) {
        self.stirred.store(true, Ordering::Relaxed);
    }
}

/// Looks around, unless nothing stirred or somebody just did, and ends the apply when somebody disturbed what was settled.
pub(super) async fn look_around(run: &Run<'_>) {
    let Some(known) = run.input.heals else { return };
    let Lookout { stirred, last } = &run.lookout;
    // Whoever holds it looks for all.
    let Ok(mut last) = last.try_lock() else { return };
    let is_soon = last.is_some_and(|last| last.elapsed() < PAUSE);
    if run.halt.is_cancelled() || is_soon || !stirred.swap(false, Ordering::Relaxed) {
        return;
    }
    let settled = settled(run, known);
    match run.input.target.observe(settled.clone().into()).await {
        Ok(now) => {
            if let Some(Wanted { key, .. }) = settled.iter().find(|wanted| is_disturbed(run, wanted, &now)) {
                info!(object = %key, "changed by somebody while health is waited for; planned anew");
                run.disturbed();
            }
        }
        // Who waits says so; what happened is still to be looked at.
        Err(_) => run.lookout.stir(),
    }
    *last = Some(Instant::now());
}

/// What was as its mark says when the plan was made and is not touched by it, and what of the plan is written.
fn settled(run: &Run<'_>, known: &Observation) -> Vec<Wanted> {
    let Input { plan, inventory, .. } = run.input;
    let touched: BTreeSet<&ObjectKey> = plan
        .plan()
        .actions
        .iter()
        .filter_map(|action| match &action.subject {
            Subject::Object(key) => Some(key),
            Subject::Workflow(_) => None,
        })
        .collect();
    let untouched = inventory.iter().filter(|(key, _)| !touched.contains(key)).filter_map(|(key, owned)| {
        match known.of(key, owned.mark.as_ref()) {
            Observed::InSync { mark, .. } => Some((key, mark)),
            Observed::Absent | Observed::Live(_) | Observed::Unknown { .. } => None,
        }
    });
    let written = touched.iter().filter_map(|key| Some((*key, run.written(key)?.0)));
    untouched.chain(written).map(|(key, mark)| Wanted { key: key.clone(), mark: Some(mark) }).collect()
}

fn is_disturbed(run: &Run<'_>, wanted: &Wanted, now: &Observation) -> bool {
    let Wanted { key, mark } = wanted;
    match now.of(key, mark.as_ref()) {
        Observed::Live(_) => true,
        // What runs once may be gone.
        Observed::Absent => run.entry(key).and_then(|owned| owned.health_when_gone(key)).is_none(),
        Observed::InSync { .. } | Observed::Unknown { .. } => false,
    }
}
