//! What a loop looks at, for those who want to look at the same while it works: what Git wants, and where it is.
//!
//! Set in every pass, before anything is observed. A loop may wait for minutes; who asks why must not wait for it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use naksha_environments::environment::Environment;
use naksha_environments::facts::Facts;
use naksha_environments::rendered::Rendered;
use naksha_environments::secret::MarkKey;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor::port::store::Revisions;
use naksha_executor::port::target::SharedTarget;
use naksha_policies::FindingCache;

/// What one pass worked on.
pub struct Scene {
    pub environment: Arc<Environment>,
    pub revisions: Revisions,
    pub rendered: Arc<Rendered>,
    pub target: SharedTarget,
    pub secrets: Arc<dyn SecretSource>,
    pub key: MarkKey,
    /// What the render was told of the outside.
    pub facts: Arc<Facts>,
    /// What is known of units that were judged before.
    pub findings: Arc<FindingCache>,
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scene({}, {:?})", self.environment.name, self.target)
    }
}

/// Where a loop shows what it works on. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Window(Arc<RwLock<Option<Arc<Scene>>>>);

impl Window {
    pub fn show(&self, scene: Scene) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(scene));
    }

    /// There is nothing to look at any more.
    pub fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What the last pass worked on; none before one came so far.
    pub fn look(&self) -> Option<Arc<Scene>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
