//! Which pull requests were merged: what an environment waits for before it calls a commit unreviewed. One pass at a time.
//!
//! A pass asks only about pull requests that something was shown on and that nobody has seen closed; without any the forge is
//! not asked at all. Apart from the reports, because an environment waits for this and for none of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_executor::port::forge::{ForgeError, Pull, PullNumber, PullState};
use naksha_executor::port::review::{ShownMerge, ShownPlan, ShownPull};
use naksha_executor::port::store::{AuditEntry, Scope};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::hosting::{Hosting, HostingError, hint};
use crate::failure::chain;
use crate::promotion::{BRANCHES, CLOSED_MARKER, branch_of};
use crate::pulls::head_of;

/// A forge moves the branch first and says "merged" a moment later: looked at once more after this.
const SETTLES: Duration = Duration::from_secs(2);

/// Since when a pull request is seen to be closed. While it is being merged, Gitea says for a moment that it is closed and not merged.
type Closed = BTreeMap<PullNumber, Instant>;

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct MergesTask(pub Hosting);

impl MergesTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let (mut failures, mut closed) = (0_u32, Closed::new());
        let mut stirred = self.0.feed.stirred.subscribe();
        // Whoever wakes this: what the forge says counts when it had time to say it.
        let mut moved_at = Instant::now();
        loop {
            if self.0.feed.state.has_changed().is_ok_and(|changed| changed) {
                moved_at = Instant::now();
            }
            self.0.feed.state.mark_unchanged();
            stirred.mark_unchanged();
            let is_settled = moved_at.elapsed() >= SETTLES;
            let looked = tokio::select! {
                looked = self.pass(&mut closed, is_settled) => looked,
                () = stop.cancelled() => return,
            };
            if let (Err(error), Some(reviewed)) = (&looked, &self.0.feed.reviewed) {
                reviewed.tell_trouble(chain(error));
            }
            let is_over = looked.is_ok() && is_settled && closed.is_empty();
            let pause = self.0.pause(looked, &mut failures, "merges");
            let pause = if is_over || failures > 0 { pause } else { SETTLES };
            tokio::select! {
                moved = self.0.feed.state.changed() => match moved {
                    Ok(()) => moved_at = Instant::now(),
                    Err(_) => return,
                },
                () = gathered(&self.0.shown), if failures == 0 => {}
                () = hint(&mut stirred, failures) => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// `is_settled`: the heads moved long enough ago that the forge has said by whom.
    async fn pass(&self, closed: &mut Closed, is_settled: bool) -> Result<(), HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        // Before the forge is asked: what it says then is about these.
        let heads = feed.heads();
        let shown = shared.reviews.pulls(feed.name()).await?;
        let waiting: Vec<ShownPull> = shown.into_iter().filter(|pull| pull.merged.is_none()).collect();
        let (mut found, mut failed) = (Vec::new(), None);
        if !waiting.is_empty() {
            // I/O: who of them is open
            let open = forge.open_pulls().await?;
            let is_open = |pull: &ShownPull| open.iter().any(|open| open.number == pull.number);
            closed.retain(|number, _| waiting.iter().any(|pull| pull.number == *number));
            for pull in waiting.iter().filter(|pull| !is_open(pull)) {
                match self.settle(pull, closed).await {
                    Ok(settled) => found.extend(settled),
                    Err(error) if error.is_general() => return Err(error),
                    Err(error) => failed = Some(error),
                }
            }
        }
        // A merge that was just found explains the head; else somebody may be merging.
        let is_explained = found.iter().any(|commit| heads.values().any(|head| head == commit));
        if let Some(reviewed) = &feed.reviewed
            && (waiting.is_empty() || is_explained || is_settled)
        {
            reviewed.tell(heads, !found.is_empty());
        }
        failed.map_or(Ok(()), Err)
    }

    /// Records what became of a pull request that is not open: the commit that it was merged as.
    async fn settle(&self, shown: &ShownPull, closed: &mut Closed) -> Result<Option<Revision>, HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        let (repository, number) = (feed.name(), shown.number);
        let pull = match forge.pull(number).await {
            Ok(pull) => pull,
            Err(ForgeError::Missing(_)) => {
                shared.reviews.withdraw(repository, number).await?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let Pull { head, state, branch, is_fork, .. } = &pull;
        match state {
            PullState::Open => {}
            PullState::Merged { commit: Some(commit) }
                if *head == shown.head || self.has_parent(commit, &shown.head).await? =>
            {
                let unapproved: BTreeSet<_> = self.0.unapproved(&pull).await?.into_keys().collect();
                info!(%repository, pull = %number, commit = commit.short(), ?unapproved, "merged as it was shown");
                let at = forge.now();
                let audit = self.audit(&pull, commit, &unapproved).await?;
                let merge = ShownMerge { number, commit: commit.clone(), at, unapproved, audit };
                shared.reviews.merge(repository, &merge).await?;
                return Ok(Some(merge.commit));
            }
            PullState::Merged { commit } => {
                let commit = commit.as_ref().map(Revision::short);
                warn!(%repository, pull = %number, head = head.short(), shown = shown.head.short(), commit, "merged otherwise than it was shown");
                shared.reviews.withdraw(repository, number).await?;
            }
            PullState::Closed if closed.entry(number).or_insert_with(Instant::now).elapsed() < SETTLES => {}
            PullState::Closed => {
                if !is_fork && branch.starts_with(BRANCHES) && !self.is_closed_by_us(number).await? {
                    self.bar(number, head, branch).await?;
                }
                shared.reviews.withdraw(repository, number).await?;
                closed.remove(&number);
            }
        }
        Ok(None)
    }

    /// Who proposed what it does to each environment, and who approved of it.
    async fn audit(
        &self,
        pull: &Pull,
        commit: &Revision,
        unapproved: &BTreeSet<EnvironmentName>,
    ) -> Result<BTreeMap<EnvironmentName, AuditEntry>, HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        let (number, at, who) = (pull.number, forge.now(), format!("@{}", pull.author));
        let said = self.0.said(number).await?.unwrap_or_default();
        let approvers: Vec<_> = said.iter().map(|approval| format!("@{}", approval.by)).collect();
        let entry = |ShownPlan { environment, plan, .. }: ShownPlan| {
            let mut result = format!("{number} was merged");
            if !approvers.is_empty() {
                result.push_str(&format!(", approved by {}", approvers.join(", ")));
            }
            if unapproved.contains(&environment) {
                result.push_str(", without the approval that it needs");
            }
            let (who, revision, plan) = (who.clone(), Some(commit.clone()), Some(plan));
            (environment, AuditEntry { at, who, what: "merge".to_owned(), revision, plan, result })
        };
        Ok(shared.reviews.shown(feed.name(), number).await?.into_iter().map(entry).collect())
    }

    async fn is_closed_by_us(&self, number: PullNumber) -> Result<bool, HostingError> {
        let us = self.0.forge.whoami().await?;
        let comments = self.0.forge.comments(number).await?;
        Ok(comments.iter().any(|comment| comment.author == us && comment.text.starts_with(CLOSED_MARKER)))
    }

    /// A promotion that somebody closes is not proposed again.
    async fn bar(&self, number: PullNumber, head: &Revision, branch: &str) -> Result<(), HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let (feed_of, head, branch) = (feed.clone(), head.clone(), branch.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            // One that cannot be had any more proposes nothing.
            feed_of.mirror.bring_head(&head_of(number).ok()?, &head).ok()?;
            let control = feed_of.revisions.read(&head).ok()?;
            let locks = control.loaded.definitions.locks.iter();
            let mut closed = locks.filter(|(name, _)| branch_of(name) == branch);
            closed.next().map(|(name, lock)| (name.clone(), lock.source.clone()))
        });
        let Some((environment, source)) = read.await? else { return Ok(()) };
        let scope = Scope { repository: feed.name().clone(), environment };
        let reason = format!("its promotion {number} was closed");
        let audit = AuditEntry {
            at: Timestamp::now(),
            who: "daemon".to_owned(),
            what: "bar".to_owned(),
            revision: Some(source.clone()),
            plan: None,
            result: reason.clone(),
        };
        shared.store.bar(&scope, &source, &reason, &audit).await?;
        // It says so.
        if let Some(handle) = shared.registry.get(&scope) {
            handle.poke();
        }
        info!(%scope, source = source.short(), pull = %number, "promotion refused");
        Ok(())
    }

    /// Whether a merge brought just the head that was shown, although the branch has moved on since.
    async fn has_parent(&self, commit: &Revision, shown: &Revision) -> Result<bool, HostingError> {
        let (mirror, commit, shown) = (Arc::clone(&self.0.feed.mirror), commit.clone(), shown.clone());
        let read = move || {
            let info = mirror.objects().commit_info(&commit);
            info.is_ok_and(|info| info.parents.contains(&shown))
        };
        Ok(tokio::task::spawn_blocking(read).await?)
    }
}

/// Resolves when somebody was shown something, a moment later: a base that moves makes many reports, and one look serves them all.
async fn gathered(shown: &Notify) {
    shown.notified().await;
    tokio::time::sleep(SETTLES).await;
}
