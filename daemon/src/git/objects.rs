//! Reading one repository's objects: trees as values, history, merges in memory. Nothing here writes.
//!
//! libgit2's `Repository` may be used by one thread at a time, so there is a small pool of handles; each is a
//! few file handles. Every method blocks on the disk: call it from a blocking task.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::{Commit, ErrorCode, ObjectType, Oid, Repository, RepositoryOpenFlags};
use jiff::Timestamp;
use naksha_environments::ids::Revision;
use naksha_environments::source::{BlobError, Blobs, ContentId, SourceTree, TreePath};

use super::config::Limits;
use super::error::{GitError, foreign_text};
use super::lfs;
use super::listing::{Flat, ListingCache, list};
use super::refs::RefName;

/// Handles that wait for the next reader: one per core of a small server.
const MAX_IDLE_HANDLES: usize = 8;
/// Trees kept whole: head, the last applied one and two pins are what a pass over the environments asks for.
const KEPT_TREES: usize = 6;

/// The objects of one repository. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    shared: Arc<Shared>,
}

struct Shared {
    /// A bare repository, a `.git` folder, or a working tree.
    path: PathBuf,
    /// What errors call it.
    url: String,
    limits: Limits,
    pool: Mutex<Pool>,
    listings: Mutex<ListingCache>,
    trees: Mutex<VecDeque<(Oid, SourceTree)>>,
    damaged: AtomicBool,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Repository>,
    /// Handles of an earlier age are closed, not put back: the repository was replaced.
    age: u64,
}

/// Who made a commit, when, and what it says. Texts are fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    pub revision: Revision,
    pub author: String,
    /// When it was authored, as the author's machine tells.
    pub time: Timestamp,
    pub subject: String,
    pub parents: Vec<Revision>,
}

/// Commits that a list of them has, and those that are counted beyond it.
const MAX_LISTED: usize = 50;
const MAX_WALKED: usize = 1_000;

impl Objects {
    pub(super) fn open(path: &Path, url: &str, limits: &Limits) -> Result<Self, GitError> {
        let objects = Self::unopened(path, url, limits);
        drop(objects.handle()?);
        Ok(objects)
    }

