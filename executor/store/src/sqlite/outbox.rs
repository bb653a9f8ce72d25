//! Messages that wait for delivery: at most one per sink and topic, the latest.

use jiff::Timestamp;
use naksha_executor::port::store::{NewMessage, OutboxMessage};
use sqlx::{Row as _, SqliteConnection};

use super::row;
use crate::failure::Failure;

/// Queues messages, each in the place of an older one. Two statements, because the new one needs an id of its own.
pub(crate) async fn enqueue(conn: &mut SqliteConnection, messages: &[NewMessage]) -> Result<(), Failure> {
    for NewMessage { sink, topic, body, at } in messages {
        sqlx::query("DELETE FROM outbox WHERE sink = ?1 AND topic = ?2")
            .bind(sink)
            .bind(topic)
            .execute(&mut *conn)
            .await?;
        sqlx::query("INSERT INTO outbox (sink, topic, body, at) VALUES (?1, ?2, ?3, ?4)")
            .bind(sink)
            .bind(topic)
            .bind(body)
            .bind(row::micros(*at))
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

pub(crate) async fn pending(
    conn: &mut SqliteConnection,
    sink: &str,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<OutboxMessage>, Failure> {
    let rows = sqlx::query(
        "SELECT id, sink, topic, body, at, attempts FROM outbox
         WHERE sink = ?1 AND (retry_at IS NULL OR retry_at <= ?2) ORDER BY id LIMIT ?3",
    )
    .bind(sink)
    .bind(row::micros(now))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|columns| {
            Ok(OutboxMessage {
                id: columns.try_get(0)?,
                sink: columns.try_get(1)?,
                topic: columns.try_get(2)?,
                body: columns.try_get(3)?,
                at: row::time(columns.try_get(4)?)?,
                attempts: row::count(columns.try_get(5)?)?,
            })
        })
        .collect()
}

pub(crate) async fn delivered(conn: &mut SqliteConnection, ids: &[i64]) -> Result<(), Failure> {
    for id in ids {
        sqlx::query("DELETE FROM outbox WHERE id = ?1").bind(id).execute(&mut *conn).await?;
    }
    Ok(())
}

pub(crate) async fn undelivered(
    conn: &mut SqliteConnection,
    id: i64,
    error: &str,
    retry_at: Timestamp,
) -> Result<(), Failure> {
    sqlx::query("UPDATE outbox SET attempts = attempts + 1, error = ?2, retry_at = ?3 WHERE id = ?1")
        .bind(id)
        .bind(error)
        .bind(row::micros(retry_at))
        .execute(conn)
        .await?;
    Ok(())
}
