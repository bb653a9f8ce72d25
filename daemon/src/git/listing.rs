//! Listings of Git trees, from the object database alone: no checkout.
//!
//! A listing is kept per folder and tree id, and shares what did not change: after a commit only the folders on
//! the way to the changed files are listed again. What is kept is bounded; what a hostile tree can cost (a few
//! small trees that expand into millions of paths) is bounded by the number of entries, counted as they appear.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use git2::{ObjectType, Odb, Oid, Repository};
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::source::{ContentId, Entry, EntryKind, TreePath};

use super::error::GitError;
use super::names;

/// Entries that one generation of the cache keeps: a few trees of 100,000 entries, about 100 MB at the worst,
/// under 2 MB for a repository of a thousand units.
const MAX_KEPT_ENTRIES: usize = 400_000;
/// Bytes of a tree object per allowed entry: mode, name (255 at most on any file system), id.
const MAX_BYTES_PER_ENTRY: u64 = 288;

/// One folder: what is in it, and how much is below it.
#[derive(Debug)]
pub(super) struct Listing {
    items: Box<[Item]>,
    /// Entries here and in all folders below.
    total: usize,
    refused: Box<[Diagnostic]>,
}

#[derive(Debug)]
enum Item {
    Leaf(TreePath, Entry),
    Folder(TreePath, ContentId, Arc<Listing>),
}

/// A listing without its shape.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pub(super) entries: BTreeMap<TreePath, Entry>,
    pub(super) folders: HashMap<TreePath, ContentId>,
    pub(super) refused: Vec<Diagnostic>,
}

impl Listing {
    /// All files, links and submodules, the folders, and all findings.
    pub(super) fn flatten(&self) -> Flat {
        let mut entries = Vec::with_capacity(self.total);
        let mut flat = Flat::default();
        self.collect(&mut entries, &mut flat);
        Flat { entries: entries.into_iter().collect(), ..flat }
    }

    fn collect(&self, entries: &mut Vec<(TreePath, Entry)>, flat: &mut Flat) {
        flat.refused.extend_from_slice(&self.refused);
        for item in &self.items {
            match item {
                Item::Leaf(path, entry) => entries.push((path.clone(), entry.clone())),
                Item::Folder(path, id, listing) => {
                    flat.folders.insert(path.clone(), id.clone());
                    listing.collect(entries, flat);
                }
            }
        }
    }
}

type Key = (Oid, Option<TreePath>);

/// Two generations of listings: what was not used since the last turn of generations is dropped at the next.
#[derive(Debug, Default)]
pub(super) struct ListingCache {
    young: HashMap<Key, Arc<Listing>>,
    old: HashMap<Key, Arc<Listing>>,
    young_entries: usize,
}

impl ListingCache {
    fn get(&mut self, key: &Key) -> Option<Arc<Listing>> {
        if let Some(found) = self.young.get(key) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(key)?;
        self.insert(key.clone(), Arc::clone(&found));
        Some(found)
    }

    fn insert(&mut self, key: Key, listing: Arc<Listing>) {
        self.young_entries += listing.items.len() + 1;
        self.young.insert(key, listing);
        if self.young_entries > MAX_KEPT_ENTRIES {
            self.old = std::mem::take(&mut self.young);
            self.young_entries = 0;
        }
    }
}

/// Lists the tree `root` of one repository.
pub(super) fn list(
    repository: &Repository,
    url: &str,
    max_entries: usize,
    cache: &mut ListingCache,
    root: Oid,
) -> Result<Arc<Listing>, GitError> {
    let odb = repository.odb().map_err(|error| GitError::from_git(url, "open the objects", &error))?;
    let mut lister = Lister { repository, odb, url, max_entries, seen: 0, path_bytes: 0, cache };
    lister.folder(root, None)
}

struct Lister<'a> {
    repository: &'a Repository,
    odb: Odb<'a>,
    url: &'a str,
    max_entries: usize,
    seen: usize,
    path_bytes: u64,
    cache: &'a mut ListingCache,
}

