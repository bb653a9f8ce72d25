//! The audit trail and acknowledgements: who did what. Rows of the trail are added, never edited; an
//! acknowledgement goes when its plan was applied.

use naksha_environments::ids::Revision;
use naksha_environments::plan::PlanId;
use naksha_environments::verdict::Acknowledgement;
use naksha_executor::port::store::{ApplyId, AuditEntry, AuditRecord, Scope};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{row, scope};
use crate::failure::Failure;

/// Adds a row; `apply` is the one that it tells the end of.
pub(crate) async fn write(
    conn: &mut SqliteConnection,
    environment: i64,
    apply: Option<i64>,
    entry: &AuditEntry,
) -> Result<(), Failure> {
    let AuditEntry { at, who, what, revision, plan, result } = entry;
    sqlx::query(
        "INSERT INTO audit (environment, apply, at, who, what, revision, plan, result)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(environment)
    .bind(apply)
    .bind(row::micros(*at))
    .bind(who)
    .bind(what)
    .bind(revision.as_ref().map(Revision::as_str))
    .bind(plan.as_ref().map(PlanId::as_str))
    .bind(result)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn list(
    conn: &mut SqliteConnection,
    scope: Option<&Scope>,
    limit: u32,
) -> Result<Vec<AuditRecord>, Failure> {
    let rows = sqlx::query(
        "SELECT a.id, a.at, a.who, a.what, a.revision, a.plan, a.result, r.name, e.name
         FROM audit a LEFT JOIN environments e ON e.id = a.environment
         LEFT JOIN repositories r ON r.id = e.repository
         WHERE ?1 IS NULL OR (r.name = ?1 AND e.name = ?2) ORDER BY a.id DESC LIMIT ?3",
    )
    .bind(scope.map(|scope| scope.repository.as_str()))
    .bind(scope.map(|scope| scope.environment.as_str()))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(record).collect()
}

fn record(columns: &SqliteRow) -> Result<AuditRecord, Failure> {
    let revision: Option<&str> = columns.try_get(4)?;
    let plan: Option<&str> = columns.try_get(5)?;
    let scope = match (columns.try_get::<Option<&str>, _>(7)?, columns.try_get::<Option<&str>, _>(8)?) {
        (Some(repository), Some(environment)) => {
            Some(Scope { repository: row::name(repository)?, environment: row::name(environment)? })
        }
        _ => None,
    };
    let entry = AuditEntry {
        at: row::time(columns.try_get(1)?)?,
        who: columns.try_get(2)?,
        what: columns.try_get(3)?,
        revision: revision.map(row::revision).transpose()?,
        plan: plan.map(row::plan).transpose()?,
        result: columns.try_get(6)?,
    };
    Ok(AuditRecord { id: columns.try_get(0)?, scope, entry })
}

pub(crate) async fn acknowledge(
    conn: &mut SqliteConnection,
    scope: &Scope,
    ack: &Acknowledgement,
    entry: &AuditEntry,
) -> Result<(), Failure> {
    let environment = scope::ensure(conn, scope).await?;
    let Acknowledgement { plan, by, reason, at, expires, source } = ack;
    sqlx::query(
        "INSERT INTO acknowledgements (environment, plan, who, reason, expires, source, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (environment, plan, who, source) DO UPDATE SET reason = excluded.reason,
             expires = excluded.expires, at = excluded.at",
    )
    .bind(environment)
    .bind(plan.as_str())
    .bind(by)
    .bind(reason)
    .bind(expires.map(row::micros))
    .bind(source)
    .bind(row::micros(at.unwrap_or(entry.at)))
    .execute(&mut *conn)
    .await?;
    write(conn, environment, None, entry).await
}

/// An acknowledgement is a word about one apply: a plan with the same actions needs another one next time. It lasts until
/// that apply is through, however often it takes; then those of the plans that were begun on the way are used up, too.
pub(crate) async fn use_up(
    conn: &mut SqliteConnection,
    environment: i64,
    apply: ApplyId,
    is_through: bool,
) -> Result<(), Failure> {
    sqlx::query(
        "DELETE FROM acknowledgements
         WHERE environment = ?1 AND plan IN (SELECT plan FROM applies
             WHERE environment = ?1 AND (id = ?2 OR ?3 AND id < ?2 AND outcome <> 'succeeded'))",
    )
    .bind(environment)
    .bind(apply.0)
    .bind(is_through)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn acknowledgements(
    conn: &mut SqliteConnection,
    scope: &Scope,
) -> Result<Vec<Acknowledgement>, Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(Vec::new()) };
    let rows: Vec<(String, String, String, Option<i64>, String, i64)> = sqlx::query_as(
        "SELECT plan, who, reason, expires, source, at FROM acknowledgements WHERE environment = ?1 ORDER BY id",
    )
    .bind(environment)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(plan, by, reason, expires, source, at)| {
            let (at, expires) = (Some(row::time(at)?), expires.map(row::time).transpose()?);
            Ok(Acknowledgement { plan: row::plan(&plan)?, by, reason, at, expires, source })
        })
        .collect()
}
