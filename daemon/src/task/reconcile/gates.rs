//! The gates of a promotion at the merge commit: a red one holds, whatever the pull request said.

use std::sync::Arc;

use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::Revision;
use naksha_executor::port::store::{ApplyOutcome, EnvironmentRecord, Revisions};
use naksha_policies::GateVerdict;

use super::desired::Renders;
use super::sources::Ready;
use super::{PassError, Reconciler};
use crate::git::GitError;
use crate::promotion::{Brought, FactsError, Promoted, brought, judge_gates};

/// Heals have no revision; so many of them may have come since.
const LOOK_BACK: u32 = 20;

/// By the rules that were applied last, where there are any: a promotion neither opens its own gates nor takes them away.
///
/// Nothing, unless a source is about to be applied that was not begun yet. What was begun goes on: half of a promotion is worse
/// than either end of it.
pub(super) async fn gates(
    this: &Reconciler,
    (record, sources): (&EnvironmentRecord, &Ready),
    renders: &Renders,
) -> Result<Vec<GateVerdict>, PassError> {
    let source = &sources.content.revision;
    let before = renders
        .applied
        .as_ref()
        .and_then(|applied| applied.control.loaded.definitions.environments.get(&this.scope.environment));
    let is_promoted = |environment: &&Arc<Environment>| !matches!(environment.follows, Follows::Trunk);
    let environment = before.filter(is_promoted).unwrap_or(&sources.environment);
    let is_applied = record.applied.as_ref().is_some_and(|applied| applied.content == *source);
    if !is_promoted(&environment) || is_applied || sources.frozen.is_some() {
        return Ok(Vec::new());
    }
    if is_begun(this, record, source).await? {
        return Ok(Vec::new());
    }
    let Some(promoted) = promoted(this, environment, (record, sources)).await? else {
        return Ok(Vec::new());
    };
    let judged = judge_gates(&this.shared, &this.feed, &promoted, None).await;
    judged.map(Vec::from).map_err(|error| match error {
        FactsError::Store(error) => PassError::Store(error),
        FactsError::Git(error) => PassError::Git(error),
        FactsError::Computation(error) => PassError::Computation(error),
    })
}

/// Whether an apply of these very revisions was begun and then cut short, by a restart or by what somebody did meanwhile: what was let
/// through once goes on, also when a window closed since.
pub(super) async fn goes_on(this: &Reconciler, sources: &Ready) -> Result<bool, PassError> {
    if sources.environment.windows.is_empty() {
        return Ok(false);
    }
    let Some((begun, outcome)) = begun_last(this).await? else { return Ok(false) };
    let is_cut = matches!(outcome, None | Some(ApplyOutcome::Superseded | ApplyOutcome::Interrupted));
    Ok(is_cut && begun == sources.revisions())
}

/// The revisions that were begun last, and what became of that.
async fn begun_last(this: &Reconciler) -> Result<Option<(Revisions, Option<ApplyOutcome>)>, PassError> {
    let latest = this.shared.store.applies(&this.scope, LOOK_BACK).await.map_err(PassError::Store)?;
    Ok(latest.into_iter().find_map(|apply| Some((apply.revisions?, apply.outcome))))
}

/// What it is: by its lock, or by what its branch got from what others follow. Nothing: it got nothing of them.
async fn promoted(
    this: &Reconciler,
    environment: &Arc<Environment>,
    (record, sources): (&EnvironmentRecord, &Ready),
) -> Result<Option<Promoted>, PassError> {
    let source = sources.content.revision.clone();
    let Follows::Branch(branch) = &environment.follows else {
        return Ok(Some(Promoted::by_lock(environment, source)));
    };
    let (feed, control, branch) = (this.feed.clone(), Arc::clone(&sources.control), branch.clone());
    // What it begins with was promoted by nobody.
    let Some(base) = record.applied.as_ref().map(|applied| applied.content.clone()) else { return Ok(None) };
    let found = tokio::task::spawn_blocking(move || brought(&feed, &control, &branch, (&base, &source)));
    let found = found.await.map_err(PassError::Computation)?.map_err(PassError::Git)?;
    let of = |Brought { source, from }| Promoted { environment: Arc::clone(environment), source, from };
    Ok(found.map(of))
}

/// Whether the last apply of a revision was one of this source, and nothing else was applied or found in order since.
async fn is_begun(
    this: &Reconciler,
    record: &EnvironmentRecord,
    source: &Revision,
) -> Result<bool, PassError> {
    let Some((begun, _)) = begun_last(this).await? else { return Ok(false) };
    if begun.content != *source || record.barred.contains_key(source) {
        return Ok(false);
    }
    let Some(applied) = record.applied.clone() else { return Ok(true) };
    let (mirror, control) = (Arc::clone(&this.feed.mirror), begun.control);
    let is_over = move || {
        let objects = mirror.objects();
        Ok(objects.has(&control)?
            && objects.has(&applied.control)?
            && objects.is_ancestor(&control, &applied.control)?)
    };
    let is_over: Result<bool, GitError> =
        tokio::task::spawn_blocking(is_over).await.map_err(PassError::Computation)?;
    Ok(!is_over.map_err(PassError::Git)?)
}
