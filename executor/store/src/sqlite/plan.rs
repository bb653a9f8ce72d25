//! Plans and the target: compare-and-set on the parent.

use naksha_environments::plan::PlanId;
use naksha_executor::port::store::{PlanRecord, Proposal, Scope, StoreError};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{row, scope};
use crate::failure::Failure;

pub(crate) async fn propose(conn: &mut SqliteConnection, proposal: &Proposal) -> Result<(), Failure> {
    let environment = scope::fence(conn, &proposal.scope, proposal.generation).await?;
    if proposal.approved {
        move_target(conn, environment, proposal).await?;
    }
    let document = &proposal.document;
    let reasons = Value::from(proposal.reasons.clone()).to_string();
    if !proposal.approved && is_recorded(conn, environment, proposal, (document, &reasons)).await? {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO plans (environment, plan, parent, control, content, decision, document, reasons, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (environment, plan) DO UPDATE SET parent = excluded.parent, control = excluded.control,
             content = excluded.content, decision = excluded.decision, document = excluded.document,
             reasons = excluded.reasons, at = excluded.at",
    )
    .bind(environment)
    .bind(proposal.plan.as_str())
    .bind(proposal.parent.as_ref().map(PlanId::as_str))
    .bind(row::control(proposal.revisions.as_ref()))
    .bind(row::content(proposal.revisions.as_ref()))
    .bind(&proposal.decision)
    .bind(document)
    .bind(reasons)
    .bind(row::micros(proposal.at))
    .execute(conn)
    .await?;
    Ok(())
}

/// The compare-and-set: one statement looks at the parent and moves the target.
async fn move_target(
    conn: &mut SqliteConnection,
    environment: i64,
    proposal: &Proposal,
) -> Result<(), Failure> {
    let moved = sqlx::query("UPDATE environments SET target = ?3 WHERE id = ?1 AND target IS ?2")
        .bind(environment)
        .bind(proposal.parent.as_ref().map(PlanId::as_str))
        .bind(proposal.plan.as_str())
        .execute(conn)
        .await?;
    if moved.rows_affected() == 0 {
        return Err(StoreError::Stale { plan: proposal.plan.clone() }.into());
    }
    Ok(())
}

/// Whether everything but the time is there already: a plan that waits is proposed at every pass, and a pass
/// without news writes nothing.
async fn is_recorded(
    conn: &mut SqliteConnection,
    environment: i64,
    proposal: &Proposal,
    (document, reasons): (&str, &str),
) -> Result<bool, Failure> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM plans WHERE environment = ?1 AND plan = ?2 AND parent IS ?3 AND control IS ?4
         AND content IS ?5 AND decision = ?6 AND document = ?7 AND reasons = ?8",
    )
    .bind(environment)
    .bind(proposal.plan.as_str())
    .bind(proposal.parent.as_ref().map(PlanId::as_str))
    .bind(row::control(proposal.revisions.as_ref()))
    .bind(row::content(proposal.revisions.as_ref()))
    .bind(&proposal.decision)
    .bind(document)
    .bind(reasons)
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

/// Plans by the start of their id; those that only a pull request showed, too.
pub(crate) async fn find(
    conn: &mut SqliteConnection,
    scope: Option<&Scope>,
    prefix: &str,
) -> Result<Vec<PlanRecord>, Failure> {
    // `g` follows every hex digit, so that the range holds exactly the ids that start with the prefix.
    let rows = sqlx::query(
        "WITH found AS (
             SELECT environment, plan, parent, control, content, decision, reasons, at FROM plans
             WHERE plan >= ?1 AND plan < ?1 || 'g'
             UNION ALL
             SELECT s.environment, s.plan, NULL, NULL, NULL, 'shown', '[]', max(u.at)
             FROM shown s JOIN pulls u ON u.id = s.pull
             WHERE s.plan >= ?1 AND s.plan < ?1 || 'g' AND NOT EXISTS
                 (SELECT 1 FROM plans o WHERE o.environment = s.environment AND o.plan = s.plan)
             GROUP BY s.environment, s.plan
         )
         SELECT r.name, e.name, p.plan, p.parent, p.control, p.content, p.decision, p.reasons, p.at
         FROM found p JOIN environments e ON e.id = p.environment JOIN repositories r ON r.id = e.repository
         WHERE ?2 IS NULL OR (r.name = ?2 AND e.name = ?3)
         ORDER BY p.at DESC, p.plan",
    )
    .bind(prefix.to_ascii_lowercase())
    .bind(scope.map(|scope| scope.repository.as_str()))
    .bind(scope.map(|scope| scope.environment.as_str()))
    .fetch_all(conn)
    .await?;
    rows.iter().map(record).collect()
}

pub(crate) async fn list(
    conn: &mut SqliteConnection,
    scope: &Scope,
    limit: u32,
) -> Result<Vec<PlanRecord>, Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(Vec::new()) };
    let rows = sqlx::query(
        "SELECT r.name, e.name, p.plan, p.parent, p.control, p.content, p.decision, p.reasons, p.at
         FROM plans p JOIN environments e ON e.id = p.environment JOIN repositories r ON r.id = e.repository
         WHERE p.environment = ?1 ORDER BY p.at DESC, p.id DESC LIMIT ?2",
    )
    .bind(environment)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(record).collect()
}

pub(crate) async fn document(
    conn: &mut SqliteConnection,
    scope: &Scope,
    plan: &PlanId,
) -> Result<Option<Value>, Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(None) };
    let text: Option<String> = sqlx::query_scalar(
        "SELECT document FROM plans WHERE environment = ?1 AND plan = ?2
         UNION ALL SELECT document FROM shown WHERE environment = ?1 AND plan = ?2 LIMIT 1",
    )
    .bind(environment)
    .bind(plan.as_str())
    .fetch_optional(conn)
    .await?;
    text.map(|text| json("document", &text)).transpose()
}

fn record(columns: &SqliteRow) -> Result<PlanRecord, Failure> {
    let scope =
        Scope { repository: row::name(columns.try_get(0)?)?, environment: row::name(columns.try_get(1)?)? };
    let parent: Option<&str> = columns.try_get(3)?;
    Ok(PlanRecord {
        scope,
        plan: row::plan(columns.try_get(2)?)?,
        parent: parent.map(row::plan).transpose()?,
        revisions: row::revisions(columns.try_get(4)?, columns.try_get(5)?)?,
        decision: columns.try_get(6)?,
        reasons: json("reasons", columns.try_get(7)?)?,
        at: row::time(columns.try_get(8)?)?,
    })
}

fn json<T: serde::de::DeserializeOwned>(column: &str, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::row(column, error))
}
