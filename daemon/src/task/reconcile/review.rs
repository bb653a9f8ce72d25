//! What people have seen of what an environment is about to do: on pull requests that were merged since it was applied last.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use naksha_environments::environment::Follows;
use naksha_environments::ids::Revision;
use naksha_environments::repository::Unreviewed;
use naksha_environments::verdict::Shown;
use naksha_executor::port::review::MergedPlan;
use naksha_executor::port::store::{EnvironmentRecord, Revisions};

use super::desired::Renders;
use super::sources::Ready;
use super::{PassError, Reconciler};
use crate::git::{GitError, RefName};
use crate::task::LoadedRevision;

/// How long a pass waits to be told what was merged: a forge on the same network answers sooner. After that the plan waits, and
/// what heals goes ahead.
const FORGE_ANSWERS: Duration = Duration::from_secs(5);

/// What was seen, and what happens to the rest.
#[derive(Debug, Clone)]
pub(super) struct Review {
    pub(super) shown: Shown,
    pub(super) unreviewed: Unreviewed,
}

/// What was seen of the change that leads to these sources.
pub(super) async fn review(
    this: &Reconciler,
    record: &EnvironmentRecord,
    sources: &Ready,
    renders: &Renders,
) -> Result<Review, PassError> {
    let unreviewed = unreviewed(this, record, sources, renders);
    let now = sources.revisions();
    if unreviewed == Unreviewed::Apply
        || this.feed.reviewed.is_none()
        || record.applied.as_ref() == Some(&now)
    {
        return Ok(Review { shown: Shown::default(), unreviewed });
    }
    let pending = pending(this, sources).await;
    let merged = this.shared.reviews.merged(&this.scope).await.map_err(PassError::Store)?;
    let (mirror, applied) = (this.feed.mirror.clone(), record.applied.clone());
    if merged.is_empty() {
        return Ok(Review { shown: Shown { pending, ..Shown::default() }, unreviewed });
    }
    let shown = tokio::task::spawn_blocking(move || {
        let before = |path: fn(&Revisions) -> &Revision| applied.as_ref().map(path);
        let mut brought = mirror.objects().brought(before(|at| &at.control), &now.control)?;
        if now.content != now.control {
            brought.extend(mirror.objects().brought(before(|at| &at.content), &now.content)?);
        }
        let brought = |plan: &MergedPlan| brought.contains(&plan.commit);
        let mut shown = Shown { pending, ..Shown::default() };
        for plan in merged.into_iter().filter(brought) {
            match lack(&plan) {
                None => shown.actions.extend(plan.actions),
                Some(lack) => {
                    shown.unapproved.extend(plan.actions.into_iter().map(|action| (action, lack.clone())));
                }
            }
        }
        Ok::<_, GitError>(shown)
    });
    let shown = shown.await.map_err(PassError::Computation)?.map_err(PassError::Git)?;
    Ok(Review { shown, unreviewed })
}

/// Why it does not count that it was shown.
fn lack(plan: &MergedPlan) -> Option<String> {
    let number = plan.number;
    Some(match &plan.lacking.as_deref()? {
        [] => format!("{number} was merged while it was not known who has to approve"),
        who => format!("{number} was merged without an approval by {}", who.join(" or ")),
    })
}

/// As the rules said before the change: a commit does not excuse itself, and what is new was never excused. Without a forge there is no
/// review to wait for.
fn unreviewed(
    this: &Reconciler,
    record: &EnvironmentRecord,
    sources: &Ready,
    renders: &Renders,
) -> Unreviewed {
    let default = if this.feed.reviewed.is_some() { Unreviewed::Hold } else { Unreviewed::Apply };
    let said = |control: &LoadedRevision| {
        control.loaded.definitions.repository.as_ref().and_then(|repository| repository.unreviewed)
    };
    match (&renders.applied, &record.applied) {
        (Some(applied), _) => said(&applied.control).unwrap_or(default),
        (None, None) => said(&sources.control).filter(|said| *said == Unreviewed::Hold).unwrap_or(default),
        // What was applied cannot be read any more.
        (None, Some(_)) => default,
    }
}

impl Reconciler {
    /// Whether the forge was waited for at these revisions before; from now on it was.
    fn has_waited_for(&self, now: &Revisions) -> bool {
        let mut waited_for = self.waited_for.lock().unwrap_or_else(PoisonError::into_inner);
        waited_for.replace(now.clone()).is_some_and(|before| before == *now)
    }
}

/// Why more may have been seen than is known, once it was waited for.
async fn pending(this: &Reconciler, sources: &Ready) -> Option<String> {
    let mut reviewed = this.feed.reviewed.clone()?;
    let (now, follows) = (sources.revisions(), &sources.environment.follows);
    let told_of = |heads: &BTreeMap<RefName, Revision>| {
        let is_head = |revision| heads.values().any(|head| head == revision);
        // The source of a lock is no head, and came with a commit that is one.
        is_head(&now.control) && (!matches!(follows, Follows::Branch(_)) || is_head(&now.content))
    };
    let mut state = this.feed.state.clone();
    // It is waited for once: later passes heal, and hear of it when it is told.
    let patience = if this.has_waited_for(&now) { Duration::ZERO } else { FORGE_ANSWERS };
    let is_told = tokio::select! {
        biased;
        () = reviewed.known(told_of) => true,
        // Something newer is there already: nobody will tell of this.
        _ = state.wait_for(|state| !told_of(&state.heads)) => false,
        () = tokio::time::sleep(patience) => false,
    };
    if is_told {
        return None;
    }
    let what = format!("the forge has not told yet which pull request brought {}", now.control.short());
    Some(reviewed.trouble().map_or(what.clone(), |trouble| format!("{what}: {trouble}")))
}
