//! Applies and their steps: begun from the target, recorded with their effect, ended once.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::ids::{Generation, UnitName};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::PlanId;
use naksha_executor::port::store::{
    ApplyEnd, ApplyId, ApplyOutcome, ApplyRecord, ApplyStart, AuditEntry, Effect, Revisions, Scope,
    StepOutcome, StepRecord, StoreError,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::cache::{self, Change};
use super::{audit, inventory, outbox, row, scope};
use crate::failure::Failure;

/// Who writes the audit row of an apply that nobody ended.
const DAEMON: &str = "daemon";

/// The new apply, and what its intents change.
pub(super) async fn begin(
    conn: &mut SqliteConnection,
    start: &ApplyStart,
) -> Result<(ApplyId, Option<Change>), Failure> {
    let environment = scope::fence(conn, &start.scope, start.generation).await?;
    let target: Option<String> = sqlx::query_scalar("SELECT target FROM environments WHERE id = ?1")
        .bind(environment)
        .fetch_one(&mut *conn)
        .await?;
    if target.as_deref() != Some(start.plan.as_str()) {
        return Err(StoreError::Stale { plan: start.plan.clone() }.into());
    }
    end_running(conn, environment, start.at).await?;
    let id = sqlx::query_scalar(
        "INSERT INTO applies (environment, plan, control, content, started) VALUES (?1, ?2, ?3, ?4, ?5)
         RETURNING id",
    )
    .bind(environment)
    .bind(start.plan.as_str())
    .bind(row::control(start.revisions.as_ref()))
    .bind(row::content(start.revisions.as_ref()))
    .bind(row::micros(start.at))
    .fetch_one(&mut *conn)
    .await?;
    for (key, owned) in &start.intents {
        inventory::intend(conn, environment, key, owned).await?;
    }
    let is_new = inventory::is_at(conn, environment, &start.place).await?;
    if start.intents.is_empty() && !is_new {
        return Ok((ApplyId(id), None));
    }
    let version = inventory::moved(conn, environment).await?;
    let (intents, place) = (start.intents.clone(), Arc::clone(&start.place));
    let change = Change::new(&start.scope, version, move |inventory| {
        inventory.place = Some(place);
        for (key, owned) in &intents {
            inventory.intend(key, owned);
        }
    });
    Ok((ApplyId(id), Some(change)))
}

/// See the port.
pub(crate) async fn interrupt(
    conn: &mut SqliteConnection,
    scope: &Scope,
    generation: Generation,
    at: Timestamp,
) -> Result<(), Failure> {
    let environment = scope::fence(conn, scope, generation).await?;
    end_running(conn, environment, at).await
}

/// Ends the apply that nobody carries out any more.
async fn end_running(conn: &mut SqliteConnection, environment: i64, at: Timestamp) -> Result<(), Failure> {
    let left: Option<(i64, String, Option<String>)> = sqlx::query_as(
        "UPDATE applies SET outcome = 'interrupted', ended = ?2 WHERE environment = ?1 AND outcome IS NULL
         RETURNING id, plan, content",
    )
    .bind(environment)
    .bind(row::micros(at))
    .fetch_optional(&mut *conn)
    .await?;
    let Some((apply, plan, content)) = left else { return Ok(()) };
    let entry = AuditEntry {
        at,
        who: DAEMON.to_owned(),
        what: "apply".to_owned(),
        revision: content.as_deref().map(row::revision).transpose()?,
        plan: Some(row::plan(&plan)?),
        result: "interrupted".to_owned(),
    };
    audit::write(conn, environment, Some(apply), &entry).await
}

/// What the steps' effects change.
pub(super) async fn record(
    conn: &mut SqliteConnection,
    scope: &Scope,
    (generation, apply): (Generation, ApplyId),
    steps: &[StepRecord],
) -> Result<((), Option<Change>), Failure> {
    let environment = scope::fence(conn, scope, generation).await?;
    let running: Option<i64> =
        sqlx::query_scalar("SELECT id FROM applies WHERE id = ?1 AND environment = ?2 AND outcome IS NULL")
            .bind(apply.0)
            .bind(environment)
            .fetch_optional(&mut *conn)
            .await?;
    if running.is_none() {
        return Err(not_running(scope, apply).into());
    }
    let mut effects = Vec::new();
    for step in steps {
        write(conn, apply, step).await?;
        match &step.effect {
            Effect::None => continue,
            Effect::Own(key, owned) => inventory::own(conn, environment, key, owned).await?,
            Effect::Forget(key) => inventory::forget(conn, environment, key).await?,
            Effect::Register(name, workflow) => {
                inventory::register(conn, environment, name, workflow).await?;
            }
            Effect::Retire(name) => inventory::retire(conn, environment, name).await?,
        }
        effects.push(step.effect.clone());
    }
    if effects.is_empty() {
        return Ok(((), None));
    }
    let version = inventory::moved(conn, environment).await?;
    let change = Change::new(scope, version, |inventory| {
        for effect in effects {
            cache::apply(inventory, effect);
        }
    });
    Ok(((), Some(change)))
}

async fn write(conn: &mut SqliteConnection, apply: ApplyId, step: &StepRecord) -> Result<(), Failure> {
    let StepRecord { subject, unit, verb, outcome, attempts, started, ended, effect: _ } = step;
    let (outcome, reason) = match outcome {
        StepOutcome::Done => ("done", None),
        StepOutcome::Failed { reason } => ("failed", Some(reason)),
        StepOutcome::Skipped { reason } => ("skipped", Some(reason)),
    };
    sqlx::query(
        "INSERT INTO steps (apply, subject, unit, verb, outcome, reason, attempts, started, ended)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .bind(apply.0)
    .bind(subject)
    .bind(unit.as_ref().map(UnitName::as_str))
    .bind(verb)
    .bind(outcome)
    .bind(reason)
    .bind(attempts)
    .bind(row::micros(*started))
    .bind(row::micros(*ended))
    .execute(conn)
    .await?;
    Ok(())
}

fn not_running(scope: &Scope, ApplyId(number): ApplyId) -> StoreError {
    StoreError::NotFound { what: format!("running apply {number} of {scope}") }
}

pub(super) async fn finish(
    conn: &mut SqliteConnection,
    scope: &Scope,
    (generation, apply): (Generation, ApplyId),
    end: &ApplyEnd,
) -> Result<((), Option<Change>), Failure> {
    let environment = scope::fence(conn, scope, generation).await?;
    let (outcome, reason) = match &end.outcome {
        ApplyOutcome::Succeeded => ("succeeded", None),
        ApplyOutcome::Failed { reason } => ("failed", Some(reason)),
        ApplyOutcome::Superseded => ("superseded", None),
        ApplyOutcome::Interrupted => ("interrupted", None),
    };
    let ended: Option<(Option<String>, Option<String>)> = sqlx::query_as(
        "UPDATE applies SET outcome = ?3, reason = ?4, ended = ?5
         WHERE id = ?1 AND environment = ?2 AND outcome IS NULL RETURNING control, content",
    )
    .bind(apply.0)
    .bind(environment)
    .bind(outcome)
    .bind(reason)
    .bind(row::micros(end.at))
    .fetch_optional(&mut *conn)
    .await?;
    let Some(revisions) = ended else { return Err(not_running(scope, apply).into()) };
    // One that only heals is beside what waits.
    let is_through = revisions.1.is_some();
    let mut change = None;
    if let (ApplyOutcome::Succeeded, (Some(control), Some(content))) = (&end.outcome, revisions) {
        remember(conn, environment, (&control, &content)).await?;
        if inventory::is_whole(conn, environment).await? {
            let version = inventory::moved(conn, environment).await?;
            change = Some(Change::new(scope, version, |inventory| inventory.recovered = false));
        }
    }
    if end.outcome == ApplyOutcome::Succeeded {
        audit::use_up(conn, environment, apply, is_through).await?;
    }
    audit::write(conn, environment, Some(apply.0), &end.audit).await?;
    outbox::enqueue(conn, &end.messages).await?;
    Ok(((), change))
}

/// There was nothing to do at these revisions; these objects are gone and wanted by nobody.
pub(super) async fn advance(
    conn: &mut SqliteConnection,
    scope: &Scope,
    generation: Generation,
    (revisions, place): (Option<&Revisions>, Option<&str>),
    forget: &BTreeSet<ObjectKey>,
) -> Result<((), Option<Change>), Failure> {
    let environment = scope::fence(conn, scope, generation).await?;
    let mut is_new = false;
    if let Some(Revisions { control, content }) = revisions {
        remember(conn, environment, (control.as_str(), content.as_str())).await?;
        is_new |= inventory::is_whole(conn, environment).await?;
    }
    for key in forget {
        inventory::forget(conn, environment, key).await?;
    }
    if let Some(place) = place {
        is_new |= inventory::is_at(conn, environment, place).await?;
    }
    if !is_new && forget.is_empty() {
        return Ok(((), None));
    }
    let (version, forget) = (inventory::moved(conn, environment).await?, forget.clone());
    let (place, is_whole) = (place.map(Arc::<str>::from), revisions.is_some());
    let change = Change::new(scope, version, move |inventory| {
        inventory.recovered &= !is_whole;
        if let Some(place) = place {
            inventory.place = Some(place);
        }
        for key in &forget {
            inventory.forget(key);
        }
    });
    Ok(((), Some(change)))
}

/// What is applied now, and what ran, in the order of the applies before it.
async fn remember(
    conn: &mut SqliteConnection,
    environment: i64,
    (control, content): (&str, &str),
) -> Result<(), Failure> {
    let moved = sqlx::query(
        "UPDATE environments SET applied_control = ?2, applied_content = ?3
         WHERE id = ?1 AND (applied_control IS NOT ?2 OR applied_content IS NOT ?3)",
    )
    .bind(environment)
    .bind(control)
    .bind(content)
    .execute(&mut *conn)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO ran (environment, source, turn)
         SELECT ?1, ?2, coalesce(max(turn), 0) + 1 FROM ran WHERE environment = ?1
         ON CONFLICT (environment, source) DO UPDATE SET turn = excluded.turn",
    )
    .bind(environment)
    .bind(content)
    .execute(conn)
    .await?;
    Ok(())
}

/// Applies of an environment, or of one plan in it.
pub(crate) async fn list(
    conn: &mut SqliteConnection,
    scope: &Scope,
    plan: Option<&PlanId>,
    limit: u32,
) -> Result<Vec<ApplyRecord>, Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(Vec::new()) };
    let rows = sqlx::query(
        "SELECT a.id, a.plan, a.control, a.content, a.outcome, a.reason, a.started, a.ended,
                (SELECT count(*) FROM steps s WHERE s.apply = a.id),
                (SELECT count(*) FROM steps s WHERE s.apply = a.id AND s.outcome = 'failed')
         FROM applies a WHERE a.environment = ?1 AND (?2 IS NULL OR a.plan = ?2) ORDER BY a.id DESC LIMIT ?3",
    )
    .bind(environment)
    .bind(plan.map(PlanId::as_str))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(apply_record).collect()
}

