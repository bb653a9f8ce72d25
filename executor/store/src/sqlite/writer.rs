//! The writer: SQLite takes one write at a time, and writes that wait for it at the same time share one commit.
//!
//! A commit waits for the disk, which takes longer than most writes. A write takes its turn, opens a group if none is
//! open, does its part in a savepoint, and leaves; then the commit gets in line like everybody else. The line is
//! served in order, so all who stood in it have done their parts by then, and a write alone is committed at once.
//!
//! ```text
//! A  turn: begin, part ─┐ waits ─────────────────────────────────┬─ answered
//! B  in line ───────────┴ turn: part ─┐ waits ───────────────────┤
//! commit                └ in line ────┴ turn: commit, follow, tell
//! ```
//!
//! - Nobody is answered before the commit, not even who is refused: what refuses a write may be what an earlier part of
//!   the same group did. That a part sees earlier ones is right for the same reason: all of them hold, or none.
//! - A part that failed, whose caller went away or panicked, is undone by the next who has the turn.
//! - The commit runs in a task of its own, which no caller can drop. From the moment that a group is open its task
//!   is there.
//! - SQLite may end a transaction by itself (a full disk). Then a savepoint is missing, the group is given up, and
//!   everybody in it is told.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::time::timeout;

use super::cache::{Cache, Change};
use crate::failure::Failure;

/// Takes the write lock at once: a transaction that starts reading and then writes could fail half-way.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Around the part of one write. Savepoints of one name nest, and the innermost counts: one that stayed, because its
/// caller went away while it was set or released, harms nothing.
const SAVEPOINT: &str = "SAVEPOINT part";
const RELEASE: &str = "RELEASE part";
const ROLLBACK: &str = "ROLLBACK TO part";

/// How long a caller stands in line: under a full disk's slowest fsyncs.
pub(super) const TURN_TIMEOUT: Duration = Duration::from_secs(30);

/// Writes in one transaction: what eight applies have in flight. More would share hardly less of an fsync each, keep
/// the first of them waiting for longer, and fall together when the commit fails.
const MAX_PARTS: usize = 256;

/// See the module's head. Clones write through the same connection.
#[derive(Clone)]
pub(super) struct Writer {
    /// One connection. It is replaced when it is of no more use.
    pub(super) pool: SqlitePool,
    cache: Arc<Cache>,
    /// The line, and the group that is open.
    line: Arc<Mutex<Option<Group>>>,
}

/// Writes that are committed together.
struct Group {
    transaction: Transaction<'static, Sqlite>,
    /// Who waits for the commit.
    waiting: Vec<oneshot::Sender<Committed>>,
    /// What happened to inventories, in order.
    changes: Vec<Change>,
    /// The savepoint of the last part is still set.
    marked: bool,
    /// The last part did not end well, and is still in the transaction.
    torn: bool,
    /// Why, if the database said so.
    trouble: Option<Arc<sqlx::Error>>,
}

type Committed = Result<(), Arc<sqlx::Error>>;

/// The turn of one write, from the start of its part to its end. Dropped before that, it leaves the part undone.
pub(super) struct Turn {
    writer: Writer,
    /// Holds an open group.
    line: OwnedMutexGuard<Option<Group>>,
    /// The commit gets in line when this is dropped: the one who opened the group is done, or gone.
    opener: Option<oneshot::Sender<()>>,
}

impl Writer {
    pub(super) fn new(pool: SqlitePool, cache: Arc<Cache>) -> Self {
        Self { pool, cache, line: Arc::default() }
    }

    /// Waits for one's turn, and starts one's part.
    pub(super) async fn turn(&self) -> Result<Turn, Failure> {
        let in_line = timeout(TURN_TIMEOUT, Arc::clone(&self.line).lock_owned());
        let mut line = in_line.await.map_err(|_| sqlx::Error::PoolTimedOut)?;
        mend(&mut line).await;
        let opener = match &*line {
            Some(_) => None,
            None => Some(self.open(&mut line).await?),
        };
        let mut turn = Turn { writer: self.clone(), line, opener };
        turn.mark().await?;
        Ok(turn)
    }

