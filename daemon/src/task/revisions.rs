//! Revisions that are in use, read and parsed once: several environments share the trunk head.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use naksha_environments::ids::Revision;
use naksha_environments::load::{Loaded, Loader};
use naksha_environments::source::SourceTree;

use crate::git::{GitError, Mirror};

/// Trunk head, the applied revision, and a pin per environment of a usual repository.
const KEPT: usize = 8;

/// One revision of a repository.
#[derive(Debug)]
pub struct LoadedRevision {
    pub revision: Revision,
    pub tree: SourceTree,
    pub loaded: Loaded,
}

/// The revisions read last.
#[derive(Debug)]
pub struct Revisions {
    mirror: Arc<Mirror>,
    loader: Loader,
    kept: Mutex<VecDeque<Arc<LoadedRevision>>>,
}

impl Revisions {
    pub fn new(mirror: Arc<Mirror>) -> Self {
        Self { mirror, loader: Loader::new(naksha_policies::known_rules()), kept: Mutex::default() }
    }

    /// Reads a revision; blocks on the object database.
    pub fn read(&self, revision: &Revision) -> Result<Arc<LoadedRevision>, GitError> {
        if let Some(found) = self.kept().iter().find(|kept| kept.revision == *revision) {
            return Ok(Arc::clone(found));
        }
        let tree = self.mirror.snapshot(revision)?;
        let loaded = self.loader.load(&tree);
        let read = Arc::new(LoadedRevision { revision: revision.clone(), tree, loaded });
        let mut kept = self.kept();
        kept.push_front(Arc::clone(&read));
        kept.truncate(KEPT);
        Ok(read)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<LoadedRevision>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
