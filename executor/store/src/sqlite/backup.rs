//! Backup: a consistent copy in one file, checked before it gets its name, never over another file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use naksha_executor::port::store::StoreError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::open;
use crate::failure::Failure;
use crate::lock::{beside, sync_folder_of};

/// A file that is removed unless it got its name.
#[derive(Debug)]
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Nothing is lost when it stays: its name says what it is.
        let _ = fs::remove_file(&self.0);
    }
}

/// Copies the database of `conn` to `to`.
pub(crate) async fn write(conn: &mut SqliteConnection, to: &Path) -> Result<(), Failure> {
    let partial = reserve(to)?;
    let path = partial.0.to_str().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not UTF-8"))?;
    sqlx::query("VACUUM INTO ?1").bind(path).execute(conn).await?;
    let copy = SqliteConnectOptions::new().filename(&partial.0).read_only(true).immutable(true);
    let mut copy = copy.disable_statement_logging().connect().await?;
    open::check(&mut copy).await?;
    copy.close().await?;
    let to = to.to_owned();
    let name = move || give_name(&partial, &to);
    tokio::task::spawn_blocking(name).await.map_err(|error| Failure::Io(io::Error::other(error)))?
}

/// An empty file beside `to`, readable by its owner alone: the copy holds the key of marks.
fn reserve(to: &Path) -> Result<Partial, Failure> {
    if to.try_exists()? {
        return Err(StoreError::Exists { path: to.to_owned() }.into());
    }
    let path = beside(to, &format!(".{}.partial", uuid::Uuid::new_v4().simple()));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok(Partial(path))
}

/// Makes the copy durable, then gives it its name. A link fails when the name was taken meanwhile; a rename is
/// for file systems without links.
fn give_name(partial: &Partial, to: &Path) -> Result<(), Failure> {
    File::open(&partial.0)?.sync_all()?;
    match fs::hard_link(&partial.0, to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(StoreError::Exists { path: to.to_owned() }.into());
        }
        Err(_) if to.try_exists()? => return Err(StoreError::Exists { path: to.to_owned() }.into()),
        Err(_) => fs::rename(&partial.0, to)?,
    }
    sync_folder_of(to)?;
    Ok(())
}
