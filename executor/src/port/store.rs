//! The store: what the daemon must not forget. SQLite now, Postgres through the same contract suite.
//!
//! A write is durable before it is answered, and it is there whole or not at all: also when its caller goes away, and
//! whatever becomes of those that are made at the same time.
//!
//! Every write of an environment carries the [`Generation`] of its owner; a stale one changes nothing and is
//! [`StoreError::Fenced`]. A plan becomes the target only when its parent is the current target.
//!
//! Times are kept to the microsecond. Every store passes the suite of [`crate::contract::store`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_environments::codes::{Code, store as codes};
use naksha_environments::ids::{
    EnvironmentName, Generation, InvalidName, RepositoryName, Revision, UnitName, WorkflowName,
};
use naksha_environments::inventory::{Inventory, Owned, RegisteredWorkflow};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::PlanId;
use naksha_environments::rendered::Rendered;
use naksha_environments::verdict::Acknowledgement;
use serde_json::Value;

/// An environment of a repository: what a lease, a plan and an inventory belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub repository: RepositoryName,
    pub environment: EnvironmentName,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.repository, self.environment)
    }
}

impl FromStr for Scope {
    type Err = InvalidName;

    /// From the form in which it is shown.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (repository, environment) = text.split_once('/').unwrap_or((text, ""));
        Ok(Self { repository: repository.parse()?, environment: environment.parse()? })
    }
}

