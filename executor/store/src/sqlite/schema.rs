//! Versions of the schema. Migrations are built in; a released one is never edited.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// In the header of every database of ours ("nksh"), so that a foreign file is told apart. Set by migration 1.
pub(crate) const APPLICATION_ID: u32 = 0x6e6b_7368;

/// The newest version that this program knows. The last migration sets `user_version` to it.
pub(crate) const VERSION: i64 = 1;

/// All migrations, in order.
pub(crate) fn migrator() -> Migrator {
    let state = include_str!("../../migrations/0001_state.sql").into_sql_str();
    Migrator::with_migrations(vec![Migration::new(1, "state".into(), MigrationType::Simple, state, false)])
}
