//! Opening: makes a new database whole or not at all, and refuses what it must not touch.
//!
//! In this order: header (ours? a database at all?), lock (alone?), version, soundness, migrations. Nothing is
//! ever reset: whatever is wrong with an existing file is an error that names it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use naksha_environments::digest::Digest;
use naksha_executor::port::store::StoreError;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::writer::TURN_TIMEOUT;
use super::{lease, schema};
use crate::failure::Failure;
use crate::lock::{FileLock, beside, folder_of, sync_folder_of};

/// How long a statement waits for a lock that somebody outside holds (a shell, a copying tool): longer than they
/// need, shorter than a reconcile may hang.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Readers never wait for the writer; more than a few only cost memory (2 MiB of cache each).
const READERS: u32 = 4;

/// A log that grew beyond this (64 MiB) is cut back when it is folded in, so that one burst does not keep the space.
const LOG_LIMIT: &str = "67108864";

/// The first bytes of every SQLite file, and where its fields stand (SQLite file format, 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;
const PAGE_SIZE_OFFSET: usize = 16;
const WRITE_FORMAT_OFFSET: usize = 18;
/// The number of pages; it holds where the two counters are equal.
const PAGES_OFFSET: usize = 28;
const CHANGE_COUNTER_OFFSET: usize = 24;
const VALID_FOR_OFFSET: usize = 92;
const VERSION_OFFSET: usize = 60;
const APPLICATION_ID_OFFSET: usize = 68;

/// An open database.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    pub(super) lock: FileLock,
}

pub(super) async fn open(path: &Path) -> Result<Opened, Failure> {
    let owned = path.to_owned();
    let prepare = move || prepare(&owned);
    let lock = tokio::task::spawn_blocking(prepare).await.map_err(io::Error::other)??;
    if !path.try_exists()? {
        create(path).await?;
    }
    let writer = pool(1).connect_with(connect(path).journal_mode(SqliteJournalMode::Wal)).await?;
    let mut conn = writer.acquire().await?;
    refuse_newer(&mut conn).await?;
    check(&mut conn).await?;
    migrate(&mut conn).await?;
    lease::release_all(&mut conn).await?;
    drop(conn);
    let readers = pool(READERS).connect_with(connect(path).read_only(true)).await?;
    Ok(Opened { writer, readers, lock })
}

/// A connection for copying alone: it changes nothing and takes no lock, so that a daemon may have the file open.
pub(super) async fn look(path: &Path) -> Result<SqliteConnection, Failure> {
    if !path.try_exists()? {
        return Err(StoreError::NotFound { what: format!("database at `{}`", path.display()) }.into());
    }
    inspect(path)?;
    let mut conn = connect(path).read_only(true).connect().await?;
    refuse_newer(&mut conn).await?;
    Ok(conn)
}

/// The header may be older than the log; this sees both.
async fn refuse_newer(conn: &mut SqliteConnection) -> Result<(), Failure> {
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(conn).await?;
    if found > schema::VERSION {
        return Err(StoreError::Newer { found, known: schema::VERSION }.into());
    }
    Ok(())
}

/// Everything before SQLite sees the file.
fn prepare(path: &Path) -> Result<FileLock, Failure> {
    let exists = path.try_exists()?;
    if exists {
        inspect(path)?;
    } else {
        DirBuilder::new().recursive(true).mode(0o700).create(folder_of(path))?;
    }
    let lock = FileLock::take(path)?;
    if exists {
        close_to_others(path)?;
    } else if beside(path, "-wal").try_exists()? && !path.try_exists()? {
        let reason = format!("`{}` is gone, and its log is still there", path.display());
        return Err(StoreError::Corrupt { reason }.into());
    }
    Ok(lock)
}

