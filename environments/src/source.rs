//! The tree of files at one revision: paths → content ids → bytes.
//!
//! A tree is a value: cheap to clone, never changes. Listing it reads nothing; bytes are fetched by content id
//! through [`Blobs`], which the Git mirror, a working tree and tests implement. Paths are checked once, when a
//! [`TreePath`] is parsed; nothing later can leave the root. Symbolic links are data: a read follows them inside
//! the tree only, and at most [`MAX_LINK_HOPS`] of them.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::ids::Revision;

/// Links followed by one read. Linux stops at 40; eight are more than any sane repository has.
pub const MAX_LINK_HOPS: usize = 8;
/// Longest path in bytes (Linux `PATH_MAX`).
pub const MAX_PATH_LENGTH: usize = 4096;

/// A path relative to the root of a tree: UTF-8, separated by `/`, without empty, `.`, `..` or `.git` parts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Arc<str>);

/// Why a path cannot name a file of a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path `{path}` is refused: {reason}")]
pub struct InvalidPath {
    pub path: String,
    pub reason: &'static str,
}

impl TreePath {
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let refuse = |reason| Err(InvalidPath { path: text.to_owned(), reason });
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > MAX_PATH_LENGTH {
            return refuse("it is longer than 4096 bytes");
        }
        if text.starts_with('/') {
            return refuse("it is absolute");
        }
        if text.chars().any(char::is_control) {
            return refuse("it has control characters");
        }
        for part in text.split('/') {
            match part {
                "" => return refuse("it has an empty part"),
                "." | ".." => return refuse("`.` and `..` are not allowed"),
                git if git.eq_ignore_ascii_case(".git") => return refuse("it is inside .git"),
                _ => {}
            }
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that holds this path; `None` at the root.
    pub fn parent(&self) -> Option<TreePath> {
        self.0.rsplit_once('/').map(|(folder, _)| Self(folder.into()))
    }

    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// Resolves `relative` against the folder `self`, as a definition's file names are. A leading `/` means the
    /// root of the repository. `..` may go up, but not out of the tree.
    pub fn resolve(folder: Option<&TreePath>, relative: &str) -> Result<Self, InvalidPath> {
        let mut parts: Vec<&str> = match (relative.strip_prefix('/'), folder) {
            (None, Some(folder)) => folder.0.split('/').collect(),
            _ => Vec::new(),
        };
        for part in relative.trim_start_matches('/').split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        let reason = "it leaves the repository";
                        return Err(InvalidPath { path: relative.to_owned(), reason });
                    }
                }
                part => parts.push(part),
            }
        }
        Self::parse(&parts.join("/"))
    }
}

impl Borrow<str> for TreePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// What names a file's bytes: Git's blob id, or any other id that changes when the bytes do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(Arc<str>);

impl ContentId {
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    File,
    /// Its bytes are the link's target.
    Symlink,
    /// A commit of another repository. Never followed.
    Submodule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    pub content: ContentId,
}

/// Where bytes come from.
pub trait Blobs: Send + Sync + fmt::Debug {
    /// The bytes of `id`. More than `limit` bytes is [`BlobError::TooLarge`], found out before they are read.
    fn read(&self, id: &ContentId, limit: u64) -> Result<Arc<[u8]>, BlobError>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    #[error("it has {size} bytes, and {limit} are allowed")]
    TooLarge { size: u64, limit: u64 },
    #[error("its content is missing from the object database")]
    Missing,
    #[error("it cannot be read: {reason}")]
    Unreadable { reason: String },
}

/// Why a file of a tree could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("there is no file `{path}`")]
    NotFound { path: String },
    #[error("`{path}` is a submodule, and submodules are not read")]
    Submodule { path: TreePath },
    #[error("symbolic link `{path}` is refused: {reason}")]
    Link { path: TreePath, reason: String },
    #[error("`{path}` is not UTF-8 text (byte {offset})")]
    NotText { path: TreePath, offset: usize },
    #[error("`{path}` is refused")]
    Blob {
        path: TreePath,
        #[source]
        source: BlobError,
    },
}