    pub(super) fn unopened(path: &Path, url: &str, limits: &Limits) -> Self {
        let shared = Shared {
            path: path.to_owned(),
            url: url.to_owned(),
            limits: limits.clone(),
            pool: Mutex::default(),
            listings: Mutex::default(),
            trees: Mutex::default(),
            damaged: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// All files at a revision, listed from the object database. Names that are refused are findings of the tree.
    pub fn snapshot(&self, revision: &Revision) -> Result<SourceTree, GitError> {
        let handle = self.handle()?;
        let id = self.oid(revision)?;
        if let Some((_, tree)) = lock(&self.shared.trees).iter().find(|(known, _)| *known == id) {
            return Ok(tree.clone());
        }
        let root = self.commit(&handle, id)?.tree_id();
        let blobs = Arc::new(GitBlobs { objects: self.clone() });
        let tree = self.tree_of(&handle, root, Some(revision.clone()), blobs)?;
        let mut trees = lock(&self.shared.trees);
        trees.truncate(KEPT_TREES - 1);
        trees.push_front((id, tree.clone()));
        Ok(tree)
    }

    /// The commit that a text names: a full ref, a branch, a tag, a commit id, `main~2`. A name that is both a
    /// branch and a tag is refused.
    pub fn resolve(&self, text: &str) -> Result<Revision, GitError> {
        let handle = self.handle()?;
        let missing = |reason: &str| GitError::RefMissing {
            url: self.shared.url.clone(),
            name: foreign_text(text),
            reason: reason.to_owned(),
        };
        let is = |kind: &str| handle.find_reference(&format!("refs/{kind}/{text}")).is_ok();
        if is("heads") && is("tags") {
            let reason = "it is both a branch and a tag; write `refs/heads/…` or `refs/tags/…`";
            return Err(missing(reason));
        }
        let object = handle.revparse_single(text).map_err(|error| match error.code() {
            ErrorCode::Ambiguous => missing("it is the start of several commit ids"),
            ErrorCode::NotFound | ErrorCode::InvalidSpec | ErrorCode::UnbornBranch => {
                missing("there is no such name")
            }
            _ => self.failed("resolve a name", &error),
        })?;
        let commit = object.peel_to_commit().map_err(|_| missing("it does not name a commit"))?;
        Ok(revision_of(commit.id()))
    }

    /// The commit that a ref names; an error when there is no such ref.
    pub fn head(&self, name: &RefName) -> Result<Revision, GitError> {
        let handle = self.handle()?;
        match self.peeled(&handle, name.as_str())? {
            Some(id) => Ok(revision_of(id)),
            None => Err(GitError::RefMissing {
                url: self.shared.url.clone(),
                name: name.to_string(),
                reason: "there is no such ref".to_owned(),
            }),
        }
    }

    /// The newest commit that both contain; `None` when their histories have nothing in common.
    pub fn merge_base(&self, one: &Revision, two: &Revision) -> Result<Option<Revision>, GitError> {
        let handle = self.handle()?;
        let (one, two) =
            (self.commit(&handle, self.oid(one)?)?.id(), self.commit(&handle, self.oid(two)?)?.id());
        match handle.merge_base(one, two) {
            Ok(base) => Ok(Some(revision_of(base))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.failed("find the merge base", &error)),
        }
    }

    /// Whether `descendant` is `ancestor` or contains it.
    pub fn is_ancestor(&self, ancestor: &Revision, descendant: &Revision) -> Result<bool, GitError> {
        let handle = self.handle()?;
        let ancestor = self.commit(&handle, self.oid(ancestor)?)?.id();
        let descendant = self.commit(&handle, self.oid(descendant)?)?.id();
        self.contains(&handle, descendant, ancestor)
    }

    /// Whether a ref, the trunk for instance, contains `revision`. A revision that the repository lacks is not
    /// contained.
    pub fn is_reachable_from(&self, revision: &Revision, name: &RefName) -> Result<bool, GitError> {
        let head = self.head(name)?;
        if !self.has(revision)? {
            return Ok(false);
        }
        self.is_ancestor(revision, &head)
    }

    /// Whether the commit is here.
    pub fn has(&self, revision: &Revision) -> Result<bool, GitError> {
        let handle = self.handle()?;
        let Ok(id) = self.oid(revision) else { return Ok(false) };
        Ok(handle.find_commit(id).is_ok())
    }

    /// Whether history was cut off when this was cloned: what is not found may be there all the same.
    pub fn is_shallow(&self) -> Result<bool, GitError> {
        Ok(self.handle()?.is_shallow())
    }

    pub fn commit_info(&self, revision: &Revision) -> Result<CommitInfo, GitError> {
        let handle = self.handle()?;
        let commit = self.commit(&handle, self.oid(revision)?)?;
        let author = commit.author();
        let text = |bytes: &[u8]| foreign_text(&String::from_utf8_lossy(bytes));
        Ok(CommitInfo {
            revision: revision.clone(),
            author: text(author.name_bytes()),
            // A time outside the calendar (git stores any 64-bit number) is shown as the epoch.
            time: Timestamp::from_second(author.when().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
            subject: text(commit.summary_bytes().unwrap_or_default()),
            parents: commit.parent_ids().map(revision_of).collect(),
        })
    }

    /// The commits that `new` has and `old` lacks, newest first, along the first parents (a merge stands for what it brought); and how many more
    /// there are. Without `old`: none, since all of history would be it.
    pub fn commits_between(
        &self,
        old: Option<&Revision>,
        new: &Revision,
    ) -> Result<(Vec<CommitInfo>, usize), GitError> {
        let Some(old) = old else { return Ok((Vec::new(), 0)) };
        let revisions: Vec<Revision> = {
            let handle = self.handle()?;
            let failed = |error: git2::Error| self.failed("walk the history", &error);
            let mut walk = handle.revwalk().map_err(failed)?;
            walk.push(self.oid(new)?).map_err(failed)?;
            walk.hide(self.oid(old)?).map_err(failed)?;
            walk.simplify_first_parent().map_err(failed)?;
            walk.take(MAX_WALKED).map(|id| id.map(revision_of).map_err(failed)).collect::<Result<_, _>>()?
        };
        let more = revisions.len().saturating_sub(MAX_LISTED);
        let listed = revisions.iter().take(MAX_LISTED).map(|revision| self.commit_info(revision));
        Ok((listed.collect::<Result<_, _>>()?, more))
    }

    /// Every commit that `new` has and `old` lacks; without `old`, or where it is gone, everything that `new` has.
    pub fn brought(&self, old: Option<&Revision>, new: &Revision) -> Result<BTreeSet<Revision>, GitError> {
        let handle = self.handle()?;
        let failed = |error: git2::Error| self.failed("walk the history", &error);
        let mut walk = handle.revwalk().map_err(failed)?;
        walk.push(self.oid(new)?).map_err(failed)?;
        if let Some(old) = old.map(|old| self.oid(old)).transpose()?
            && handle.find_commit(old).is_ok()
        {
            walk.hide(old).map_err(failed)?;
        }
        walk.map(|id| id.map(revision_of).map_err(failed)).collect()
    }

    /// The paths of all files that differ between two revisions, added and removed ones among them. Names that a
    /// source tree refuses are left out.
    pub fn changed_paths(&self, old: &Revision, new: &Revision) -> Result<BTreeSet<TreePath>, GitError> {
        let handle = self.handle()?;
        let tree = |revision: &Revision| {
            self.commit(&handle, self.oid(revision)?)?
                .tree()
                .map_err(|error| self.failed("read a tree", &error))
        };
        let diff = handle
            .diff_tree_to_tree(Some(&tree(old)?), Some(&tree(new)?), None)
            .map_err(|error| self.failed("compare two trees", &error))?;
        let files = diff.deltas().flat_map(|delta| {
            [delta.old_file().path_bytes(), delta.new_file().path_bytes()]
                .map(|path| path.map(<[u8]>::to_vec))
        });
        Ok(files
            .flatten()
            .filter_map(|bytes| TreePath::parse(std::str::from_utf8(&bytes).ok()?).ok())
            .collect())
    }

    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// A source tree of the tree object `root`, whose files `blobs` reads.
    pub(super) fn tree_of(
        &self,
        handle: &Repository,
        root: Oid,
        revision: Option<Revision>,
        blobs: Arc<dyn Blobs>,
    ) -> Result<SourceTree, GitError> {
        let listing = {
            let mut cache = lock(&self.shared.listings);
            list(handle, &self.shared.url, self.shared.limits.max_entries, &mut cache, root)
        };
        let Flat { entries, folders, mut refused } = self.note_damage(listing)?.flatten();
        refused.extend(lfs::findings(&entries, &*blobs));
        Ok(SourceTree::new(revision, entries, refused, blobs).with_folders(folders))
    }

    pub(super) fn handle(&self) -> Result<Handle<'_>, GitError> {
        let (known, age) = {
            let mut pool = lock(&self.shared.pool);
            (pool.idle.pop(), pool.age)
        };
        let repository = match known {
            Some(repository) => repository,
            None => open_exactly(&self.shared.path)
                .map_err(|error| opening_failed(&self.shared.path, &self.shared.url, &error))?,
        };
        Ok(Handle { shared: &self.shared, repository: Some(repository), age })
    }

    /// Closes all handles: the files beneath them were replaced.
    pub(super) fn forget_handles(&self) {
        let mut pool = lock(&self.shared.pool);
        pool.idle.clear();
        pool.age += 1;
        drop(pool);
        *lock(&self.shared.listings) = ListingCache::default();
        lock(&self.shared.trees).clear();
        self.shared.damaged.store(false, Ordering::Relaxed);
    }

    /// Whether something was found damaged or missing since the handles were last forgotten.
    pub(super) fn is_damaged(&self) -> bool {
        self.shared.damaged.load(Ordering::Relaxed)
    }

    pub(super) fn note_damage<T>(&self, result: Result<T, GitError>) -> Result<T, GitError> {
        if matches!(result, Err(GitError::Corrupt { .. })) {
            self.shared.damaged.store(true, Ordering::Relaxed);
        }
        result
    }

    pub(super) fn oid(&self, revision: &Revision) -> Result<Oid, GitError> {
        Oid::from_str(revision.as_str()).map_err(|_| GitError::RefMissing {
            url: self.shared.url.clone(),
            name: revision.to_string(),
            reason: "its kind of commit id is not supported".to_owned(),
        })
    }

    pub(super) fn commit<'repo>(
        &self,
        handle: &'repo Repository,
        id: Oid,
    ) -> Result<Commit<'repo>, GitError> {
        let found = handle.find_commit(id).map_err(|error| match error.code() {
            ErrorCode::NotFound => GitError::RefMissing {
                url: self.shared.url.clone(),
                name: id.to_string(),
                reason: "there is no such commit".to_owned(),
            },
            _ => self.failed("read a commit", &error),
        });
        self.note_damage(found)
    }