fn apply_record(columns: &SqliteRow) -> Result<ApplyRecord, Failure> {
    let plan: PlanId = row::plan(columns.try_get(1)?)?;
    let outcome = match columns.try_get::<Option<&str>, _>(4)? {
        None => None,
        Some("succeeded") => Some(ApplyOutcome::Succeeded),
        Some("failed") => Some(ApplyOutcome::Failed { reason: columns.try_get(5)? }),
        Some("superseded") => Some(ApplyOutcome::Superseded),
        Some("interrupted") => Some(ApplyOutcome::Interrupted),
        Some(other) => return Err(Failure::row("outcome", other)),
    };
    let ended: Option<i64> = columns.try_get(7)?;
    Ok(ApplyRecord {
        id: ApplyId(columns.try_get(0)?),
        plan,
        revisions: row::revisions(columns.try_get(2)?, columns.try_get(3)?)?,
        outcome,
        started: row::time(columns.try_get(6)?)?,
        ended: ended.map(row::time).transpose()?,
        steps: row::count(columns.try_get(8)?)?,
        failed: row::count(columns.try_get(9)?)?,
    })
}

pub(crate) async fn steps(conn: &mut SqliteConnection, apply: ApplyId) -> Result<Vec<StepRecord>, Failure> {
    let rows = sqlx::query(
        "SELECT subject, unit, verb, outcome, reason, attempts, started, ended FROM steps WHERE apply = ?1
         ORDER BY id",
    )
    .bind(apply.0)
    .fetch_all(conn)
    .await?;
    rows.iter().map(step_record).collect()
}

fn step_record(columns: &SqliteRow) -> Result<StepRecord, Failure> {
    let unit: Option<&str> = columns.try_get(1)?;
    let outcome = match columns.try_get(3)? {
        "done" => StepOutcome::Done,
        "failed" => StepOutcome::Failed { reason: columns.try_get(4)? },
        "skipped" => StepOutcome::Skipped { reason: columns.try_get(4)? },
        other => return Err(Failure::row("outcome", other)),
    };
    Ok(StepRecord {
        subject: columns.try_get(0)?,
        unit: unit.map(row::name).transpose()?,
        verb: columns.try_get(2)?,
        outcome,
        attempts: row::count(columns.try_get(5)?)?,
        started: row::time(columns.try_get(6)?)?,
        ended: row::time(columns.try_get(7)?)?,
        effect: Effect::None,
    })
}
