//! The store itself: which connection each call uses, and where its transaction starts and ends.
//!
//! SQLite has one writer: writes queue for one connection, in transactions that take the write lock at their start (so
//! that no read in them is ever stale). Each write holds whole or not at all, and is on the disk before the call
//! answers; those that wait at the same time share a transaction ([`writer`]). Reads have connections of their own and
//! see one committed state each. Inventories are also kept in memory. What happens inside a write is in the modules
//! below.

mod apply;
mod approval;
mod audit;
mod backup;
mod cache;
mod environment;
mod inventory;
mod lease;
pub(crate) mod open;
mod outbox;
mod plan;
mod retention;
mod review;
mod row;
mod schema;
mod scope;
mod soak;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_environments::ids::{EnvironmentName, Generation, RepositoryName, Revision};
use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::PlanId;
use naksha_environments::rendered::Rendered;
use naksha_environments::verdict::Acknowledgement;
use naksha_executor::port::forge::{CommentId, PullNumber};
use naksha_executor::port::review::{
    Asked, Heard, MergedPlan, Reviews, ShownMerge, ShownPlan, ShownPull, ShownReport,
};
use naksha_executor::port::soak::{Soak, Soaks};
use naksha_executor::port::store::{
    ApplyEnd, ApplyId, ApplyRecord, ApplyStart, AuditEntry, AuditRecord, EnvironmentRecord, NewMessage,
    OutboxMessage, PlanRecord, Proposal, Revisions, Scope, StepRecord, Store, StoreError, Suspension,
};
use serde_json::Value;
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};

use crate::failure::{During as _, Failure};
use crate::lock::FileLock;
use cache::{Cache, Change};
use open::Opened;
use writer::Writer;

/// The state in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    writer: Writer,
    readers: SqlitePool,
    cache: Arc<Cache>,
    /// Held, never read: other processes see it.
    _lock: FileLock,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the database at `path`, or makes it. Refuses a file that is not ours, newer, damaged, or open in
    /// another process; never resets anything. Owners of a process that is gone lose their leases at once.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let Opened { writer, readers, lock } = open::open(path).await.during("be opened")?;
        let cache = Arc::<Cache>::default();
        let writer = Writer::new(writer, Arc::clone(&cache));
        Ok(Self { path: path.to_owned(), writer, readers, cache, _lock: lock })
    }

    /// Copies the database at `path` to `to` while a daemon may have it open: [`Store::backup`] for another process.
    pub async fn backup_file(path: &Path, to: &Path) -> Result<(), StoreError> {
        let written: Result<(), Failure> = async {
            let mut conn = open::look(path).await?;
            backup::write(&mut conn, to).await?;
            Ok(conn.close().await?)
        }
        .await;
        written.during("be backed up")
    }

    async fn read(&self) -> Result<Transaction<'static, Sqlite>, Failure> {
        Ok(self.readers.begin().await?)
    }
}

/// One write around a call that answers what the caller gets, and what it did to an inventory; named for the error
/// message.
macro_rules! moving {
    ($store:ident, $doing:literal, |$conn:ident| $call:expr) => {{
        let done: Result<_, Failure> = async {
            let mut turn = $store.writer.turn().await?;
            let $conn = turn.connection();
            let done: Result<(_, Option<Change>), Failure> = $call.await;
            turn.end(done).await
        }
        .await;
        done.during($doing)
    }};
}

/// As `moving!`, for what moves no inventory.
macro_rules! writing {
    ($store:ident, $doing:literal, |$conn:ident| $call:expr) => {
        moving!($store, $doing, |$conn| async { Ok(($call.await?, None)) })
    };
}

/// As these, for reading one consistent state.
macro_rules! reading {
    ($store:ident, $doing:literal, |$conn:ident| $call:expr) => {{
        let done: Result<_, Failure> = async {
            let mut transaction = $store.read().await?;
            let $conn = &mut *transaction;
            $call.await
        }
        .await;
        done.during($doing)
    }};
}

