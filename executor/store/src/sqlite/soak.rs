//! How environments were with the sources that they ran.

use std::time::Duration;

use naksha_environments::ids::Revision;
use naksha_executor::port::soak::Soak;
use naksha_executor::port::store::{AuditEntry, Scope};
use sqlx::SqliteConnection;

use super::{audit, row, scope};
use crate::failure::Failure;

/// Source, milliseconds, how it was, when that was looked at, and what it rendered.
type SoakRow = (String, i64, Option<bool>, i64, Option<String>);

pub(crate) async fn list(conn: &mut SqliteConnection, scope: &Scope) -> Result<Vec<Soak>, Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(Vec::new()) };
    let rows: Vec<SoakRow> = sqlx::query_as(
        "SELECT source, well_ms, is_well, looked_at, render FROM ran WHERE environment = ?1 ORDER BY turn DESC",
    )
    .bind(environment)
    .fetch_all(conn)
    .await?;
    let soak = |(source, well_ms, is_well, at, render): SoakRow| {
        Ok(Soak {
            source: row::revision(&source)?,
            well: Duration::from_millis(
                u64::try_from(well_ms).map_err(|error| Failure::row("well_ms", error))?,
            ),
            is_well,
            at: row::time(at)?,
            render: render.as_deref().map(row::digest).transpose()?,
        })
    };
    rows.into_iter().map(soak).collect()
}

pub(crate) async fn replace(conn: &mut SqliteConnection, scope: &Scope, soak: &Soak) -> Result<(), Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(()) };
    let Soak { source, well, is_well, at, render } = soak;
    sqlx::query(
        "UPDATE ran SET well_ms = ?3, is_well = ?4, render = ?5, looked_at = ?6 WHERE environment = ?1 AND source = ?2",
    )
    .bind(environment)
    .bind(source.as_str())
    .bind(i64::try_from(well.as_millis()).unwrap_or(i64::MAX))
    .bind(*is_well)
    .bind(render.map(|render| render.to_string()))
    .bind(row::micros(*at))
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn skip(
    conn: &mut SqliteConnection,
    scope: &Scope,
    (source, who): (&Revision, &str),
    entry: &AuditEntry,
) -> Result<(), Failure> {
    let environment = scope::ensure(conn, scope).await?;
    sqlx::query(
        "INSERT INTO skips (environment, source, who) VALUES (?1, ?2, ?3)
         ON CONFLICT (environment, source) DO UPDATE SET who = excluded.who",
    )
    .bind(environment)
    .bind(source.as_str())
    .bind(who)
    .execute(&mut *conn)
    .await?;
    audit::write(conn, environment, None, entry).await
}

pub(crate) async fn skipped(
    conn: &mut SqliteConnection,
    scope: &Scope,
    source: &Revision,
) -> Result<Option<String>, Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(None) };
    let who = sqlx::query_scalar("SELECT who FROM skips WHERE environment = ?1 AND source = ?2");
    Ok(who.bind(environment).bind(source.as_str()).fetch_optional(conn).await?)
}
