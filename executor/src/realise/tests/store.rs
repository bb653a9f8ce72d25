//! The part of a store that an apply needs, in memory: ownership, inventory, applies and steps.
//!
//! Everything else answers that it is not there: this store is for applies alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_environments::ids::{EnvironmentName, Generation, RepositoryName, Revision};
use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::PlanId;
use naksha_environments::rendered::Rendered;
use naksha_environments::verdict::Acknowledgement;
use serde_json::Value;

use super::fuse::{Fate, Fuse};
use crate::port::store::{
    ApplyEnd, ApplyId, ApplyOutcome, ApplyRecord, ApplyStart, AuditEntry, AuditRecord, Effect,
    EnvironmentRecord, NewMessage, OutboxMessage, PlanRecord, Proposal, Revisions, Scope, StepRecord, Store,
    StoreError, Suspension,
};

#[derive(Debug)]
pub(super) struct FakeStore {
    pub fuse: Arc<Fuse>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    owner: Generation,
    inventory: Inventory,
    applies: i64,
    steps: Vec<StepRecord>,
    outcomes: Vec<ApplyOutcome>,
    /// Entries that were renewed.
    refreshed: usize,
    /// Somebody takes over after this many further checks.
    taken_after: Option<u32>,
    /// What is left of the lease whenever that is asked, and how often it was.
    left: Duration,
    asked: usize,
    /// How many steps each write recorded.
    recordings: Vec<usize>,
}

