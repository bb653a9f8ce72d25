//! The mirror: a bare copy of one repository under the state folder, kept by fetching.
//!
//! It is a cache: when it is damaged it is moved aside and cloned again. What is not a cache are the pins, refs
//! that keep an environment's source alive; they are carried over. Refs of the remote keep their full names;
//! everything of our own is beneath `refs/naksha/`:
//!
//! ```text
//!   refs/naksha/pins/<environment>       the source an environment is locked to
//!   refs/naksha/heads/pull/7/head        the head of a pull request, or of a merge queue, while it is open
//!   refs/naksha/deleted/heads/main       where a branch was when the remote deleted it
//!   refs/naksha/previous/0007/heads/main where a branch was before its history was rewritten
//! ```
//!
//! Methods block; call them from a blocking task. One fetch at a time; reading goes on meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use git2::{Oid, Repository};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::source::SourceTree;
use tracing::{info, warn};

use super::config::MirrorConfig;
use super::error::GitError;
use super::local::LocalSource;
use super::objects::{Objects, lock, revision_of};
use super::refs::{OWN_REFS, RefChange, RefName, RefUpdate, change};
use super::{rebuild, remote};

/// Rewritten histories whose old head is remembered; the oldest is dropped first.
const KEPT_REWRITES: usize = 20;

/// A local copy of one repository.
#[derive(Debug)]
pub struct Mirror {
    config: MirrorConfig,
    folder: PathBuf,
    objects: Objects,
    /// Held during a fetch.
    fetching: Mutex<()>,
    fetches: AtomicU64,
    /// Packs whose objects a newer pack holds; removed by the next compaction.
    pub(super) superseded: Mutex<Vec<PathBuf>>,
}

/// What a fetch found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// One per ref asked for, in that order.
    pub updates: Vec<RefUpdate>,
    /// What the remote's HEAD names.
    pub default_branch: Option<RefName>,
    pub bytes: u64,
}

impl Fetched {
    /// Whether any ref is not where it was.
    pub fn is_changed(&self) -> bool {
        self.updates.iter().any(|update| update.kind != RefChange::Unchanged && update.old != update.new)
    }
}

impl Mirror {
    /// Opens or makes the mirror beneath `state_dir`. Does not fetch. A folder that holds no usable repository is
    /// moved aside, with a warning.
    pub fn open(config: &MirrorConfig, state_dir: &Path) -> Result<Self, GitError> {
        let folder = state_dir.join("repositories").join(format!("{}.git", config.name));
        let url = config.url.to_string();
        let objects = Objects::unopened(&folder, &url, &config.limits);
        let mirror = Self {
            config: config.clone(),
            folder,
            objects,
            fetching: Mutex::new(()),
            fetches: AtomicU64::new(0),
            superseded: Mutex::default(),
        };
        if !mirror.folder.exists() {
            rebuild::create(&mirror.folder, &url)?;
        } else if let Err(error) = mirror.objects.handle().map(drop) {
            warn!(repository = %config.name, %error, "mirror is damaged, moved aside; the next fetch clones again");
            rebuild::replace(&mirror.folder, &url)?;
            mirror.objects.forget_handles();
        } else {
            rebuild::remove_leftovers(&mirror.folder);
        }
        Ok(mirror)
    }

    pub fn config(&self) -> &MirrorConfig {
        &self.config
    }

    /// The repository's address, without credentials.
    pub fn url(&self) -> &str {
        self.objects.url()
    }

    /// Where the mirror is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that reads: history, merges, commits.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// All files at a revision.
    pub fn snapshot(&self, revision: &Revision) -> Result<SourceTree, GitError> {
        self.objects.snapshot(revision)
    }

    /// The commit that a text names; see [`Objects::resolve`].
    pub fn resolve(&self, text: &str) -> Result<Revision, GitError> {
        self.objects.resolve(text)
    }

    /// Asks the remote for `refs` and brings what is new. Waits for a fetch that is under way.
    pub fn fetch(&self, refs: &[RefName]) -> Result<Fetched, GitError> {
        let _one_at_a_time = lock(&self.fetching);
        self.fetches.fetch_add(1, Ordering::Relaxed);
        if self.objects.is_damaged() {
            warn!(repository = %self.config.name, "mirror is damaged, moved aside and cloned again");
            rebuild::replace(&self.folder, self.url())?;
            self.objects.forget_handles();
        }
        let lost = rebuild::lost(&self.folder);
        let fetched = self.fetch_refs(refs, &lost)?;
        let pins = lost.into_iter().filter(|(name, _)| name.starts_with(OWN_REFS));
        self.restore(&pins.collect())?;
        Ok(fetched)
    }

