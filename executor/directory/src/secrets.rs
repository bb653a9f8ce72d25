//! Secrets from a directory: `vault:kv/naksha/db#url` is the file `kv/naksha/db/url` beneath its root.
//!
//! For running without a Vault, and for whatever mounts secrets as files. Links are followed as long as they stay
//! beneath the root (mounted volumes swap their content by one). One line break at the end is not part of a value.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use naksha_environments::secret::{Secret, SecretRef};
use naksha_executor::port::secrets::{SecretError, SecretSource};
use rustix::fs::Mode;
use rustix::io::Errno;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::error::DirectoryError;
use super::marker::root_words;
use super::place::{Folder, Problem, read_beneath, words};

/// Largest value: what a Secret may hold in all.
const MAX_VALUE_BYTES: usize = 1024 * 1024;

/// Bits that let others than the owner read.
const OTHERS: Mode = Mode::from_raw_mode(0o044);

/// A directory of secret values.
pub struct DirectorySecrets {
    root: PathBuf,
    /// References whose files others may read; each is warned of once.
    warned: Arc<Mutex<BTreeSet<SecretRef>>>,
}

impl DirectorySecrets {
    /// Opens the directory at `root`, which must exist.
    pub fn open(root: &Path) -> Result<Self, DirectoryError> {
        match Folder::root(root) {
            Ok(_) => Ok(Self { root: root.to_owned(), warned: Arc::default() }),
            Err(Errno::NOTDIR) => Err(DirectoryError::NotADirectory { path: root.to_owned() }),
            Err(source) => Err(DirectoryError::Open { path: root.to_owned(), source }),
        }
    }
}

impl fmt::Debug for DirectorySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirectorySecrets({})", self.root.display())
    }
}

#[async_trait]
impl SecretSource for DirectorySecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let (root, warned, owned) = (self.root.clone(), Arc::clone(&self.warned), reference.clone());
        let resolved = spawn_blocking(move || resolve(&root, &warned, &owned)).await;
        resolved.unwrap_or_else(|_| {
            let reason = "reading was broken off".to_owned();
            Err(SecretError::Unavailable { reference: reference.clone(), reason })
        })
    }
}

fn resolve(
    root: &Path,
    warned: &Mutex<BTreeSet<SecretRef>>,
    reference: &SecretRef,
) -> Result<Secret, SecretError> {
    let denied =
        |reason: &str| SecretError::Denied { reference: reference.clone(), reason: reason.to_owned() };
    let away = |reason: String| SecretError::Unavailable { reference: reference.clone(), reason };
    let path = format!("{}/{}", reference.path, reference.field);
    let (bytes, mode) = read_beneath(root, &path).map_err(|problem| match problem {
        Problem::Root(error) => away(format!("the directory of secrets: {}", root_words(error))),
        Problem::File(Errno::NOENT | Errno::NOTDIR) => {
            let place = format!("the file `{}`", root.join(&path).display());
            SecretError::NotFound { reference: reference.clone(), place }
        }
        Problem::File(
            error @ (Errno::ACCESS
            | Errno::PERM
            | Errno::LOOP
            | Errno::XDEV
            | Errno::INVAL
            | Errno::NAMETOOLONG),
        ) => denied(&words(error)),
        Problem::File(error) => away(words(error)),
        Problem::Content(reason) => denied(&reason),
    })?;
    if bytes.len() > MAX_VALUE_BYTES {
        return Err(denied("it is larger than 1 MiB"));
    }
    if mode.intersects(OTHERS)
        && warned.lock().unwrap_or_else(PoisonError::into_inner).insert(reference.clone())
    {
        warn!(%reference, "others than its owner may read the file of a secret");
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| denied("it is not UTF-8 text"))?;
    let value = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Secret::new(value))
}

/// No source of secrets is configured: nothing can be resolved.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let reason = "no source of secrets is configured; name one under `[secrets]`".to_owned();
        Err(SecretError::Denied { reference: reference.clone(), reason })
    }
}