/// 1 stands for the largest size, which does not fit.
fn page_bytes(header: &[u8]) -> u64 {
    match u16::from_be_bytes([header[PAGE_SIZE_OFFSET], header[PAGE_SIZE_OFFSET + 1]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    }
}

/// Judges a file by its header alone: a file that is not ours is not even opened as a database.
fn inspect(path: &Path) -> Result<(), Failure> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    File::open(path)?.take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    let damaged =
        |what: &str| Failure::from(StoreError::Corrupt { reason: format!("`{}` {what}", path.display()) });
    if header.is_empty() {
        return Err(damaged("is empty"));
    }
    if !header.starts_with(MAGIC) {
        return Err(damaged("is not a database"));
    }
    if header.len() < HEADER_BYTES {
        return Err(damaged("is cut short"));
    }
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if number(APPLICATION_ID_OFFSET) != schema::APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.to_owned() }.into());
    }
    // A backup was never in WAL mode: format 1. SQLite would take any log beside it for its own, and mix the two.
    let log = beside(path, "-wal");
    let has_log = fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    if header[WRITE_FORMAT_OFFSET] == 1 && has_log {
        let reason = format!("`{}` is the log of another database; move it away", log.display());
        return Err(StoreError::Corrupt { reason }.into());
    }
    // A checkpoint that was cut short leaves a file that its log makes whole.
    let is_current = number(CHANGE_COUNTER_OFFSET) == number(VALID_FOR_OFFSET);
    let whole = u64::from(number(PAGES_OFFSET)) * page_bytes(&header);
    if !has_log && is_current && fs::metadata(path)?.len() < whole {
        return Err(damaged("is cut short"));
    }
    let found = i64::from(number(VERSION_OFFSET));
    if found > schema::VERSION {
        return Err(StoreError::Newer { found, known: schema::VERSION }.into());
    }
    Ok(())
}

/// Takes other users' rights to the files away.
fn close_to_others(path: &Path) -> Result<(), Failure> {
    for path in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "state was open to other users; closed it to them");
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Makes a new database under another name, whole, and only then gives it its own: an empty file under the real
/// name is damage, not a beginning.
async fn create(path: &Path) -> Result<(), Failure> {
    let fresh = beside(path, ".new");
    for leftover in [fresh.clone(), beside(&fresh, "-journal")] {
        match fs::remove_file(&leftover) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    // Incremental: `retain` gives pages back to the file system, a bit at a time. It must be chosen now.
    let mut conn = connect(&fresh).auto_vacuum(SqliteAutoVacuum::Incremental).connect().await?;
    migrate(&mut conn).await?;
    sqlx::query("INSERT INTO installation (name, value) VALUES ('mark_key', ?1)")
        .bind(random_key().as_slice())
        .execute(&mut conn)
        .await?;
    conn.close().await?;
    File::open(&fresh)?.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_folder_of(path)?;
    tracing::info!(path = %path.display(), "made a new database");
    Ok(())
}

/// 32 bytes out of 366 random bits of the operating system.
fn random_key() -> [u8; 32] {
    let random: Vec<u8> = (0..3).flat_map(|_| uuid::Uuid::new_v4().into_bytes()).collect();
    *Digest::of_bytes(&random).as_bytes()
}

/// Reads every page and every index.
pub(super) async fn check(conn: &mut SqliteConnection) -> Result<(), Failure> {
    let said: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(conn).await?;
    if said == "ok" { Ok(()) } else { Err(StoreError::Corrupt { reason: said }.into()) }
}

async fn migrate(conn: &mut SqliteConnection) -> Result<(), Failure> {
    let migrated = schema::migrator().run(conn).await;
    migrated.map_err(|error| Failure::of_migration(error, schema::VERSION))
}

fn connect(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("journal_size_limit", LOG_LIMIT)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // On a full disk SQLite ends the transaction by itself, sqlx goes on believing in it, and every later
        // `begin` on the connection fails. Such a connection is replaced.
        .before_acquire(|conn, _| Box::pin(std::future::ready(Ok(!conn.is_in_transaction()))))
}
