//! Merged pull requests, until the environments have them: what became of each is told where it was proposed. One pass at a time.
//!
//! As with open ones, nothing is remembered but that it was told for good. A pass works out what should be said, looks at what
//! is said, and sends the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::wire::PlanDocument;
use naksha_executor::port::forge::{Deployment, DeploymentState, PullNumber};
use naksha_executor::port::review::ShownPull;
use naksha_executor::port::store::Scope;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::hosting::{Hosting, HostingError};
use super::refusals::Refusals;
use crate::failure::chain;
use crate::git::GitError;
use crate::pulls::{Fate, HELD, MARKER, call, call_is_over, call_marker, fate, plain, sequel};

/// A person is called when it stays so for so long: what only seemed to be held calls nobody.
const CALLS_AFTER: Duration = Duration::from_secs(5);

/// Bytes of what a deployment says: no forge shows more.
const MAX_SUMMARY: usize = 500;

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct SequelTask(pub Hosting);

/// By environment. Absent: nobody is called, and who was called is told so.
type Calls = BTreeMap<EnvironmentName, Option<String>>;

/// What was said last on one pull request, and by what: texts of plans are read and written only when that is otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    fates: BTreeMap<EnvironmentName, Fate>,
    calls: Calls,
}

#[derive(Debug, Default)]
struct Said {
    told: BTreeMap<PullNumber, Told>,
    /// Those of which the forge takes no word.
    refused: Refusals<PullNumber>,
}

/// A merged pull request, and what became of it.
struct Merged {
    number: PullNumber,
    commit: Revision,
    at: Timestamp,
    fates: BTreeMap<EnvironmentName, Fate>,
}

impl Merged {
    fn is_over(&self) -> bool {
        self.fates.values().all(|fate| matches!(fate, Fate::Done(_)))
    }
}

