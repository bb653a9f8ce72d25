//! Promotion pull requests: at most one per environment, kept as what upstream runs asks for. One pass at a time.
//!
//! Nothing is remembered: what is proposed stands on the forge, in the lock on a branch of ours. Whatever a pass leaves half done
//! (a branch without a pull request, one that is not needed any more), the next one puts right.

use std::collections::BTreeSet;
use std::sync::Arc;

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::Revision;
use naksha_environments::rendered::Rendered;
use naksha_executor::port::forge::{CheckState, FileCommit, ForgeError, NewPull, Pull};
use naksha_executor::port::store::{EnvironmentRecord, Scope};
use naksha_policies::{GateState, GateVerdict};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::hosting::{Hosting, HostingError};
use super::{LoadedRevision, RefState};
use crate::failure::chain;
use crate::git::{Merged, Objects};
use crate::promotion::{
    Asked, Choice, Contents, Ran, Record, Standing, blocked, branch_of, candidate, choose, judge_gates,
    lock_path, lock_text, promotion_text, promotion_title,
};
use crate::pulls::{AGGREGATE, head_of};

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct PromotionsTask(pub Hosting);

/// One environment, as a pass finds it.
struct Case<'a> {
    control: &'a Arc<LoadedRevision>,
    environment: &'a Arc<Environment>,
    scope: Scope,
    trunk: &'a str,
}

/// What is proposed now.
struct Open<'a> {
    pull: &'a Pull,
    /// Absent: its lock cannot be read, or it does not merge any more.
    source: Option<Revision>,
}

/// A source, and what it would be there.
struct Candidate {
    source: Revision,
    record: Record,
}