/// All files at one revision.
#[derive(Debug, Clone)]
pub struct SourceTree {
    revision: Option<Revision>,
    entries: Arc<BTreeMap<TreePath, Entry>>,
    /// Ids of whole folders, where whoever lists the tree has them.
    folders: Arc<HashMap<TreePath, ContentId>>,
    refused: Arc<[Diagnostic]>,
    blobs: Arc<dyn Blobs>,
}

impl SourceTree {
    /// `refused` are the findings about entries that could not become part of the tree (a name that is not
    /// UTF-8, two names that differ only in case). `revision` is absent for a working tree.
    pub fn new(
        revision: Option<Revision>,
        entries: BTreeMap<TreePath, Entry>,
        refused: Vec<Diagnostic>,
        blobs: Arc<dyn Blobs>,
    ) -> Self {
        let (entries, folders) = (Arc::new(entries), Arc::default());
        Self { revision, entries, folders, refused: refused.into(), blobs }
    }

    /// Adds ids of folders. A folder with the same id has the same files with the same bytes, all the way down.
    #[must_use]
    pub fn with_folders(self, folders: HashMap<TreePath, ContentId>) -> Self {
        Self { folders: Arc::new(folders), ..self }
    }

    /// A tree from texts, for tests and generated repositories.
    pub fn from_texts<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidPath> {
        let mut entries = BTreeMap::new();
        let mut contents = BTreeMap::new();
        for (path, text) in files {
            let content = ContentId::new(&Digest::of_bytes(text.as_bytes()).hex());
            contents.insert(content.clone(), Arc::from(text.as_bytes()));
            entries.insert(TreePath::parse(path)?, Entry { kind: EntryKind::File, content });
        }
        Ok(Self::new(None, entries, Vec::new(), Arc::new(MemoryBlobs(contents))))
    }

    pub fn revision(&self) -> Option<&Revision> {
        self.revision.as_ref()
    }

