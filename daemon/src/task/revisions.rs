//! Revisions that are in use, read and parsed once: several environments share the trunk head.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use naksha_environments::ids::Revision;
use naksha_environments::load::{Loaded, Loader};
use naksha_environments::source::SourceTree;

use crate::git::{GitError, Mirror};
use crate::rules::loader;

/// Trunk head, the applied revision, and a pin per environment of a usual repository.
const KEPT: usize = 8;

/// One revision of a repository.
#[derive(Debug)]
pub struct LoadedRevision {
    pub revision: Revision,
    pub tree: SourceTree,
    pub loaded: Loaded,
}

/// The revisions used last.
#[derive(Debug)]
pub struct Revisions {
    mirror: Arc<Mirror>,
    loader: Loader,
    /// The one used last comes first.
    kept: Mutex<VecDeque<(Revision, Slot)>>,
}

/// Locked while its revision is read: the environments that wake for one commit read it once.
type Slot = Arc<Mutex<Option<Arc<LoadedRevision>>>>;

impl Revisions {
    pub fn new(mirror: Arc<Mirror>) -> Self {
        Self { mirror, loader: loader(), kept: Mutex::default() }
    }

    /// Reads a revision; blocks on the object database.
    pub fn read(&self, revision: &Revision) -> Result<Arc<LoadedRevision>, GitError> {
        let slot = self.slot(revision);
        // Written whole, so a reader that panicked left it empty.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = &*slot {
            return Ok(Arc::clone(read));
        }
        let tree = self.mirror.snapshot(revision)?;
        let loaded = self.loader.load(&tree);
        let read = Arc::new(LoadedRevision { revision: revision.clone(), tree, loaded });
        *slot = Some(Arc::clone(&read));
        Ok(read)
    }

    /// What a merge that is no commit gives, under the revision of what is merged. Not kept. Blocks.
    pub fn load(&self, head: &Revision, tree: SourceTree) -> LoadedRevision {
        let loaded = self.loader.load(&tree);
        LoadedRevision { revision: head.clone(), tree, loaded }
    }

    fn slot(&self, revision: &Revision) -> Slot {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == revision);
        let entry = at.and_then(|at| kept.remove(at)).unwrap_or_else(|| (revision.clone(), Slot::default()));
        let slot = Arc::clone(&entry.1);
        kept.push_front(entry);
        kept.truncate(KEPT);
        slot
    }
}
