//! What those before an environment run, and whether that may be proposed to it.

use std::sync::Arc;

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::Digest;
use naksha_environments::environment::Follows;
use naksha_environments::ids::Revision;
use naksha_environments::rendered::Rendered;
use naksha_executor::port::soak::Soak;
use naksha_executor::port::store::{EnvironmentRecord, Scope};
use naksha_policies::GateVerdict;
use tracing::warn;

use super::{Candidate, Case, PromotionsTask};
use crate::git::GitError;
use crate::promotion::{Promoted, Ran, Record, candidate, judge_proposal};
use crate::task::hosting::{Hosting, HostingError};

/// What those before an environment run now.
pub(super) enum Next {
    /// It is not known, or nothing that may be proposed.
    Unknown,
    /// Nothing that the environment does not have.
    Nothing,
    Newer(Candidate),
}

impl PromotionsTask {
    /// What may be proposed.
    pub(super) async fn next(
        &self,
        case: &Case<'_>,
        record: &EnvironmentRecord,
    ) -> Result<Next, HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let Follows::Promotion { from } = &case.environment.follows else { return Ok(Next::Unknown) };
        let mut upstreams = Vec::new();
        for name in from {
            let scope = Scope { repository: feed.name().clone(), environment: name.clone() };
            let runs = shared.store.environment(&scope).await?.applied.map(|applied| applied.content);
            let soaks = shared.soaks.soaks(&scope).await?;
            let well = soaks.into_iter().filter(Soak::ran_well).map(|soak| soak.source).collect();
            upstreams.push(Ran { runs, well });
        }
        let mirror = Arc::clone(&feed.mirror);
        let found = tokio::task::spawn_blocking(move || {
            // What Git lost contains nothing.
            let objects = mirror.objects();
            candidate(&upstreams, |one, other| objects.is_ancestor(other, one).unwrap_or(false))
        });
        let Some(source) = found.await? else { return Ok(Next::Unknown) };
        if self.is_barred(case, record, &source).await? {
            return Ok(Next::Unknown);
        }
        // On its way back, what it gives up is not barred yet.
        let applied = record.applied.as_ref().map(|applied| &applied.content);
        let goes_back =
            Self::locked(case).is_some_and(|locked| applied != Some(locked) && record.ran.contains(locked));
        if let Some(applied) = applied.filter(|_| goes_back)
            && self.is_alike(case, applied, &source).await?
        {
            return Ok(Next::Unknown);
        }
        if self.is_behind(case, &source).await? || self.is_moot(case, &source).await? {
            return Ok(Next::Nothing);
        }
        let Some(rendered) = self.rendered(case, &source).await? else { return Ok(Next::Unknown) };
        if rendered.diagnostics.iter().any(Diagnostic::is_error) {
            warn!(environment = %case.environment.name, source = source.short(), "it has errors there, and is not proposed");
            return Ok(Next::Unknown);
        }
        Ok(Next::Newer(Candidate { source, record: Record::of(&rendered) }))
    }

    /// Whether a source was given up, or would be the same there as one that ran and was: the commit of a rollback, for instance, which changes
    /// nothing before it, must not bring back what it takes back.
    pub(super) async fn is_barred(
        &self,
        case: &Case<'_>,
        record: &EnvironmentRecord,
        source: &Revision,
    ) -> Result<bool, HostingError> {
        if record.barred.is_empty() || record.barred.contains_key(source) {
            return Ok(!record.barred.is_empty());
        }
        let soaks = self.0.shared.soaks.soaks(&case.scope).await?;
        let barred = soaks.iter().filter(|soak| record.barred.contains_key(&soak.source));
        let given_up: Vec<Digest> = barred.filter_map(|soak| soak.render).collect();
        if given_up.is_empty() {
            return Ok(false);
        }
        let then = self.rendered(case, source).await?;
        Ok(then.is_some_and(|then| given_up.contains(&then.digest())))
    }

    pub(super) fn locked<'a>(case: &Case<'a>) -> Option<&'a Revision> {
        case.control.loaded.definitions.locks.get(&case.environment.name).map(|lock| &lock.source)
    }

    /// Whether what the lock names contains a source: upstream went back, and nobody goes back by a promotion.
    pub(super) async fn is_behind(&self, case: &Case<'_>, source: &Revision) -> Result<bool, HostingError> {
        let Some(locked) = Self::locked(case).cloned() else { return Ok(false) };
        let (mirror, source) = (Arc::clone(&self.0.feed.mirror), source.clone());
        let behind = move || {
            let objects = mirror.objects();
            Ok::<_, GitError>(
                objects.has(&locked)? && objects.has(&source)? && objects.is_ancestor(&source, &locked)?,
            )
        };
        Ok(tokio::task::spawn_blocking(behind).await??)
    }

    /// Whether the environment would be the same with a source as with what its lock names.
    pub(super) async fn is_moot(&self, case: &Case<'_>, source: &Revision) -> Result<bool, HostingError> {
        match Self::locked(case) {
            Some(locked) => self.is_alike(case, locked, source).await,
            None => Ok(false),
        }
    }

    /// Whether the environment would be the same with both. What Git lost is like nothing else.
    async fn is_alike(
        &self,
        case: &Case<'_>,
        one: &Revision,
        other: &Revision,
    ) -> Result<bool, HostingError> {
        if one == other {
            return Ok(true);
        }
        let (one, other) = (self.rendered(case, one).await?, self.rendered(case, other).await?);
        Ok(one.zip(other).is_some_and(|(one, other)| one.digest() == other.digest()))
    }

    /// Nothing: Git has no such commit any more.
    pub(super) async fn rendered(
        &self,
        case: &Case<'_>,
        source: &Revision,
    ) -> Result<Option<Rendered>, HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let scene = shared.registry.get(&case.scope).and_then(|handle| handle.window.look());
        let facts = scene.map(|scene| Arc::clone(&scene.facts)).unwrap_or_default();
        let (shared, revisions, mirror) =
            (Arc::clone(shared), Arc::clone(&feed.revisions), Arc::clone(&feed.mirror));
        let (control, name) = (Arc::clone(case.control), case.environment.name.clone());
        let source = source.clone();
        let render = move || -> Result<_, GitError> {
            if !mirror.objects().has(&source)? {
                return Ok(None);
            }
            let content = revisions.read(&source)?;
            Ok(Some(shared.render(&control, &content, &name, &facts)))
        };
        Ok(tokio::task::spawn_blocking(render).await??)
    }

    pub(super) async fn record(&self, case: &Case<'_>, source: &Revision) -> Result<Record, HostingError> {
        let rendered = self.rendered(case, source).await?;
        Ok(rendered.as_ref().map(Record::of).unwrap_or_default())
    }

    pub(super) async fn gates(
        &self,
        case: &Case<'_>,
        source: &Revision,
    ) -> Result<[GateVerdict; 4], HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        Ok(judge_proposal(shared, feed, &Promoted::by_lock(case.environment, source.clone())).await?)
    }
}
