//! Every repository's refs, objects and signal, as the environments' loops see them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use naksha_environments::ids::{EnvironmentName, RepositoryName, Revision};
use naksha_environments::moment::to_the_second;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor::port::store::{Scope, Store, StoreError};
use naksha_executor_forge::{Installation, Place};
use tokio::sync::watch;
use tracing::warn;

use crate::config::RepositoryConfig;
use crate::git::{
    GitError, Mirror, NOTES_REF, NotePlace, RefChange, RefName, RepositorySignal, RepositoryState,
};
use crate::task::{Reviewed, Revisions};

/// Where a tracked ref is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefState {
    At(Revision),
    /// It was there and is gone. Not the same as empty.
    Gone {
        last: Option<Revision>,
    },
    /// The remote never had it, as far as is known.
    Missing,
}

/// One repository.
#[derive(Debug, Clone)]
pub struct Feed {
    pub config: Arc<RepositoryConfig>,
    pub mirror: Arc<Mirror>,
    pub revisions: Arc<Revisions>,
    pub signal: Arc<RepositorySignal>,
    pub state: watch::Receiver<RepositoryState>,
    pub found_trunk: FoundTrunk,
    /// Tells that its forge says that something happened.
    pub stirred: watch::Sender<u64>,
    /// Absent: it has no forge, and nobody reviews anything there.
    pub reviewed: Option<Reviewed>,
    /// Where references of the configuration lead.
    pub secrets: Arc<dyn SecretSource>,
    /// The App that we are on its forge, with the token that Git uses too. Absent: we are none.
    pub installation: Option<Installation>,
}

/// The trunk as it was first found, kept in a file: a remote whose HEAD moves elsewhere does not take the environments
/// along, and a restart while the remote is down knows where to look.
#[derive(Debug, Clone)]
pub struct FoundTrunk {
    file: Arc<Path>,
    name: Arc<OnceLock<RefName>>,
}

impl FoundTrunk {
    /// Blocks for one file.
    pub fn open(file: &Path) -> Self {
        let name = OnceLock::new();
        let written = std::fs::read_to_string(file).ok();
        if let Some(found) = written.and_then(|text| RefName::parse(text.trim()).ok()) {
            name.get_or_init(|| found);
        }
        Self { file: file.into(), name: Arc::new(name) }
    }

    /// As it was found before.
    pub fn known(&self) -> Option<RefName> {
        self.name.get().cloned()
    }

    fn keep(&self, found: RefName) -> RefName {
        let name = self.name.get_or_init(|| {
            let (file, text) = (Arc::clone(&self.file), found.to_string());
            // Nobody waits for it: killed before it is written, the trunk is found anew.
            tokio::task::spawn_blocking(move || {
                if let Err(error) = std::fs::write(&*file, text) {
                    warn!(%error, file = %file.display(), "the trunk's name cannot be kept");
                }
            });
            found
        });
        name.clone()
    }
}

impl Feed {
    pub fn name(&self) -> &RepositoryName {
        &self.config.name
    }

    /// Where the secret of its webhooks is. Nothing: it takes none.
    pub fn hook_secret(&self) -> Option<Place> {
        self.config.forge.as_ref()?.hook_secret(&self.secrets).ok()?
    }

    /// The branch whose head rules; unknown before the first fetch unless it is configured. Must be called inside a
    /// tokio runtime.
    pub fn trunk(&self) -> Option<RefName> {
        if let Some(branch) = &self.config.trunk {
            return RefName::branch(branch).ok();
        }
        if let Some(found) = self.found_trunk.known() {
            return Some(found);
        }
        let found = self.state.borrow().default_branch.clone()?;
        Some(self.found_trunk.keep(found))
    }

