//! What the demo plays with: a scratch installation with the reference product, and this very program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::bail;

use super::program;
use crate::scratch::{DaemonProcess, Repository, Scratch, objects};

/// The scratch folder, removed in the end unless it is kept.
pub(super) struct Playground {
    pub(super) scratch: Scratch,
    pub(super) repository: Repository,
    keep: bool,
}

impl Drop for Playground {
    fn drop(&mut self) {
        if !self.keep {
            // A leftover in the temporary folder harms nobody, and there is nobody left to tell.
            let _ = std::fs::remove_dir_all(self.scratch.root());
        }
    }
}

impl Playground {
    /// The reference product, committed, with a random value for every secret that it refers to.
    pub(super) fn create(folder: Option<PathBuf>, keep: bool) -> anyhow::Result<Self> {
        let root = match folder {
            Some(folder) if folder.exists() => bail!("{} exists already", folder.display()),
            Some(folder) => folder,
            None => std::env::temp_dir().join(format!("naksha-demo-{}", std::process::id())),
        };
        let scratch = Scratch::create(&root, "naksha-infra")?;
        let repository = Repository::init(&scratch.repository())?;
        let playground = Self { scratch, repository, keep };
        crate::starter::write_reference(playground.repository.folder())?;
        playground.repository.commit("the reference product")?;
        for reference in crate::starter::reference_secrets() {
            let value = format!("demo-{}\n", uuid::Uuid::new_v4().simple());
            playground.scratch.write_secret(&format!("{}/{}", reference.path, reference.field), &value)?;
        }
        Ok(playground)
    }

    /// The objects of an environment, by the name of their file.
    pub(super) fn objects(&self, environment: &str) -> BTreeMap<String, String> {
        objects(&self.scratch.target(environment))
    }

    /// The daemon ends with the demo, however that ends.
    pub(super) fn start_daemon(&self) -> anyhow::Result<DaemonProcess> {
        program::start_daemon(&self.scratch)
    }

    /// Runs this program in the repository, as a user would; returns what it printed.
    pub(super) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        program::run(&self.scratch, &self.repository, arguments)
    }
}