    /// Opens a group, and sees to it that it is committed.
    async fn open(&self, line: &mut Option<Group>) -> Result<oneshot::Sender<()>, Failure> {
        let transaction = self.pool.begin_with(BEGIN).await?;
        *line = Some(Group {
            transaction,
            waiting: Vec::new(),
            changes: Vec::new(),
            marked: false,
            torn: false,
            trouble: None,
        });
        let (opener, left) = oneshot::channel();
        let writer = self.clone();
        tokio::spawn(async move {
            // Nothing is ever sent: its end is what counts.
            let _: Result<(), _> = left.await;
            let line = Arc::clone(&writer.line).lock_owned().await;
            writer.commit(line).await;
        });
        Ok(opener)
    }

    /// Commits the open group; there may be none, because it was full. Never dropped half-way.
    async fn commit(self, mut line: OwnedMutexGuard<Option<Group>>) {
        mend(&mut line).await;
        let Some(group) = line.take() else { return };
        let committed = group.transaction.commit().await.map_err(Arc::new);
        if committed.is_ok() {
            // Before the next group can be committed, and before anybody is told.
            self.cache.follow(group.changes);
        }
        tell(group.waiting, &committed);
    }
}

impl Turn {
    /// What the part is done with.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.group().transaction
    }

    /// Ends the part and waits for the commit. `done` is what the caller gets then, and what it did to an inventory.
    pub(super) async fn end<T>(mut self, done: Result<(T, Option<Change>), Failure>) -> Result<T, Failure> {
        let (told, committed) = oneshot::channel();
        let group = self.group();
        group.waiting.push(told);
        let answer = match done {
            Ok((answer, change)) => {
                group.changes.extend(change);
                group.torn = false;
                Ok(answer)
            }
            Err(failure) => {
                group.trouble = failure.sql();
                Err(failure)
            }
        };
        self.leave();
        committed.await.map_err(|_| io::Error::other("the commit was cut short"))??;
        answer
    }

    /// Lets the next one have its turn.
    fn leave(self) {
        let Self { writer, line, opener } = self;
        if line.as_ref().is_some_and(|group| group.waiting.len() >= MAX_PARTS) {
            tokio::spawn(writer.commit(line));
        }
        drop(opener);
    }

    /// Sets the savepoint of the part; the one before it is of no more use.
    async fn mark(&mut self) -> Result<(), Failure> {
        if mem::take(&mut self.group().marked) {
            self.statement(RELEASE).await?;
        }
        self.statement(SAVEPOINT).await?;
        let group = self.group();
        (group.marked, group.torn) = (true, true);
        Ok(())
    }

    /// When this fails, the transaction is not what it should be.
    async fn statement(&mut self, sql: &'static str) -> Result<(), Failure> {
        let Err(error) = sqlx::query(sql).execute(self.connection()).await else { return Ok(()) };
        let error = Arc::new(error);
        give_up(&mut self.line, &error);
        Err(error.into())
    }

    fn group(&mut self) -> &mut Group {
        self.line.as_mut().expect("should be open during a turn")
    }
}

/// Undoes a part that did not end well. May be dropped and done again.
async fn mend(line: &mut Option<Group>) {
    let Some(group) = line.as_mut().filter(|group| group.torn) else { return };
    match sqlx::query(ROLLBACK).execute(&mut *group.transaction).await {
        Ok(_) => {
            group.torn = false;
            group.trouble = None;
        }
        Err(error) => {
            let trouble = group.trouble.take().unwrap_or_else(|| Arc::new(error));
            give_up(line, &trouble);
        }
    }
}

/// Ends the group without a commit.
fn give_up(line: &mut Option<Group>, why: &Arc<sqlx::Error>) {
    let Some(group) = line.take() else { return };
    tell(group.waiting, &Err(Arc::clone(why)));
}

fn tell(waiting: Vec<oneshot::Sender<Committed>>, committed: &Committed) {
    for caller in waiting {
        // Who went away is not told.
        let _ = caller.send(committed.clone());
    }
}

#[cfg(test)]
mod tests;
