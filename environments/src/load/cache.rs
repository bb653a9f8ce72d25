//! Parsed files by path and content: what did not change is neither read nor parsed again.

use std::collections::HashMap;
use std::sync::Arc;

use crate::codes::definition as codes;
use crate::definition::{FileReading, Files, read};
use crate::diagnostic::{Diagnostic, Place};
use crate::source::{ContentId, Entry, EntryKind, ReadError, SourceTree, TreePath};
use crate::yaml::limits::MAX_DEFINITION_BYTES;

/// Loads after which an unused file is forgotten. A daemon alternates between the trunk, the pin of each
/// environment, and base and head of a few pull requests.
const KEPT_LOADS: u64 = 16;
/// Largest text that a definition refers to, such as a prompt.
const MAX_TEXT_BYTES: u64 = 256 * 1024;

#[derive(Debug, Default)]
pub(super) struct Cache {
    load: u64,
    /// Only asked and swept, never listed.
    files: HashMap<TreePath, Vec<(ContentId, Cached)>>,
}

#[derive(Debug)]
struct Cached {
    /// Absent: looked at, and it holds no definition.
    reading: Option<Arc<FileReading>>,
    /// Other files that were read for it: with another content, it must be read again.
    reads: Vec<(TreePath, Option<ContentId>)>,
    used: u64,
}

/// What to make of a file without definitions.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Expect {
    Definitions,
    /// Only look whether there are any.
    Anything,
}

impl Cache {
    pub(super) fn start_load(&mut self) {
        self.load += 1;
    }

    /// Forgets what the last loads did not use.
    pub(super) fn end_load(&mut self) {
        let oldest = self.load.saturating_sub(KEPT_LOADS);
        self.files.retain(|_, contents| {
            contents.retain(|(_, cached)| cached.used >= oldest);
            !contents.is_empty()
        });
    }

    /// The file's definitions; none when it holds none and need not.
    pub(super) fn file(
        &mut self,
        tree: &SourceTree,
        path: &TreePath,
        entry: &Entry,
        expect: Expect,
    ) -> Option<Arc<FileReading>> {
        let followed;
        let content = if entry.kind == EntryKind::File {
            &entry.content
        } else {
            match tree.follow(path) {
                Ok((_, entry)) => followed = entry.content,
                Err(error) => {
                    return (expect == Expect::Definitions).then(|| Arc::new(unreadable(path, &error)));
                }
            }
            &followed
        };
        let load = self.load;
        let known = self.files.get_mut(path).into_iter().flatten();
        let mut known = known.filter(|(own, _)| own == content).map(|(_, cached)| cached);
        let current = |cached: &Cached| cached.reads.iter().all(|(path, id)| content_of(tree, path) == *id);
        if let Some(cached) = known.find(|cached| current(cached)) {
            cached.used = load;
            return cached.reading.clone();
        }
        let mut files = TreeFiles { tree, reads: Vec::new() };
        let reading = match tree.read_text(path, MAX_DEFINITION_BYTES as u64) {
            Ok(text) if expect == Expect::Anything && !text.contains("apiVersion: naksha.dev/") => None,
            Ok(text) => Some(read(path, &text, &mut files)),
            Err(_) if expect == Expect::Anything => None,
            Err(error) => Some(unreadable(path, &error)),
        };
        let reading = reading.map(Arc::new);
        let cached = Cached { reading: reading.clone(), reads: files.reads, used: load };
        let contents = self.files.entry(path.clone()).or_default();
        contents.push((content.clone(), cached));
        reading
    }
}

fn content_of(tree: &SourceTree, path: &TreePath) -> Option<ContentId> {
    tree.follow(path).ok().map(|(_, entry)| entry.content)
}

fn unreadable(path: &TreePath, error: &ReadError) -> FileReading {
    let (code, reason) = match error {
        ReadError::Blob { source: crate::source::BlobError::TooLarge { size, limit }, .. } => {
            (codes::FILE_TOO_LARGE, format!("the file has {size} bytes, and {limit} are read at most"))
        }
        ReadError::Blob { source, .. } => {
            (codes::UNREADABLE_FILE, format!("the file cannot be read: {source}"))
        }
        other => (codes::UNREADABLE_FILE, format!("the file cannot be read: {other}")),
    };
    let hint = if code == codes::FILE_TOO_LARGE {
        "split it into several files"
    } else {
        "definitions are UTF-8 text inside the repository"
    };
    let diagnostic = Diagnostic::new(code, reason).at(Place::file(path)).hint(hint);
    FileReading { found: Vec::new(), diagnostics: vec![diagnostic] }
}

/// Reads texts for definitions, and notes what they were.
struct TreeFiles<'a> {
    tree: &'a SourceTree,
    reads: Vec<(TreePath, Option<ContentId>)>,
}

impl Files for TreeFiles<'_> {
    fn read(&mut self, path: &TreePath) -> Result<Arc<str>, ReadError> {
        self.reads.push((path.clone(), content_of(self.tree, path)));
        self.tree.read_text(path, MAX_TEXT_BYTES)
    }
}
