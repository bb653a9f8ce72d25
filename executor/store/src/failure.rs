//! What can go wrong inside the store, before it is told to the caller as a [`StoreError`].

use std::fmt;
use std::io;
use std::sync::Arc;

use naksha_executor::port::store::StoreError;
use sqlx::migrate::MigrateError;

/// SQLite's result codes (the low byte) that mean damage: `SQLITE_CORRUPT`, `SQLITE_NOTADB`.
const DAMAGE: [i32; 2] = [11, 26];

/// A failure whose operation is not named yet; see [`During`].
#[derive(Debug)]
pub(crate) enum Failure {
    /// Said already.
    Store(StoreError),
    /// Shared: a commit that fails does so for several writes.
    Sql(Arc<sqlx::Error>),
    Io(io::Error),
    /// A row that this program cannot have written.
    Row(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

impl From<Arc<sqlx::Error>> for Failure {
    fn from(error: Arc<sqlx::Error>) -> Self {
        Self::Sql(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failure {
    /// A value of `column` that cannot be read.
    pub(crate) fn row(column: &str, why: impl fmt::Display) -> Self {
        Self::Row(format!("a row has an impossible `{column}`: {why}"))
    }

    /// What the database said, if it was the database.
    pub(crate) fn sql(&self) -> Option<Arc<sqlx::Error>> {
        match self {
            Self::Sql(error) => Some(Arc::clone(error)),
            Self::Store(_) | Self::Io(_) | Self::Row(_) => None,
        }
    }

    /// What a failed migration means; `known` is the newest one of this program.
    pub(crate) fn of_migration(error: MigrateError, known: i64) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            MigrateError::VersionMissing(found) => Self::Store(StoreError::Newer { found, known }),
            MigrateError::VersionMismatch(version) => Self::Store(StoreError::Changed { version }),
            other => Self::Row(other.to_string()),
        }
    }
}

/// Names the operation that failed: "the database cannot {doing} now".
pub(crate) trait During<T> {
    fn during(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T, E: Into<Failure>> During<T> for Result<T, E> {
    fn during(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| match error.into() {
            Failure::Store(error) => error,
            Failure::Row(reason) => StoreError::Corrupt { reason },
            Failure::Io(error) => StoreError::Unavailable { doing, source: Box::new(error) },
            Failure::Sql(error) if is_damage(&error) => StoreError::Corrupt { reason: error.to_string() },
            Failure::Sql(error) => StoreError::Unavailable { doing, source: Box::new(error) },
        })
    }
}

fn is_damage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<i32>().ok());
            code.is_some_and(|code| DAMAGE.contains(&(code & 0xff)))
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => true,
        _ => false,
    }
}
