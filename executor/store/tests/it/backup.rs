//! Backups are whole, private, and open again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::slice;
use std::sync::Arc;

use naksha_executor::contract::store::samples::{begin, end, key, lease, owned, scope, step};
use naksha_executor::port::store::{ApplyOutcome, Effect, SharedStore, Store as _, StoreError};

use crate::folder::{folder, fresh, open};

#[tokio::test]
async fn a_backup_opens_with_everything_in_it() {
    let (folder, store) = fresh().await;
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let own = step("Deployment naksha/web", Effect::Own(key("web"), Arc::new(owned("web"))));
    store.record(&dev, generation, apply, slice::from_ref(&own)).await.unwrap();
    let to = folder.path().join("backup.db");
    store.backup(&to).await.unwrap();
    store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.unwrap();

    let copy: SharedStore = std::sync::Arc::new(open(&to).await.unwrap());
    assert_eq!(copy.inventory(&dev).await.unwrap(), store.inventory(&dev).await.unwrap());
    assert_eq!(copy.mark_key().await.unwrap(), store.mark_key().await.unwrap());
    assert_eq!(copy.applies(&dev, 9).await.unwrap()[0].outcome, None, "as it was when the copy was made");
    let owner = copy.lease(&dev, "two", std::time::Duration::from_mins(1)).await.unwrap();
    assert!(owner > generation, "owners of the original do not own the copy");
}

#[tokio::test]
async fn a_backup_is_private_and_leaves_nothing_beside_it() {
    let (folder, store) = fresh().await;
    let to = folder.path().join("copies");
    fs::create_dir(&to).unwrap();
    store.backup(&to.join("backup.db")).await.unwrap();
    assert!(matches!(store.backup(&to.join("backup.db")).await, Err(StoreError::Exists { .. })));
    let names: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["backup.db"]);
    assert_eq!(fs::metadata(to.join("backup.db")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_backup_may_be_made_while_others_write() {
    let (folder, store) = fresh().await;
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let writer = {
        let (store, dev) = (store.clone(), dev.clone());
        tokio::spawn(async move {
            for number in 0..40 {
                let own = step("a step", Effect::Own(key(&format!("web-{number}")), Arc::new(owned("web"))));
                store.record(&dev, generation, apply, slice::from_ref(&own)).await.unwrap();
            }
        })
    };
    for number in 0..3 {
        let to = folder.path().join(format!("backup-{number}.db"));
        store.backup(&to).await.unwrap();
        let copy = open(&to).await.unwrap();
        let steps = copy.steps(apply).await.unwrap().len();
        assert_eq!(copy.inventory(&dev).await.unwrap().len(), steps, "a step and its effect go together");
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let (_folder, path) = folder();
    let store = open(&path).await.unwrap();
    store.close().await;
    let late = store.environment(&scope("dev")).await;
    assert!(matches!(late, Err(StoreError::Unavailable { .. })), "{late:?}");
}

#[tokio::test]
async fn a_restore_beside_an_old_log_is_refused() {
    let (folder, path) = folder();
    let store = open(&path).await.unwrap();
    let (backup, killed) = (folder.path().join("backup.db"), folder.path().join("killed"));
    store.backup(&backup).await.unwrap();
    store.lease(&scope("dev"), "one", std::time::Duration::from_mins(1)).await.unwrap();
    // As a killed process leaves it: the log is still there.
    fs::create_dir(&killed).unwrap();
    fs::copy(path.with_file_name("state.db-wal"), killed.join("state.db-wal")).unwrap();
    store.close().await;
    fs::copy(&backup, killed.join("state.db")).unwrap();
    let error = open(&killed.join("state.db")).await.expect_err("should be refused");
    assert_eq!(error.code(), naksha_environments::codes::store::CORRUPT);
    assert!(error.to_string().ends_with("is the log of another database; move it away"), "{error}");
    fs::remove_file(killed.join("state.db-wal")).unwrap();
    open(&killed.join("state.db")).await.unwrap().mark_key().await.unwrap();
}
