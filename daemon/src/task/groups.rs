//! Merge queues: what a queue is about to merge is judged like the merge itself, and reported on the head that the queue made.
//! One pass at a time.
//!
//! A queue merges what it tests, so that nothing but what the pull requests in it showed may come of it. Reported is always: a
//! queue waits for every check that is required.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::ids::Revision;
use naksha_environments::wire::PlanDocument;
use naksha_executor::port::forge::{Check, Login, MergeGroup, PullNumber};
use naksha_executor::port::store::StoreError;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::hosting::{Hosting, HostingError, hint};
use crate::git::{GitError, RefName};
use crate::pulls::{AGGREGATE, Base, Change, Seen, bases, begun};

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct GroupsTask(pub Hosting);

/// Heads that something was said on, and the base that it was about.
type Said = BTreeMap<Revision, Base>;

impl GroupsTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let (mut said, mut failures) = (Said::new(), 0_u32);
        let mut stirred = self.0.feed.stirred.subscribe();
        loop {
            self.0.feed.state.mark_unchanged();
            stirred.mark_unchanged();
            let passed = tokio::select! {
                passed = self.pass(&mut said) => passed,
                () = stop.cancelled() => return,
            };
            let pause = self.0.pause(passed, &mut failures, "merge queues were not looked at");
            tokio::select! {
                () = hint(&mut stirred, failures) => {}
                moved = self.0.feed.state.changed() => if moved.is_err() { return },
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn pass(&self, said: &mut Said) -> Result<(), HostingError> {
        let groups = self.0.forge.merge_groups().await?;
        said.retain(|head, _| groups.iter().any(|group| group.head == *head));
        if groups.is_empty() {
            return Ok(());
        }
        let us = self.0.forge.whoami().await?;
        let feed = self.0.feed.clone();
        let bases = tokio::task::spawn_blocking(move || bases(&feed)).await??;
        for group in &groups {
            // A branch that no environment follows takes part in nothing.
            let Some(base) = bases.get(&group.base) else { continue };
            if said.get(&group.head) != Some(base) {
                self.tell(&us, (group, &groups), base).await?;
                said.insert(group.head.clone(), base.clone());
            }
        }
        Ok(())
    }

    async fn tell(
        &self,
        us: &Login,
        (group, all): (&MergeGroup, &[MergeGroup]),
        base: &Base,
    ) -> Result<(), HostingError> {
        // I/O: what is said now
        let MergeGroup { head, branch, .. } = group;
        let known = self.0.own_checks(us, head).await?;
        if !known.iter().any(|known| known.name == AGGREGATE) {
            self.0.turn().await;
            self.0.forge.report(head, &begun()).await?;
        }
        // I/O: what its pull requests showed
        let at = RefName::branch(branch)?;
        let (mirror, name, of) = (Arc::clone(&self.0.feed.mirror), at.clone(), head.clone());
        tokio::task::spawn_blocking(move || mirror.bring_head(&name, &of)).await??;
        let seen = self.seen(self.inside(group, all).await?).await?;
        // pure but for reading: what merging it does, and whether that was seen
        let (head, base) = (head.clone(), base.clone());
        // The pull requests in it had their gates; what moves a lock has them here too.
        let change = Change { head, at, from: None, base, is_trusted: true };
        let planned = self.0.plan(&change, Some(&seen)).await?;
        // I/O: the last check says that all others are there
        let (sums, parts): (Vec<&Check>, Vec<_>) =
            planned.report.checks.iter().partition(|check| check.name == AGGREGATE);
        self.0.set(&change.head, &parts, &known).await?;
        self.0.set(&change.head, &sums, &known).await?;
        info!(repository = %self.0.feed.name(), branch, head = change.head.short(), "reported on a merge queue");
        Ok(())
    }

    /// The pull requests in a group: its own, and those of the groups that it stands on.
    async fn inside(
        &self,
        group: &MergeGroup,
        all: &[MergeGroup],
    ) -> Result<BTreeSet<PullNumber>, HostingError> {
        let (mirror, head) = (Arc::clone(&self.0.feed.mirror), group.head.clone());
        let others: Vec<MergeGroup> = all.iter().filter(|other| other.base == group.base).cloned().collect();
        let inside = move || {
            let objects = mirror.objects();
            let is_inside = |other: &MergeGroup| {
                Ok::<_, GitError>(
                    other.head == head
                        || objects.has(&other.head)? && objects.is_ancestor(&other.head, &head)?,
                )
            };
            let mut inside = BTreeSet::new();
            for other in &others {
                if is_inside(other)? {
                    inside.insert(other.number);
                }
            }
            Ok::<_, GitError>(inside)
        };
        Ok(tokio::task::spawn_blocking(inside).await??)
    }

    async fn seen(&self, pulls: BTreeSet<PullNumber>) -> Result<Seen, StoreError> {
        let Hosting { shared, feed, .. } = &self.0;
        let mut seen = Seen::new();
        for number in pulls {
            for (environment, document) in shared.reviews.documents(feed.name(), number).await? {
                if let Ok(document) = serde_json::from_value::<PlanDocument>(document) {
                    seen.entry(environment).or_default().extend(document.own_actions());
                }
            }
        }
        Ok(seen)
    }
}
