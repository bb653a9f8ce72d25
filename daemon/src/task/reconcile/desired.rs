//! What an environment should be: rendered from its two revisions; and what it was, as the base of judgements.

use std::sync::Arc;

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::facts::Facts;
use naksha_environments::rendered::Rendered;
use naksha_executor::port::store::{EnvironmentRecord, Revisions};

use super::sources::Ready;
use super::{PassError, Reconciler};
use crate::git::GitError;
use crate::task::LoadedRevision;

/// An environment at its two revisions.
#[derive(Debug)]
pub(super) struct RenderedRevision {
    pub(super) rendered: Arc<Rendered>,
    pub(super) control: Arc<LoadedRevision>,
    pub(super) content: Arc<LoadedRevision>,
    facts: Arc<Facts>,
}

impl RenderedRevision {
    fn is_at(&self, revisions: &Revisions) -> bool {
        self.control.revision == revisions.control && self.content.revision == revisions.content
    }

    /// Errors may be of time or memory, and go away by themselves.
    fn has_errors(&self) -> bool {
        self.rendered.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// The environment as Git wants it, and as it was applied last: findings that were there then are not new. The second
/// is missing when nothing was ever applied, or what was cannot be read any more.
#[derive(Clone)]
pub(super) struct Renders {
    pub(super) wanted: Arc<RenderedRevision>,
    pub(super) applied: Option<Arc<RenderedRevision>>,
}

/// Renders what a pass needs. What the last pass rendered is kept; units come from the cache unless something that
/// they read changed.
pub(super) async fn render(
    this: &mut Reconciler,
    record: &EnvironmentRecord,
    sources: &Ready,
) -> Result<Renders, PassError> {
    let wanted = match kept(this, &sources.revisions()).filter(|kept| !kept.has_errors()) {
        Some(kept) => kept,
        None => rendered(this, Arc::clone(&sources.control), Arc::clone(&sources.content)).await?,
    };
    let applied = match &record.applied {
        None => None,
        Some(applied) if wanted.is_at(applied) => Some(Arc::clone(&wanted)),
        Some(applied) => match kept(this, applied) {
            Some(kept) => Some(kept),
            None => read_and_render(this, applied).await?,
        },
    };
    this.rendered = [Some(&wanted), applied.as_ref()].into_iter().flatten().cloned().collect();
    Ok(Renders { wanted, applied })
}

fn kept(this: &Reconciler, revisions: &Revisions) -> Option<Arc<RenderedRevision>> {
    let is_kept =
        |kept: &&Arc<RenderedRevision>| kept.is_at(revisions) && Arc::ptr_eq(&kept.facts, &this.scopes.facts);
    this.rendered.iter().find(is_kept).cloned()
}

async fn read_and_render(
    this: &Reconciler,
    at: &Revisions,
) -> Result<Option<Arc<RenderedRevision>>, PassError> {
    let (revisions, Revisions { control, content }) = (Arc::clone(&this.feed.revisions), at.clone());
    let read = tokio::task::spawn_blocking(move || {
        Ok::<_, GitError>((revisions.read(&control)?, revisions.read(&content)?))
    });
    let Ok((control, content)) = read.await.map_err(PassError::Computation)? else {
        // Rewritten away: without a base, every finding counts as new, which is the safe side.
        return Ok(None);
    };
    rendered(this, control, content).await.map(Some)
}

async fn rendered(
    this: &Reconciler,
    control: Arc<LoadedRevision>,
    content: Arc<LoadedRevision>,
) -> Result<Arc<RenderedRevision>, PassError> {
    let (shared, environment) = (Arc::clone(&this.shared), this.scope.environment.clone());
    let facts = Arc::clone(&this.scopes.facts);
    let task = tokio::task::spawn_blocking(move || {
        let rendered = shared.render(&control, &content, &environment, &facts);
        RenderedRevision { rendered: Arc::new(rendered), control, content, facts }
    });
    Ok(Arc::new(task.await.map_err(PassError::Computation)?))
}
