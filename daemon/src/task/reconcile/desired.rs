//! What an environment should be: rendered from its two revisions; and what it was, as the base of judgements.

use std::sync::Arc;

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::facts::Facts;
use naksha_environments::rendered::Rendered;
use naksha_executor::port::store::{EnvironmentRecord, Revisions};
use naksha_renderer::render::{RenderInput, render as render_environment};

use super::sources::Ready;
use super::{PassError, Reconciler};
use crate::git::GitError;
use crate::task::LoadedRevision;

/// Renders the environment. Units come from the cache unless something that they read changed.
pub(super) async fn render(this: &mut Reconciler, sources: &Ready) -> Result<Arc<Rendered>, PassError> {
    let revisions = sources.revisions();
    if let Some((at, rendered)) = &this.rendered
        && *at == revisions
        && !rendered.diagnostics.iter().any(Diagnostic::is_error)
    {
        return Ok(Arc::clone(rendered));
    }
    let rendered = rendered(this, Arc::clone(&sources.control), Arc::clone(&sources.content)).await?;
    this.rendered = Some((revisions, Arc::clone(&rendered)));
    Ok(rendered)
}

/// What was applied last: findings that it has too are not new.
#[derive(Debug)]
pub(super) struct BaseRevision {
    pub(super) revisions: Revisions,
    pub(super) rendered: Arc<Rendered>,
    pub(super) control: Arc<LoadedRevision>,
    pub(super) content: Arc<LoadedRevision>,
}

/// The environment as it was applied last, or nothing when it never was (or cannot be read any more).
pub(super) async fn base(
    this: &mut Reconciler,
    record: &EnvironmentRecord,
    sources: &Ready,
) -> Result<Option<Arc<BaseRevision>>, PassError> {
    let Some(applied) = &record.applied else { return Ok(None) };
    if let Some(base) = &this.base
        && base.revisions == *applied
    {
        return Ok(Some(Arc::clone(base)));
    }
    let Revisions { control, content } = applied.clone();
    let (revisions, current) = (Arc::clone(&this.feed.revisions), sources.revisions());
    if current == *applied {
        return Ok(None);
    }
    let read = tokio::task::spawn_blocking(move || {
        Ok::<_, GitError>((revisions.read(&control)?, revisions.read(&content)?))
    });
    let Ok((control, content)) = read.await.map_err(PassError::Computation)? else {
        // Rewritten away: without a base, every finding counts as new, which is the safe side.
        return Ok(None);
    };
    let rendered = rendered(this, Arc::clone(&control), Arc::clone(&content)).await?;
    let base = Arc::new(BaseRevision { revisions: applied.clone(), rendered, control, content });
    this.base = Some(Arc::clone(&base));
    Ok(Some(base))
}

async fn rendered(
    this: &Reconciler,
    control: Arc<LoadedRevision>,
    content: Arc<LoadedRevision>,
) -> Result<Arc<Rendered>, PassError> {
    let (shared, environment) = (Arc::clone(&this.shared), this.scope.environment.clone());
    let task = tokio::task::spawn_blocking(move || {
        let facts = Facts::default();
        render_environment(&RenderInput {
            control: &control.loaded.definitions,
            content: &content.loaded.definitions,
            tree: &content.tree,
            environment: &environment,
            facts: &facts,
            engine: shared.engine.as_ref(),
            cache: &shared.renders,
            key: &shared.key,
        })
    });
    Ok(Arc::new(task.await.map_err(PassError::Computation)?))
}
