//! Git LFS is off: its files are read as the pointers that Git holds. Where a repository uses it, that is said.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use naksha_environments::codes::git as codes;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::source::{Blobs, Entry, EntryKind, TreePath};

/// A pointer has three short lines (git-lfs specification: under 1024 bytes).
const MAX_POINTER_BYTES: u64 = 1024;
/// Longer attribute files are written by programs; their LFS patterns are not worth a megabyte.
const MAX_ATTRIBUTES_BYTES: u64 = 256 * 1024;
const POINTER_START: &[u8] = b"version https://git-lfs.github.com/spec/";

/// A warning per file that `.gitattributes` hands to LFS and that is a pointer. Costs nothing where there are no
/// such patterns.
pub(super) fn findings(entries: &BTreeMap<TreePath, Entry>, blobs: &dyn Blobs) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (path, entry) in entries.iter().filter(|(path, _)| path.file_name() == ".gitattributes") {
        let Ok(bytes) = blobs.read(&entry.content, MAX_ATTRIBUTES_BYTES) else { continue };
        let folder = path.parent();
        let Some(patterns) = patterns(&String::from_utf8_lossy(&bytes)) else { continue };
        let below = |path: &TreePath| match &folder {
            Some(folder) => path.as_str().strip_prefix(folder.as_str())?.strip_prefix('/').map(str::to_owned),
            None => Some(path.as_str().to_owned()),
        };
        for (path, entry) in entries.iter().filter(|(_, entry)| entry.kind == EntryKind::File) {
            if below(path).is_some_and(|path| patterns.is_match(path)) && is_pointer(entry, blobs) {
                found.push(
                    Diagnostic::new(
                        codes::LFS_POINTER,
                        format!("`{path}` is a Git LFS pointer, and LFS is not read"),
                    )
                    .at(Place::file(path))
                    .hint("keep what naksha reads in plain Git"),
                );
            }
        }
    }
    found
}

fn is_pointer(entry: &Entry, blobs: &dyn Blobs) -> bool {
    blobs.read(&entry.content, MAX_POINTER_BYTES).is_ok_and(|bytes| bytes.starts_with(POINTER_START))
}

/// The patterns with `filter=lfs`; `None` when there are none.
fn patterns(attributes: &str) -> Option<GlobSet> {
    let mut set = GlobSetBuilder::new();
    let mut count = 0;
    for line in attributes.lines() {
        let mut words = line.split_whitespace();
        let Some(pattern) = words.next().filter(|pattern| !pattern.starts_with('#')) else { continue };
        if !words.any(|word| word == "filter=lfs") {
            continue;
        }
        // As in .gitignore: without a slash a pattern is about names at any depth.
        let pattern = match pattern.trim_start_matches('/') {
            name if !pattern.contains('/') => format!("**/{name}"),
            path => path.to_owned(),
        };
        if let Ok(glob) = GlobBuilder::new(&pattern).literal_separator(true).build() {
            set.add(glob);
            count += 1;
        }
    }
    if count == 0 { None } else { set.build().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_follow_the_rules_of_gitattributes() {
        let set = patterns("# none\n*.bin filter=lfs -text\n/models/** filter=lfs\n*.yaml text\n").unwrap();
        let matches = |path: &str| set.is_match(path);
        assert!(matches("a/b.bin") && matches("b.bin") && matches("models/x/y"));
        assert!(!matches("a.yaml") && !matches("a/models/x"));
        assert!(patterns("*.yaml text").is_none());
    }
}
