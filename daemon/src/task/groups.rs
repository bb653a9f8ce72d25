//! Merge queues: what a queue is about to merge is judged like the merge itself, and reported on the head that the queue made.
//! One pass at a time.
//!
//! A group stands on the trunk, or on the group before it, and brings one pull request: nothing but what that showed may come of it
//! there. Reported is always: a queue waits for every check that is required, and drops what is red, so that what only waits is said
//! to be running.

use std::collections::BTreeMap;

use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{Check, CheckState, Login, MergeGroup, Pull, PullNumber};
use naksha_executor::port::store::StoreError;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::hosting::{Hosting, HostingError, hint};
use super::planning::Whose;
use super::refusals::Refusals;
use crate::failure::chain;
use crate::git::RefName;
use crate::pulls::{Base, Change, Seen, bases};

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct GroupsTask(pub Hosting);

#[derive(Debug, Default)]
struct Said {
    /// Heads that everything was said on, and the base that it was about.
    words: BTreeMap<Revision, Base>,
    /// Those that could not be looked at.
    refused: Refusals<Revision>,
}

impl GroupsTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let (mut said, mut failures) = (Said::default(), 0_u32);
        let mut stirred = self.0.feed.stirred.subscribe();
        loop {
            self.0.feed.state.mark_unchanged();
            stirred.mark_unchanged();
            let passed = tokio::select! {
                passed = self.pass(&mut said) => passed,
                () = stop.cancelled() => return,
            };
            let pause = self.0.pause(passed, &mut failures, "merge queues");
            let again = said.refused.due_in().filter(|_| failures == 0);
            let pause = again.map_or(pause, |again| pause.min(again));
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
        let before = said.words.len();
        let is_there = |head: &Revision| groups.iter().any(|group| group.head == *head);
        said.words.retain(|head, _| is_there(head));
        said.refused.retain(is_there);
        if said.words.is_empty() || said.words.len() < before {
            let there =
                groups.iter().map(|group| RefName::branch(&group.branch)).collect::<Result<_, _>>()?;
            self.0.keep_heads("refs/heads/", there).await?;
        }
        if groups.is_empty() {
            return Ok(());
        }
        let us = self.0.forge.whoami().await?;
        let feed = self.0.feed.clone();
        let bases = tokio::task::spawn_blocking(move || bases(&feed)).await??;
        let is_tried = |group: &&MergeGroup| bases.contains_key(&group.base);
        said.refused.retain(|head| groups.iter().filter(is_tried).any(|group| group.head == *head));
        for group in &groups {
            // A branch that no environment follows takes part in nothing.
            let Some(base) = bases.get(&group.base).map(|base| base.at(&group.onto)) else { continue };
            if said.words.get(&group.head) == Some(&base) || said.refused.rests(&group.head, &group.head) {
                continue;
            }
            match self.tell(&us, group, &base).await {
                Ok(true) => drop(said.words.insert(group.head.clone(), base)),
                // A gate may open meanwhile.
                Ok(false) => {}
                Err(error) if error.is_general() => return Err(error),
                Err(error) => {
                    warn!(branch = group.branch, error = chain(&error), "a merge queue was not looked at");
                    said.refused.add(group.head.clone(), &group.head, &error);
                    if !said.refused.is_told(&group.head, &group.head) {
                        self.0.say_why(&group.head, &error).await?;
                        said.refused.told(&group.head);
                    }
                    continue;
                }
            }
            said.refused.forget(&group.head);
        }
        self.0.tell_refused("merge queues", said.refused.len());
        Ok(())
    }

    /// False: something of it waits.
    async fn tell(&self, us: &Login, group: &MergeGroup, base: &Base) -> Result<bool, HostingError> {
        // I/O: what is said now
        let MergeGroup { number, head, branch, .. } = group;
        let known = self.0.begin(us, head, true).await?;
        // I/O: what its pull request showed
        let seen = self.seen(*number).await?;
        let pull = self.0.forge.pull(*number).await?;
        let lacking = self.0.unapproved(&pull).await?;
        // pure but for reading: what merging it does, and whether that was seen
        let is_trusted = self.is_trusted(&pull).await?;
        let at = RefName::branch(branch)?;
        let change = Change { head: head.clone(), at, base: base.clone(), is_trusted };
        let planned = self.0.plan(&change, Whose::Queue { seen: &seen, lacking: &lacking }).await?;
        let mut checks = planned.report.checks;
        let waits = |check: &Check| check.state == CheckState::Waits;
        let is_open = checks.iter().any(waits);
        checks.iter_mut().filter(|check| waits(check)).for_each(|check| check.state = CheckState::Running);
        // I/O: the last check says that all others are there
        self.0.set_parts(head, &checks, &known).await?;
        self.0.set_sum(head, &checks, &known).await?;
        info!(repository = %self.0.feed.name(), branch, head = head.short(), "reported on a merge queue");
        Ok(!is_open)
    }

    /// Whoever put a fork's pull request into the queue did not thereby let it near a target.
    async fn is_trusted(&self, pull: &Pull) -> Result<bool, HostingError> {
        if !pull.is_fork {
            return Ok(true);
        }
        let comments = self.0.forge.comments(pull.number).await?;
        self.0.is_allowed(&pull.head, &comments).await
    }

    async fn seen(&self, number: PullNumber) -> Result<Seen, StoreError> {
        let Hosting { shared, feed, .. } = &self.0;
        let shown = shared.reviews.shown(feed.name(), number).await?.into_iter();
        Ok(shown.map(|plan| (plan.environment, plan.actions)).collect())
    }
}
