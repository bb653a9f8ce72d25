//! A store in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use naksha_executor::port::review::SharedReviews;
use naksha_executor::port::soak::SharedSoaks;
use naksha_executor::port::store::{SharedStore, Store, StoreError};
use naksha_executor_store::SqliteStore;
use tempfile::TempDir;

pub(crate) const NAME: &str = "state.db";

/// A new folder, and where the database goes in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(NAME);
    (folder, path)
}

/// Held while a child is started: until it becomes another program it has our files, and the locks of stores that are closed
/// meanwhile.
pub(crate) static STARTING: Mutex<()> = Mutex::new(());

pub(crate) async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    drop(STARTING.lock());
    SqliteStore::open(path).await
}

pub(crate) async fn fresh() -> (TempDir, SharedStore) {
    let (folder, store) = fresh_twice().await;
    (folder, store)
}

/// As [`fresh`], seen through another of its ports too.
async fn fresh_twice() -> (TempDir, Arc<SqliteStore>) {
    let (folder, path) = folder();
    let store = Arc::new(open(&path).await.unwrap());
    (folder, store)
}

pub(crate) async fn fresh_with_reviews() -> (TempDir, SharedStore, SharedReviews) {
    let (folder, store) = fresh_twice().await;
    (folder, Arc::clone(&store) as SharedStore, store)
}

pub(crate) async fn fresh_with_soaks() -> (TempDir, SharedStore, SharedSoaks) {
    let (folder, store) = fresh_twice().await;
    (folder, Arc::clone(&store) as SharedStore, store)
}

/// A store that was made and closed again.
pub(crate) async fn closed_store() -> (TempDir, PathBuf) {
    let (folder, path) = folder();
    let store = open(&path).await.unwrap();
    store.close().await;
    (folder, path)
}
