//! A scratch installation: one folder with a repository, secrets, a configuration and room for targets, and the
//! daemon on it as a child process. What the demo plays on, and what end-to-end tests and benchmarks build on.
//!
//! Everything is real; nothing is removed here: who gave the folder does that. Waiting is for a condition, with a
//! limit that only a failure reaches.

mod process;
mod repository;

pub use process::DaemonProcess;
pub use repository::Repository;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Longest wait for one effect. Effects take milliseconds; a loaded machine gets a minute.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// The folder and what lies where in it.
#[derive(Debug, Clone)]
pub struct Scratch {
    root: PathBuf,
    name: String,
}

impl Scratch {
    /// Writes a configuration for one repository `name`, which is not made yet. Only the owner may look inside.
    pub fn create(root: &Path, name: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(root.join("secrets"))
            .with_context(|| format!("cannot make {}", root.display()))?;
        fs::set_permissions(root, fs::Permissions::from_mode(0o700))?;
        let scratch = Self { root: root.canonicalize()?, name: name.to_owned() };
        fs::write(scratch.config(), scratch.config_text()).context("cannot write the configuration")?;
        Ok(scratch)
    }

    fn config_text(&self) -> String {
        let (root, name) = (self.root.display(), &self.name);
        format!(
            r#"state = "{root}/state"

[[repository]]
name = "{name}"
url = "{root}/{name}"

[targets]
directory = "{root}/targets"

[secrets]
directory = "{root}/secrets"

[http]
listen = "off"

[status]
file = "{root}/status.json"
"#
        )
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn config(&self) -> PathBuf {
        self.root.join("naksha.toml")
    }

    /// What the daemon says, all its runs one after the other.
    pub fn log(&self) -> PathBuf {
        self.root.join("daemon.log")
    }

    pub fn socket(&self) -> PathBuf {
        self.root.join("state/naksha.sock")
    }

    /// Where the repository's working tree is.
    pub fn repository(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// Below which an environment's objects live.
    pub fn target(&self, environment: &str) -> PathBuf {
        self.root.join("targets").join(&self.name).join(environment)
    }

    /// Writes a secret's value; `path` is that of its reference, with the field at its end: `kv/naksha/db/url`.
    pub fn write_secret(&self, path: &str, value: &str) -> anyhow::Result<()> {
        let file = self.root.join("secrets").join(path);
        fs::create_dir_all(file.parent().context("a secret's file has a folder")?)?;
        fs::write(&file, value).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?)
    }
}

/// Every object file below a folder, by relative path. What the target keeps for itself is left out, and so is a
/// file that vanishes meanwhile: that is a write in progress.
pub fn objects(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                found.insert(name, text);
            }
        }
    }
    found
}

/// Looks until `look` gives something. An error ends the waiting.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if started.elapsed() > PATIENCE {
            bail!("waited {} s for {what}", PATIENCE.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
}
