//! What pull requests showed, and which commits brought them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use naksha_environments::digest::Digest;
use naksha_environments::ids::{EnvironmentName, RepositoryName, Revision};
use naksha_executor::port::forge::{CommentId, PullNumber};
use naksha_executor::port::review::{Heard, MergedPlan, ShownPlan, ShownPull, ShownReport};
use naksha_executor::port::store::Scope;
use serde_json::Value;
use sqlx::SqliteConnection;

use super::{row, scope};
use crate::failure::Failure;

pub(crate) async fn show(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    report: &ShownReport,
) -> Result<(), Failure> {
    let ShownReport { number, head, plans, at } = report;
    let owner = scope::ensure_repository(conn, repository).await?;
    // Said again of the same head, it was there to be read since it was said first.
    let since: Option<i64> = sqlx::query_scalar(
        "SELECT at FROM pulls WHERE repository = ?1 AND number = ?2 AND head = ?3 AND merged IS NULL",
    )
    .bind(owner)
    .bind(column(*number)?)
    .bind(head.as_str())
    .fetch_optional(&mut *conn)
    .await?;
    withdraw(conn, repository, *number).await?;
    let pull: i64 = sqlx::query_scalar(
        "INSERT INTO pulls (repository, number, head, at) VALUES (?1, ?2, ?3, ?4) RETURNING id",
    )
    .bind(owner)
    .bind(column(*number)?)
    .bind(head.as_str())
    .bind(since.unwrap_or(row::micros(*at)))
    .fetch_one(&mut *conn)
    .await?;
    for ShownPlan { environment, plan, actions, document } in plans {
        let of = Scope { repository: repository.clone(), environment: environment.clone() };
        let environment = scope::ensure(conn, &of).await?;
        let actions: Vec<String> = actions.iter().map(ToString::to_string).collect();
        sqlx::query(
            "INSERT INTO shown (pull, environment, plan, actions, document) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(pull)
        .bind(environment)
        .bind(plan.as_str())
        .bind(actions.join("\n"))
        .bind(document)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

pub(crate) async fn pulls(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
) -> Result<Vec<ShownPull>, Failure> {
    let rows: Vec<(i64, String, Option<String>, bool, i64)> = sqlx::query_as(
        "SELECT p.number, p.head, p.merged, p.settled, p.at FROM pulls p JOIN repositories r ON r.id = p.repository
         WHERE r.name = ?1 ORDER BY p.number",
    )
    .bind(repository.as_str())
    .fetch_all(conn)
    .await?;
    let pull = |(number, head, merged, is_settled, at): (i64, String, Option<String>, bool, i64)| {
        Ok(ShownPull {
            number: pull_number(number)?,
            head: row::revision(&head)?,
            merged: merged.as_deref().map(row::revision).transpose()?,
            is_settled,
            at: row::time(at)?,
        })
    };
    rows.into_iter().map(pull).collect()
}

pub(crate) async fn merge(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    number: PullNumber,
    (commit, at): (&Revision, Timestamp),
) -> Result<(), Failure> {
    sqlx::query(
        "UPDATE pulls SET merged = ?3, at = ?4
         WHERE number = ?2 AND repository = (SELECT id FROM repositories WHERE name = ?1)",
    )
    .bind(repository.as_str())
    .bind(column(number)?)
    .bind(commit.as_str())
    .bind(row::micros(at))
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn settle(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    number: PullNumber,
) -> Result<(), Failure> {
    sqlx::query(
        "UPDATE pulls SET settled = 1
         WHERE number = ?2 AND repository = (SELECT id FROM repositories WHERE name = ?1)",
    )
    .bind(repository.as_str())
    .bind(column(number)?)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn documents(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    number: PullNumber,
) -> Result<BTreeMap<EnvironmentName, Value>, Failure> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT e.name, s.document FROM shown s JOIN pulls p ON p.id = s.pull
         JOIN repositories r ON r.id = p.repository JOIN environments e ON e.id = s.environment
         WHERE r.name = ?1 AND p.number = ?2",
    )
    .bind(repository.as_str())
    .bind(column(number)?)
    .fetch_all(conn)
    .await?;
    let document = |(environment, text): (String, String)| {
        let document = serde_json::from_str(&text).map_err(|error| Failure::row("document", error))?;
        Ok((row::name(&environment)?, document))
    };
    rows.into_iter().map(document).collect()
}

pub(crate) async fn withdraw(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    number: PullNumber,
) -> Result<(), Failure> {
    sqlx::query(
        "DELETE FROM pulls WHERE number = ?2 AND repository = (SELECT id FROM repositories WHERE name = ?1)",
    )
    .bind(repository.as_str())
    .bind(column(number)?)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn merged(conn: &mut SqliteConnection, scope: &Scope) -> Result<Vec<MergedPlan>, Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(Vec::new()) };
    let rows: Vec<(i64, String, String)> = sqlx::query_as(
        "SELECT p.number, p.merged, s.actions FROM shown s JOIN pulls p ON p.id = s.pull
         WHERE s.environment = ?1 AND p.merged IS NOT NULL ORDER BY p.number",
    )
    .bind(environment)
    .fetch_all(conn)
    .await?;
    let plan = |(number, commit, actions): (i64, String, String)| {
        let actions: Result<BTreeSet<Digest>, Failure> = actions.lines().map(row::digest).collect();
        Ok(MergedPlan { number: pull_number(number)?, commit: row::revision(&commit)?, actions: actions? })
    };
    rows.into_iter().map(plan).collect()
}

/// Read again within this: times of forges are whole seconds, and answers may be late.
const OVERLAP_MICROS: i64 = 24 * 3600 * 1_000_000;

pub(crate) async fn hear(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    (comment, at): (CommentId, Timestamp),
) -> Result<(), Failure> {
    let owner = scope::ensure_repository(conn, repository).await?;
    let comment = i64::try_from(comment.0).map_err(|error| Failure::row("comment", error))?;
    sqlx::query(
        "INSERT INTO heard (repository, comment, at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET at = excluded.at WHERE comment = 0 AND at < excluded.at",
    )
    .bind(owner)
    .bind(comment)
    .bind(row::micros(at))
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM heard WHERE repository = ?1 AND at < (SELECT max(at) FROM heard WHERE repository = ?1) - ?2")
        .bind(owner)
        .bind(OVERLAP_MICROS)
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn heard(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
) -> Result<Option<Heard>, Failure> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT h.comment, h.at FROM heard h JOIN repositories r ON r.id = h.repository WHERE r.name = ?1",
    )
    .bind(repository.as_str())
    .fetch_all(conn)
    .await?;
    let Some(until) = rows.iter().map(|(_, at)| *at).max() else { return Ok(None) };
    let comment = |(comment, _): &(i64, i64)| {
        u64::try_from(*comment).map(CommentId).map_err(|error| Failure::row("comment", error))
    };
    let comments: Result<BTreeSet<CommentId>, Failure> = rows.iter().map(comment).collect();
    Ok(Some(Heard { until: row::time(until)?, comments: comments? }))
}

fn column(number: PullNumber) -> Result<i64, Failure> {
    i64::try_from(number.0).map_err(|error| Failure::row("number", error))
}

fn pull_number(column: i64) -> Result<PullNumber, Failure> {
    u64::try_from(column).map(PullNumber).map_err(|error| Failure::row("number", error))
}