    /// The commit of a ref, tags peeled; `None` when there is no such ref.
    pub(super) fn peeled(&self, handle: &Repository, name: &str) -> Result<Option<Oid>, GitError> {
        match handle.find_reference(name) {
            Ok(reference) => {
                let commit = reference.peel_to_commit().map_err(|error| self.failed("read a ref", &error));
                self.note_damage(commit).map(|commit| Some(commit.id()))
            }
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.failed("read a ref", &error)),
        }
    }

    /// Whether `descendant` is `ancestor` or contains it.
    pub(super) fn contains(
        &self,
        handle: &Repository,
        descendant: Oid,
        ancestor: Oid,
    ) -> Result<bool, GitError> {
        if descendant == ancestor {
            return Ok(true);
        }
        handle
            .graph_descendant_of(descendant, ancestor)
            .map_err(|error| self.failed("walk the history", &error))
    }

    pub(super) fn failed(&self, doing: &'static str, error: &git2::Error) -> GitError {
        GitError::from_git(&self.shared.url, doing, error)
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("url", &self.shared.url).finish_non_exhaustive()
    }
}

/// A repository handle on loan from the pool.
pub(super) struct Handle<'a> {
    shared: &'a Shared,
    repository: Option<Repository>,
    age: u64,
}

impl Deref for Handle<'_> {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        self.repository.as_ref().expect("should hold its repository until it is dropped")
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        let mut pool = lock(&self.shared.pool);
        if pool.age == self.age && pool.idle.len() < MAX_IDLE_HANDLES {
            pool.idle.extend(self.repository.take());
        }
    }
}