#[async_trait]
impl Store for SqliteStore {
    async fn lease(&self, scope: &Scope, owner: &str, lasts: Duration) -> Result<Generation, StoreError> {
        writing!(self, "take a lease", |conn| lease::take(conn, scope, owner, lasts))
    }

    async fn release(&self, scope: &Scope, generation: Generation) -> Result<(), StoreError> {
        writing!(self, "release a lease", |conn| lease::release(conn, scope, generation))
    }

    async fn check(&self, scope: &Scope, generation: Generation) -> Result<Duration, StoreError> {
        reading!(self, "check a lease", |conn| lease::check(conn, scope, generation))
    }

    async fn environment(&self, scope: &Scope) -> Result<EnvironmentRecord, StoreError> {
        reading!(self, "read an environment", |conn| environment::record(conn, scope))
    }

    async fn environments(&self, repository: &RepositoryName) -> Result<Vec<EnvironmentName>, StoreError> {
        reading!(self, "list environments", |conn| environment::list(conn, repository))
    }

    async fn suspend(
        &self,
        scope: &Scope,
        suspension: Option<&Suspension>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        writing!(self, "suspend an environment", |conn| environment::suspend(conn, scope, suspension, audit))
    }

    async fn bar(
        &self,
        scope: &Scope,
        source: &Revision,
        reason: &str,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        writing!(self, "bar a source", |conn| environment::bar(conn, scope, source, reason, audit))
    }

    async fn unbar(&self, scope: &Scope, audit: &AuditEntry) -> Result<(), StoreError> {
        writing!(self, "unbar sources", |conn| environment::unbar(conn, scope, audit))
    }

    async fn forget(
        &self,
        scope: &Scope,
        generation: Generation,
        audit: &AuditEntry,
        messages: &[NewMessage],
    ) -> Result<(), StoreError> {
        writing!(self, "forget an environment", |conn| environment::forget(
            conn, scope, generation, audit, messages
        ))
    }

    async fn see_ref(
        &self,
        repository: &RepositoryName,
        name: &str,
        head: &Revision,
    ) -> Result<(), StoreError> {
        writing!(self, "remember a ref", |conn| environment::see_ref(conn, repository, name, head))
    }

    async fn seen_ref(
        &self,
        repository: &RepositoryName,
        name: &str,
    ) -> Result<Option<Revision>, StoreError> {
        reading!(self, "read a ref", |conn| environment::seen_ref(conn, repository, name))
    }

    async fn propose(&self, proposal: &Proposal) -> Result<(), StoreError> {
        writing!(self, "record a plan", |conn| plan::propose(conn, proposal))
    }

    async fn plan(&self, scope: Option<&Scope>, prefix: &str) -> Result<Vec<PlanRecord>, StoreError> {
        reading!(self, "read a plan", |conn| plan::find(conn, scope, prefix))
    }

    async fn plans(&self, scope: &Scope, limit: u32) -> Result<Vec<PlanRecord>, StoreError> {
        reading!(self, "list plans", |conn| plan::list(conn, scope, limit))
    }

    async fn plan_document(&self, scope: &Scope, plan: &PlanId) -> Result<Option<Value>, StoreError> {
        reading!(self, "read a plan", |conn| plan::document(conn, scope, plan))
    }

    async fn begin(&self, start: &ApplyStart) -> Result<ApplyId, StoreError> {
        moving!(self, "begin an apply", |conn| apply::begin(conn, start))
    }

    async fn record(
        &self,
        scope: &Scope,
        generation: Generation,
        apply: ApplyId,
        steps: &[StepRecord],
    ) -> Result<(), StoreError> {
        moving!(self, "record steps", |conn| apply::record(conn, scope, (generation, apply), steps))
    }

    async fn finish(
        &self,
        scope: &Scope,
        generation: Generation,
        apply: ApplyId,
        end: &ApplyEnd,
    ) -> Result<(), StoreError> {
        moving!(self, "end an apply", |conn| apply::finish(conn, scope, (generation, apply), end))
    }

