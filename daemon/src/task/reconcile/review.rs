//! What people have seen of what an environment is about to do: on pull requests that were merged since it was applied last.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::git::{GitError, Objects, RefName};

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
    let actions = tokio::task::spawn_blocking(move || {
        let mut actions = BTreeSet::new();
        for MergedPlan { commit, actions: shown, .. } in merged {
            let is_news = |path: fn(&Revisions) -> &_| {
                leads_to(mirror.objects(), &commit, path(&now), applied.as_ref().map(path))
            };
            if is_news(|revisions| &revisions.control)? || is_news(|revisions| &revisions.content)? {
                actions.extend(shown);
            }
        }
        Ok::<_, GitError>(actions)
    });
    let actions = actions.await.map_err(PassError::Computation)?.map_err(PassError::Git)?;
    Ok(Review { shown: Shown { actions, pending }, unreviewed })
}

/// As the rules said before the change: a commit does not excuse itself. Without a forge there is no review to wait for.
fn unreviewed(
    this: &Reconciler,
    record: &EnvironmentRecord,
    sources: &Ready,
    renders: &Renders,
) -> Unreviewed {
    let before = match (&renders.applied, &record.applied) {
        (Some(applied), _) => Some(&applied.control),
        (None, None) => Some(&sources.control),
        // What was applied cannot be read any more.
        (None, Some(_)) => None,
    };
    let repository = before.and_then(|before| before.loaded.definitions.repository.as_ref());
    let default = if this.feed.reviewed.is_some() { Unreviewed::Hold } else { Unreviewed::Apply };
    repository.and_then(|repository| repository.unreviewed).unwrap_or(default)
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
    let is_told = tokio::select! {
        biased;
        () = reviewed.known(told_of) => true,
        // Something newer is there already: nobody will tell of this.
        _ = state.wait_for(|state| !told_of(&state.heads)) => false,
        () = tokio::time::sleep(FORGE_ANSWERS) => false,
    };
    if is_told {
        return None;
    }
    let what = format!("the forge has not told yet which pull request brought {}", now.control.short());
    Some(reviewed.trouble().map_or(what.clone(), |trouble| format!("{what}: {trouble}")))
}

/// Whether a commit is part of what leads to `now`, and was not part of what was there before.
fn leads_to(
    objects: &Objects,
    commit: &Revision,
    now: &Revision,
    before: Option<&Revision>,
) -> Result<bool, GitError> {
    if !objects.has(commit)? || !objects.is_ancestor(commit, now)? {
        return Ok(false);
    }
    match before {
        Some(before) if objects.has(before)? => Ok(!objects.is_ancestor(commit, before)?),
        _ => Ok(true),
    }
}
