//! The gates of a promotion at the merge commit: a red one holds, whatever the pull request said.

use std::sync::Arc;

use naksha_environments::environment::{Environment, Follows};
use naksha_executor::port::store::EnvironmentRecord;
use naksha_policies::GateVerdict;

use super::desired::Renders;
use super::sources::Ready;
use super::{PassError, Reconciler};
use crate::promotion::{Asked, FactsError, judge_gates};

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
    let is_promoted =
        |environment: &&Arc<Environment>| matches!(environment.follows, Follows::Promotion { .. });
    let environment = before.filter(is_promoted).unwrap_or(&sources.environment);
    let is_applied = record.applied.as_ref().is_some_and(|applied| applied.content == *source);
    if !is_promoted(&environment) || is_applied || sources.frozen.is_some() {
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