    fn fetch_refs(&self, refs: &[RefName], lost: &BTreeMap<String, Oid>) -> Result<Fetched, GitError> {
        let handle = self.objects.handle()?;
        let lacks = |id: &Oid| !handle.odb().is_ok_and(|odb| odb.exists(*id));
        let (found, bytes) = match self.config.url.local_path() {
            Some(path) => {
                let source = LocalSource::open(&self.config, path)?;
                let found = source.refs(refs)?;
                let missing: Vec<Oid> = found.heads.values().copied().filter(lacks).collect();
                let started = Instant::now();
                let is_over = || started.elapsed() >= self.config.fetch_timeout;
                let bytes = if missing.is_empty() { 0 } else { source.copy(&handle, &missing, &is_over)? };
                (found, bytes)
            }
            None => remote::fetch(&self.config, &handle, refs, |found| {
                let missing = found.heads.iter().filter(|(_, id)| lacks(id));
                missing.map(|(name, _)| remote::spec_of(name)).collect()
            })?,
        };
        let settled =
            refs.iter().map(|name| self.settle(&handle, name, found.heads.get(name).copied(), lost));
        let updates = settled.collect::<Result<Vec<_>, _>>()?;
        for update in updates.iter().filter(|update| update.kind != RefChange::Unchanged) {
            info!(
                repository = %self.config.name,
                name = %update.name,
                old = update.old.as_ref().map(Revision::short),
                new = update.new.as_ref().map(Revision::short),
                change = ?update.kind,
                "ref"
            );
        }
        Ok(Fetched { updates, default_branch: found.default_branch, bytes })
    }

    /// Moves a ref of the mirror to where the remote's is (`new`), and says what that means. `lost` is what an
    /// earlier, damaged mirror knew.
    fn settle(
        &self,
        handle: &Repository,
        name: &RefName,
        new: Option<Oid>,
        lost: &BTreeMap<String, Oid>,
    ) -> Result<RefUpdate, GitError> {
        let deleted = format!("refs/naksha/deleted/{}", name.tail());
        let here = self.objects.peeled(handle, name.as_str())?;
        let here_is_a_ref = here.is_some();
        let here = here.or_else(|| lost.get(name.as_str()).copied());
        let gone = match here {
            Some(_) => None,
            None => self.objects.peeled(handle, &deleted)?.or_else(|| lost.get(&deleted).copied()),
        };
        let known = here.or(gone);
        // The commit, where the remote names an annotated tag.
        let commit = match new {
            None => None,
            Some(id) => {
                let object = handle.find_object(id, None).and_then(|object| object.peel_to_commit());
                Some(object.map_err(|_| self.not_a_commit(name))?.id())
            }
        };
        let has = |id: Oid| handle.find_commit(id).is_ok();
        // A commit that a damaged mirror had, and that the new history did not bring, is not part of it.
        let contains = |new, old| if has(old) { self.objects.contains(handle, new, old) } else { Ok(false) };
        let kind = change(known, gone.is_some(), commit, contains)?;
        match (kind, new, known) {
            (RefChange::Unchanged, _, _) if here_is_a_ref => {}
            (RefChange::Missing, _, _) => {}
            (RefChange::Deleted, _, Some(old)) => {
                if has(old) {
                    self.set(handle, &deleted, old)?;
                }
                self.remove(handle, name.as_str())?;
            }
            (_, Some(id), _) => {
                if let (RefChange::Rewritten, Some(old)) = (kind, known.filter(|old| has(*old))) {
                    self.remember_rewrite(handle, name, old)?;
                }
                self.set(handle, name.as_str(), id)?;
                self.remove(handle, &deleted)?;
                rebuild::forget_lost(&self.folder, name.as_str())?;
            }
            (_, None, _) => {}
        }
        Ok(RefUpdate { name: name.clone(), old: known.map(revision_of), new: commit.map(revision_of), kind })
    }

    fn not_a_commit(&self, name: &RefName) -> GitError {
        let reason = "it does not name a commit".to_owned();
        GitError::RefMissing { url: self.url().to_owned(), name: name.to_string(), reason }
    }

    fn remember_rewrite(&self, handle: &Repository, name: &RefName, old: Oid) -> Result<(), GitError> {
        let kept = self.own_refs(handle, "refs/naksha/previous/*")?;
        let number =
            |kept: &str| kept.split('/').nth(3).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
        let next = kept.keys().map(|kept| number(kept)).max().unwrap_or(0) + 1;
        for old in kept.keys().take((kept.len() + 1).saturating_sub(KEPT_REWRITES)) {
            self.remove(handle, old)?;
        }
        self.set(handle, &format!("refs/naksha/previous/{next:08}/{}", name.tail()), old)
    }

    /// Where a ref was before its history was rewritten, newest first.
    pub fn rewritten_from(&self, name: &RefName) -> Result<Vec<Revision>, GitError> {
        let handle = self.objects.handle()?;
        let kept = self.own_refs(&handle, "refs/naksha/previous/*")?;
        let of_name = |kept: &&String| kept.splitn(5, '/').nth(4) == Some(name.tail());
        Ok(kept.keys().filter(of_name).rev().map(|name| revision_of(kept[name])).collect())
    }

    /// Keeps `revision` alive for an environment, whatever becomes of the branches. One pin per environment.
    pub fn pin(&self, environment: &EnvironmentName, revision: &Revision) -> Result<(), GitError> {
        let handle = self.objects.handle()?;
        let id = self.objects.commit(&handle, self.objects.oid(revision)?)?.id();
        self.set(&handle, &pin_name(environment), id)
    }

