//! Leases, on the database's clock: who owns an environment, until when.
//!
//! A generation belongs to one owner for ever. Releasing a lease moves the row to the next generation, which the
//! next owner gets.

use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::ids::Generation;
use naksha_executor::port::store::{Scope, StoreError};
use sqlx::SqliteConnection;

use super::scope;
use crate::failure::Failure;

/// A row of `leases`, and the database's time.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Lease {
    generation: i64,
    owner: Option<String>,
    until_ms: i64,
    lasts_ms: i64,
    now_ms: i64,
}

impl Lease {
    /// Whether it ran out. A lease that ends later than a full term from now was given before the clock was set
    /// back: waiting for it could take hours, and taking it is safe, because its owner is fenced.
    fn ran_out(&self) -> bool {
        self.until_ms <= self.now_ms || self.until_ms > self.now_ms.saturating_add(self.lasts_ms)
    }

    fn left(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.until_ms - self.now_ms).unwrap_or_default())
    }

    /// The generation that `owner` gets, unless somebody else holds the lease.
    fn generation_for(&self, owner: &str) -> Option<i64> {
        match &self.owner {
            Some(holder) if holder == owner => Some(self.generation),
            Some(_) if self.ran_out() => Some(self.generation + 1),
            Some(_) => None,
            None => Some(self.generation),
        }
    }
}

async fn read(conn: &mut SqliteConnection, environment: i64) -> Result<Option<Lease>, Failure> {
    let lease = sqlx::query_as(
        "SELECT generation, owner, until_ms, lasts_ms,
                CAST(round(unixepoch('subsec') * 1000) AS INTEGER) AS now_ms
         FROM leases WHERE environment = ?1",
    )
    .bind(environment)
    .fetch_optional(conn)
    .await?;
    Ok(lease)
}

/// Takes or renews.
pub(crate) async fn take(
    conn: &mut SqliteConnection,
    scope: &Scope,
    owner: &str,
    lasts: Duration,
) -> Result<Generation, Failure> {
    let environment = scope::ensure(conn, scope).await?;
    let generation = match read(conn, environment).await? {
        None => 1,
        Some(lease) => match lease.generation_for(owner) {
            Some(generation) => generation,
            None => return Err(leased(scope, lease).into()),
        },
    };
    sqlx::query(
        "INSERT INTO leases (environment, generation, owner, until_ms, lasts_ms)
         VALUES (?1, ?2, ?3, CAST(round(unixepoch('subsec') * 1000) AS INTEGER) + ?4, ?4)
         ON CONFLICT (environment) DO UPDATE SET generation = excluded.generation, owner = excluded.owner,
             until_ms = excluded.until_ms, lasts_ms = excluded.lasts_ms",
    )
    .bind(environment)
    .bind(generation)
    .bind(owner)
    .bind(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX / 2))
    .execute(conn)
    .await?;
    scope::generation_of(generation)
}

fn leased(scope: &Scope, lease: Lease) -> StoreError {
    let until = Timestamp::from_millisecond(lease.until_ms).unwrap_or(Timestamp::MAX);
    StoreError::Leased { scope: scope.clone(), owner: lease.owner.unwrap_or_default(), until }
}

/// Gives back.
pub(crate) async fn release(
    conn: &mut SqliteConnection,
    scope: &Scope,
    generation: Generation,
) -> Result<(), Failure> {
    let environment = scope::fence(conn, scope, generation).await?;
    sqlx::query(
        "UPDATE leases SET generation = generation + 1, owner = NULL, until_ms = 0 WHERE environment = ?1",
    )
    .bind(environment)
    .execute(conn)
    .await?;
    Ok(())
}

/// Still the owner, and not out of time? What is left of it.
pub(crate) async fn check(
    conn: &mut SqliteConnection,
    scope: &Scope,
    generation: Generation,
) -> Result<Duration, Failure> {
    let environment = scope::fence(conn, scope, generation).await?;
    match read(conn, environment).await? {
        Some(lease) if lease.owner.is_some() && !lease.ran_out() => Ok(lease.left()),
        _ => Err(StoreError::Lapsed { scope: scope.clone(), generation }.into()),
    }
}

/// Takes every lease from owners that cannot live any more: the caller holds the lock of the file.
pub(crate) async fn release_all(conn: &mut SqliteConnection) -> Result<(), Failure> {
    sqlx::query(
        "UPDATE leases SET generation = generation + 1, owner = NULL, until_ms = 0 WHERE owner IS NOT NULL",
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(until_ms: i64) -> Lease {
        Lease { generation: 7, owner: Some("one".to_owned()), until_ms, lasts_ms: 100, now_ms: 1_000 }
    }

    #[test]
    fn a_lease_is_its_owners_until_it_runs_out() {
        assert_eq!(lease(1_050).generation_for("one"), Some(7));
        assert_eq!(lease(1_050).generation_for("two"), None);
        assert_eq!(lease(1_000).generation_for("two"), Some(8));
        assert_eq!(lease(900).generation_for("one"), Some(7), "its owner may renew it late");
        assert_eq!(Lease { owner: None, ..lease(0) }.generation_for("two"), Some(7));
    }

    #[test]
    fn a_clock_set_back_does_not_lock_everybody_out() {
        assert_eq!(lease(3_600_000).generation_for("two"), Some(8));
        assert_eq!(lease(1_100).generation_for("two"), None);
    }
}
