//! The gates of a promotion at the merge commit: a red one holds, whatever the pull request said.

use naksha_environments::environment::Follows;
use naksha_executor::port::store::EnvironmentRecord;
use naksha_policies::GateVerdict;

use super::sources::Ready;
use super::{PassError, Reconciler};
use crate::promotion::{Asked, FactsError, judge_gates};

/// Nothing, unless a source is about to be applied that was not begun yet. What was begun goes on: half of a promotion is worse
/// than either end of it.
pub(super) async fn gates(
    this: &Reconciler,
    record: &EnvironmentRecord,
    sources: &Ready,
) -> Result<Vec<GateVerdict>, PassError> {
    let (environment, source) = (&sources.environment, &sources.content.revision);
    let is_promotion = matches!(environment.follows, Follows::Promotion { .. });
    let is_applied = record.applied.as_ref().is_some_and(|applied| applied.content == *source);
    if !is_promotion || is_applied || sources.frozen.is_some() {
        return Ok(Vec::new());
    }
    let begun = this.shared.store.applies(&this.scope, 1).await.map_err(PassError::Store)?;
    let begun = begun.into_iter().next().and_then(|apply| apply.revisions);
    if begun.is_some_and(|revisions| revisions.content == *source) {
        return Ok(Vec::new());
    }
    let asked = Asked { environment, source, blocked: None, skipped_by: None };
    let judged = judge_gates(&this.shared, &this.feed, &asked).await;
    judged.map(Vec::from).map_err(|error| match error {
        FactsError::Store(error) => PassError::Store(error),
        FactsError::Git(error) => PassError::Git(error),
        FactsError::Computation(error) => PassError::Computation(error),
    })
}
