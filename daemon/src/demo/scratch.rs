//! The scratch folder: a repository with the reference product, secrets, a configuration, and room for targets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};

/// The folder, removed in the end unless it is kept.
pub(super) struct Scratch {
    root: PathBuf,
    keep: bool,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // A leftover in the temporary folder harms nobody, and there is nobody left to tell.
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

impl Scratch {
    pub(super) fn create(folder: Option<PathBuf>, keep: bool) -> anyhow::Result<Self> {
        let root = match folder {
            Some(folder) if folder.exists() => bail!("{} exists already", folder.display()),
            Some(folder) => folder,
            None => std::env::temp_dir().join(format!("naksha-demo-{}", std::process::id())),
        };
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        fs::set_permissions(&root, fs::Permissions::from_mode(0o700))?;
        let root = root.canonicalize()?;
        let scratch = Self { root, keep };
        scratch.write_repository()?;
        scratch.write_secrets()?;
        scratch.write_config()?;
        Ok(scratch)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.root.join("naksha-infra")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.root.join("naksha.toml")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("daemon.log")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.root.join("state/naksha.sock")
    }

    /// Where an environment's objects live.
    pub(super) fn target(&self, environment: &str) -> PathBuf {
        self.root.join("targets/naksha-infra").join(environment)
    }

    fn write_repository(&self) -> anyhow::Result<()> {
        let folder = self.repository();
        crate::starter::write_reference(&folder)?;
        let mut options = RepositoryInitOptions::new();
        options.initial_head("main");
        Repository::init_opts(&folder, &options)?;
        self.commit("the reference product")?;
        Ok(())
    }

    /// A random value for every secret that the repository refers to.
    fn write_secrets(&self) -> anyhow::Result<()> {
        let folder = self.root.join("secrets");
        for reference in crate::starter::reference_secrets() {
            let file = folder.join(&*reference.path).join(&*reference.field);
            let parent = file.parent().context("a secret's file has a folder")?;
            fs::create_dir_all(parent)?;
            fs::write(&file, format!("demo-{}\n", uuid::Uuid::new_v4().simple()))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        }
        fs::create_dir_all(&folder)?;
        Ok(())
    }

    fn write_config(&self) -> anyhow::Result<()> {
        let root = self.root.display();
        let text = format!(
            r#"# Written by `naksha demo`.
state = "{root}/state"

[[repository]]
name = "naksha-infra"
url = "{root}/naksha-infra"

[targets]
directory = "{root}/targets"

[secrets]
directory = "{root}/secrets"

[http]
listen = "off"

[status]
file = "{root}/status.json"
"#
        );
        fs::write(self.config(), text)?;
        Ok(())
    }

    pub(super) fn read(&self, path: &str) -> anyhow::Result<String> {
        let path = self.repository().join(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    pub(super) fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let path = self.repository().join(path);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Replaces one piece of a file; it must be there.
    pub(super) fn edit(&self, path: &str, from: &str, to: &str) -> anyhow::Result<()> {
        let text = self.read(path)?;
        if !text.contains(from) {
            bail!("{path} does not hold `{from}`");
        }
        self.write(path, &text.replacen(from, to, 1))
    }

    /// Commits the working tree; returns the commit's id.
    pub(super) fn commit(&self, message: &str) -> anyhow::Result<String> {
        let repository = Repository::open(self.repository())?;
        let mut index = repository.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.update_all(["*"], None)?;
        index.write()?;
        let tree = repository.find_tree(index.write_tree()?)?;
        let author = Signature::now("Demo", "demo@naksha.example")?;
        let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        Ok(repository.commit(Some("HEAD"), &author, &author, message, &tree, &parents)?.to_string())
    }

    /// Commits the tree of the last commit's parent again: a revert of the last commit.
    pub(super) fn revert(&self) -> anyhow::Result<String> {
        let repository = Repository::open(self.repository())?;
        let parent = repository.head()?.peel_to_commit()?.parent(0)?;
        let mut checkout = git2::build::CheckoutBuilder::new();
        repository.checkout_tree(parent.as_object(), Some(checkout.force().remove_untracked(true)))?;
        self.commit("revert")
    }
}