    async fn interrupt(
        &self,
        scope: &Scope,
        generation: Generation,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        writing!(self, "end an apply", |conn| apply::interrupt(conn, scope, generation, at))
    }

    async fn applies(&self, scope: &Scope, limit: u32) -> Result<Vec<ApplyRecord>, StoreError> {
        reading!(self, "list applies", |conn| apply::list(conn, scope, None, limit))
    }

    async fn last_apply_of(&self, scope: &Scope, plan: &PlanId) -> Result<Option<ApplyRecord>, StoreError> {
        let found = reading!(self, "find an apply", |conn| apply::list(conn, scope, Some(plan), 1))?;
        Ok(found.into_iter().next())
    }

    async fn steps(&self, apply: ApplyId) -> Result<Vec<StepRecord>, StoreError> {
        reading!(self, "list steps", |conn| apply::steps(conn, apply))
    }

    async fn inventory(&self, scope: &Scope) -> Result<Arc<Inventory>, StoreError> {
        reading!(self, "read the inventory", |conn| inventory::load(conn, scope, &self.cache, None))
    }

    async fn inventory_beside(
        &self,
        scope: &Scope,
        rendered: &Rendered,
    ) -> Result<Arc<Inventory>, StoreError> {
        reading!(self, "read the inventory", |conn| inventory::load(conn, scope, &self.cache, Some(rendered)))
    }

    async fn advance(
        &self,
        scope: &Scope,
        generation: Generation,
        revisions: Option<&Revisions>,
        place: Option<&str>,
        forget: &BTreeSet<ObjectKey>,
    ) -> Result<(), StoreError> {
        moving!(self, "remember a revision", |conn| apply::advance(
            conn,
            scope,
            generation,
            (revisions, place),
            forget
        ))
    }

    async fn refresh_marks(
        &self,
        scope: &Scope,
        generation: Generation,
        owned: &BTreeMap<ObjectKey, Arc<Owned>>,
    ) -> Result<(), StoreError> {
        moving!(self, "refresh marks", |conn| inventory::refresh(conn, scope, generation, owned))
    }

    async fn recover(
        &self,
        scope: &Scope,
        generation: Generation,
        place: &str,
        owned: &BTreeMap<ObjectKey, Arc<Owned>>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        moving!(self, "take in what was found", |conn| inventory::recover(
            conn,
            scope,
            generation,
            (place, owned),
            audit
        ))
    }

    async fn acknowledge(
        &self,
        scope: &Scope,
        ack: &Acknowledgement,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        writing!(self, "record an acknowledgement", |conn| audit::acknowledge(conn, scope, ack, audit))
    }

    async fn acknowledgements(&self, scope: &Scope) -> Result<Vec<Acknowledgement>, StoreError> {
        reading!(self, "list acknowledgements", |conn| audit::acknowledgements(conn, scope))
    }

    async fn pending(
        &self,
        sink: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        reading!(self, "list messages", |conn| outbox::pending(conn, sink, now, limit))
    }

    async fn enqueue(&self, messages: &[NewMessage]) -> Result<(), StoreError> {
        writing!(self, "queue messages", |conn| outbox::enqueue(conn, messages))
    }

    async fn delivered(&self, ids: &[i64]) -> Result<(), StoreError> {
        writing!(self, "drop messages", |conn| outbox::delivered(conn, ids))
    }

    async fn undelivered(&self, id: i64, error: &str, retry_at: Timestamp) -> Result<(), StoreError> {
        writing!(self, "postpone a message", |conn| outbox::undelivered(conn, id, error, retry_at))
    }

    async fn audit(&self, scope: Option<&Scope>, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        reading!(self, "read the audit", |conn| audit::list(conn, scope, limit))
    }

    async fn retain(&self, keep: Duration, now: Timestamp) -> Result<u64, StoreError> {
        let dropped = writing!(self, "drop history", |conn| retention::drop_history(conn, keep, now))?;
        let shrunk: Result<(), Failure> = async {
            // Outside of a group: it waits until the open one is committed, and the next one waits for it.
            let mut conn = self.writer.pool.acquire().await?;
            retention::shrink(&mut conn).await
        }
        .await;
        shrunk.during("give space back")?;
        Ok(dropped)
    }