#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    // --- ownership
    /// Takes or renews the lease of an environment, on the database's clock. The generation grows only when the
    /// ownership changes hands; the owner itself may renew a lease that ran out, as long as nobody took it.
    async fn lease(&self, scope: &Scope, owner: &str, lasts: Duration) -> Result<Generation, StoreError>;
    /// Gives the lease back: anybody may take it at once, and writes of `generation` are fenced from now on.
    async fn release(&self, scope: &Scope, generation: Generation) -> Result<(), StoreError>;
    /// Still the owner? Then for how much longer: nobody else can be it before that. What writes to a target goes by
    /// it. Stricter than the fence of the store's own writes: a lease that ran out is [`StoreError::Lapsed`] although
    /// nobody took it yet.
    async fn check(&self, scope: &Scope, generation: Generation) -> Result<Duration, StoreError>;

    // --- environments
    /// What is remembered of an environment; the default for one that was never seen.
    async fn environment(&self, scope: &Scope) -> Result<EnvironmentRecord, StoreError>;
    /// Every environment of which something is remembered besides its lease and its audit: a plan, an apply, an object,
    /// a revision, a suspension, a bar or an acknowledgement. By name.
    async fn environments(&self, repository: &RepositoryName) -> Result<Vec<EnvironmentName>, StoreError>;
    /// Switches an environment off or on. Not fenced: people do it, through any daemon.
    async fn suspend(
        &self,
        scope: &Scope,
        suspension: Option<&Suspension>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError>;
    /// Remembers that `source` is not proposed again.
    async fn bar(
        &self,
        scope: &Scope,
        source: &Revision,
        reason: &str,
        audit: &AuditEntry,
    ) -> Result<(), StoreError>;
    /// Forgets everything that was barred.
    async fn unbar(&self, scope: &Scope, audit: &AuditEntry) -> Result<(), StoreError>;
    /// Gives an environment up: drops everything that is remembered of it (what it owns, too) but the audit, and its
    /// lease. `messages` go out with it. Refs seen under names that start with `<environment>:` are its own.
    async fn forget(
        &self,
        scope: &Scope,
        generation: Generation,
        audit: &AuditEntry,
        messages: &[NewMessage],
    ) -> Result<(), StoreError>;
    /// Remembers the head a ref was seen at, so that a rewritten history is noticed after a restart.
    async fn see_ref(
        &self,
        repository: &RepositoryName,
        name: &str,
        head: &Revision,
    ) -> Result<(), StoreError>;
    async fn seen_ref(&self, repository: &RepositoryName, name: &str)
    -> Result<Option<Revision>, StoreError>;

    // --- plans and applies
    /// Records a plan and, when it is approved, makes it the target: compare-and-set on `parent`. One row per
    /// plan id: a plan that is proposed again replaces what was recorded of it. One that waits and is proposed
    /// again unchanged writes nothing, so that `at` says since when it waits.
    async fn propose(&self, proposal: &Proposal) -> Result<(), StoreError>;
    /// Plans whose id starts with `prefix`, latest first. Several: the prefix is not unique.
    async fn plan(&self, scope: Option<&Scope>, prefix: &str) -> Result<Vec<PlanRecord>, StoreError>;
    /// Plans of an environment, latest first.
    async fn plans(&self, scope: &Scope, limit: u32) -> Result<Vec<PlanRecord>, StoreError>;
    /// What was planned, as it was proposed. Apart from the record, because it may be megabytes.
    async fn plan_document(&self, scope: &Scope, plan: &PlanId) -> Result<Option<Value>, StoreError>;
    /// Starts an apply of the current target (of another plan: [`StoreError::Stale`]). `intents` enter the
    /// inventory in the same transaction: a superset of what will be owned, written before the first change. An
    /// intent never replaces what the inventory has. An older apply that never ended becomes
    /// [`ApplyOutcome::Interrupted`], with an audit row.
    async fn begin(&self, start: &ApplyStart) -> Result<ApplyId, StoreError>;
    /// Records the outcomes of steps and what they mean for the inventory, all in one transaction. An apply that
    /// ended takes no more steps: [`StoreError::NotFound`].
    async fn record(
        &self,
        scope: &Scope,
        generation: Generation,
        apply: ApplyId,
        steps: &[StepRecord],
    ) -> Result<(), StoreError>;
    /// Ends an apply; audit and outbox rows are written in the same transaction. One that succeeded sets
    /// [`EnvironmentRecord::applied`] and heads [`EnvironmentRecord::ran`], when it has revisions; the inventory does not count
    /// as recovered any more then.
    async fn finish(
        &self,
        scope: &Scope,
        generation: Generation,
        apply: ApplyId,
        end: &ApplyEnd,
    ) -> Result<(), StoreError>;
    /// Ends the apply that was begun and never ended, when there is one, as [`ApplyOutcome::Interrupted`], with an
    /// audit row: whoever carried it out died or lost the store.
    async fn interrupt(&self, scope: &Scope, generation: Generation, at: Timestamp)
    -> Result<(), StoreError>;
    /// Remembers revisions at which there was nothing to do (which ends that the inventory is recovered), and the target
    /// ([`Inventory::place`]), and drops inventory entries whose object is gone and wanted by nobody. No apply, no plan, no
    /// history; without news nothing is written.
    async fn advance(
        &self,
        scope: &Scope,
        generation: Generation,
        revisions: Option<&Revisions>,
        place: Option<&str>,
        forget: &BTreeSet<ObjectKey>,
    ) -> Result<(), StoreError>;
    /// Applies of an environment, latest first.
    async fn applies(&self, scope: &Scope, limit: u32) -> Result<Vec<ApplyRecord>, StoreError>;
    /// The latest apply of a plan, which may have been applied, undone, and applied again.
    async fn last_apply_of(&self, scope: &Scope, plan: &PlanId) -> Result<Option<ApplyRecord>, StoreError>;
    /// Steps of an apply, in the order they were recorded. Their effect reads [`Effect::None`]: what a step did to
    /// the inventory is in the inventory.
    async fn steps(&self, apply: ApplyId) -> Result<Vec<StepRecord>, StoreError>;

    // --- inventory
    /// Shared: a store may keep it in memory.
    async fn inventory(&self, scope: &Scope) -> Result<Arc<Inventory>, StoreError>;
    /// As [`Store::inventory`], for who holds what the environment should be: texts that are in both are held once.
    async fn inventory_beside(
        &self,
        scope: &Scope,
        rendered: &Rendered,
    ) -> Result<Arc<Inventory>, StoreError>;
    /// Replaces the rows of objects that were re-observed as in sync under a new version. No history; an object
    /// that the inventory no longer has stays out of it.
    async fn refresh_marks(
        &self,
        scope: &Scope,
        generation: Generation,
        owned: &BTreeMap<ObjectKey, Arc<Owned>>,
    ) -> Result<(), StoreError>;

    /// Takes objects into the inventory that were found in the target ([`Inventory::place`]) after the database was lost,
    /// with an audit row. One that the inventory has is replaced. From then on it is [`Inventory::recovered`].
    async fn recover(
        &self,
        scope: &Scope,
        generation: Generation,
        place: &str,
        owned: &BTreeMap<ObjectKey, Arc<Owned>>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError>;

    // --- acknowledgements
    /// Once per plan, person and door: a second one replaces the first.
    async fn acknowledge(
        &self,
        scope: &Scope,
        ack: &Acknowledgement,
        audit: &AuditEntry,
    ) -> Result<(), StoreError>;
    /// In the order they were first given, also those that ran out.
    async fn acknowledgements(&self, scope: &Scope) -> Result<Vec<Acknowledgement>, StoreError>;

    // --- outbox and audit
    /// Messages that wait for delivery to `sink`, oldest first.
    async fn pending(&self, sink: &str, now: Timestamp, limit: u32)
    -> Result<Vec<OutboxMessage>, StoreError>;
    /// Queues messages, in one write. Each takes the place of an undelivered one with the same sink and topic, under a
    /// new id: `delivered` of the old id does not touch it.
    async fn enqueue(&self, messages: &[NewMessage]) -> Result<(), StoreError>;
    /// Delivered; the messages are dropped, in one write. An id that is gone is no error.
    async fn delivered(&self, ids: &[i64]) -> Result<(), StoreError>;
    /// Not delivered: try again at `retry_at`.
    async fn undelivered(&self, id: i64, error: &str, retry_at: Timestamp) -> Result<(), StoreError>;
    /// Of one environment or of all, latest first.
    async fn audit(&self, scope: Option<&Scope>, limit: u32) -> Result<Vec<AuditRecord>, StoreError>;

    // --- keeping
    /// Drops history older than `keep`; never the inventory, the current target or the audit of the last apply.
    /// The answer counts dropped rows. See docs/state.md.
    async fn retain(&self, keep: Duration, now: Timestamp) -> Result<u64, StoreError>;
    /// A consistent copy in one file, while in use. Never overwrites: [`StoreError::Exists`].
    async fn backup(&self, to: &Path) -> Result<(), StoreError>;
    /// 32 random bytes made when the store was, for keyed marks.
    async fn mark_key(&self) -> Result<[u8; 32], StoreError>;
    /// Ends cleanly; every call after it is [`StoreError::Unavailable`]. Not needed for safety.
    async fn close(&self) {}
}

pub type SharedStore = Arc<dyn Store>;

/// What is remembered of an environment besides plans and inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentRecord {
    /// The plan that is the target: the parent of the next.
    pub target: Option<PlanId>,
    /// Content and control of the last apply that ended well.
    pub applied: Option<Revisions>,
    pub suspension: Option<Suspension>,
    /// Sources that are not proposed again, with the reason.
    pub barred: BTreeMap<Revision, String>,
    /// Sources that this environment ran, newest first.
    pub ran: Vec<Revision>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revisions {
    pub control: Revision,
    pub content: Revision,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    pub by: String,
    pub reason: String,
    pub since: Timestamp,
}

/// A plan on its way into the store.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub scope: Scope,
    pub generation: Generation,
    pub plan: PlanId,
    /// The target it was planned on top of.
    pub parent: Option<PlanId>,
    /// True: it becomes the target, if `parent` still is.
    pub approved: bool,
    pub revisions: Option<Revisions>,
    /// The plan as its documented JSON ([`naksha_environments::wire`]), masked. Text: a large one is written once.
    pub document: String,
    /// `apply`, `hold`, `wait`, and why.
    pub decision: String,
    pub reasons: Vec<String>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PlanRecord {
    pub scope: Scope,
    pub plan: PlanId,
    pub parent: Option<PlanId>,
    pub revisions: Option<Revisions>,
    pub decision: String,
    pub reasons: Vec<String>,
    pub at: Timestamp,
}

/// Numbers an apply within the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplyId(pub i64);

#[derive(Debug, Clone)]
pub struct ApplyStart {
    pub scope: Scope,
    pub generation: Generation,
    pub plan: PlanId,
    pub revisions: Option<Revisions>,
    /// The target ([`Inventory::place`]).
    pub place: Arc<str>,
    /// Objects that the plan will make ours and that the inventory does not have yet.
    pub intents: BTreeMap<ObjectKey, Arc<Owned>>,
    pub at: Timestamp,
}

/// One step, as it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    /// `Deployment naksha/web` or `Workflow ingest`.
    pub subject: String,
    pub unit: Option<UnitName>,
    pub verb: String,
    pub outcome: StepOutcome,
    pub attempts: u32,
    pub started: Timestamp,
    pub ended: Timestamp,
    pub effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    Done,
    Failed {
        reason: String,
    },
    /// Not tried: what it waits for did not become ready, or the apply was cancelled.
    Skipped {
        reason: String,
    },
}