    pub fn unpin(&self, environment: &EnvironmentName) -> Result<(), GitError> {
        let handle = self.objects.handle()?;
        self.remove(&handle, &pin_name(environment))
    }

    /// What an environment is pinned to.
    pub fn pinned(&self, environment: &EnvironmentName) -> Result<Option<Revision>, GitError> {
        let handle = self.objects.handle()?;
        Ok(self.objects.peeled(&handle, &pin_name(environment))?.map(revision_of))
    }

    /// Brings the head of a pull request, unless it is here. It is not tracked: where it was before is of no interest.
    pub fn bring_head(&self, name: &RefName, head: &Revision) -> Result<(), GitError> {
        let _one_at_a_time = lock(&self.fetching);
        let handle = self.objects.handle()?;
        let id = self.objects.oid(head)?;
        let is_here = || handle.find_commit(id).is_ok();
        if !is_here() {
            if let Some(path) = self.config.url.local_path() {
                LocalSource::open(&self.config, path)?.copy(&handle, &[id], &|| false)?;
            } else {
                let wanted = std::slice::from_ref(name);
                remote::fetch(&self.config, &handle, wanted, |_| vec![remote::spec_of(name)])?;
            }
        }
        if !is_here() {
            let reason = format!("it is not at {} any more", head.short());
            return Err(GitError::RefMissing { url: self.url().to_owned(), name: name.to_string(), reason });
        }
        // Nothing may take it away while it is planned.
        self.set(&handle, &format!("{OWN_REFS}heads/{}", name.tail()), id)
    }

    /// Lets go of heads that were brought, of names that begin like this, but for these: of what is closed nothing is kept.
    pub fn drop_heads(&self, beginning: &str, keep: &BTreeSet<RefName>) -> Result<(), GitError> {
        let _one_at_a_time = lock(&self.fetching);
        let handle = self.objects.handle()?;
        let beginning = beginning.trim_start_matches("refs/");
        let kept: BTreeSet<String> =
            keep.iter().map(|name| format!("{OWN_REFS}heads/{}", name.tail())).collect();
        for name in self.own_refs(&handle, &format!("{OWN_REFS}heads/{beginning}*"))?.keys() {
            if !kept.contains(name) {
                self.remove(&handle, name)?;
            }
        }
        Ok(())
    }

    /// Keeps fetches away while the mirror's files are rearranged.
    pub(super) fn lock_fetching(&self) -> MutexGuard<'_, ()> {
        lock(&self.fetching)
    }

    /// Fetches made since the mirror was opened, failed ones among them.
    pub fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::Relaxed)
    }

    /// Restores our own refs (pins, remembered heads) in a new mirror, fetching their commits where no branch
    /// brought them. What cannot be had is said in the log, and asked for again with every fetch.
    fn restore(&self, lost: &BTreeMap<String, Oid>) -> Result<(), GitError> {
        if lost.is_empty() {
            return Ok(());
        }
        let handle = self.objects.handle()?;
        let lacks = |id: &Oid| handle.find_commit(*id).is_err();
        for (name, id) in lost {
            if lacks(id)
                && let Err(error) = self.bring(&handle, *id)
            {
                warn!(repository = %self.config.name, name, %id, %error, "pinned commit cannot be fetched yet");
            }
            if !lacks(id) {
                self.set(&handle, name, *id)?;
                rebuild::forget_lost(&self.folder, name)?;
            }
        }
        Ok(())
    }

    /// Fetches one commit by its id.
    fn bring(&self, handle: &Repository, id: Oid) -> Result<(), GitError> {
        match self.config.url.local_path() {
            Some(path) => LocalSource::open(&self.config, path)?.copy(handle, &[id], &|| false).map(drop),
            None => remote::fetch(&self.config, handle, &[], |_| vec![remote::spec_of_commit(id)]).map(drop),
        }
    }

    fn own_refs(&self, handle: &Repository, glob: &str) -> Result<BTreeMap<String, Oid>, GitError> {
        let failed = |error: git2::Error| self.objects.failed("list refs", &error);
        let mut found = BTreeMap::new();
        for reference in handle.references_glob(glob).map_err(failed)? {
            let reference = reference.map_err(failed)?;
            if let (Ok(name), Some(id)) = (reference.name(), reference.target()) {
                found.insert(name.to_owned(), id);
            }
        }
        Ok(found)
    }

    fn set(&self, handle: &Repository, name: &str, id: Oid) -> Result<(), GitError> {
        handle
            .reference(name, id, true, "naksha")
            .map(drop)
            .map_err(|error| self.objects.failed("write a ref", &error))
    }

    fn remove(&self, handle: &Repository, name: &str) -> Result<(), GitError> {
        match handle.find_reference(name) {
            Ok(mut reference) => {
                reference.delete().map_err(|error| self.objects.failed("remove a ref", &error))
            }
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(()),
            Err(error) => Err(self.objects.failed("remove a ref", &error)),
        }
    }
}

fn pin_name(environment: &EnvironmentName) -> String {
    format!("refs/naksha/pins/{environment}")
}