impl<'a> Lister<'a> {
    fn folder(&mut self, tree: Oid, path: Option<&TreePath>) -> Result<Arc<Listing>, GitError> {
        let key = (tree, path.cloned());
        if let Some(known) = self.cache.get(&key) {
            self.count(known.total)?;
            return Ok(known);
        }
        let listing = Arc::new(self.read(tree, path)?);
        self.cache.insert(key, Arc::clone(&listing));
        Ok(listing)
    }

    fn read(&mut self, tree: Oid, folder: Option<&TreePath>) -> Result<Listing, GitError> {
        let tree = self.checked_tree(tree)?;
        self.count(tree.len())?;
        // Deep folders repeat their names in every path below; entries alone do not bound the memory.
        let prefix = folder.map_or(0, |folder| folder.as_str().len() + 1);
        self.path_bytes += (tree.len() * prefix) as u64;
        if self.path_bytes > self.max_entries as u64 * MAX_BYTES_PER_ENTRY {
            return Err(self.too_many());
        }
        let mut refused = Vec::new();
        let mut paths: Vec<(TreePath, Oid, Kind)> = Vec::with_capacity(tree.len());
        for entry in &tree {
            match names::entry_path(folder, entry.name_bytes()) {
                Ok(path) => paths.push((path, entry.id(), Kind::of(entry.filemode_raw()))),
                Err(finding) => refused.push(*finding),
            }
        }
        let collisions = names::case_collisions(paths.iter().map(|(path, ..)| path.file_name()));
        refused.extend(collisions.iter().map(|names| names::collision(folder, names)));
        let colliding: BTreeSet<String> = collisions.into_iter().flatten().map(str::to_owned).collect();
        let mut total = tree.len();
        let mut items = Vec::with_capacity(paths.len());
        for (path, id, kind) in paths {
            if colliding.contains(path.file_name()) {
                continue;
            }
            items.push(match kind {
                Kind::Folder => {
                    let listing = self.folder(id, Some(&path))?;
                    total += listing.total;
                    Item::Folder(path, ContentId::new(&id.to_string()), listing)
                }
                Kind::Leaf(kind) => {
                    Item::Leaf(path, Entry { kind, content: ContentId::new(&id.to_string()) })
                }
            });
        }
        Ok(Listing { items: items.into(), total, refused: refused.into() })
    }

    /// The tree object, after its size was found to be reasonable.
    fn checked_tree(&self, id: Oid) -> Result<git2::Tree<'a>, GitError> {
        let failed = |error: git2::Error| GitError::from_git(self.url, "read a tree", &error);
        let (size, kind) = self.odb.read_header(id).map_err(failed)?;
        if kind != ObjectType::Tree {
            let reason = format!("{id} should be a tree");
            return Err(GitError::Corrupt { url: self.url.to_owned(), reason });
        }
        if size as u64 > self.max_entries as u64 * MAX_BYTES_PER_ENTRY {
            return Err(self.too_many());
        }
        self.repository.find_tree(id).map_err(failed)
    }

    fn count(&mut self, entries: usize) -> Result<(), GitError> {
        self.seen += entries;
        if self.seen > self.max_entries { Err(self.too_many()) } else { Ok(()) }
    }

    fn too_many(&self) -> GitError {
        GitError::TooLarge {
            url: self.url.to_owned(),
            what: "files and folders in one tree",
            limit: self.max_entries as u64,
        }
    }
}

enum Kind {
    Folder,
    Leaf(EntryKind),
}

impl Kind {
    /// The type bits of a mode; its permissions, which only `git` cares about, are ignored.
    fn of(mode: i32) -> Self {
        match mode & 0o170_000 {
            0o040_000 => Self::Folder,
            0o120_000 => Self::Leaf(EntryKind::Symlink),
            0o160_000 => Self::Leaf(EntryKind::Submodule),
            _ => Self::Leaf(EntryKind::File),
        }
    }
}