/// Bytes from the object database; the size is known before anything is read.
#[derive(Debug, Clone)]
pub(super) struct GitBlobs {
    pub(super) objects: Objects,
}

impl Blobs for GitBlobs {
    fn read(&self, id: &ContentId, limit: u64) -> Result<Arc<[u8]>, BlobError> {
        let unreadable = |reason: String| BlobError::Unreadable { reason };
        let oid = Oid::from_str(id.as_str()).map_err(|_| BlobError::Missing)?;
        let handle = self.objects.handle().map_err(|error| unreadable(error.to_string()))?;
        let read = || -> Result<Result<Arc<[u8]>, BlobError>, git2::Error> {
            let odb = handle.odb()?;
            let (size, kind) = odb.read_header(oid)?;
            let size = size as u64;
            if size > limit {
                return Ok(Err(BlobError::TooLarge { size, limit }));
            }
            if kind != ObjectType::Blob {
                return Ok(Err(unreadable(format!("object {oid} is not a file"))));
            }
            Ok(Ok(Arc::from(odb.read(oid)?.data())))
        };
        read().unwrap_or_else(|error| {
            self.objects.shared.damaged.store(true, Ordering::Relaxed);
            match error.code() {
                ErrorCode::NotFound => Err(BlobError::Missing),
                _ => Err(unreadable(foreign_text(error.message()))),
            }
        })
    }
}

/// Opens the repository at `path` itself, never one of a folder above it.
pub(super) fn open_exactly(path: &Path) -> Result<Repository, git2::Error> {
    Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, std::iter::empty::<&Path>())
}

/// What it means that a repository cannot be opened.
pub(super) fn opening_failed(path: &Path, url: &str, error: &git2::Error) -> GitError {
    let url = url.to_owned();
    match (error.code(), std::fs::metadata(path)) {
        (ErrorCode::Owner, _) => GitError::Denied {
            url,
            reason: "its folder belongs to another user; see git's `safe.directory`".to_owned(),
        },
        (_, Err(io)) if io.kind() == std::io::ErrorKind::PermissionDenied => {
            GitError::Denied { url, reason: io.to_string() }
        }
        (_, Err(_)) => GitError::NotARepository { url, reason: "there is no such folder".to_owned() },
        (ErrorCode::NotFound, Ok(_)) => {
            GitError::NotARepository { url, reason: "the folder holds no repository".to_owned() }
        }
        (_, Ok(_)) => GitError::Corrupt { url, reason: foreign_text(error.message()) },
    }
}

pub(super) fn revision_of(id: Oid) -> Revision {
    Revision::parse(&id.to_string()).expect("should be printed as a revision is parsed")
}

/// A lock whose data is replaced as a whole, so a panic of another thread cannot have left it half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