/// What a step means for the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    None,
    Own(ObjectKey, Arc<Owned>),
    Forget(ObjectKey),
    Register(WorkflowName, RegisteredWorkflow),
    Retire(WorkflowName),
}

#[derive(Debug, Clone)]
pub struct ApplyEnd {
    pub outcome: ApplyOutcome,
    pub at: Timestamp,
    pub audit: AuditEntry,
    pub messages: Vec<NewMessage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyOutcome {
    Succeeded,
    Failed {
        reason: String,
    },
    /// Stopped before its end, in good order: a newer revision waits, a person suspended it, or the process ends.
    Superseded,
    /// The process or its pass ended in the middle; recorded by the next one.
    Interrupted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyRecord {
    pub id: ApplyId,
    pub plan: PlanId,
    pub revisions: Option<Revisions>,
    /// Absent while it runs.
    pub outcome: Option<ApplyOutcome>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub steps: u32,
    pub failed: u32,
}

/// Who did what. Append-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// `daemon`, a person, or a commit's author.
    pub who: String,
    /// `apply`, `heal`, `ack`, `suspend`, …
    pub what: String,
    pub revision: Option<Revision>,
    pub plan: Option<PlanId>,
    pub result: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub id: i64,
    pub scope: Option<Scope>,
    pub entry: AuditEntry,
}

/// A message to a status sink. A later one with the same `topic` takes the place of one not yet delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    pub sink: String,
    pub topic: String,
    /// One JSON value on one line. Text: it is written once, and what carries it does not look inside.
    pub body: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    pub id: i64,
    pub sink: String,
    pub topic: String,
    /// As it was queued.
    pub body: String,
    pub at: Timestamp,
    pub attempts: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another owner took over; stop writing.
    #[error("{scope} is owned by another daemon (generation {current}, ours is {ours})")]
    Fenced { scope: Scope, ours: Generation, current: Generation },
    /// Another owner holds the lease.
    #[error("{scope} is leased by {owner} until {until}")]
    Leased { scope: Scope, owner: String, until: Timestamp },
    /// The lease ran out and was not renewed. Nobody took it yet, but somebody may: renew, then go on.
    #[error("the lease of {scope} ran out (generation {generation})")]
    Lapsed { scope: Scope, generation: Generation },
    /// The target moved while the plan was made: plan again.
    #[error("plan {plan} was made on top of another target")]
    Stale { plan: PlanId },
    #[error("there is no {what}")]
    NotFound { what: String },
    /// Refused at start: the file was written by a newer version.
    #[error("the database has schema version {found}, and this program knows {known}")]
    Newer { found: i64, known: i64 },
    /// Refused at start: a released migration of this program is not the one that the file was made with.
    #[error("schema version {version} of the database differs from the one that this program knows")]
    Changed { version: i64 },
    /// Refused at start: the file belongs to another program.
    #[error("`{}` is the database of another program", .path.display())]
    Foreign { path: PathBuf },
    /// Refused at start: another process has it open.
    #[error("`{}` is in use by {}", .path.display(), process(.pid.as_ref()))]
    Locked { path: PathBuf, pid: Option<u32> },
    /// A backup is not written over a file.
    #[error("`{}` exists already", .path.display())]
    Exists { path: PathBuf },
    /// Refused at start, never reset.
    #[error("the database is damaged: {reason}")]
    Corrupt { reason: String },
    /// Transient: busy, disk full, gone.
    #[error("the database cannot {doing} now")]
    Unavailable {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn process(pid: Option<&u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl StoreError {
    /// The code under which a user finds it explained.
    pub fn code(&self) -> Code {
        match self {
            Self::Locked { .. } => codes::LOCKED,
            Self::Newer { .. } => codes::NEWER,
            Self::Corrupt { .. } => codes::CORRUPT,
            Self::Foreign { .. } => codes::FOREIGN,
            Self::Changed { .. } => codes::CHANGED,
            Self::Unavailable { .. } => codes::UNAVAILABLE,
            Self::Fenced { .. } | Self::Lapsed { .. } => codes::FENCED,
            Self::Leased { .. } => codes::LEASED,
            Self::Stale { .. } => codes::STALE,
            Self::NotFound { .. } => codes::NOT_FOUND,
            Self::Exists { .. } => codes::EXISTS,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Locked { pid: Some(pid), .. } => format!("stop process {pid}, or use another state folder"),
            Self::Locked { pid: None, .. } => {
                "stop the other process, or use another state folder".to_owned()
            }
            Self::Newer { .. } => {
                "run the newer version, or restore a backup made before the upgrade".to_owned()
            }
            Self::Corrupt { .. } => "keep the file, and restore the latest backup".to_owned(),
            Self::Foreign { .. } => "point the configuration at the right state folder".to_owned(),
            Self::Changed { .. } => "run the release that made the database".to_owned(),
            Self::Unavailable { .. } => "check the disk's free space and the file's permissions".to_owned(),
            Self::Fenced { .. } | Self::Leased { .. } => {
                "one daemon at a time owns an environment".to_owned()
            }
            Self::Lapsed { .. } => "the daemon renews it by itself; check that it is not starved".to_owned(),
            Self::Stale { .. } => "plan again".to_owned(),
            Self::NotFound { .. } => "`naksha history` lists what is recorded".to_owned(),
            Self::Exists { .. } => "name a file that does not exist".to_owned(),
        }
    }
}
