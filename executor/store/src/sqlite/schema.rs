//! Versions of the schema. Migrations are built in; a released one is never edited.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// In the header of every database of ours ("nksh"), so that a foreign file is told apart. Set by migration 1.
pub(crate) const APPLICATION_ID: u32 = 0x6e6b_7368;

/// The newest version that this program knows. The last migration sets `user_version` to it.
pub(crate) const VERSION: i64 = 8;

/// All migrations, in order.
pub(crate) fn migrator() -> Migrator {
    let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let migrations = [
        (1, "state", include_str!("../../migrations/0001_state.sql")),
        (2, "place", include_str!("../../migrations/0002_place.sql")),
        (3, "ends", include_str!("../../migrations/0003_ends.sql")),
        (4, "shown", include_str!("../../migrations/0004_shown.sql")),
        (5, "soak", include_str!("../../migrations/0005_soak.sql")),
        (6, "heard", include_str!("../../migrations/0006_heard.sql")),
        (7, "skips", include_str!("../../migrations/0007_skips.sql")),
        (8, "approvals", include_str!("../../migrations/0008_approvals.sql")),
    ];
    Migrator::with_migrations(migrations.map(migration).into())
}
