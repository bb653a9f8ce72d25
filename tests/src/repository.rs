//! The repository of a scratch installation, for tests: whatever fails, fails the test.

use std::fs;
use std::path::Path;

use naksha::scratch;

use crate::must;

/// A repository with a working tree, on branch `main`.
#[derive(Debug)]
pub struct Repository(scratch::Repository);

impl Repository {
    pub fn init(folder: &Path) -> Self {
        Self(must(scratch::Repository::init(folder)))
    }

    pub fn folder(&self) -> &Path {
        self.0.folder()
    }

    pub fn open(&self) -> git2::Repository {
        must(self.0.open())
    }

    pub fn read(&self, path: &str) -> String {
        must(self.0.read(path))
    }

    pub fn write(&self, path: &str, text: &str) -> &Self {
        must(self.0.write(path, text));
        self
    }

    /// Replaces the first occurrence of `from`, which must be there.
    pub fn edit(&self, path: &str, from: &str, to: &str) -> &Self {
        must(self.0.edit(path, from, to));
        self
    }

    /// Commits the working tree on top of HEAD.
    pub fn commit(&self, message: &str) -> String {
        must(self.0.commit(message))
    }

    /// Puts the tree of HEAD's parent into the working tree and commits it.
    pub fn revert(&self) -> String {
        must(self.0.revert())
    }

    /// Copies every file of a folder.
    pub fn copy_from(&self, from: &Path) -> &Self {
        copy(from, self.folder());
        self
    }

    pub fn remove(&self, path: &str) -> &Self {
        let path = self.folder().join(path);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("should remove");
        self
    }

    /// Commits the working tree in place of HEAD, which has a parent: a rewritten history.
    pub fn amend(&self, message: &str) -> String {
        let repository = self.open();
        let mut head = repository.head().expect("should have a head");
        let parent = head.peel_to_commit().and_then(|head| head.parent_id(0)).expect("should have a parent");
        head.set_target(parent, "rewrite").expect("should move the branch");
        self.commit(message)
    }

    /// Makes a branch at HEAD and checks it out; the files stay as they are.
    pub fn branch(&self, name: &str) -> &Self {
        let repository = self.open();
        let head = repository.head().and_then(|head| head.peel_to_commit()).expect("should have a commit");
        repository.branch(name, &head, false).expect("should make a branch");
        repository.set_head(&format!("refs/heads/{name}")).expect("should move HEAD");
        self
    }

    /// Checks a branch out, files included.
    pub fn switch(&self, name: &str) -> &Self {
        let repository = self.open();
        repository.set_head(&format!("refs/heads/{name}")).expect("should move HEAD");
        let mut checkout = git2::build::CheckoutBuilder::new();
        repository.checkout_head(Some(checkout.force())).expect("should check out");
        self
    }

    pub fn head(&self) -> String {
        let repository = self.open();
        let head = repository.head().and_then(|head| head.peel_to_commit()).expect("should have a commit");
        head.id().to_string()
    }
}

/// Every file and folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("should make a folder");
    for entry in fs::read_dir(from).expect("should list a folder") {
        let entry = entry.expect("should list a folder");
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("should copy a file");
        }
    }
}
