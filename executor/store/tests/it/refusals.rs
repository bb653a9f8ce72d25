//! What is not opened, and why. Whatever is refused is left as it was.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use naksha_environments::codes::store as codes;
use naksha_executor::contract::store::samples::{LONG, end, lease, scope, start};
use naksha_executor::port::store::{ApplyId, ApplyOutcome, Store as _, StoreError};
use naksha_executor_store::SqliteStore;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::folder::{closed_store, folder, open};

/// What opening says of a file, which stays as it is.
async fn refusal(path: &Path) -> StoreError {
    let before = fs::read(path).ok();
    let error = open(path).await.expect_err("should be refused");
    assert_eq!(fs::read(path).ok(), before, "a refused file is not touched");
    assert!(!error.hint().is_empty());
    error
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn run(path: &Path, sql: &'static str) {
    let mut conn = raw(path).await;
    sqlx::query(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn an_empty_file_is_damage_not_a_beginning() {
    let (_folder, path) = folder();
    fs::write(&path, b"").unwrap();
    let error = refusal(&path).await;
    assert_eq!(error.code(), codes::CORRUPT);
    assert_eq!(error.to_string(), format!("the database is damaged: `{}` is empty", path.display()));
}

#[tokio::test]
async fn a_text_file_is_no_database() {
    let (_folder, path) = folder();
    fs::write(&path, "state: none\n".repeat(100)).unwrap();
    let error = refusal(&path).await;
    assert!(error.to_string().ends_with("is not a database"), "{error}");
    assert_eq!(error.code(), codes::CORRUPT);
}

#[tokio::test]
async fn the_database_of_another_program_is_left_alone() {
    let (folder, path) = folder();
    run(&path, "CREATE TABLE notes (text TEXT)").await;
    let error = refusal(&path).await;
    assert_eq!(error.code(), codes::FOREIGN);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_folder, path) = closed_store().await;
    run(&path, "PRAGMA user_version = 9").await;
    let error = refusal(&path).await;
    assert!(matches!(error, StoreError::Newer { found: 9, .. }), "{error:?}");
    assert_eq!(error.code(), codes::NEWER);
}

#[tokio::test]
async fn an_unknown_migration_is_newer_too() {
    let (_folder, path) = closed_store().await;
    run(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'runs', TRUE, x'00', 0)",
    )
    .await;
    let error = open(&path).await.expect_err("should be refused");
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error:?}");
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let (_folder, path) = closed_store().await;
    run(&path, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    let error = open(&path).await.expect_err("should be refused");
    assert!(matches!(error, StoreError::Changed { version: 1 }), "{error:?}");
    assert_eq!(error.code(), codes::CHANGED);
}

#[tokio::test]
async fn a_damaged_page_is_found_at_the_start() {
    let (_folder, path) = closed_store().await;
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let error = open(&path).await.expect_err("should be refused");
    assert_eq!(error.code(), codes::CORRUPT, "{error:?}");
}

#[tokio::test]
async fn a_file_that_was_cut_is_refused() {
    let (_folder, path) = closed_store().await;
    let bytes = fs::read(&path).unwrap();
    for length in [50, 4096, bytes.len() - 4096, bytes.len() - 100] {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = open(&path).await.expect_err("should be refused");
        assert_eq!(error.code(), codes::CORRUPT, "{length} of {}: {error:?}", bytes.len());
    }
}

#[tokio::test]
async fn a_log_without_its_database_is_not_thrown_away() {
    let (folder, path) = folder();
    fs::write(folder.path().join("state.db-wal"), b"the last transactions").unwrap();
    let error = open(&path).await.expect_err("should be refused");
    assert_eq!(error.code(), codes::CORRUPT);
    assert!(error.to_string().ends_with("is gone, and its log is still there"), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn one_store_at_a_time() {
    let (_folder, path) = folder();
    let store = open(&path).await.unwrap();
    let error = SqliteStore::open(&path).await.expect_err("should be refused");
    let pid = std::process::id();
    assert!(matches!(error, StoreError::Locked { pid: Some(holder), .. } if holder == pid), "{error:?}");
    assert_eq!(error.to_string(), format!("`{}` is in use by process {pid}", path.display()));
    assert_eq!(error.code(), codes::LOCKED);
    store.close().await;
    drop(store);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn copying_nothing_makes_nothing() {
    let (folder, path) = folder();
    let (path, to) = (path.with_file_name("none").join("state.db"), path.with_file_name("backup.db"));
    let error = SqliteStore::backup_file(&path, &to).await.expect_err("should be refused");
    assert_eq!(error.code(), codes::NOT_FOUND);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let (folder, path) = folder();
    let path = path.with_file_name("new").join("deep").join("state.db");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let store = open(&path).await.unwrap();
    store.mark_key().await.unwrap();
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let file = folder.path().join(format!("new/deep/state.db{suffix}"));
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    store.close().await;
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    open(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600, "closed to others again");
}

#[tokio::test]
async fn a_creation_that_was_cut_short_starts_again() {
    let (folder, path) = folder();
    fs::write(folder.path().join("state.db.new"), b"half of a database").unwrap();
    open(&path).await.unwrap().mark_key().await.unwrap();
    assert!(!folder.path().join("state.db.new").exists());
}

/// The refusals of a store that is open, with their codes and what they say.
#[tokio::test]
async fn refused_calls_have_codes() {
    let (folder, store) = crate::folder::fresh().await;
    let dev = scope("dev");
    let old = lease(&store, &dev).await;
    let taken = store.lease(&dev, "two", LONG).await.unwrap_err();
    assert!(taken.to_string().starts_with("acme/dev is leased by one until 2"), "{taken}");
    store.release(&dev, old).await.unwrap();
    let new = lease(&store, &dev).await;
    let stale = store.begin(&start(&dev, new, 'a')).await.unwrap_err();
    assert_eq!(stale.to_string(), format!("plan {} was made on top of another target", "a".repeat(32)));
    let fenced = store.check(&dev, old).await.unwrap_err();
    assert_eq!(fenced.to_string(), "acme/dev is owned by another daemon (generation 2, ours is 1)");
    let lost = store.finish(&dev, new, ApplyId(9), &end(ApplyOutcome::Superseded)).await.unwrap_err();
    assert_eq!(lost.to_string(), "there is no running apply 9 of acme/dev");
    let exists = store.backup(folder.path()).await.unwrap_err();
    assert_eq!(exists.to_string(), format!("`{}` exists already", folder.path().display()));
    let lapsed = StoreError::Lapsed { scope: dev, generation: new };
    let raised = [taken, stale, fenced, lapsed, lost, exists].map(|error| error.code());
    let expected =
        [codes::LEASED, codes::STALE, codes::FENCED, codes::FENCED, codes::NOT_FOUND, codes::EXISTS];
    assert_eq!(raised, expected);
}
