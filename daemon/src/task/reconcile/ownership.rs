//! The lease of an environment, and the inventory that comes with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use naksha_environments::ids::{Generation, Revision};
use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::object::{ObjectKey, Observation};
use naksha_environments::plan::Plan;
use naksha_environments::rendered::Rendered;
use naksha_executor::port::store::AuditEntry;
use naksha_executor::realise::{self, RealiseOutcome};
use tracing::info;

use super::desired::Renders;
use super::report::Situation;
use super::{PassError, Reconciler};
use crate::task::heads::seen_name;

/// How long an owner may be silent before another takes over.
pub(super) const LEASE: Duration = Duration::from_secs(60);
/// Renewed when a third of it is over: two renewals may fail.
pub(super) const RENEW: Duration = Duration::from_secs(20);

/// Which generation we own, as of when.
#[derive(Debug, Default)]
pub(super) struct Lease(Option<(Generation, Instant)>);

impl Lease {
    pub(super) fn generation(&self) -> Option<Generation> {
        self.0.map(|(generation, _)| generation)
    }

    fn fresh(&self) -> Option<Generation> {
        self.0.filter(|(_, at)| at.elapsed() < RENEW).map(|(generation, _)| generation)
    }
}

impl Reconciler {
    /// Takes the lease, or renews it when it is time.
    pub(super) async fn own(&mut self) -> Result<Generation, PassError> {
        if let Some(generation) = self.lease.fresh() {
            return Ok(generation);
        }
        let before = self.lease.generation();
        let at = Instant::now();
        let leased = self.shared.store.lease(&self.scope, &self.shared.owner, LEASE).await;
        let generation = leased.map_err(|error| {
            self.lease = Lease(None);
            PassError::Store(error)
        })?;
        self.lease = Lease(Some((generation, at)));
        if before != Some(generation) {
            info!(%generation, "environment is ours");
            self.inventory = None;
            self.proposed = None;
        }
        Ok(generation)
    }

    /// Counts what is owned now, for the status.
    pub(super) async fn count_owned(&mut self) -> Result<(), PassError> {
        let inventory = self.inventory().await?;
        self.owned = inventory.confirmed();
        Ok(())
    }

    pub(super) async fn inventory(&mut self) -> Result<Arc<Inventory>, PassError> {
        if let Some(inventory) = &self.inventory {
            return Ok(Arc::clone(inventory));
        }
        let (store, scope) = (&self.shared.store, &self.scope);
        let inventory = match self.rendered.first() {
            Some(rendered) => store.inventory_beside(scope, &rendered.rendered).await,
            None => store.inventory(scope).await,
        };
        let inventory = inventory.map_err(PassError::Store)?;
        self.inventory = Some(Arc::clone(&inventory));
        Ok(inventory)
    }

    /// Where it is not noted in which target the objects are: in the one that the applied definition names.
    pub(super) fn placed(&mut self, inventory: Arc<Inventory>, renders: &Renders) -> Arc<Inventory> {
        let control = renders.applied.as_ref().map(|applied| &applied.control.loaded.definitions);
        let applied = control.and_then(|control| control.environments.get(&self.scope.environment));
        let Some(environment) = applied.filter(|_| inventory.place.is_none()) else { return inventory };
        let mut placed = Inventory::clone(&inventory);
        placed.place = Some(environment.target.place().into());
        let placed = Arc::new(placed);
        self.inventory = Some(Arc::clone(&placed));
        placed
    }

    /// After a crash the target may be ahead of the inventory: what is proven to be our write becomes ours.
    pub(super) async fn confirm(
        &mut self,
        generation: Generation,
        inventory: Arc<Inventory>,
        observation: &Observation,
    ) -> Result<Arc<Inventory>, PassError> {
        let confirmed = realise::confirm(&self.scope, &inventory, observation);
        if confirmed.is_empty() {
            return Ok(inventory);
        }
        info!(objects = confirmed.len(), "writes of an interrupted apply are confirmed");
        self.refresh(generation, &confirmed).await?;
        self.inventory().await
    }

    /// Records what the plan found to be right already, so that the next pass need not look again.
    pub(super) async fn settle(
        &mut self,
        generation: Generation,
        plan: &Plan,
        rendered: &Rendered,
        observation: &Observation,
        inventory: &Arc<Inventory>,
    ) -> Result<(), PassError> {
        let settled = realise::settle(plan, rendered, observation, inventory);
        if settled.is_empty() {
            return Ok(());
        }
        self.refresh(generation, &settled).await
    }

    /// Remembers where the environment is, when that moved without an apply saying so: a commit that changes nothing
    /// here, or what only healed. Also drops entries of objects that are gone, and the heads that were accepted.
    pub(super) async fn remember(
        &mut self,
        generation: Generation,
        situation: &Situation<'_>,
        applied: Option<&RealiseOutcome>,
    ) -> Result<(), PassError> {
        let Situation { sources, record, rendered, judgement } = situation;
        let is_recovered = self.inventory().await?.recovered;
        let store = &self.shared.store;
        let quiet =
            applied.is_none() && record.suspension.is_none() && sources.frozen.is_none() && !rendered.broken;
        if quiet && judgement.plan.is_empty() {
            let revisions = sources.revisions();
            let is_news = record.applied.as_ref() != Some(&revisions) || is_recovered;
            let moved = judgement.is_settled() && is_news;
            if moved || !judgement.plan.forget.is_empty() {
                let (revisions, forget) = (moved.then_some(&revisions), &judgement.plan.forget);
                // Everything was found in the target, wherever it was before.
                let place = judgement.is_settled().then(|| sources.environment.target.place());
                let advanced =
                    store.advance(&self.scope, generation, revisions, place.as_deref(), forget).await;
                advanced.map_err(PassError::Store)?;
                self.inventory = None;
            }
        }
        if let Some(left) = &sources.rolled_back_from
            && !record.barred.contains_key(left)
            // Once: what a person lets again stays so, although it was tried last.
            && self.gave_up.as_ref() != Some(left)
        {
            let reason = format!("rolled back to {}", sources.content.revision.short());
            let audit = AuditEntry { result: reason.clone(), ..Self::audit("bar", left) };
            store.bar(&self.scope, left, &reason, &audit).await.map_err(PassError::Store)?;
        }
        self.gave_up.clone_from(&sources.rolled_back_from);
        if let Some((name, head)) = &sources.seen {
            let key = seen_name(&self.scope.environment, name);
            store.see_ref(&self.scope.repository, &key, head).await.map_err(PassError::Store)?;
        }
        Ok(())
    }

    fn audit(what: &str, revision: &Revision) -> AuditEntry {
        AuditEntry {
            at: Timestamp::now(),
            who: "daemon".to_owned(),
            what: what.to_owned(),
            revision: Some(revision.clone()),
            plan: None,
            result: "succeeded".to_owned(),
        }
    }

    async fn refresh(
        &mut self,
        generation: Generation,
        owned: &BTreeMap<ObjectKey, Arc<Owned>>,
    ) -> Result<(), PassError> {
        // Read again from the store, which shares what it keeps.
        self.inventory = None;
        self.shared.store.refresh_marks(&self.scope, generation, owned).await.map_err(PassError::Store)
    }
}
