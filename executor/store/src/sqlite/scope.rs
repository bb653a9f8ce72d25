//! From a scope to its row, and the fence that every write of an owner passes in its own transaction.

use naksha_environments::ids::{Generation, RepositoryName};
use naksha_executor::port::store::{Scope, StoreError};
use sqlx::SqliteConnection;

use crate::failure::Failure;

/// The row id of an environment, if it was ever seen.
pub(crate) async fn find(conn: &mut SqliteConnection, scope: &Scope) -> Result<Option<i64>, Failure> {
    let id = sqlx::query_scalar(
        "SELECT e.id FROM environments e JOIN repositories r ON r.id = e.repository
         WHERE r.name = ?1 AND e.name = ?2",
    )
    .bind(scope.repository.as_str())
    .bind(scope.environment.as_str())
    .fetch_optional(conn)
    .await?;
    Ok(id)
}

/// The row id of an environment, which is made if it is new.
pub(crate) async fn ensure(conn: &mut SqliteConnection, scope: &Scope) -> Result<i64, Failure> {
    if let Some(id) = find(conn, scope).await? {
        return Ok(id);
    }
    let repository = ensure_repository(conn, &scope.repository).await?;
    let id = sqlx::query_scalar("INSERT INTO environments (repository, name) VALUES (?1, ?2) RETURNING id")
        .bind(repository)
        .bind(scope.environment.as_str())
        .fetch_one(conn)
        .await?;
    Ok(id)
}

pub(crate) async fn ensure_repository(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
) -> Result<i64, Failure> {
    let found = sqlx::query_scalar("SELECT id FROM repositories WHERE name = ?1")
        .bind(repository.as_str())
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(id) = found {
        return Ok(id);
    }
    let id = sqlx::query_scalar("INSERT INTO repositories (name) VALUES (?1) RETURNING id")
        .bind(repository.as_str())
        .fetch_one(conn)
        .await?;
    Ok(id)
}

/// The row id of an environment, if `generation` is its owner's. The lease's end plays no part: who takes it does so
/// before this write or after it, never in between.
pub(crate) async fn fence(
    conn: &mut SqliteConnection,
    scope: &Scope,
    generation: Generation,
) -> Result<i64, Failure> {
    let row: Option<(i64, i64)> = sqlx::query_as(
        "SELECT e.id, l.generation FROM environments e
         JOIN repositories r ON r.id = e.repository
         JOIN leases l ON l.environment = e.id
         WHERE r.name = ?1 AND e.name = ?2",
    )
    .bind(scope.repository.as_str())
    .bind(scope.environment.as_str())
    .fetch_optional(conn)
    .await?;
    let current = match row {
        Some((id, current)) if u64::try_from(current) == Ok(generation.0) => return Ok(id),
        Some((_, current)) => generation_of(current)?,
        None => Generation(0),
    };
    Err(StoreError::Fenced { scope: scope.clone(), ours: generation, current }.into())
}

pub(crate) fn generation_of(column: i64) -> Result<Generation, Failure> {
    u64::try_from(column).map(Generation).map_err(|error| Failure::row("generation", error))
}
