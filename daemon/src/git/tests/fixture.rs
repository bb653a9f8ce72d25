//! Repositories for the tests.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use git2::{Index, IndexEntry, IndexTime, ObjectType, Oid, Repository, Signature, Time};
use naksha_environments::ids::{RepositoryName, Revision};
use naksha_environments::source::{SourceTree, TreePath};
use tempfile::TempDir;

use crate::git::{GitError, Mirror, MirrorConfig, RefName};

pub(super) const FILE: i32 = 0o100_644;
pub(super) const LINK: i32 = 0o120_000;
pub(super) const FOLDER: i32 = 0o040_000;
pub(super) const SUBMODULE: i32 = 0o160_000;

/// A repository that a mirror watches.
pub(crate) struct Source {
    pub(super) folder: TempDir,
    pub(super) repository: Repository,
    clock: AtomicI64,
}

impl Source {
    /// A bare repository whose HEAD is `main`.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path().join("infra.git")).unwrap();
        repository.set_head("refs/heads/main").unwrap();
        Self { folder, repository, clock: AtomicI64::new(1_700_000_000) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.repository.path()
    }

    /// Commits files on a branch: with content they are written, with `None` removed.
    pub(crate) fn commit(&self, branch: &str, files: &[(&str, Option<&str>)]) -> Revision {
        let parent = self.repository.find_reference(&format!("refs/heads/{branch}")).ok();
        let parent = parent.map(|reference| reference.target().unwrap());
        let mut index = Index::new().unwrap();
        if let Some(parent) = parent {
            index.read_tree(&self.repository.find_commit(parent).unwrap().tree().unwrap()).unwrap();
        }
        for (path, content) in files {
            match content {
                Some(content) => {
                    index.add(&index_entry(path, self.repository.blob(content.as_bytes()).unwrap())).unwrap();
                }
                None => index.remove_path(Path::new(path)).unwrap(),
            }
        }
        let tree = index.write_tree_to(&self.repository).unwrap();
        self.commit_tree(branch, tree, parent.as_slice())
    }

    pub(super) fn commit_tree(&self, branch: &str, tree: Oid, parents: &[Oid]) -> Revision {
        let tree = self.repository.find_tree(tree).unwrap();
        let parents: Vec<_> = parents.iter().map(|id| self.repository.find_commit(*id).unwrap()).collect();
        let time = Time::new(self.clock.fetch_add(60, Ordering::Relaxed), 0);
        let who = Signature::new("Anna", "anna@example.com", &time).unwrap();
        let parents: Vec<_> = parents.iter().collect();
        let id = self.repository.commit(None, &who, &who, "change\n\nbody", &tree, &parents).unwrap();
        self.repository.reference(&format!("refs/heads/{branch}"), id, true, "test").unwrap();
        Revision::parse(&id.to_string()).unwrap()
    }

    /// A tree object as it stands: names that no client would write.
    pub(super) fn raw_tree(&self, entries: &[(i32, &[u8], Oid)]) -> Oid {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_bytes());
        }
        self.repository.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
    }

    pub(super) fn blob(&self, content: &[u8]) -> Oid {
        self.repository.blob(content).unwrap()
    }

    pub(super) fn branch_at(&self, branch: &str, revision: &Revision) {
        let id = Oid::from_str(revision.as_str()).unwrap();
        self.repository.reference(&format!("refs/heads/{branch}"), id, true, "test").unwrap();
    }

    pub(super) fn delete(&self, name: &str) {
        self.repository.find_reference(name).unwrap().delete().unwrap();
    }

    pub(super) fn config(&self) -> MirrorConfig {
        config(&self.path().display().to_string())
    }

    /// A mirror of this repository, and the state folder that it is in.
    pub(super) fn mirror(&self) -> (TempDir, Mirror) {
        let state = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&self.config(), state.path()).unwrap();
        (state, mirror)
    }
}

pub(super) fn config(url: &str) -> MirrorConfig {
    MirrorConfig::new(RepositoryName::parse("infra").unwrap(), url).unwrap()
}

fn index_entry(path: &str, id: Oid) -> IndexEntry {
    let zero = IndexTime::new(0, 0);
    IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

pub(super) fn main_branch() -> Vec<RefName> {
    vec![RefName::branch("main").unwrap()]
}

pub(super) fn paths(tree: &SourceTree) -> Vec<String> {
    tree.paths().map(|(path, _)| path.to_string()).collect()
}

pub(super) fn text(tree: &SourceTree, path: &str) -> String {
    tree.read_text(&TreePath::parse(path).unwrap(), 1 << 20).unwrap().to_string()
}

/// The codes of a tree's findings, in order.
pub(super) fn refused(tree: &SourceTree) -> Vec<(&'static str, String)> {
    tree.refused().iter().map(|found| (found.code.id(), found.message.clone())).collect()
}

pub(super) fn code<T: std::fmt::Debug>(result: Result<T, GitError>) -> &'static str {
    result.expect_err("should fail").code().id()
}
