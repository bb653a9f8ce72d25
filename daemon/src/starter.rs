//! The repositories that `naksha init` writes: a small starter, and the reference product. Both are part of the program.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use naksha_environments::secret::SecretRef;

const REFERENCE: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/reference.rs"));

/// One environment, one unit, one workflow: enough to see the loop.
const STARTER: &[(&str, &str)] = &[
    ("naksha.yaml", include_str!("../starter/naksha.yaml")),
    ("README.md", include_str!("../starter/README.md")),
    ("environments/dev/environment.yaml", include_str!("../starter/environments/dev/environment.yaml")),
    ("units/web/unit.yaml", include_str!("../starter/units/web/unit.yaml")),
    ("units/web/manifests/web.yaml.tera", include_str!("../starter/units/web/manifests/web.yaml.tera")),
    ("workflows/hello.yaml", include_str!("../starter/workflows/hello.yaml")),
];

#[derive(Debug, thiserror::Error)]
pub enum StarterError {
    #[error("{} exists already; nothing was written", path.display())]
    Exists { path: PathBuf },
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What became of the files.
#[derive(Debug, Default)]
pub struct Started {
    pub written: Vec<PathBuf>,
    /// Were there already, and stay as they are.
    pub kept: Vec<PathBuf>,
}

/// Writes the reference product.
pub fn write_reference(folder: &Path) -> Result<Started, StarterError> {
    write(folder, REFERENCE)
}

/// Writes the small starter.
pub fn write_starter(folder: &Path) -> Result<Started, StarterError> {
    write(folder, STARTER)
}

/// All or nothing as far as can be told beforehand: an existing file refuses the whole, unless it is one that any
/// repository has from its first day.
fn write(folder: &Path, files: &[(&str, &str)]) -> Result<Started, StarterError> {
    let mut started = Started::default();
    let mut open = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        match path.exists() {
            true if is_everywhere(name) => started.kept.push(path),
            true => return Err(StarterError::Exists { path }),
            false => open.push((path, *text)),
        }
    }
    for (path, text) in open {
        let refuse = |source| StarterError::Write { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(refuse)?;
        }
        fs::write(&path, text).map_err(refuse)?;
        started.written.push(path);
    }
    Ok(started)
}

/// What a forge puts into a new repository.
fn is_everywhere(name: &str) -> bool {
    !name.contains('/')
        && (name.starts_with('.') || name.starts_with("README") || name.starts_with("LICENSE"))
}

/// Every `vault:` reference that the reference product's files name.
pub fn reference_secrets() -> BTreeSet<SecretRef> {
    let words = REFERENCE
        .iter()
        .flat_map(|(_, text)| text.split(|c: char| c.is_whitespace() || "\"',{}[]".contains(c)));
    words
        .filter_map(|word| SecretRef::parse(word).ok())
        .filter(|reference| &*reference.field != "*")
        .collect()
}
