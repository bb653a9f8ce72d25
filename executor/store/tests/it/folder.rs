//! A store in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use naksha_executor::port::store::{SharedStore, Store, StoreError};
use naksha_executor_store::SqliteStore;
use tempfile::TempDir;

pub(crate) const NAME: &str = "state.db";
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A new folder, and where the database goes in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(NAME);
    (folder, path)
}

/// Opens a store that is in use by nobody. What was just closed may be locked for a moment all the same: a child that another
/// test starts has our files until it becomes another program.
pub(crate) async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    let begun = Instant::now();
    loop {
        match SqliteStore::open(path).await {
            Err(StoreError::Locked { .. }) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            opened => return opened,
        }
    }
}

pub(crate) async fn fresh() -> (TempDir, SharedStore) {
    let (folder, path) = folder();
    (folder, Arc::new(open(&path).await.unwrap()))
}

/// A store that was made and closed again.
pub(crate) async fn closed_store() -> (TempDir, PathBuf) {
    let (folder, path) = folder();
    let store = open(&path).await.unwrap();
    store.close().await;
    (folder, path)
}
