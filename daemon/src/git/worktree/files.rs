//! The files of a working copy: what git tracks and what it would track, as they are on disk.
//!
//! Content ids are git's blob ids, so that what was rendered from a commit need not be rendered again. A file
//! whose index entry is up to date by size and times is not read; git trusts the same signs. A folder that is not
//! a repository works too: every file in it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ErrorCode, IndexEntry, Repository};
use naksha_environments::codes::git as codes;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::ids::Revision;
use naksha_environments::source::{ContentId, Entry, EntryKind, SourceTree, TreePath};

use super::disk::{DiskBlobs, DiskKind, hash};
use crate::git::config::Limits;
use crate::git::error::GitError;
use crate::git::lfs;
use crate::git::names;
use crate::git::objects::{GitBlobs, Objects, revision_of};

/// A working copy, or a plain folder.
#[derive(Debug)]
pub struct WorkTree {
    root: PathBuf,
    /// Absent in a folder that is not a repository.
    objects: Option<Objects>,
    limits: Limits,
}

impl WorkTree {
    /// Finds the working copy that `path` is in; a folder without one stands for itself.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let shown = path.display().to_string();
        let limits = Limits::default();
        let path = path
            .canonicalize()
            .map_err(|error| GitError::NotARepository { url: shown.clone(), reason: error.to_string() })?;
        match Repository::discover(&path) {
            Ok(repository) => {
                let Some(root) = repository.workdir().map(Path::to_owned) else {
                    let reason = "it is a bare repository, without a working copy".to_owned();
                    return Err(GitError::NotARepository { url: shown, reason });
                };
                let objects = Objects::open(&root, &root.display().to_string(), &limits)?;
                Ok(Self { root, objects: Some(objects), limits })
            }
            Err(error) if error.code() == ErrorCode::NotFound && path.is_dir() => {
                Ok(Self { root: path, objects: None, limits })
            }
            Err(error) if error.code() == ErrorCode::NotFound => {
                Err(GitError::NotARepository { url: shown, reason: "it is not a folder".to_owned() })
            }
            Err(error) => Err(GitError::from_git(&shown, "open the repository", &error)),
        }
    }

    /// The folder at the top.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The repository's history; `None` in a plain folder.
    pub fn objects(&self) -> Option<&Objects> {
        self.objects.as_ref()
    }

    /// All files as they are on disk: tracked ones, and untracked ones that are not ignored.
    pub fn tree(&self) -> Result<SourceTree, GitError> {
        let mut walk = Walk::new(self);
        match &self.objects {
            Some(objects) => {
                let handle = objects.handle()?;
                walk.index(&handle)?;
                walk.folder(None, &Untracked::In(&handle))?;
            }
            None => walk.folder(None, &Untracked::AllCounts)?,
        }
        let Walk { entries, mut refused, .. } = walk;
        let places = entries.iter().map(|(path, entry)| (entry.content.clone(), path.clone())).collect();
        let repository = self.objects.clone().map(|objects| GitBlobs { objects });
        let blobs = Arc::new(DiskBlobs { root: self.root.clone(), places, repository });
        refused.extend(lfs::findings(&entries, &*blobs));
        Ok(SourceTree::new(None, entries, refused, blobs))
    }

    /// The commit that is checked out; `None` before the first one, and in a plain folder.
    pub fn head(&self) -> Result<Option<Revision>, GitError> {
        let Some(objects) = &self.objects else { return Ok(None) };
        let handle = objects.handle()?;
        match handle.head().and_then(|head| head.peel_to_commit()) {
            Ok(commit) => Ok(Some(revision_of(commit.id()))),
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => Ok(None),
            Err(error) => Err(objects.failed("read HEAD", &error)),
        }
    }

    /// The branch that is checked out; `None` with a detached HEAD, and in a plain folder.
    pub fn branch(&self) -> Result<Option<String>, GitError> {
        let Some(objects) = &self.objects else { return Ok(None) };
        let handle = objects.handle()?;
        let head = handle.find_reference("HEAD").map_err(|error| objects.failed("read HEAD", &error))?;
        let target = head.symbolic_target().ok().flatten();
        Ok(target.and_then(|target| target.strip_prefix("refs/heads/")).map(str::to_owned))
    }

    /// Whether any file differs from the commit that is checked out. A plain folder is always dirty.
    pub fn is_dirty(&self) -> Result<bool, GitError> {
        let (Some(objects), Some(head)) = (&self.objects, self.head()?) else { return Ok(true) };
        let (committed, here) = (objects.snapshot(&head)?, self.tree()?);
        Ok(!committed.paths().eq(here.paths()))
    }
}

/// Which files that the index does not list count.
enum Untracked<'a> {
    /// Those that this repository does not ignore.
    In(&'a Repository),
    AllCounts,
}

struct Walk<'a> {
    root: &'a Path,
    limits: &'a Limits,
    /// Files of the index, and folders that hold one. What is in neither is untracked.
    tracked: BTreeMap<String, IndexEntry>,
    tracked_folders: BTreeSet<String>,
    /// When the index was written: a file changed in the same instant may differ behind equal times.
    index_time: (i64, i64),
    entries: BTreeMap<TreePath, Entry>,
    refused: Vec<Diagnostic>,
    seen: usize,
}

impl<'a> Walk<'a> {
    fn new(work: &'a WorkTree) -> Self {
        Self {
            root: &work.root,
            limits: &work.limits,
            tracked: BTreeMap::new(),
            tracked_folders: BTreeSet::new(),
            index_time: (i64::MAX, 0),
            entries: BTreeMap::new(),
            refused: Vec::new(),
            seen: 0,
        }
    }