impl PromotionsTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut soaked = self.0.shared.soaked.subscribe();
        let mut failures = 0_u32;
        loop {
            self.0.feed.state.mark_unchanged();
            soaked.mark_unchanged();
            let passed = tokio::select! {
                passed = self.pass() => passed,
                () = stop.cancelled() => return,
            };
            let pause = match passed {
                Ok(()) => {
                    failures = 0;
                    self.0.poll
                }
                Err(error) => {
                    failures += 1;
                    warn!(repository = %self.0.feed.name(), error = chain(&error), "promotions were not looked at");
                    error.pause(failures)
                }
            };
            tokio::select! {
                _ = soaked.changed(), if failures == 0 => {}
                moved = self.0.feed.state.changed() => if moved.is_err() { return },
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn pass(&self) -> Result<(), HostingError> {
        let feed = &self.0.feed;
        let Some(trunk) = feed.trunk() else { return Ok(()) };
        let RefState::At(head) = feed.at(&trunk) else { return Ok(()) };
        let revisions = Arc::clone(&feed.revisions);
        let control = tokio::task::spawn_blocking(move || revisions.read(&head)).await??;
        let promoted = control.loaded.definitions.environments.values();
        let promoted: Vec<_> =
            promoted.filter(|environment| matches!(environment.follows, Follows::Promotion { .. })).collect();
        if promoted.is_empty() {
            return Ok(());
        }
        let open = self.0.forge.open_pulls().await?;
        let mut failed = None;
        for environment in promoted {
            let scope = Scope { repository: feed.name().clone(), environment: environment.name.clone() };
            let trunk = trunk.branch_name().unwrap_or_default();
            let case = Case { control: &control, environment, scope, trunk };
            match self.keep(&case, &open).await {
                Ok(()) => {}
                Err(error) if error.is_general() => return Err(error),
                Err(error) => {
                    warn!(environment = %environment.name, error = chain(&error), "its promotion was not looked at");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Opens, updates, merges or closes the promotion of one environment.
    async fn keep(&self, case: &Case<'_>, pulls: &[Pull]) -> Result<(), HostingError> {
        let name = &case.environment.name;
        let branch = branch_of(name);
        let is_ours = |pull: &&Pull| pull.branch == branch && !pull.is_fork && pull.base == case.trunk;
        let open = match pulls.iter().find(is_ours) {
            Some(pull) => Some(Open { pull, source: self.proposed(case, pull).await? }),
            None => None,
        };
        let record = self.0.shared.store.environment(&case.scope).await?;
        let newer = self.candidate(case, &record).await?;
        match (open, newer) {
            (None, None) => Ok(()),
            (None, Some(newer)) => self.open(case, &newer).await,
            (Some(Open { pull, source: None }), _) => {
                self.close(pull, &branch, "its lock does not fit the trunk any more").await
            }
            (Some(Open { pull, source: Some(source) }), newer) => {
                if self.is_moot(case, &source).await? {
                    return self.close(pull, &branch, "it would change nothing any more").await;
                }
                let gates = self.gates(case, &source).await?;
                let standing = Standing { source: &source, gates: &gates };
                match newer {
                    Some(newer) => {
                        let newer_gates = self.gates(case, &newer.source).await?;
                        let other = Standing { source: &newer.source, gates: &newer_gates };
                        if choose(standing, other) == Choice::Replace {
                            return self.update(case, pull, &newer).await;
                        }
                    }
                    None if standing.has_failed() => {
                        return self.close(pull, &branch, "nothing before it runs it any more").await;
                    }
                    None => {}
                }
                self.merge_by_itself(case, pull, &gates).await
            }
        }
    }

    /// The source that a pull request of ours proposes.
    async fn proposed(&self, case: &Case<'_>, pull: &Pull) -> Result<Option<Revision>, HostingError> {
        let (feed, base, name) =
            (self.0.feed.clone(), case.control.revision.clone(), case.environment.name.clone());
        let (number, head) = (pull.number, pull.head.clone());
        let read = tokio::task::spawn_blocking(move || {
            feed.mirror.bring_head(&head_of(number)?, &head)?;
            let Merged::Clean(tree) = feed.mirror.objects().merge(&base, &head)? else { return Ok(None) };
            let merged = feed.revisions.load(&head, tree);
            Ok(merged.loaded.definitions.locks.get(&name).map(|lock| lock.source.clone()))
        });
        read.await?
    }

    /// What is to be proposed, when that is anything.
    async fn candidate(
        &self,
        case: &Case<'_>,
        record: &EnvironmentRecord,
    ) -> Result<Option<Candidate>, HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let Follows::Promotion { from } = &case.environment.follows else { return Ok(None) };
        let mut upstreams = Vec::new();
        for name in from {
            let scope = Scope { repository: feed.name().clone(), environment: name.clone() };
            let runs = shared.store.environment(&scope).await?.applied.map(|applied| applied.content);
            let soaks = shared.soaks.soaks(&scope).await?;
            let well: BTreeSet<_> = soaks
                .into_iter()
                .filter(|soak| soak.is_well != Some(false))
                .map(|soak| soak.source)
                .collect();
            upstreams.push(Ran { runs, well });
        }
        let mirror = Arc::clone(&feed.mirror);
        let found = tokio::task::spawn_blocking(move || {
            // What Git lost contains nothing.
            let objects = mirror.objects();
            candidate(&upstreams, |one, other| objects.is_ancestor(other, one).unwrap_or(false))
        });
        let Some(source) = found.await?.filter(|source| !record.barred.contains_key(source)) else {
            return Ok(None);
        };
        if self.is_moot(case, &source).await? {
            return Ok(None);
        }
        let rendered = self.render(case, &source).await?;
        if rendered.diagnostics.iter().any(Diagnostic::is_error) {
            warn!(environment = %case.environment.name, source = source.short(), "it has errors there, and is not proposed");
            return Ok(None);
        }
        Ok(Some(Candidate { source, record: Record::of(&rendered) }))
    }

    fn locked<'a>(case: &Case<'a>) -> Option<&'a Revision> {
        case.control.loaded.definitions.locks.get(&case.environment.name).map(|lock| &lock.source)
    }

    /// Whether the environment would be the same with a source as with what its lock names.
    async fn is_moot(&self, case: &Case<'_>, source: &Revision) -> Result<bool, HostingError> {
        let Some(locked) = Self::locked(case) else { return Ok(false) };
        if locked == source {
            return Ok(true);
        }
        let (now, then) = (self.render(case, locked).await?, self.render(case, source).await?);
        Ok(now.digest() == then.digest())
    }

    async fn render(&self, case: &Case<'_>, source: &Revision) -> Result<Rendered, HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let scene = shared.registry.get(&case.scope).and_then(|handle| handle.window.look());
        let facts = scene.map(|scene| Arc::clone(&scene.facts)).unwrap_or_default();
        let (shared, revisions) = (Arc::clone(shared), Arc::clone(&feed.revisions));
        let (control, name) = (Arc::clone(case.control), case.environment.name.clone());
        let source = source.clone();
        let render = move || {
            let content = revisions.read(&source)?;
            Ok(shared.render(&control, &content, &name, &facts))
        };
        tokio::task::spawn_blocking(render).await?
    }

    async fn gates(&self, case: &Case<'_>, source: &Revision) -> Result<[GateVerdict; 4], HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let blocked = blocked(shared, &case.scope);
        let asked =
            Asked { environment: case.environment, source, blocked: blocked.as_deref(), skipped_by: None };
        Ok(judge_gates(shared, feed, &asked).await?)
    }

    async fn open(&self, case: &Case<'_>, candidate: &Candidate) -> Result<(), HostingError> {
        let forge = &self.0.forge;
        let (name, branch) = (&case.environment.name, branch_of(&case.environment.name));
        let (title, text) = self.told(case, candidate).await?;
        // What is left of an earlier one: it was merged or closed, or we were interrupted.
        if forge.branch(&branch).await?.is_some() {
            self.0.turn().await;
            forge.delete_branch(&branch).await?;
        }
        self.0.turn().await;
        forge.commit(&Self::file(case, candidate, Some(case.trunk), &title)).await?;
        self.0.turn().await;
        let base = case.trunk.to_owned();
        let number = forge.open(&NewPull { title, text, branch, base }).await?;
        info!(environment = %name, pull = %number, source = candidate.source.short(), "promotion proposed");
        Ok(())
    }

    async fn update(&self, case: &Case<'_>, pull: &Pull, newer: &Candidate) -> Result<(), HostingError> {
        let (title, text) = self.told(case, newer).await?;
        self.0.turn().await;
        self.0.forge.commit(&Self::file(case, newer, None, &title)).await?;
        self.0.turn().await;
        self.0.forge.amend(pull.number, &title, &text).await?;
        info!(environment = %case.environment.name, pull = %pull.number, source = newer.source.short(), "promotion moves on");
        Ok(())
    }

    /// Ours to close: what it showed is forgotten first, so that nobody takes it for a refusal.
    async fn close(&self, pull: &Pull, branch: &str, why: &str) -> Result<(), HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        shared.reviews.withdraw(feed.name(), pull.number).await?;
        self.0.turn().await;
        forge.comment(pull.number, &format!("Closed: {why}.")).await?;
        self.0.turn().await;
        forge.close(pull.number).await?;
        self.0.turn().await;
        forge.delete_branch(branch).await?;
        info!(pull = %pull.number, why, "promotion closed");
        Ok(())
    }

    /// Merges, where the environment says so, once everything that we report on it is fine.
    async fn merge_by_itself(
        &self,
        case: &Case<'_>,
        pull: &Pull,
        gates: &[GateVerdict],
    ) -> Result<(), HostingError> {
        let forge = &self.0.forge;
        if !case.environment.gates.auto_merge || gates.iter().any(|verdict| verdict.state != GateState::Open)
        {
            return Ok(());
        }
        let us = forge.whoami().await?;
        let checks = forge.checks(&pull.head).await?;
        let ours: Vec<_> = checks.iter().filter(|check| check.author.as_ref() == Some(&us)).collect();
        let is_told = ours.iter().any(|check| check.name == AGGREGATE);
        if !is_told || ours.iter().any(|check| check.state != CheckState::Passed) {
            return Ok(());
        }
        self.0.turn().await;
        match forge.merge(pull.number, &pull.head).await {
            Ok(()) => {
                info!(environment = %case.environment.name, pull = %pull.number, "promotion merged by itself");
                Ok(())
            }
            // The forge has rules of its own, approvals for instance: it waits for these.
            Err(ForgeError::Invalid(words)) => {
                info!(environment = %case.environment.name, pull = %pull.number, words, "the forge does not merge it yet");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The one file that is ever written, on the one branch that is ours.
    fn file(case: &Case<'_>, candidate: &Candidate, from: Option<&str>, title: &str) -> FileCommit {
        FileCommit {
            branch: branch_of(&case.environment.name),
            from: from.map(str::to_owned),
            path: lock_path(case.environment),
            text: lock_text(&candidate.source, &candidate.record),
            message: title.to_owned(),
        }
    }

    /// Title and text.
    async fn told(&self, case: &Case<'_>, candidate: &Candidate) -> Result<(String, String), HostingError> {
        let locked = Self::locked(case).cloned();
        let before = match &locked {
            Some(locked) => Some(Record::of(&self.render(case, locked).await?)),
            None => None,
        };
        let (mirror, from, to) = (Arc::clone(&self.0.feed.mirror), locked.clone(), candidate.source.clone());
        let commits = move || Objects::commits_between(mirror.objects(), from.as_ref(), &to);
        let (commits, more) = tokio::task::spawn_blocking(commits).await??;
        let repository = case.control.loaded.definitions.repository.as_ref();
        let owners = repository.and_then(|repository| repository.owners.get(&case.environment.name));
        let contents = Contents {
            environment: case.environment,
            before: locked.as_ref().zip(before.as_ref()),
            source: &candidate.source,
            record: &candidate.record,
            commits: &commits,
            more,
            owners: owners.map_or(&[], |owners| &owners.promote),
        };
        Ok((promotion_title(&contents), promotion_text(&contents)))
    }
}
