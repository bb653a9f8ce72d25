//! One pass over one environment, top to bottom: what Git wants, what is, what to do, doing it, saying so.
//!
//! The steps are marked pure or I/O. A pass is idempotent and takes no hint of what changed. Nothing is written in a
//! pass that finds nothing to do.

mod apply;
mod desired;
mod fights;
mod forget;
mod gates;
mod healing;
mod judge;
mod last_apply;
mod ownership;
mod rebuild;
mod report;
mod review;
mod scopes;
mod sources;
mod whys;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::ids::Revision;
use naksha_environments::inventory::Inventory;
use naksha_environments::quiet::Memory;
use naksha_environments::status::{EnvironmentStatus, State};
use naksha_executor::port::secrets::SecretSource;
use naksha_executor::port::store::{Revisions, Scope, StoreError};
use naksha_executor::port::target::TargetError;
use naksha_executor::realise::Waits;
use naksha_policies::FindingCache;
use tokio_util::sync::CancellationToken;

use super::{Feed, Shared};
use crate::git::GitError;
use crate::registry::Pulse;
use crate::rules::HealthRulesInForce;
use crate::scene::{Scene, Window};
use crate::secrets::EnvironmentSecrets;
use crate::target::{OpenTarget, TargetOpenError, try_out};
use desired::{RenderedRevision, Renders};
use ownership::Lease;
use sources::{Ready, Sources};

/// Where a loop tells how far it is.
pub type StatusSender = crate::registry::Voice;

/// What came of a pass.
#[derive(Debug)]
pub struct Pass {
    pub status: Arc<EnvironmentStatus>,
    /// Something failed that may go better later.
    pub retry: bool,
    /// Look again after this long, when nothing else wakes the loop.
    pub next: Duration,
    /// Steps that an apply of it took.
    pub steps: usize,
    /// A gate of its promotion is not open.
    pub awaits_gates: bool,
}

