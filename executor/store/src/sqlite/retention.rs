//! Retention: history goes, what the next decision needs stays.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::row;
use crate::failure::Failure;

/// Pages given back to the file system per call (8 MiB), so that the writer is never held for long.
const RETURN_PAGES: &str = "PRAGMA incremental_vacuum(2048)";

/// What is dropped, in an order in which later statements see what earlier ones kept. `?1` is the oldest time
/// that stays.
const STATEMENTS: [&str; 7] = [
    // An apply, with its steps; never the last one that ended, the last that succeeded, or one that runs.
    "DELETE FROM applies WHERE ended < ?1
     AND id NOT IN (SELECT max(id) FROM applies WHERE outcome IS NOT NULL GROUP BY environment)
     AND id NOT IN (SELECT max(id) FROM applies WHERE outcome = 'succeeded' GROUP BY environment)",
    // A plan; never the target, the newest (it may wait for a person), or one whose apply is kept.
    "DELETE FROM plans WHERE at < ?1
     AND NOT EXISTS (SELECT 1 FROM environments e WHERE e.id = plans.environment AND e.target = plans.plan)
     AND NOT EXISTS (SELECT 1 FROM applies a WHERE a.environment = plans.environment AND a.plan = plans.plan)
     AND id <> (SELECT p.id FROM plans p WHERE p.environment = plans.environment ORDER BY p.at DESC, p.id DESC LIMIT 1)",
    // An acknowledgement that ran out, or whose plan is gone.
    "DELETE FROM acknowledgements WHERE expires < ?1 OR (at < ?1 AND NOT EXISTS (SELECT 1 FROM plans p
         WHERE p.environment = acknowledgements.environment AND p.plan = acknowledgements.plan)
         AND NOT EXISTS (SELECT 1 FROM shown s
         WHERE s.environment = acknowledgements.environment AND s.plan = acknowledgements.plan))",
    // What merged pull requests showed; what open ones show stays.
    "DELETE FROM pulls WHERE at < ?1 AND merged IS NOT NULL",
    "DELETE FROM approved WHERE ?1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pulls p
         WHERE p.repository = approved.repository AND p.number = approved.number)",
    // A message that nobody took in all that time.
    "DELETE FROM outbox WHERE at < ?1",
    // Audit; never that of an apply that is kept above.
    "DELETE FROM audit WHERE at < ?1 AND (apply IS NULL OR apply NOT IN (SELECT id FROM applies))",
];

/// Drops what is older than `keep`; how many rows.
pub(crate) async fn drop_history(
    conn: &mut SqliteConnection,
    keep: Duration,
    now: Timestamp,
) -> Result<u64, Failure> {
    let keep = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
    let oldest = now.checked_sub(keep).unwrap_or(Timestamp::MIN);
    let mut dropped = 0;
    for statement in STATEMENTS {
        let done = sqlx::query(statement).bind(row::micros(oldest)).execute(&mut *conn).await?;
        dropped += done.rows_affected();
    }
    Ok(dropped)
}

/// Gives free pages back to the file system, outside of a transaction.
pub(crate) async fn shrink(conn: &mut SqliteConnection) -> Result<(), Failure> {
    sqlx::query(RETURN_PAGES).execute(conn).await?;
    Ok(())
}
