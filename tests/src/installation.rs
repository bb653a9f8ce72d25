//! A scratch installation: folders, configuration, repository, and the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use naksha::scratch::{Scratch, objects};
use tempfile::TempDir;

use crate::{DaemonProcess, Program, Repository, must};

/// Everything in one temporary folder, removed when dropped.
#[derive(Debug)]
pub struct Installation {
    _folder: TempDir,
    scratch: Scratch,
    pub repository: Repository,
    pub program: Program,
}

impl Installation {
    /// An installation whose repository is empty yet. `executable` is the program to test.
    pub fn new(executable: &str) -> Self {
        Self::of(executable, "infra")
    }

    /// Of a repository of another name.
    pub fn of(executable: &str, repository: &str) -> Self {
        let folder = tempfile::tempdir().expect("should make a temporary folder");
        let scratch = must(Scratch::create(folder.path(), repository));
        let repository = Repository::init(&scratch.repository());
        let program = Program { executable: PathBuf::from(executable), config: scratch.config() };
        Self { _folder: folder, scratch, repository, program }
    }

    pub fn root(&self) -> &Path {
        self.scratch.root()
    }

    /// Appends to the configuration file.
    pub fn configure(&self, text: &str) {
        let mut config = fs::read_to_string(&self.program.config).expect("should read the configuration");
        config.push_str(text);
        fs::write(&self.program.config, config).expect("should write the configuration");
    }

    /// Lets the daemon run these environments only.
    pub fn only(&self, environments: &[&str]) {
        let config = fs::read_to_string(&self.program.config).expect("should read the configuration");
        let only = format!("name = \"infra\"\nonly = {environments:?}");
        let config = config.replacen("name = \"infra\"", &only, 1);
        fs::write(&self.program.config, config).expect("should write the configuration");
    }

    /// Where an environment's objects live: its definition says `target: {directory: out}`.
    pub fn target(&self, environment: &str) -> PathBuf {
        self.scratch.target(environment).join("out")
    }

    pub fn write_secret(&self, path: &str, value: &str) {
        must(self.scratch.write_secret(path, value));
    }

    pub fn start(&self) -> DaemonProcess {
        DaemonProcess::start(&self.program, &self.scratch)
    }

    /// The daemon is killed, and comes back without its database.
    pub fn lose_the_database(&self, daemon: DaemonProcess) -> DaemonProcess {
        daemon.kill();
        for entry in fs::read_dir(self.root().join("state")).expect("should list the state") {
            let path = entry.expect("should list the state").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains(".db")) {
                fs::remove_file(path).expect("should remove the database");
            }
        }
        self.start()
    }

    /// A number of the daemon's metrics; `name`: what its line begins with.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let client = naksha::client::Client::new(self.root().join("state/naksha.sock"));
        let text = runtime.expect("should start a runtime").block_on(client.get_text("/metrics")).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Every object file of an environment, by relative path. What the target itself keeps is left out.
    pub fn objects(&self, environment: &str) -> BTreeMap<String, String> {
        objects(&self.target(environment))
    }
}
