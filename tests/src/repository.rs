//! A scratch Git repository: write, commit, rewrite.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{IndexAddOption, RepositoryInitOptions, Signature};

/// A repository with a working tree, on branch `main`.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    pub fn init(folder: &Path) -> Self {
        let mut options = RepositoryInitOptions::new();
        options.initial_head("main");
        git2::Repository::init_opts(folder, &options).expect("should make a repository");
        Self { folder: folder.to_owned() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().expect("should have a folder")).expect("should make a folder");
        fs::write(path, text).expect("should write a file");
        self
    }

    /// Copies every file of a folder.
    pub fn copy_from(&self, from: &Path) -> &Self {
        copy(from, &self.folder);
        self
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).expect("should read a file")
    }

    /// Replaces the first occurrence of `from`, which must be there.
    pub fn edit(&self, path: &str, from: &str, to: &str) -> &Self {
        let text = self.read(path);
        assert!(text.contains(from), "{path} does not hold `{from}`:\n{text}");
        self.write(path, &text.replacen(from, to, 1))
    }

    pub fn remove(&self, path: &str) -> &Self {
        let path = self.folder.join(path);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("should remove");
        self
    }

    /// Commits the working tree on top of HEAD.
    pub fn commit(&self, message: &str) -> String {
        let repository = self.open();
        let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        Self::commit_on(&repository, message, parent.as_ref())
    }

    /// Commits the working tree in place of HEAD: a rewritten history.
    pub fn amend(&self, message: &str) -> String {
        let repository = self.open();
        let head = repository.head().and_then(|head| head.peel_to_commit()).expect("should have a commit");
        let parent = head.parent(0).ok();
        let reference =
            repository.head().expect("should have a head").name().expect("should be UTF-8").to_owned();
        repository
            .reference(&reference, parent.as_ref().map_or(head.id(), git2::Commit::id), true, "rewrite")
            .expect("should move the branch");
        Self::commit_on(&repository, message, parent.as_ref())
    }

    /// Puts the tree of HEAD's parent into the working tree and commits it.
    pub fn revert(&self) -> String {
        let repository = self.open();
        let head = repository.head().and_then(|head| head.peel_to_commit()).expect("should have a commit");
        let parent = head.parent(0).expect("should have a parent");
        let mut checkout = git2::build::CheckoutBuilder::new();
        repository
            .checkout_tree(parent.as_object(), Some(checkout.force().remove_untracked(true)))
            .expect("should check out the parent");
        self.commit("revert")
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

    pub fn open(&self) -> git2::Repository {
        git2::Repository::open(&self.folder).expect("should open the repository")
    }

    fn commit_on(repository: &git2::Repository, message: &str, parent: Option<&git2::Commit<'_>>) -> String {
        let mut index = repository.index().expect("should open the index");
        index.add_all(["*"], IndexAddOption::DEFAULT, None).expect("should add files");
        index.update_all(["*"], None).expect("should drop removed files");
        index.write().expect("should write the index");
        let tree =
            index.write_tree().and_then(|tree| repository.find_tree(tree)).expect("should write a tree");
        let author = Signature::now("Test", "test@naksha.example").expect("should make a signature");
        let parents: Vec<_> = parent.into_iter().collect();
        repository
            .commit(Some("HEAD"), &author, &author, message, &tree, &parents)
            .expect("should commit")
            .to_string()
    }
}

fn copy(from: &Path, to: &Path) {
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