    pub fn refused(&self) -> &[Diagnostic] {
        &self.refused
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// What names everything below a folder; absent where that is not known.
    pub fn folder(&self, path: &TreePath) -> Option<&ContentId> {
        self.folders.get(path)
    }

    pub fn paths(&self) -> impl Iterator<Item = (&TreePath, &Entry)> {
        self.entries.iter()
    }

    /// Everything below a folder (`None`: the root), in path order.
    pub fn under(&self, folder: Option<&TreePath>) -> impl Iterator<Item = (&TreePath, &Entry)> {
        let prefix = folder.map_or_else(String::new, |folder| format!("{folder}/"));
        let start: (Bound<&str>, Bound<&str>) = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let found: Vec<_> = self
            .entries
            .range::<str, _>(start)
            .take_while(|(path, _)| path.as_str().starts_with(&prefix))
            .collect();
        found.into_iter()
    }

    /// The bytes of a file, links followed inside the tree.
    pub fn read(&self, path: &TreePath, limit: u64) -> Result<Arc<[u8]>, ReadError> {
        let (path, entry) = self.follow(path)?;
        self.blobs.read(&entry.content, limit).map_err(|source| ReadError::Blob { path, source })
    }

    /// The text of a file. A byte order mark is dropped and UTF-16 (with its mark) is decoded.
    pub fn read_text(&self, path: &TreePath, limit: u64) -> Result<Arc<str>, ReadError> {
        let bytes = self.read(path, limit)?;
        decode_text(&bytes).map_err(|offset| ReadError::NotText { path: path.clone(), offset })
    }

    /// The entry that a read of `path` would give, after links. Its content id is the cache key of the read.
    pub fn follow(&self, path: &TreePath) -> Result<(TreePath, Entry), ReadError> {
        let mut at = path.clone();
        for _ in 0..MAX_LINK_HOPS {
            let Some(entry) = self.entries.get(&at) else {
                return Err(ReadError::NotFound { path: at.to_string() });
            };
            match entry.kind {
                EntryKind::File => return Ok((at, entry.clone())),
                EntryKind::Submodule => return Err(ReadError::Submodule { path: at }),
                EntryKind::Symlink => at = self.link_target(&at, entry)?,
            }
        }
        Err(ReadError::Link { path: path.clone(), reason: "it is a loop, or too long a chain".to_owned() })
    }

    fn link_target(&self, at: &TreePath, entry: &Entry) -> Result<TreePath, ReadError> {
        let refuse = |reason: String| ReadError::Link { path: at.clone(), reason };
        let bytes = self
            .blobs
            .read(&entry.content, MAX_PATH_LENGTH as u64)
            .map_err(|source| ReadError::Blob { path: at.clone(), source })?;
        let target = std::str::from_utf8(&bytes).map_err(|_| refuse("its target is not UTF-8".to_owned()))?;
        if target.starts_with('/') {
            return Err(refuse("it leaves the repository".to_owned()));
        }
        TreePath::resolve(at.parent().as_ref(), target).map_err(|error| refuse(error.reason.to_owned()))
    }
}

#[derive(Debug)]
struct MemoryBlobs(BTreeMap<ContentId, Arc<[u8]>>);

impl Blobs for MemoryBlobs {
    fn read(&self, id: &ContentId, limit: u64) -> Result<Arc<[u8]>, BlobError> {
        let bytes = self.0.get(id).ok_or(BlobError::Missing)?;
        let size = bytes.len() as u64;
        if size > limit {
            return Err(BlobError::TooLarge { size, limit });
        }
        Ok(Arc::clone(bytes))
    }
}

fn decode_text(bytes: &[u8]) -> Result<Arc<str>, usize> {
    let utf16 = |read: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks(2).map(|pair| read([pair[0], *pair.get(1).unwrap_or(&0)]));
        char::decode_utf16(units).collect::<Result<String, _>>().map(Arc::from).map_err(|_| 0_usize)
    };
    match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            std::str::from_utf8(bytes).map(Arc::from).map_err(|error| error.valid_up_to())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_leave_the_tree() {
        for bad in ["", "/etc/passwd", "a/../b", "./a", "a//b", ".git/config", "a/.GIT/x", "a\u{0}b"] {
            assert!(TreePath::parse(bad).is_err(), "{bad:?} should be refused");
        }
        let unit = TreePath::parse("units/a").unwrap();
        let resolve =
            |text| TreePath::resolve(Some(&unit), text).map(|p| p.to_string()).map_err(|e| e.reason);
        assert_eq!(resolve("values.yaml"), Ok("units/a/values.yaml".to_owned()));
        assert_eq!(resolve("../b/x"), Ok("units/b/x".to_owned()));
        assert_eq!(resolve("/terraform"), Ok("terraform".to_owned()));
        assert_eq!(resolve("../../../etc/passwd"), Err("it leaves the repository"));
    }

    #[test]
    fn a_folder_lists_only_what_is_below_it() {
        let tree = SourceTree::from_texts([("a/x", "1"), ("a/y/z", "2"), ("ab", "3"), ("b", "4")]).unwrap();
        let folder = TreePath::parse("a").unwrap();
        let paths: Vec<_> = tree.under(Some(&folder)).map(|(path, _)| path.as_str().to_owned()).collect();
        assert_eq!(paths, ["a/x", "a/y/z"]);
        assert_eq!(tree.under(None).count(), 4);
    }

    #[test]
    fn marks_and_utf16_are_decoded() {
        assert_eq!(decode_text(b"\xef\xbb\xbfa: 1").as_deref(), Ok("a: 1"));
        assert_eq!(decode_text(b"\xff\xfea\0:\0").as_deref(), Ok("a:"));
        assert_eq!(decode_text(b"ok\xff"), Err(2));
    }
}