    /// Where a ref is, as of the last fetch.
    pub fn at(&self, name: &RefName) -> RefState {
        let state = self.state.borrow();
        if let Some(head) = state.heads.get(name) {
            return RefState::At(head.clone());
        }
        if state.fetched_at.is_none() {
            // Not fetched since the start: what the mirror knew before stands.
            return self.mirror.objects().head(name).map_or(RefState::Missing, RefState::At);
        }
        match state.updates.get(name) {
            Some(update) if update.kind == RefChange::Deleted => RefState::Gone { last: update.old.clone() },
            _ => RefState::Missing,
        }
    }

    /// Every tracked ref that is there, and the trunk.
    pub fn heads(&self) -> BTreeMap<RefName, Revision> {
        let mut heads = self.state.borrow().heads.clone();
        if let Some(trunk) = self.trunk()
            && let RefState::At(head) = self.at(&trunk)
        {
            heads.insert(trunk, head);
        }
        heads
    }

    /// Whether the history that led to `from` leads on to `to`. A commit that is not there any more was rewritten away;
    /// anything else that fails says nothing about history. Blocks.
    pub fn continues(&self, from: &Revision, to: &Revision) -> Result<bool, GitError> {
        let objects = self.mirror.objects();
        Ok(objects.has(from)? && objects.is_ancestor(from, to)?)
    }

    /// Whether a ref was asked for since the start.
    pub fn was_asked_for(&self, name: &RefName) -> bool {
        self.state.borrow().asked.contains(name)
    }

    /// Why the repository cannot be fetched now, in words.
    pub fn trouble(&self) -> Option<String> {
        let state = self.state.borrow();
        let failure = state.failure.as_ref()?;
        let error = &failure.error;
        Some(format!("{}: {error} (since {})", error.code(), to_the_second(failure.since)))
    }
}

/// Every repository.
#[derive(Debug, Clone)]
pub struct Heads(Arc<[Feed]>);

impl Heads {
    pub fn new(feeds: Vec<Feed>) -> Self {
        Self(feeds.into())
    }

    pub fn feeds(&self) -> &[Feed] {
        &self.0
    }

    pub fn named(&self, name: &str) -> Option<&Feed> {
        self.0.iter().find(|feed| feed.name().as_str() == name)
    }

    /// Fetch soon.
    pub fn poke(&self) {
        for feed in &*self.0 {
            feed.signal.poke();
        }
    }

    /// A person says that the refs are right as they are: a rewritten history no longer holds the environment. The
    /// answer names the refs whose history was rewritten since the environment saw them.
    pub async fn accept(&self, store: &dyn Store, scope: &Scope) -> Result<Vec<RefName>, StoreError> {
        let Some(feed) = self.named(scope.repository.as_str()) else { return Ok(Vec::new()) };
        let heads = feed.state.borrow().heads.clone();
        let mut rewritten = Vec::new();
        for (name, head) in heads {
            let key = seen_name(&scope.environment, &name);
            // What it never saw holds nothing.
            let Some(seen) = store.seen_ref(&scope.repository, &key).await? else { continue };
            if seen == head {
                continue;
            }
            store.see_ref(&scope.repository, &key, &head).await?;
            let feed = feed.clone();
            let continues = tokio::task::spawn_blocking(move || feed.continues(&seen, &head)).await;
            if matches!(continues, Ok(Ok(false))) {
                rewritten.push(name);
            }
        }
        Ok(rewritten)
    }

    /// Leaves a note on a commit of a local repository.
    pub async fn write_note(&self, repository: &str, revision: Revision, note: String) -> Result<(), String> {
        let Some(feed) = self.named(repository) else { return Ok(()) };
        let mirror = Arc::clone(&feed.mirror);
        let write = move || {
            let notes = RefName::parse(NOTES_REF)?;
            mirror.write_note(NotePlace::Source, &revision, &notes, &note)
        };
        let written: Result<(), GitError> =
            tokio::task::spawn_blocking(write).await.map_err(|error| error.to_string())?;
        written.map_err(|error| error.to_string())
    }
}

/// Under which name the store remembers the head that an environment accepted: each accepts for itself.
pub(super) fn seen_name(environment: &EnvironmentName, name: &RefName) -> String {
    format!("{environment}:{name}")
}