impl SequelTask {
    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let (mut said, mut failures) = (Said::default(), 0_u32);
        let mut spoken = self.0.shared.spoken.subscribe();
        let mut reviewed = self.0.feed.reviewed.clone().unwrap_or_default();
        loop {
            spoken.mark_unchanged();
            reviewed.mark_heard();
            let passed = tokio::select! {
                passed = self.pass(&mut said) => passed,
                () = stop.cancelled() => return,
            };
            let soon = passed.as_ref().ok().copied().flatten();
            let pause = self.0.pause(passed.map(drop), &mut failures, "sequels");
            let again = said.refused.due_in().filter(|_| failures == 0);
            let pause = [soon, again].into_iter().flatten().min().unwrap_or(pause);
            tokio::select! {
                _ = spoken.changed(), if failures == 0 => {}
                () = reviewed.changed() => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// After how long to look again, when nothing happens before.
    async fn pass(&self, said: &mut Said) -> Result<Option<Duration>, HostingError> {
        let Said { told: said, refused } = said;
        let Hosting { shared, feed, .. } = &self.0;
        let pulls = shared.reviews.pulls(feed.name()).await?;
        let mut merged = Vec::new();
        for pull in pulls.into_iter().filter(|pull| !pull.is_settled) {
            let told = said.get(&pull.number).map(|told| told.fates.keys().cloned().collect());
            merged.extend(self.merged(pull, told).await?);
        }
        let is_there = |number: &PullNumber| merged.iter().any(|one| one.number == *number);
        said.retain(|number, _| is_there(number));
        refused.retain(is_there);
        // Whoever merged last is called: what came before waits for the same.
        merged.sort_by_key(|one| (one.at, one.number));
        let (now, mut pause, mut called) = (Timestamp::now(), None, BTreeSet::new());
        for one in merged.iter().rev() {
            let told = Told { fates: one.fates.clone(), calls: calls(&one.fates, &called, now) };
            if one.fates.values().any(|fate| matches!(fate, Fate::Stuck { .. })) {
                pause = Some(CALLS_AFTER);
            }
            let before = said.get(&one.number);
            if before != Some(&told) {
                // Whoever merged before is called in its place.
                if refused.rests(&one.number, &one.commit) {
                    continue;
                }
                match self.tell(one, &told, before).await {
                    Ok(()) => {}
                    Err(error) if error.is_general() => return Err(error),
                    // Others are told all the same.
                    Err(error) => {
                        warn!(repository = %feed.name(), pull = %one.number, error = chain(&error), "what became of it was not told");
                        refused.add(one.number, &one.commit, &error);
                        continue;
                    }
                }
                said.insert(one.number, told);
            }
            refused.forget(&one.number);
            called.extend(one.fates.keys().cloned());
            if one.is_over() {
                shared.reviews.settle(feed.name(), one.number).await?;
                info!(repository = %feed.name(), pull = %one.number, "told what became of it");
            }
        }
        self.0.tell_refused("sequels", refused.len());
        Ok(pause)
    }

    async fn tell(&self, one: &Merged, told: &Told, before: Option<&Told>) -> Result<(), HostingError> {
        self.say(one, told).await?;
        self.deploy(one, before).await
    }

    /// Nothing: it is not merged. `told`: the environments that it is about, where that is known.
    async fn merged(
        &self,
        pull: ShownPull,
        told: Option<Vec<EnvironmentName>>,
    ) -> Result<Option<Merged>, HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let ShownPull { number, merged: Some(commit), at, .. } = pull else { return Ok(None) };
        let environments = if let Some(told) = told {
            told
        } else {
            let shown = shared.reviews.shown(feed.name(), number).await?.into_iter();
            shown.map(|plan| plan.environment).collect()
        };
        let status = |environment: EnvironmentName| {
            let scope = Scope { repository: feed.name().clone(), environment: environment.clone() };
            (environment, shared.registry.get(&scope).and_then(|handle| handle.status()))
        };
        let statuses: BTreeMap<_, _> = environments.into_iter().map(status).collect();
        let (mirror, of) = (Arc::clone(&feed.mirror), commit.clone());
        let fates = tokio::task::spawn_blocking(move || {
            let objects = mirror.objects();
            let contains = |revision: &Revision| -> Result<bool, GitError> {
                Ok(objects.has(&of)? && objects.has(revision)? && objects.is_ancestor(&of, revision)?)
            };
            // What Git cannot tell now it tells at the next look.
            let has = |revision: &Revision| contains(revision).unwrap_or(false);
            let fates = statuses.into_iter().map(|(name, status)| (name, fate(status.as_deref(), has)));
            fates.collect::<BTreeMap<_, _>>()
        });
        Ok(Some(Merged { number, commit, at, fates: fates.await? }))
    }

    /// The same as deployments, for forges that show them: beside the pull request, and on a page per environment.
    async fn deploy(&self, one: &Merged, before: Option<&Told>) -> Result<(), HostingError> {
        let is_news = |(environment, fate): &(&EnvironmentName, &Fate)| {
            let before = before.and_then(|before| before.fates.get(*environment));
            // Done stays done, whatever comes after it.
            before != Some(*fate) && !matches!((before, fate), (Some(Fate::Done(_)), Fate::Done(_)))
        };
        let news: Vec<_> = one.fates.iter().filter(is_news).collect();
        if news.is_empty() {
            return Ok(());
        }
        let page = Some(self.0.forge.pull(one.number).await?.page);
        for (environment, fate) in news {
            let (state, summary) = deployed(fate);
            let (revision, environment) = (one.commit.clone(), environment.to_string());
            let summary = plain(&summary, MAX_SUMMARY);
            let deployment = Deployment { revision, environment, state, summary, page: page.clone() };
            match self.0.forge.deploy(&deployment).await {
                // Without that right everything else is still told.
                Err(error) if !error.is_transient() => {
                    warn!(%error, environment = deployment.environment, "its deployment is not shown");
                }
                done => done?,
            }
        }
        Ok(())
    }

    /// Sends what is not said like this already.
    async fn say(&self, one: &Merged, told: &Told) -> Result<(), HostingError> {
        // What was planned nowhere has no fate that is known, and its comment stays.
        if told.fates.is_empty() {
            return Ok(());
        }
        let (number, commit, fates) = (one.number, one.commit.clone(), one.fates.clone());
        let shown = self.0.shared.reviews.shown(self.0.feed.name(), number).await?;
        let text = tokio::task::spawn_blocking(move || {
            let shown: Vec<PlanDocument> =
                shown.iter().filter_map(|plan| serde_json::from_str(&plan.document).ok()).collect();
            sequel(&commit, &fates, &shown)
        });
        let text = text.await?;
        let us = self.0.forge.whoami().await?;
        let mut comments = self.0.forge.comments(number).await?;
        comments.retain(|comment| comment.author == us);
        let sequel = (MARKER.to_owned(), Some(text), None);
        let calls = told.calls.iter().map(|(environment, call)| {
            (call_marker(environment), call.clone(), Some(call_is_over(environment)))
        });
        for (marker, wanted, otherwise) in calls.chain([sequel]) {
            let ours = comments.iter().find(|comment| comment.text.starts_with(&marker));
            match (ours, wanted.or(otherwise.filter(|_| ours.is_some()))) {
                (Some(ours), Some(text)) if ours.text.trim_end() != text.trim_end() => {
                    self.0.forge.edit(ours.id, &text).await?;
                }
                (None, Some(text)) => {
                    self.0.forge.comment(number, &text).await?;
                }
                (Some(_) | None, _) => {}
            }
        }
        Ok(())
    }
}

/// Pure. A fate as a deployment.
fn deployed(fate: &Fate) -> (DeploymentState, String) {
    match fate {
        Fate::Done(words) => (DeploymentState::Done, words.clone()),
        Fate::Going(words) => (DeploymentState::Running, words.clone()),
        Fate::Stuck { what, why, .. } => {
            let why = why.first().map(|why| format!(": {why}")).unwrap_or_default();
            // A held one goes on when a person says so, and has not failed.
            let state = if *what == HELD { DeploymentState::Waits } else { DeploymentState::Failed };
            (state, format!("{what}{why}"))
        }
    }
}

/// Pure. `called`: environments that somebody else is called for.
fn calls(
    fates: &BTreeMap<EnvironmentName, Fate>,
    called: &BTreeSet<EnvironmentName>,
    now: Timestamp,
) -> Calls {
    let is_due = |fate: &Fate| match fate {
        Fate::Stuck { since, .. } => {
            now.duration_since(*since) >= SignedDuration::try_from(CALLS_AFTER).unwrap_or_default()
        }
        Fate::Done(_) | Fate::Going(_) => false,
    };
    let call_for = |(environment, fate): (&EnvironmentName, &Fate)| {
        let is_ours = !called.contains(environment) && is_due(fate);
        (environment.clone(), call(environment, fate).filter(|_| is_ours))
    };
    fates.iter().map(call_for).collect()
}
