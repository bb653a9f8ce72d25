//! The target port over a directory. File work runs on the blocking pool.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use naksha_environments::object::Observation;
use naksha_environments::secret::MarkKey;
use naksha_executor::port::recovery::{Recovery, Search};
use naksha_executor::port::target::{Question, Removal, Target, TargetError, Write, WriteError, Written};
use naksha_kubernetes_health::RuleSet;
use rustix::io::Errno;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{debug, info};

use super::document::Reader;
use super::error::DirectoryError;
use super::marker::Seen;
use super::observe::Looked;
use super::own::OwnWrites;
use super::place::Folder;
use super::proven::Proven;
use super::watch::Watch;
use super::{change, observe, recover};

pub use super::watch::Watching;

/// A directory that holds one file per object. See the module's head and `docs/directory-target.md`.
pub struct DirectoryTarget {
    inner: Arc<Inner>,
    watch: Watch,
}

/// What the work on files needs.
pub(crate) struct Inner {
    pub root: PathBuf,
    /// Marks the values of Secrets, and judges health.
    pub marks: Reader,
    pub seen: Seen,
    /// Held while the directory becomes a target.
    pub marking: Mutex<()>,
    /// Our own writes, which are no news.
    pub own: Arc<OwnWrites>,
    /// What need not be looked at.
    pub proven: Arc<Proven>,
}

impl Inner {
    /// How the target is called in messages.
    pub(crate) fn name(&self) -> String {
        self.root.display().to_string()
    }
}

impl DirectoryTarget {
    /// Opens the directory at `root`, which need not exist yet, and removes what killed writes left in it. `marks`
    /// is the installation's key for values of Secrets.
    pub fn open(root: &Path, marks: MarkKey) -> Result<Self, DirectoryError> {
        Self::open_judging_by(root, marks, RuleSet::bundled().clone())
    }

    /// As [`Self::open`], where other rules than the shipped ones say what a status means.
    pub fn open_judging_by(root: &Path, marks: MarkKey, rules: RuleSet) -> Result<Self, DirectoryError> {
        Self::open_with(root, marks, rules, Watching::Kernel)
    }

    /// As [`Self::open`], for directories that the kernel tells nothing about.
    pub fn open_watching(root: &Path, marks: MarkKey, watching: Watching) -> Result<Self, DirectoryError> {
        Self::open_with(root, marks, RuleSet::bundled().clone(), watching)
    }

    fn open_with(
        root: &Path,
        marks: MarkKey,
        rules: RuleSet,
        watching: Watching,
    ) -> Result<Self, DirectoryError> {
        let path = || root.to_owned();
        match Folder::root(root) {
            Ok(folder) => {
                let removed =
                    folder.clean().map_err(|source| DirectoryError::Clean { path: path(), source })?;
                if removed > 0 {
                    info!(root = %root.display(), removed, "removed what killed writes left");
                }
            }
            Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR) => return Err(DirectoryError::NotADirectory { path: path() }),
            Err(source) => return Err(DirectoryError::Open { path: path(), source }),
        }
        let (own, proven) = (Arc::new(OwnWrites::default()), Arc::new(Proven::default()));
        let watch = Watch::start(root, watching, Arc::clone(&own), Arc::clone(&proven))
            .map_err(|source| DirectoryError::Watch { path: path(), source })?;
        let (seen, marking) = (Seen::default(), Mutex::default());
        let marks = Reader { marks, rules };
        let inner = Arc::new(Inner { root: path(), marks, seen, marking, own, proven });
        Ok(Self { inner, watch })
    }

    /// Observes, and tells how much work that was. `now` decides which proofs have become too old.
    pub(crate) async fn look(&self, question: Question, now: Instant) -> Result<Looked, TargetError> {
        let inner = Arc::clone(&self.inner);
        let looked = spawn_blocking(move || observe::observe(&inner, question, now)).await;
        looked.unwrap_or_else(|_| {
            let reason = "observing it was broken off".to_owned();
            Err(TargetError::Unreachable { target: self.inner.name(), reason })
        })
    }
}

impl fmt::Debug for DirectoryTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirectoryTarget({})", self.inner.root.display())
    }
}

#[async_trait]
impl Target for DirectoryTarget {
    async fn observe(&self, question: Question) -> Result<Observation, TargetError> {
        let Looked { observation, files } = self.look(question, Instant::now()).await?;
        let answers = observation.objects.len();
        debug!(root = %self.inner.root.display(), files, answers, "observed");
        Ok(observation)
    }

    fn doubt(&self) {
        // Whether everything is watched is seen to again, too.
        self.inner.proven.doubt();
        self.watch.poke();
    }

    async fn write(&self, write: &Write) -> Result<Written, WriteError> {
        let (inner, owned) = (Arc::clone(&self.inner), write.clone());
        let written = spawn_blocking(move || (inner.root.exists(), change::write(&inner, &owned))).await;
        let (existed, written) = written.unwrap_or_else(|_| (true, Err(broken_off(&write.key))));
        if !existed {
            self.watch.poke();
        }
        written
    }

    async fn remove(&self, removal: &Removal) -> Result<(), WriteError> {
        let (inner, owned) = (Arc::clone(&self.inner), removal.clone());
        let removed = spawn_blocking(move || change::remove(&inner, &owned)).await;
        removed.unwrap_or_else(|_| Err(broken_off(&removal.key)))
    }

    async fn recover(&self, search: &Search) -> Result<Recovery, TargetError> {
        let (inner, owned) = (Arc::clone(&self.inner), search.clone());
        let found = spawn_blocking(move || recover::recover(&inner, &owned)).await;
        found.unwrap_or_else(|_| {
            let reason = "looking through it was broken off".to_owned();
            Err(TargetError::Unreachable { target: self.inner.name(), reason })
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.watch.subscribe()
    }
}

fn broken_off(key: &naksha_environments::object::ObjectKey) -> WriteError {
    WriteError::Transient { key: key.clone(), reason: "it was broken off".to_owned(), after: None }
}