    fn index(&mut self, repository: &Repository) -> Result<(), GitError> {
        let failed = |error: git2::Error| {
            GitError::from_git(&self.root.display().to_string(), "read the index", &error)
        };
        let mut index = repository.index().map_err(failed)?;
        // Handles are kept; another program may have written the index since.
        index.read(false).map_err(failed)?;
        if let Some(metadata) = index.path().and_then(|path| fs::metadata(path).ok()) {
            self.index_time = (metadata.mtime(), metadata.mtime_nsec());
        }
        for entry in index.iter() {
            // Names that are not UTF-8 are found, and refused, on disk.
            let Ok(path) = String::from_utf8(entry.path.clone()) else { continue };
            let folders = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| path[..at].to_owned());
            self.tracked_folders.extend(folders);
            self.tracked.insert(path, entry);
        }
        Ok(())
    }

    fn folder(&mut self, folder: Option<&TreePath>, untracked: &Untracked<'_>) -> Result<(), GitError> {
        let at = folder.map_or_else(|| self.root.to_owned(), |folder| self.root.join(folder.as_str()));
        let failed = |error: std::io::Error| GitError::from_io(&at, "list a folder", &error);
        let mut names = Vec::new();
        for child in fs::read_dir(&at).map_err(failed)? {
            names.push(child.map_err(failed)?.file_name());
            self.seen += 1;
            if self.seen > self.limits.max_entries {
                return Err(GitError::TooLarge {
                    url: self.root.display().to_string(),
                    what: "files and folders in one tree",
                    limit: self.limits.max_entries as u64,
                });
            }
        }
        names.sort();
        let mut paths = Vec::new();
        for name in &names {
            if folder.is_none() && name == ".git" {
                continue;
            }
            match names::entry_path(folder, name.as_encoded_bytes()) {
                Ok(path) => paths.push(path),
                // A repository inside: its `.git` is not ours to report.
                Err(_) if name == ".git" => {}
                Err(finding) => self.refused.push(*finding),
            }
        }
        let collisions = names::case_collisions(paths.iter().map(TreePath::file_name));
        self.refused.extend(collisions.iter().map(|group| names::collision(folder, group)));
        let colliding: BTreeSet<String> = collisions.into_iter().flatten().map(str::to_owned).collect();
        for path in paths.iter().filter(|path| !colliding.contains(path.file_name())) {
            self.entry(path, untracked)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &TreePath, untracked: &Untracked<'_>) -> Result<(), GitError> {
        let full = self.root.join(path.as_str());
        let metadata = match fs::symlink_metadata(&full) {
            Ok(metadata) => metadata,
            // Removed since the folder was listed: an editor's swap file, for instance.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(GitError::from_io(&full, "look at a file", &error)),
        };
        let kind = DiskKind::of(&metadata);
        let known = self.tracked.remove(path.as_str());
        if kind == DiskKind::Folder {
            if let Some(submodule) = known.filter(|entry| entry.mode & 0o170_000 == 0o160_000) {
                let content = ContentId::new(&submodule.id.to_string());
                self.entries.insert(path.clone(), Entry { kind: EntryKind::Submodule, content });
                return Ok(());
            }
            let counts = self.tracked_folders.contains(path.as_str())
                // A repository inside is not part of this one; git never adds its files.
                || (!full.join(".git").exists() && self.counts(path, untracked)?);
            return if counts { self.folder(Some(path), untracked) } else { Ok(()) };
        }
        if known.is_none() && !self.counts(path, untracked)? {
            return Ok(());
        }
        let entry_kind = match kind {
            DiskKind::Link => EntryKind::Symlink,
            DiskKind::File { .. } => EntryKind::File,
            DiskKind::Folder | DiskKind::Other => {
                let message = format!("`{path}` is neither a file, a folder nor a link, and is left out");
                let finding = Diagnostic::new(codes::NOT_A_FILE, message).at(Place::file(path));
                self.refused.push(finding.hint("remove it, or add it to .gitignore"));
                return Ok(());
            }
        };
        let id = match known {
            Some(known) if self.is_up_to_date(&known, &metadata, kind) => known.id,
            _ => hash(self.root, path, kind)?,
        };
        self.entries
            .insert(path.clone(), Entry { kind: entry_kind, content: ContentId::new(&id.to_string()) });
        Ok(())
    }

    fn counts(&self, path: &TreePath, untracked: &Untracked<'_>) -> Result<bool, GitError> {
        match untracked {
            Untracked::AllCounts => Ok(true),
            Untracked::In(repository) => {
                repository.is_path_ignored(path.as_str()).map(|ignored| !ignored).map_err(|error| {
                    GitError::from_git(&self.root.display().to_string(), "read the ignore rules", &error)
                })
            }
        }
    }

    /// Git's own test: equal kind, size, times and inode, and not written in the instant the index was.
    fn is_up_to_date(&self, known: &IndexEntry, metadata: &fs::Metadata, kind: DiskKind) -> bool {
        let known_kind = match known.mode & 0o170_000 {
            0o120_000 => DiskKind::Link,
            _ => DiskKind::File { executable: known.mode & 0o100 != 0 },
        };
        let time = |seconds: i32, nanoseconds: u32| (i64::from(seconds), i64::from(nanoseconds));
        let mtime = time(known.mtime.seconds(), known.mtime.nanoseconds());
        let ctime = time(known.ctime.seconds(), known.ctime.nanoseconds());
        known_kind == kind
            && u64::from(known.file_size) == metadata.len()
            && mtime == (metadata.mtime(), metadata.mtime_nsec())
            && ctime == (metadata.ctime(), metadata.ctime_nsec())
            && u64::from(known.ino) == metadata.ino() & u64::from(u32::MAX)
            && mtime < self.index_time
    }
}
