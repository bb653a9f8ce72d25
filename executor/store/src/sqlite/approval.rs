//! Approvals: of what somebody is asked to approve, and what each review was about.

use std::collections::BTreeMap;

use naksha_environments::ids::RepositoryName;
use naksha_executor::port::forge::{PullNumber, ReviewId};
use naksha_executor::port::review::{Approved, Ask, Asked};
use naksha_executor::port::store::Scope;
use sqlx::SqliteConnection;

use super::review::{column, lines};
use super::{row, scope};
use crate::failure::Failure;

/// With a report, which has this row in `pulls`.
pub(crate) async fn ask(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    pull: i64,
    asks: &[Ask],
) -> Result<(), Failure> {
    for Ask { environment, approvers, content } in asks {
        let of = Scope { repository: repository.clone(), environment: environment.clone() };
        let environment = scope::ensure(conn, &of).await?;
        sqlx::query("INSERT INTO asks (pull, environment, approvers, content) VALUES (?1, ?2, ?3, ?4)")
            .bind(pull)
            .bind(environment)
            .bind(lines(approvers))
            .bind(content.to_string())
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// What was seen first stands.
pub(crate) async fn see(
    conn: &mut SqliteConnection,
    (repository, number): (i64, i64),
    approved: &Approved,
) -> Result<(), Failure> {
    for (review, about) in approved {
        let review = i64::try_from(review.0).map_err(|error| Failure::row("review", error))?;
        let is_known: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM approved WHERE repository = ?1 AND number = ?2 AND review = ?3)",
        )
        .bind(repository)
        .bind(number)
        .bind(review)
        .fetch_one(&mut *conn)
        .await?;
        if is_known {
            continue;
        }
        let about = about.iter().map(|(environment, content)| (environment.as_str(), content.to_string()));
        for (environment, content) in about.chain([("", String::new())]) {
            sqlx::query("INSERT INTO approved (repository, number, review, environment, content) VALUES (?1, ?2, ?3, ?4, ?5)")
                .bind(repository)
                .bind(number)
                .bind(review)
                .bind(environment)
                .bind(content)
                .execute(&mut *conn)
                .await?;
        }
    }
    Ok(())
}

pub(crate) async fn asked(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    number: PullNumber,
) -> Result<Asked, Failure> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT e.name, a.approvers, a.content FROM asks a JOIN pulls p ON p.id = a.pull
         JOIN repositories r ON r.id = p.repository JOIN environments e ON e.id = a.environment
         WHERE r.name = ?1 AND p.number = ?2 ORDER BY e.name",
    )
    .bind(repository.as_str())
    .bind(column(number)?)
    .fetch_all(&mut *conn)
    .await?;
    let ask = |(environment, approvers, content): (String, String, String)| {
        let approvers = approvers.lines().map(str::to_owned).collect();
        Ok(Ask { environment: row::name(&environment)?, approvers, content: row::digest(&content)? })
    };
    let asks: Result<Vec<Ask>, Failure> = rows.into_iter().map(ask).collect();
    let rows: Vec<(i64, String, String)> = sqlx::query_as(
        "SELECT a.review, a.environment, a.content FROM approved a JOIN repositories r ON r.id = a.repository
         WHERE r.name = ?1 AND a.number = ?2",
    )
    .bind(repository.as_str())
    .bind(column(number)?)
    .fetch_all(conn)
    .await?;
    let mut approved = Approved::new();
    for (review, environment, content) in rows {
        let review = u64::try_from(review).map_err(|error| Failure::row("review", error))?;
        let about: &mut BTreeMap<_, _> = approved.entry(ReviewId(review)).or_default();
        if !environment.is_empty() {
            about.insert(row::name(&environment)?, row::digest(&content)?);
        }
    }
    Ok(Asked { asks: asks?, approved })
}

pub(crate) async fn forget(
    conn: &mut SqliteConnection,
    repository: &RepositoryName,
    number: i64,
) -> Result<(), Failure> {
    sqlx::query(
        "DELETE FROM approved WHERE number = ?2 AND repository = (SELECT id FROM repositories WHERE name = ?1)",
    )
    .bind(repository.as_str())
    .bind(number)
    .execute(conn)
    .await?;
    Ok(())
}