impl FakeStore {
    pub(super) fn new(fuse: Arc<Fuse>) -> Self {
        let state = State {
            owner: Generation(1),
            inventory: Inventory::default(),
            applies: 0,
            steps: Vec::new(),
            outcomes: Vec::new(),
            refreshed: 0,
            taken_after: None,
            // Every write asks again.
            left: Duration::ZERO,
            asked: 0,
            recordings: Vec::new(),
        };
        Self { fuse, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn known(&self) -> Inventory {
        self.state().inventory.clone()
    }

    /// From here on everything that is owned is somewhere else.
    pub(super) fn move_to(&self, place: &str) {
        self.state().inventory.place = Some(place.into());
    }

    pub(super) fn recorded(&self) -> Vec<StepRecord> {
        self.state().steps.clone()
    }

    /// How many steps each write recorded.
    pub(super) fn recordings(&self) -> Vec<usize> {
        self.state().recordings.clone()
    }

    pub(super) fn outcomes(&self) -> Vec<ApplyOutcome> {
        self.state().outcomes.clone()
    }

    /// How many entries were renewed, over all.
    pub(super) fn refreshed(&self) -> usize {
        self.state().refreshed
    }

    pub(super) fn take_over_after(&self, checks: u32) {
        self.state().taken_after = Some(checks);
    }

    pub(super) fn lease_lasts(&self, left: Duration) {
        self.state().left = left;
    }

    /// How often somebody asked whose the environment is.
    pub(super) fn asked(&self) -> usize {
        self.state().asked
    }

    fn call<T>(&self, work: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let away = || StoreError::Unavailable { doing: "answer", source: "it is gone".into() };
        match self.fuse.next() {
            Fate::Dead => Err(away()),
            Fate::Works => work(&mut self.state()),
            Fate::AnswerLost => {
                work(&mut self.state())?;
                Err(away())
            }
        }
    }

    fn fenced<T>(
        &self,
        scope: &Scope,
        ours: Generation,
        work: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.call(|state| {
            if state.owner != ours {
                return Err(StoreError::Fenced { scope: scope.clone(), ours, current: state.owner });
            }
            work(state)
        })
    }
}

fn absent<T>() -> Result<T, StoreError> {
    Err(StoreError::NotFound { what: "such a thing in a store for applies".to_owned() })
}

#[async_trait]
impl Store for FakeStore {
    async fn check(&self, scope: &Scope, generation: Generation) -> Result<Duration, StoreError> {
        let mut state = self.state();
        state.asked += 1;
        match state.taken_after {
            Some(0) => state.owner = Generation(99),
            Some(left) => state.taken_after = Some(left - 1),
            None => {}
        }
        drop(state);
        self.fenced(scope, generation, |state| Ok(state.left))
    }

    async fn begin(&self, start: &ApplyStart) -> Result<ApplyId, StoreError> {
        self.fenced(&start.scope, start.generation, |state| {
            for (key, owned) in &start.intents {
                state.inventory.intend(key, owned);
            }
            state.inventory.place = Some(Arc::clone(&start.place));
            state.applies += 1;
            Ok(ApplyId(state.applies))
        })
    }

    async fn record(
        &self,
        scope: &Scope,
        generation: Generation,
        _: ApplyId,
        steps: &[StepRecord],
    ) -> Result<(), StoreError> {
        self.fenced(scope, generation, |state| {
            state.recordings.push(steps.len());
            for step in steps {
                match step.effect.clone() {
                    Effect::None => {}
                    Effect::Own(key, owned) => state.inventory.own(key, owned),
                    Effect::Forget(key) => drop(state.inventory.forget(&key)),
                    Effect::Register(name, version) => drop(state.inventory.workflows.insert(name, version)),
                    Effect::Retire(name) => drop(state.inventory.workflows.remove(&name)),
                }
                state.steps.push(step.clone());
            }
            Ok(())
        })
    }

    async fn finish(
        &self,
        scope: &Scope,
        generation: Generation,
        _: ApplyId,
        end: &ApplyEnd,
    ) -> Result<(), StoreError> {
        self.fenced(scope, generation, |state| {
            state.outcomes.push(end.outcome.clone());
            Ok(())
        })
    }

    async fn inventory(&self, _: &Scope) -> Result<Arc<Inventory>, StoreError> {
        self.call(|state| Ok(Arc::new(state.inventory.clone())))
    }

    async fn inventory_beside(&self, scope: &Scope, _: &Rendered) -> Result<Arc<Inventory>, StoreError> {
        self.inventory(scope).await
    }

    async fn refresh_marks(
        &self,
        scope: &Scope,
        generation: Generation,
        owned: &BTreeMap<ObjectKey, Arc<Owned>>,
    ) -> Result<(), StoreError> {
        self.fenced(scope, generation, |state| {
            state.refreshed += owned.len();
            for (key, owned) in owned {
                state.inventory.renew(key, owned);
            }
            Ok(())
        })
    }

    async fn recover(
        &self,
        _: &Scope,
        _: Generation,
        _: &str,
        _: &BTreeMap<ObjectKey, Arc<Owned>>,
        _: &AuditEntry,
    ) -> Result<(), StoreError> {
        absent()
    }
    async fn lease(&self, _: &Scope, _: &str, _: Duration) -> Result<Generation, StoreError> {
        self.call(|state| Ok(state.owner))
    }
    async fn release(&self, _: &Scope, _: Generation) -> Result<(), StoreError> {
        absent()
    }
    async fn environment(&self, _: &Scope) -> Result<EnvironmentRecord, StoreError> {
        absent()
    }
    async fn environments(&self, _: &RepositoryName) -> Result<Vec<EnvironmentName>, StoreError> {
        absent()
    }
    async fn suspend(&self, _: &Scope, _: Option<&Suspension>, _: &AuditEntry) -> Result<(), StoreError> {
        absent()
    }
    async fn bar(&self, _: &Scope, _: &Revision, _: &str, _: &AuditEntry) -> Result<(), StoreError> {
        absent()
    }
    async fn unbar(&self, _: &Scope, _: &AuditEntry) -> Result<(), StoreError> {
        absent()
    }
    async fn forget(
        &self,
        _: &Scope,
        _: Generation,
        _: &AuditEntry,
        _: &[NewMessage],
    ) -> Result<(), StoreError> {
        absent()
    }
    async fn see_ref(&self, _: &RepositoryName, _: &str, _: &Revision) -> Result<(), StoreError> {
        absent()
    }
    async fn seen_ref(&self, _: &RepositoryName, _: &str) -> Result<Option<Revision>, StoreError> {
        absent()
    }
    async fn propose(&self, _: &Proposal) -> Result<(), StoreError> {
        absent()
    }
    async fn plan(&self, _: Option<&Scope>, _: &str) -> Result<Vec<PlanRecord>, StoreError> {
        absent()
    }
    async fn plans(&self, _: &Scope, _: u32) -> Result<Vec<PlanRecord>, StoreError> {
        absent()
    }
    async fn plan_document(&self, _: &Scope, _: &PlanId) -> Result<Option<Value>, StoreError> {
        absent()
    }
    async fn interrupt(&self, _: &Scope, _: Generation, _: Timestamp) -> Result<(), StoreError> {
        absent()
    }
    async fn last_apply_of(&self, _: &Scope, _: &PlanId) -> Result<Option<ApplyRecord>, StoreError> {
        absent()
    }
    async fn advance(
        &self,
        _: &Scope,
        _: Generation,
        _: Option<&Revisions>,
        _: Option<&str>,
        _: &BTreeSet<ObjectKey>,
    ) -> Result<(), StoreError> {
        absent()
    }
    async fn applies(&self, _: &Scope, _: u32) -> Result<Vec<ApplyRecord>, StoreError> {
        absent()
    }
    async fn steps(&self, _: ApplyId) -> Result<Vec<StepRecord>, StoreError> {
        absent()
    }
    async fn acknowledge(&self, _: &Scope, _: &Acknowledgement, _: &AuditEntry) -> Result<(), StoreError> {
        absent()
    }
    async fn acknowledgements(&self, _: &Scope) -> Result<Vec<Acknowledgement>, StoreError> {
        absent()
    }
    async fn pending(&self, _: &str, _: Timestamp, _: u32) -> Result<Vec<OutboxMessage>, StoreError> {
        absent()
    }
    async fn enqueue(&self, _: &[NewMessage]) -> Result<(), StoreError> {
        absent()
    }
    async fn delivered(&self, _: &[i64]) -> Result<(), StoreError> {
        absent()
    }
    async fn undelivered(&self, _: i64, _: &str, _: Timestamp) -> Result<(), StoreError> {
        absent()
    }
    async fn audit(&self, _: Option<&Scope>, _: u32) -> Result<Vec<AuditRecord>, StoreError> {
        absent()
    }
    async fn retain(&self, _: Duration, _: Timestamp) -> Result<u64, StoreError> {
        absent()
    }
    async fn backup(&self, _: &Path) -> Result<(), StoreError> {
        absent()
    }
    async fn mark_key(&self) -> Result<[u8; 32], StoreError> {
        Ok([7; 32])
    }
}