/// Why a pass could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    #[error("the state cannot be read or written")]
    Store(#[source] StoreError),
    #[error("the repository cannot be read")]
    Git(#[source] GitError),
    #[error("the target cannot be opened")]
    Open(#[source] TargetOpenError),
    #[error("the target cannot be observed")]
    Observe(#[source] TargetError),
    #[error("the apply could not be recorded")]
    Realise(#[source] naksha_executor::realise::RealiseError),
    #[error("a computation ended abnormally")]
    Computation(#[source] tokio::task::JoinError),
}

/// Reconciles one environment. Keeps, between passes, only what it could read again.
#[derive(Debug)]
pub struct Reconciler {
    shared: Arc<Shared>,
    feed: Feed,
    scope: Scope,
    pulse: Arc<Pulse>,
    /// Where it shows what it works on.
    window: Window,
    lease: Lease,
    target: Option<OpenTarget>,
    /// Those that it may read.
    secrets: Arc<dyn SecretSource>,
    /// By what the target judges health.
    health: HealthRulesInForce,
    inventory: Option<Arc<Inventory>>,
    /// Units that the target had nothing to say about.
    memory: Memory,
    /// What the last pass rendered: what is wanted, and what was applied.
    rendered: Vec<Arc<RenderedRevision>>,
    findings: Arc<FindingCache>,
    /// The plan and decision that were recorded last, so that an unchanged one is not recorded again.
    proposed: Option<judge::Proposed>,
    /// The state since when.
    state: Option<(State, Timestamp)>,
    /// The status that was told last.
    said: Option<Arc<EnvironmentStatus>>,
    /// Objects that were owned when the inventory was read last.
    owned: usize,
    last_apply: last_apply::LastApply,
    /// Since when units are waited for, at which revisions: of an apply that somebody disturbed.
    waits: Option<(Revisions, Waits)>,
    /// The revisions at which it was waited for what the forge has to tell.
    waited_for: Mutex<Option<Revisions>>,
    /// The source that the last pass went back from.
    gave_up: Option<Revision>,
    fights: fights::Fights,
    scopes: scopes::Scopes,
    whys: whys::Whys,
    /// The last status of a pass that ended well, and when that was.
    last: Option<(Arc<EnvironmentStatus>, Timestamp)>,
}

impl Reconciler {
    pub fn new(shared: Arc<Shared>, feed: Feed, scope: Scope, pulse: Arc<Pulse>, window: Window) -> Self {
        let lease = Lease::default();
        let (target, inventory, proposed, state, said, last) = (None, None, None, None, None, None);
        let findings = Arc::new(FindingCache::new());
        let secrets = EnvironmentSecrets::of(&shared.config, &shared.secrets, &scope);
        Self {
            secrets,
            shared,
            feed,
            scope,
            pulse,
            window,
            lease,
            target,
            health: HealthRulesInForce::default(),
            inventory,
            memory: Memory::default(),
            rendered: Vec::new(),
            findings,
            proposed,
            state,
            said,
            last_apply: last_apply::LastApply::default(),
            waits: None,
            waited_for: Mutex::default(),
            gave_up: None,
            fights: fights::Fights::default(),
            scopes: scopes::Scopes::default(),
            whys: whys::Whys::default(),
            last,
            owned: 0,
        }
    }

    /// Resolves when the target may have changed since the last observation.
    pub async fn target_changed(&mut self) {
        match &mut self.target {
            Some(target) => target.changed().await,
            None => std::future::pending().await,
        }
    }

    /// A person asked for a reconcile: what was found before is found anew.
    pub fn doubt(&self) {
        if let Some(target) = &self.target {
            target.doubt();
        }
    }

    /// One pass. Errors become a status: the loop always has something to say.
    pub async fn pass(&mut self, cancel: &CancellationToken, progress: &StatusSender) -> Pass {
        match self.reconcile(cancel, progress).await {
            Ok(pass) => pass,
            Err(error) => {
                // What we believe may be behind what is: read it again.
                self.inventory = None;
                self.failed(&error).await
            }
        }
    }

    async fn reconcile(
        &mut self,
        cancel: &CancellationToken,
        progress: &StatusSender,
    ) -> Result<Pass, PassError> {
        // I/O: ours to reconcile?
        let generation = self.own().await?;
        self.end_last_apply(generation).await?;
        let record = self.shared.store.environment(&self.scope).await.map_err(PassError::Store)?;
        // I/O: which revisions rule and fill it
        let sources = match sources::read(self, &record).await? {
            Sources::Ready(sources) => Arc::new(*sources),
            Sources::Nothing(idle) => return self.idle(&record, idle).await,
        };
        self.pulse.beat();
        // pure: what should be
        let mut renders = desired::render(self, &record, &sources).await?;
        // I/O: what is
        let target = self.open(&sources).await?;
        if self.learn_scopes(&target, &renders).await? {
            renders = desired::render(self, &record, &sources).await?;
        }
        self.show(&sources, &renders, &target);
        let rendered = &renders.wanted.rendered;
        let inventory = self.inventory().await?;
        let inventory = self.placed(inventory, &renders);
        let quiet = self.memory.quiet(rendered, &inventory);
        let observed = target.observe(rendered, &inventory, &quiet).await.map_err(PassError::Observe)?;
        let quiet = Arc::new(self.memory.learn(rendered, quiet, &observed));
        let observation = Arc::new(observed);
        self.pulse.beat();
        // I/O only after a crash: writes that happened although nobody recorded them
        let inventory = self.confirm(generation, inventory, &observation).await?;
        // pure but for what was shown: what to do about it, and whether it may be done
        let mut judgement =
            judge::judge(self, (&record, &sources), &renders, (&observation, &quiet), &inventory).await?;
        self.settle(generation, &judgement.plan, rendered, &observation, &inventory).await?;
        // I/O: record the plan, once, with what the target would say where somebody has to decide about it
        if self.is_news(&judgement) {
            let refused = try_out(&judgement.plan, &inventory, &self.scope, target.target()).await;
            judgement.diagnostics.extend(refused);
        }
        // I/O: still ours, after all that?
        let generation = self.own().await?;
        judge::propose(self, generation, &record, &sources, &judgement).await?;
        let situation =
            report::Situation { sources: &sources, record: &record, rendered, judgement: &judgement };
        // I/O: do it
        let applied =
            apply::apply(self, generation, &situation, (&target, &observation), cancel, progress).await?;
        if applied.is_some() {
            self.inventory = None;
        } else {
            // I/O only where something is unwell: why it is
            self.whys.look_up(target.target().as_ref(), &observation, cancel).await;
        }
        // I/O: nothing to do is worth remembering too
        self.remember(generation, &situation, applied.as_ref()).await?;
        self.count_owned().await?;
        // I/O: say so
        self.conclude(&situation, &observation, applied.as_ref()).await
    }

    async fn open(&mut self, sources: &Ready) -> Result<OpenTarget, PassError> {
        let (shared, environment) = (&self.shared, &sources.environment);
        // What was judged by other rules is judged anew.
        let judges_anew = self.health.follow(&sources.control.loaded.definitions);
        if let Some(open) = self.target.take_if(|open| judges_anew || !open.is_for(environment)) {
            drop(open);
        }
        if self.target.is_none() {
            // It was asked about nothing yet.
            self.memory.forget();
            self.scopes.forget();
            let (config, rules) = (&shared.config, self.health.rules());
            let secrets = (shared.key.clone(), &shared.secrets);
            let opened = OpenTarget::open(environment, config, &self.feed.config, secrets, rules).await;
            if opened.is_err() {
                self.window.close();
            }
            self.target = Some(opened.map_err(PassError::Open)?);
        }
        let open = self.target.as_mut().expect("should be open: it was opened above");
        open.mark_observed();
        Ok(open.clone())
    }

    /// Lets those who ask look at what this pass looks at.
    fn show(&self, sources: &Ready, renders: &Renders, target: &OpenTarget) {
        let shared = &self.shared;
        self.window.show(Scene {
            environment: Arc::clone(&sources.environment),
            revisions: sources.revisions(),
            rendered: Arc::clone(&renders.wanted.rendered),
            target: Arc::clone(target.target()),
            secrets: Arc::clone(&self.secrets),
            key: shared.key.clone(),
            facts: Arc::clone(&self.scopes.facts),
            findings: Arc::clone(&self.findings),
        });
    }

    /// Gives up the lease, so that another process need not wait for it to run out.
    pub async fn release(&mut self) {
        if let Some(generation) = self.lease.generation() {
            // The lease runs out by itself when this fails.
            let _ = self.shared.store.release(&self.scope, generation).await;
        }
    }
}
