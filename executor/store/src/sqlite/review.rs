//! What pull requests showed, and which commits brought them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use naksha_environments::digest::Digest;
use naksha_environments::ids::RepositoryName;
use naksha_executor::port::forge::{CommentId, PullNumber};
use naksha_executor::port::review::{Heard, MergedPlan, ShownMerge, ShownPlan, ShownPull, ShownReport};
use naksha_executor::port::store::Scope;
use sqlx::SqliteConnection;

use super::{approval, audit, row, scope};
use crate::failure::Failure;

pub(crate) async fn show(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    report: &ShownReport,
) -> Result<(), Failure> {
    let ShownReport { number, head, plans, asks, approved, at } = report;
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
    drop_report(conn, repository, *number).await?;
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
        sqlx::query(
            "INSERT INTO shown (pull, environment, plan, actions, document) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(pull)
        .bind(environment)
        .bind(plan.as_str())
        .bind(lines(actions))
        .bind(document)
        .execute(&mut *conn)
        .await?;
    }
    approval::ask(conn, repository, pull, asks).await?;
    approval::see(conn, (owner, column(*number)?), approved).await
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
    merge: &ShownMerge,
) -> Result<(), Failure> {
    let ShownMerge { number, commit, at, unapproved, audit } = merge;
    let pull: Option<i64> = sqlx::query_scalar(
        "UPDATE pulls SET merged = ?3, at = ?4
         WHERE number = ?2 AND repository = (SELECT id FROM repositories WHERE name = ?1) RETURNING id",
    )
    .bind(repository.as_str())
    .bind(column(*number)?)
    .bind(commit.as_str())
    .bind(row::micros(*at))
    .fetch_optional(&mut *conn)
    .await?;
    for environment in unapproved {
        sqlx::query(
            "UPDATE asks SET unapproved = 1 WHERE pull = ?1 AND environment IN
             (SELECT e.id FROM environments e JOIN repositories r ON r.id = e.repository WHERE r.name = ?2 AND e.name = ?3)",
        )
        .bind(pull)
        .bind(repository.as_str())
        .bind(environment.as_str())
        .execute(&mut *conn)
        .await?;
    }
    for (environment, entry) in audit {
        let scope = Scope { repository: repository.clone(), environment: environment.clone() };
        let environment = scope::ensure(conn, &scope).await?;
        audit::write(conn, environment, None, entry).await?;
    }
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

pub(crate) async fn shown(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    number: PullNumber,
) -> Result<Vec<ShownPlan>, Failure> {
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(
        "SELECT e.name, s.plan, s.actions, s.document FROM shown s JOIN pulls p ON p.id = s.pull
         JOIN repositories r ON r.id = p.repository JOIN environments e ON e.id = s.environment
         WHERE r.name = ?1 AND p.number = ?2 ORDER BY e.name",
    )
    .bind(repository.as_str())
    .bind(column(number)?)
    .fetch_all(conn)
    .await?;
    let plan = |(environment, plan, actions, document): (String, String, String, String)| {
        let (environment, plan) = (row::name(&environment)?, row::plan(&plan)?);
        Ok(ShownPlan { environment, plan, actions: digests(&actions)?, document })
    };
    rows.into_iter().map(plan).collect()
}

/// Also what reviews were about: it is over.
pub(crate) async fn withdraw(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    number: PullNumber,
) -> Result<(), Failure> {
    drop_report(conn, repository, number).await?;
    approval::forget(conn, repository, column(number)?).await
}

async fn drop_report(
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
    let rows: Vec<(i64, String, String, Option<String>)> = sqlx::query_as(
        "SELECT p.number, p.merged, s.actions, a.approvers FROM shown s JOIN pulls p ON p.id = s.pull
         LEFT JOIN asks a ON a.pull = s.pull AND a.environment = s.environment AND a.unapproved
         WHERE s.environment = ?1 AND p.merged IS NOT NULL ORDER BY p.number",
    )
    .bind(environment)
    .fetch_all(conn)
    .await?;
    let plan = |(number, commit, actions, approvers): (i64, String, String, Option<String>)| {
        let lacking = approvers.map(|names| names.lines().map(str::to_owned).collect());
        let (number, commit) = (pull_number(number)?, row::revision(&commit)?);
        Ok(MergedPlan { number, commit, actions: digests(&actions)?, lacking })
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

pub(super) fn lines<T: ToString>(of: impl IntoIterator<Item = T>) -> String {
    of.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join("\n")
}

fn digests(lines: &str) -> Result<BTreeSet<Digest>, Failure> {
    lines.lines().map(row::digest).collect()
}

pub(super) fn column(number: PullNumber) -> Result<i64, Failure> {
    i64::try_from(number.0).map_err(|error| Failure::row("number", error))
}

fn pull_number(column: i64) -> Result<PullNumber, Failure> {
    u64::try_from(column).map(PullNumber).map_err(|error| Failure::row("number", error))
}
