//! A scratch installation: folders, configuration, repository, and the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{DaemonProcess, Program, Repository};

/// Everything in one temporary folder, removed when dropped.
#[derive(Debug)]
pub struct Installation {
    folder: TempDir,
    pub repository: Repository,
    pub program: Program,
}

impl Installation {
    /// An installation whose repository is empty yet. `executable` is the program to test.
    pub fn new(executable: &str) -> Self {
        let folder = tempfile::tempdir().expect("should make a temporary folder");
        let root = folder.path();
        let repository = Repository::init(&root.join("infra"));
        let config = root.join("naksha.toml");
        let text = format!(
            r#"
state = "{root}/state"
[[repository]]
name = "infra"
url = "{root}/infra"
[targets]
directory = "{root}/targets"
[secrets]
directory = "{root}/secrets"
[http]
listen = "off"
[status]
file = "{root}/status.json"
"#,
            root = root.display()
        );
        fs::write(&config, text).expect("should write the configuration");
        fs::create_dir_all(root.join("secrets")).expect("should make a folder");
        let program = Program { executable: PathBuf::from(executable), config };
        Self { folder, repository, program }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
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

    /// Where an environment's objects live.
    pub fn target(&self, environment: &str) -> PathBuf {
        self.root().join("targets/infra").join(environment).join("out")
    }

    pub fn write_secret(&self, path: &str, value: &str) {
        let file = self.root().join("secrets").join(path);
        fs::create_dir_all(file.parent().expect("should have a folder")).expect("should make a folder");
        fs::write(file, value).expect("should write a secret");
    }

    pub fn start(&self) -> DaemonProcess {
        self.program.start_daemon(&self.root().join("daemon.log"))
    }

    /// Every object file below a folder, by relative path. What the target itself keeps is left out.
    pub fn objects(&self, environment: &str) -> BTreeMap<String, String> {
        let root = self.target(environment);
        let mut found = BTreeMap::new();
        let mut open = vec![root.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let hidden = entry.file_name().to_string_lossy().starts_with('.');
                if path.is_dir() {
                    open.push(path);
                } else if !hidden {
                    let name = path.strip_prefix(&root).expect("should be below").display().to_string();
                    found.insert(name, fs::read_to_string(path).unwrap_or_default());
                }
            }
        }
        found
    }
}
