//! What merging would give, without writing anything: the head of a pull request merged into its base.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use git2::{Index, MergeOptions, Oid, Repository};
use naksha_environments::codes::git as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::Revision;
use naksha_environments::source::{BlobError, Blobs, ContentId, SourceTree};

use super::error::GitError;
use super::objects::{GitBlobs, Objects, open_exactly};

/// New objects of a merge are kept in memory: this priority is above that of packs (1) and loose objects (2).
const MEMORY_FIRST: i32 = 999;
/// Bytes of merged files that one merge may hold. Text that merges is small.
const MAX_MERGED_BYTES: usize = 64 << 20;

/// What merging gives.
#[derive(Debug, Clone)]
pub enum Merged {
    Clean(SourceTree),
    /// The paths that conflict, in order. Nothing is planned.
    Conflict(BTreeSet<String>),
}

/// The finding for a conflict.
pub fn conflict(paths: &BTreeSet<String>) -> Diagnostic {
    let list = paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    Diagnostic::new(codes::MERGE_CONFLICT, format!("the change does not merge into its base: {list}"))
        .hint("merge the base into the branch, resolve the conflicts and push")
}

impl Objects {
    /// Merges `head` into `base` in memory. Neither is changed, and no object is written.
    pub fn merge(&self, base: &Revision, head: &Revision) -> Result<Merged, GitError> {
        // A handle of its own: its objects include those that the merge makes, and nobody else must see them.
        let pooled = self.handle()?;
        let path = pooled.path().to_owned();
        drop(pooled);
        let repository = open_exactly(&path).map_err(|error| self.failed("open the objects", &error))?;
        let odb = repository.odb().map_err(|error| self.failed("open the objects", &error))?;
        let _memory =
            odb.add_new_mempack_backend(MEMORY_FIRST).map_err(|error| self.failed("merge", &error))?;
        let ours = self.commit(&repository, self.oid(base)?)?;
        let theirs = self.commit(&repository, self.oid(head)?)?;
        if self.contains(&repository, ours.id(), theirs.id())? {
            return self.snapshot(base).map(Merged::Clean);
        }
        if self.contains(&repository, theirs.id(), ours.id())? {
            return self.snapshot(head).map(Merged::Clean);
        }
        let mut index = repository
            .merge_commits(&ours, &theirs, Some(&MergeOptions::new()))
            .map_err(|error| self.failed("merge", &error))?;
        if index.has_conflicts() {
            return Ok(Merged::Conflict(self.conflicting(&index)?));
        }
        let made = self.made_by_merge(&repository, &index)?;
        let root = index.write_tree_to(&repository).map_err(|error| self.failed("merge", &error))?;
        // Listed with the private handle, which knows the new trees; files come from memory or the repository.
        let blobs = Arc::new(MergedBlobs { made, rest: GitBlobs { objects: self.clone() } });
        self.tree_of(&repository, root, None, blobs).map(Merged::Clean)
    }

    fn conflicting(&self, index: &Index) -> Result<BTreeSet<String>, GitError> {
        let mut paths = BTreeSet::new();
        let conflicts = index.conflicts().map_err(|error| self.failed("merge", &error))?;
        for conflict in conflicts {
            let conflict = conflict.map_err(|error| self.failed("merge", &error))?;
            let sides = [conflict.our, conflict.their, conflict.ancestor];
            if let Some(entry) = sides.into_iter().flatten().next() {
                paths.insert(entry.path.escape_ascii().to_string());
            }
        }
        Ok(paths)
    }

    /// The files that the merge itself made: those that the repository does not have.
    fn made_by_merge(
        &self,
        repository: &Repository,
        index: &Index,
    ) -> Result<BTreeMap<ContentId, Arc<[u8]>>, GitError> {
        let known = self.handle()?;
        let known = known.odb().map_err(|error| self.failed("open the objects", &error))?;
        let mut made = BTreeMap::new();
        let mut bytes = 0;
        let is_new = |id: Oid, mode: u32| {
            mode & 0o170_000 == 0o100_000 && !known.exists_ext(id, git2::OdbLookupFlags::NO_REFRESH)
        };
        for entry in index.iter().filter(|entry| is_new(entry.id, entry.mode)) {
            let blob = repository.find_blob(entry.id).map_err(|error| self.failed("merge", &error))?;
            bytes += blob.size();
            if bytes > MAX_MERGED_BYTES {
                return Err(GitError::TooLarge {
                    url: self.url().to_owned(),
                    what: "bytes of merged files",
                    limit: MAX_MERGED_BYTES as u64,
                });
            }
            made.insert(ContentId::new(&entry.id.to_string()), Arc::from(blob.content()));
        }
        Ok(made)
    }
}

/// Files that a merge made, over those that the repository has.
struct MergedBlobs {
    made: BTreeMap<ContentId, Arc<[u8]>>,
    rest: GitBlobs,
}

impl fmt::Debug for MergedBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergedBlobs").field("made", &self.made.len()).finish_non_exhaustive()
    }
}

impl Blobs for MergedBlobs {
    fn read(&self, id: &ContentId, limit: u64) -> Result<Arc<[u8]>, BlobError> {
        let Some(bytes) = self.made.get(id) else { return self.rest.read(id, limit) };
        let size = bytes.len() as u64;
        if size > limit { Err(BlobError::TooLarge { size, limit }) } else { Ok(Arc::clone(bytes)) }
    }
}
