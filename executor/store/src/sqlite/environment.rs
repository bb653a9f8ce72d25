//! Environments, what is barred, and the heads that refs were seen at.

use std::collections::BTreeMap;

use naksha_environments::ids::{EnvironmentName, Generation, RepositoryName, Revision};
use naksha_executor::port::store::{AuditEntry, EnvironmentRecord, NewMessage, Scope, Suspension};
use sqlx::{Row as _, SqliteConnection};

use super::{audit, lease, outbox, row, scope};
use crate::failure::Failure;

/// Environments with anything but a lease and an audit.
const REMEMBERED: &str = "SELECT e.name FROM environments e JOIN repositories r ON r.id = e.repository
     WHERE r.name = ?1 AND (
         e.target IS NOT NULL OR e.applied_content IS NOT NULL OR e.suspended_by IS NOT NULL
         OR EXISTS (SELECT 1 FROM plans p WHERE p.environment = e.id)
         OR EXISTS (SELECT 1 FROM applies a WHERE a.environment = e.id)
         OR EXISTS (SELECT 1 FROM objects o WHERE o.environment = e.id)
         OR EXISTS (SELECT 1 FROM workflows w WHERE w.environment = e.id)
         OR EXISTS (SELECT 1 FROM barred b WHERE b.environment = e.id)
         OR EXISTS (SELECT 1 FROM acknowledgements k WHERE k.environment = e.id)
     ) ORDER BY e.name";

/// What an environment leaves when it is forgotten: its row and its audit stay, so that who forgot it can be told.
const FORGET: [&str; 11] = [
    "DELETE FROM applies WHERE environment = ?1",
    "DELETE FROM plans WHERE environment = ?1",
    "DELETE FROM shown WHERE environment = ?1",
    "DELETE FROM asks WHERE environment = ?1",
    "DELETE FROM objects WHERE environment = ?1",
    "DELETE FROM workflows WHERE environment = ?1",
    "DELETE FROM barred WHERE environment = ?1",
    "DELETE FROM skips WHERE environment = ?1",
    "DELETE FROM ran WHERE environment = ?1",
    "DELETE FROM acknowledgements WHERE environment = ?1",
    // The inventory's version moves on: what is cached of it is not current any more.
    "UPDATE environments SET target = NULL, applied_control = NULL, applied_content = NULL, suspended_by = NULL,
         suspended_reason = NULL, suspended_since = NULL, place = NULL, recovered = 0,
         inventory = inventory + 1
     WHERE id = ?1",
];

const FORGET_REFS: &str =
    "DELETE FROM refs WHERE repository = (SELECT repository FROM environments WHERE id = ?1)
     AND substr(name, 1, length(?2) + 1) = ?2 || ':'";

pub(crate) async fn record(conn: &mut SqliteConnection, scope: &Scope) -> Result<EnvironmentRecord, Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(EnvironmentRecord::default()) };
    let columns = sqlx::query(
        "SELECT target, applied_control, applied_content, suspended_by, suspended_reason, suspended_since
         FROM environments WHERE id = ?1",
    )
    .bind(environment)
    .fetch_one(&mut *conn)
    .await?;
    let target: Option<&str> = columns.try_get(0)?;
    let suspension = match (columns.try_get(3)?, columns.try_get(4)?, columns.try_get(5)?) {
        (Some(by), Some(reason), Some(since)) => Some(Suspension { by, reason, since: row::time(since)? }),
        _ => None,
    };
    Ok(EnvironmentRecord {
        target: target.map(row::plan).transpose()?,
        applied: row::revisions(columns.try_get(1)?, columns.try_get(2)?)?,
        suspension,
        barred: barred(conn, environment).await?,
        ran: ran(conn, environment).await?,
    })
}

async fn barred(
    conn: &mut SqliteConnection,
    environment: i64,
) -> Result<BTreeMap<Revision, String>, Failure> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT source, reason FROM barred WHERE environment = ?1")
            .bind(environment)
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(|(source, reason)| Ok((row::revision(&source)?, reason))).collect()
}

