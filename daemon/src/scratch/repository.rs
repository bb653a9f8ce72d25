//! A scratch Git repository: write, edit, commit, revert.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use git2::{IndexAddOption, RepositoryInitOptions, Signature};

/// A repository with a working tree, on branch `main`.
#[derive(Debug, Clone)]
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    pub fn init(folder: &Path) -> anyhow::Result<Self> {
        let mut options = RepositoryInitOptions::new();
        options.initial_head("main");
        git2::Repository::init_opts(folder, &options)?;
        Ok(Self { folder: folder.to_owned() })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn open(&self) -> anyhow::Result<git2::Repository> {
        Ok(git2::Repository::open(&self.folder)?)
    }

    pub fn read(&self, path: &str) -> anyhow::Result<String> {
        let path = self.folder.join(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Writes a file, and makes its folders.
    pub fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let path = self.folder.join(path);
        let folder = path.parent().context("a file has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Replaces the first occurrence of `from`, which must be there.
    pub fn edit(&self, path: &str, from: &str, to: &str) -> anyhow::Result<()> {
        let text = self.read(path)?;
        if !text.contains(from) {
            bail!("{path} does not hold `{from}`:\n{text}");
        }
        self.write(path, &text.replacen(from, to, 1))
    }

    /// Commits the working tree on top of HEAD; returns the commit's id.
    pub fn commit(&self, message: &str) -> anyhow::Result<String> {
        let repository = self.open()?;
        let mut index = repository.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.update_all(["*"], None)?;
        index.write()?;
        let tree = repository.find_tree(index.write_tree()?)?;
        let author = Signature::now("Scratch", "scratch@naksha.example")?;
        let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        Ok(repository.commit(Some("HEAD"), &author, &author, message, &tree, &parents)?.to_string())
    }

    /// Puts the tree of HEAD's parent into the working tree and commits it: a revert of the last commit.
    pub fn revert(&self) -> anyhow::Result<String> {
        let repository = self.open()?;
        let parent = repository.head()?.peel_to_commit()?.parent(0)?;
        let mut checkout = git2::build::CheckoutBuilder::new();
        repository.checkout_tree(parent.as_object(), Some(checkout.force().remove_untracked(true)))?;
        self.commit("revert")
    }
}