    async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let written: Result<(), Failure> = async {
            let mut conn = self.readers.acquire().await?;
            backup::write(&mut conn, to).await
        }
        .await;
        written.during("be backed up")
    }

    async fn mark_key(&self) -> Result<[u8; 32], StoreError> {
        let key: Result<[u8; 32], Failure> = async {
            let key: Option<Vec<u8>> =
                sqlx::query_scalar("SELECT value FROM installation WHERE name = 'mark_key'")
                    .fetch_optional(&self.readers)
                    .await?;
            let key = key.ok_or_else(|| Failure::row("mark_key", "it is gone"))?;
            key.try_into().map_err(|_| Failure::row("mark_key", "it has not 32 bytes"))
        }
        .await;
        key.during("read its key")
    }

    async fn close(&self) {
        // The writer last: it waits for the open group's commit, and folds the log in.
        self.readers.close().await;
        self.writer.pool.close().await;
    }
}

#[async_trait]
impl Reviews for SqliteStore {
    async fn asked(&self, repository: &RepositoryName, number: PullNumber) -> Result<Asked, StoreError> {
        reading!(self, "read who has to approve", |conn| approval::asked(conn, repository, number))
    }

    async fn show(&self, repository: &RepositoryName, report: &ShownReport) -> Result<(), StoreError> {
        writing!(self, "remember a report", |conn| review::show(conn, repository, report))
    }

    async fn pulls(&self, repository: &RepositoryName) -> Result<Vec<ShownPull>, StoreError> {
        reading!(self, "list pull requests", |conn| review::pulls(conn, repository))
    }

    async fn merge(&self, repository: &RepositoryName, merge: &ShownMerge) -> Result<(), StoreError> {
        writing!(self, "remember a merge", |conn| review::merge(conn, repository, merge))
    }

    async fn settle(&self, repository: &RepositoryName, number: PullNumber) -> Result<(), StoreError> {
        writing!(self, "settle a merge", |conn| review::settle(conn, repository, number))
    }

    async fn shown(
        &self,
        repository: &RepositoryName,
        number: PullNumber,
    ) -> Result<Vec<ShownPlan>, StoreError> {
        reading!(self, "read what was shown", |conn| review::shown(conn, repository, number))
    }

    async fn withdraw(&self, repository: &RepositoryName, number: PullNumber) -> Result<(), StoreError> {
        writing!(self, "forget a report", |conn| review::withdraw(conn, repository, number))
    }

    async fn hear(
        &self,
        repository: &RepositoryName,
        comment: CommentId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        writing!(self, "remember a comment", |conn| review::hear(conn, repository, (comment, at)))
    }

    async fn heard(&self, repository: &RepositoryName) -> Result<Option<Heard>, StoreError> {
        reading!(self, "list comments", |conn| review::heard(conn, repository))
    }

    async fn merged(&self, scope: &Scope) -> Result<Vec<MergedPlan>, StoreError> {
        reading!(self, "read what was shown", |conn| review::merged(conn, scope))
    }
}

#[async_trait]
impl Soaks for SqliteStore {
    async fn soaks(&self, scope: &Scope) -> Result<Vec<Soak>, StoreError> {
        reading!(self, "read how sources were", |conn| soak::list(conn, scope))
    }

    async fn soak(&self, scope: &Scope, soak: &Soak) -> Result<(), StoreError> {
        writing!(self, "remember how a source is", |conn| soak::replace(conn, scope, soak))
    }

    async fn skip(
        &self,
        scope: &Scope,
        source: &Revision,
        who: &str,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        writing!(self, "remember who skips", |conn| soak::skip(conn, scope, (source, who), audit))
    }

    async fn skipped(&self, scope: &Scope, source: &Revision) -> Result<Option<String>, StoreError> {
        reading!(self, "read who skips", |conn| soak::skipped(conn, scope, source))
    }
}