async fn ran(conn: &mut SqliteConnection, environment: i64) -> Result<Vec<Revision>, Failure> {
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT source FROM ran WHERE environment = ?1 ORDER BY turn DESC")
            .bind(environment)
            .fetch_all(conn)
            .await?;
    rows.iter().map(|source| row::revision(source)).collect()
}

pub(crate) async fn list(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
) -> Result<Vec<EnvironmentName>, Failure> {
    let names: Vec<String> = sqlx::query_scalar(REMEMBERED).bind(repository.as_str()).fetch_all(conn).await?;
    names.iter().map(|name| row::name(name)).collect()
}

pub(crate) async fn suspend(
    conn: &mut SqliteConnection,
    scope: &Scope,
    suspension: Option<&Suspension>,
    entry: &AuditEntry,
) -> Result<(), Failure> {
    let environment = scope::ensure(conn, scope).await?;
    sqlx::query(
        "UPDATE environments SET suspended_by = ?2, suspended_reason = ?3, suspended_since = ?4 WHERE id = ?1",
    )
    .bind(environment)
    .bind(suspension.map(|suspension| suspension.by.as_str()))
    .bind(suspension.map(|suspension| suspension.reason.as_str()))
    .bind(suspension.map(|suspension| row::micros(suspension.since)))
    .execute(&mut *conn)
    .await?;
    audit::write(conn, environment, None, entry).await
}

pub(crate) async fn bar(
    conn: &mut SqliteConnection,
    scope: &Scope,
    source: &Revision,
    reason: &str,
    entry: &AuditEntry,
) -> Result<(), Failure> {
    let environment = scope::ensure(conn, scope).await?;
    sqlx::query(
        "INSERT INTO barred (environment, source, reason) VALUES (?1, ?2, ?3)
         ON CONFLICT (environment, source) DO UPDATE SET reason = excluded.reason",
    )
    .bind(environment)
    .bind(source.as_str())
    .bind(reason)
    .execute(&mut *conn)
    .await?;
    audit::write(conn, environment, None, entry).await
}

pub(crate) async fn unbar(
    conn: &mut SqliteConnection,
    scope: &Scope,
    entry: &AuditEntry,
) -> Result<(), Failure> {
    let environment = scope::ensure(conn, scope).await?;
    sqlx::query("DELETE FROM barred WHERE environment = ?1").bind(environment).execute(&mut *conn).await?;
    audit::write(conn, environment, None, entry).await
}

pub(crate) async fn forget(
    conn: &mut SqliteConnection,
    scope: &Scope,
    generation: Generation,
    entry: &AuditEntry,
    messages: &[NewMessage],
) -> Result<(), Failure> {
    let environment = scope::fence(conn, scope, generation).await?;
    for statement in FORGET {
        sqlx::query(statement).bind(environment).execute(&mut *conn).await?;
    }
    let name = scope.environment.as_str();
    sqlx::query(FORGET_REFS).bind(environment).bind(name).execute(&mut *conn).await?;
    lease::release(conn, scope, generation).await?;
    audit::write(conn, environment, None, entry).await?;
    outbox::enqueue(conn, messages).await
}

pub(crate) async fn see_ref(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    name: &str,
    head: &Revision,
) -> Result<(), Failure> {
    let repository = scope::ensure_repository(conn, repository).await?;
    // The condition makes the usual case, a head that did not move, a transaction without a write.
    sqlx::query(
        "INSERT INTO refs (repository, name, head) VALUES (?1, ?2, ?3)
         ON CONFLICT (repository, name) DO UPDATE SET head = excluded.head WHERE head <> excluded.head",
    )
    .bind(repository)
    .bind(name)
    .bind(head.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn seen_ref(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    name: &str,
) -> Result<Option<Revision>, Failure> {
    let head: Option<String> = sqlx::query_scalar(
        "SELECT f.head FROM refs f JOIN repositories r ON r.id = f.repository WHERE r.name = ?1 AND f.name = ?2",
    )
    .bind(repository.as_str())
    .bind(name)
    .fetch_optional(conn)
    .await?;
    head.as_deref().map(row::revision).transpose()
}
