//! Promotion pull requests: at most one per environment, kept as what upstream runs asks for. One pass at a time.
//!
//! Nothing is remembered: what is proposed stands on the forge, in the lock on a branch of ours. Whatever a pass leaves half done
//! (a branch without a pull request, one that is not needed any more), the next one puts right.

mod next;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use naksha_environments::digest::Digest;
use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::source::{Entry, SourceTree, TreePath};
use naksha_executor::port::forge::{CheckState, FileCommit, ForgeError, NewPull, Pull, PullNumber};
use naksha_executor::port::review::ShownPull;
use naksha_executor::port::store::Scope;
use naksha_policies::GateState;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::hosting::{Hosting, HostingError, hint};
use super::refusals::Refusals;
use super::{LoadedRevision, RefState};
use crate::failure::chain;
use crate::git::{GitError, Merged, Objects};
use crate::promotion::{
    CLOSED_MARKER, Choice, Contents, Record, Standing, branch_of, choose, lock_path, lock_text,
    promotion_text, promotion_title,
};
use crate::pulls::{AGGREGATE, head_of};
use next::Next;

/// A forge that does not merge is asked again after this: its rules may wait for a person.
const ASKED_AGAIN: Duration = Duration::from_secs(600);
/// A forge tells of a merge sooner than Git brings it, by so long at most.
const COMES_WITHIN: SignedDuration = SignedDuration::from_mins(2);
/// Between a branch that goes and one of its name.
const SETTLES: Duration = Duration::from_secs(2);
/// A lock of ours is a few kilobytes.
const MAX_LOCK: u64 = 1 << 20;

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
struct Proposed {
    source: Revision,
    /// It changes nothing but the lock, which is as we would write it: it holds nobody else's work.
    is_ours_alone: bool,
    /// It is a lock of ours alone that records something else than would be recorded now.
    is_behind: bool,
    /// What it records.
    render: Option<Digest>,
}

/// Pull requests at a head that the forge did not merge for us, because its own rules say so. Asked again when the head moves, or
/// after a while.
type Unmerged = BTreeMap<PullNumber, (Revision, Instant)>;

/// A source, and what it would be there.
struct Candidate {
    source: Revision,
    record: Record,
}

impl PromotionsTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut soaked = self.0.shared.soaked.subscribe();
        let mut reviewed = self.0.feed.reviewed.clone().unwrap_or_default();
        let (mut stirred, mut reported) = (self.0.feed.stirred.subscribe(), self.0.reported.subscribe());
        let (mut failures, mut refused) = (0_u32, Unmerged::new());
        let mut unproposed = Refusals::default();
        loop {
            self.0.feed.state.mark_unchanged();
            soaked.mark_unchanged();
            stirred.mark_unchanged();
            reported.mark_unchanged();
            reviewed.mark_heard();
            let passed = tokio::select! {
                passed = self.pass(&mut refused, &mut unproposed) => passed,
                () = stop.cancelled() => return,
            };
            let pause = self.0.pause(passed, &mut failures, "promotions");
            let again = unproposed.due_in().filter(|_| failures == 0);
            let pause = again.map_or(pause, |again| pause.min(again));
            tokio::select! {
                _ = soaked.changed(), if failures == 0 => {}
                // A rule of the trunk may have kept a merge waiting for our own check.
                _ = reported.changed(), if failures == 0 => {}
                () = reviewed.changed() => {}
                () = hint(&mut stirred, failures) => {}
                moved = self.0.feed.state.changed() => if moved.is_err() { return },
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn pass(
        &self,
        refused: &mut Unmerged,
        unproposed: &mut Refusals<EnvironmentName>,
    ) -> Result<(), HostingError> {
        let feed = &self.0.feed;
        let at = feed.trunk().map(|trunk| (feed.at(&trunk), trunk));
        let Some((RefState::At(head), trunk)) = at else {
            unproposed.retain(|_| false);
            return Ok(());
        };
        let revisions = Arc::clone(&feed.revisions);
        let control = tokio::task::spawn_blocking(move || revisions.read(&head)).await??;
        let promoted = control.loaded.definitions.environments.values();
        let promoted: Vec<_> =
            promoted.filter(|environment| matches!(environment.follows, Follows::Promotion { .. })).collect();
        unproposed.retain(|name| promoted.iter().any(|environment| environment.name == *name));
        if promoted.is_empty() {
            return Ok(());
        }
        let open = self.0.forge.open_pulls().await?;
        refused.retain(|number, _| open.iter().any(|pull| pull.number == *number));
        for environment in promoted {
            if unproposed.rests(&environment.name, &control.revision) {
                continue;
            }
            let scope = Scope { repository: feed.name().clone(), environment: environment.name.clone() };
            let trunk = trunk.branch_name().unwrap_or_default();
            let case = Case { control: &control, environment, scope, trunk };
            match self.keep(&case, &open, refused).await {
                Ok(()) => unproposed.forget(&environment.name),
                Err(error) if error.is_general() => return Err(error),
                // Others are looked at all the same.
                Err(error) => {
                    warn!(environment = %environment.name, error = chain(&error), "its promotion was not looked at");
                    unproposed.add(environment.name.clone(), &control.revision, &error);
                }
            }
        }
        self.0.tell_refused("promotions", unproposed.len());
        Ok(())
    }

    /// Opens, updates, merges or closes the promotion of one environment.
    async fn keep(
        &self,
        case: &Case<'_>,
        pulls: &[Pull],
        refused: &mut Unmerged,
    ) -> Result<(), HostingError> {
        let branch = branch_of(&case.environment.name);
        let is_its = |pull: &&Pull| pull.branch == branch && !pull.is_fork && pull.base == case.trunk;
        let record = self.0.shared.store.environment(&case.scope).await?;
        let next = self.next(case, &record).await?;
        let Some(pull) = pulls.iter().find(is_its) else {
            return match next {
                Next::Newer(newer) => self.open(case, &newer, pulls).await,
                Next::Nothing | Next::Unknown => Ok(()),
            };
        };
        let Some(proposed) = self.proposed(case, pull).await? else {
            return self.close(pull, &branch, "its lock does not fit the trunk any more").await;
        };
        let source = &proposed.source;
        if self.is_behind(case, source).await? || self.is_moot(case, source).await? {
            return self.close(pull, &branch, "it would take nothing further any more").await;
        }
        if self.is_barred(case, &record, source).await? {
            return self.close(pull, &branch, "it was given up there").await;
        }
        let gates = self.gates(case, source).await?;
        let standing = Standing { source, gates: &gates };
        match next {
            Next::Newer(newer) => {
                let newer_gates = self.gates(case, &newer.source).await?;
                let other = Standing { source: &newer.source, gates: &newer_gates };
                // The record is of the rules as they were: the environment is another one by now.
                let knows_facts = record.applied.is_none() || self.is_open(case);
                if newer.source == *source && proposed.is_behind && knows_facts {
                    return self.update(case, (pull, proposed.render), &newer).await;
                }
                if choose(standing, other) == Choice::Replace {
                    let before = self.record(case, source).await?.render;
                    return self.update(case, (pull, before), &newer).await;
                }
            }
            // Taken back there, it has no business here.
            Next::Nothing => {
                return self.close(pull, &branch, "what runs before it now would take nothing further").await;
            }
            Next::Unknown if standing.has_failed() => {
                return self.close(pull, &branch, "nothing before it runs it any more").await;
            }
            Next::Unknown => {}
        }
        // A pass that was cut short left the words of the one before.
        if proposed.is_ours_alone && pull.title != promotion_title(source, case.environment) {
            let candidate = Candidate { record: self.record(case, source).await?, source: source.clone() };
            return self.tell(case, pull, &candidate).await;
        }
        if !case.environment.gates.auto_merge || gates.iter().any(|verdict| verdict.state != GateState::Open)
        {
            return Ok(());
        }
        if !proposed.is_ours_alone || record.ran.contains(source) {
            info!(environment = %case.environment.name, pull = %pull.number, "somebody else has a part in it, or it goes back: a person merges it");
            return Ok(());
        }
        self.merge_by_itself(case, pull, refused).await
    }

    /// What a pull request on our branch proposes. Nothing: it cannot be read, or does not merge.
    async fn proposed(&self, case: &Case<'_>, pull: &Pull) -> Result<Option<Proposed>, HostingError> {
        let (feed, control, name) =
            (self.0.feed.clone(), Arc::clone(case.control), case.environment.name.clone());
        let (number, head, lock) = (pull.number, pull.head.clone(), lock_path(case.environment));
        let read = tokio::task::spawn_blocking(move || -> Result<_, GitError> {
            feed.mirror.bring_head(&head_of(number)?, &head)?;
            let Merged::Clean(tree) = feed.mirror.objects().merge(&control.revision, &head)? else {
                return Ok(None);
            };
            let is_lock_alone = changes_only(&control.tree, &tree, &lock);
            // As it was written there: what else is written beside it on the trunk is merged with it.
            let own = feed.revisions.read(&head)?;
            let text = TreePath::parse(&lock).ok().and_then(|lock| own.tree.read_text(&lock, MAX_LOCK).ok());
            let merged = feed.revisions.load(&head, tree);
            let lock = merged.loaded.definitions.locks.get(&name);
            Ok(lock.map(|lock| (lock.source.clone(), lock.render, text.filter(|_| is_lock_alone))))
        });
        let Some((source, render, text)) = read.await?? else { return Ok(None) };
        let own = match &text {
            Some(_) => self.rendered(case, &source).await?.map(|rendered| Record::of(&rendered)),
            None => None,
        };
        let own = own.map(|record| lock_text(&source, &record));
        let is_ours = own.is_some() && self.is_by_us(pull).await?;
        let is_as_written = own.as_deref() == text.as_deref();
        let (is_ours_alone, is_behind) = (is_ours && is_as_written, is_ours && !is_as_written);
        Ok(Some(Proposed { source, is_ours_alone, is_behind, render }))
    }

    /// Whether its target is open: what is rendered without it may lack facts.
    fn is_open(&self, case: &Case<'_>) -> bool {
        self.0.shared.registry.get(&case.scope).is_some_and(|handle| handle.window.look().is_some())
    }

    async fn is_by_us(&self, pull: &Pull) -> Result<bool, HostingError> {
        Ok(self.0.forge.whoami().await? == pull.author)
    }

    async fn open(&self, case: &Case<'_>, candidate: &Candidate, pulls: &[Pull]) -> Result<(), HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        let (name, branch) = (&case.environment.name, branch_of(&case.environment.name));
        // What became of the last one is found out first: its branch tells what was merged.
        let shown = shared.reviews.pulls(feed.name()).await?;
        let is_open = |number| pulls.iter().any(|pull| pull.number == number);
        if shown.iter().any(|pull| pull.merged.is_none() && !is_open(pull.number)) {
            return Ok(());
        }
        // And by what it was merged into: the lock may be of before.
        if !self.has_all(case, shown).await? {
            return Ok(());
        }
        let (title, text) = self.told(case, candidate).await?;
        // What is left of an earlier one: it was merged or closed, or we were interrupted.
        if forge.branch(&branch).await?.is_some() {
            self.drop_branch(&branch).await?;
        }
        forge.commit(&Self::file(case, candidate, Some(case.trunk), &title)).await?;
        let base = case.trunk.to_owned();
        let number = forge.open(&NewPull { title, text, branch, base }).await?;
        info!(environment = %name, pull = %number, source = candidate.source.short(), "promotion proposed");
        Ok(())
    }

    /// Whether every merge of just now is in the trunk as it is looked at, or in another branch. What is not there for longer never comes:
    /// its history was written anew, or its branch is gone.
    async fn has_all(&self, case: &Case<'_>, shown: Vec<ShownPull>) -> Result<bool, HostingError> {
        let now = self.0.forge.now();
        let is_recent = |pull: &ShownPull| now.duration_since(pull.at) < COMES_WITHIN;
        let merges: Vec<_> = shown.into_iter().filter(is_recent).filter_map(|pull| pull.merged).collect();
        let (mirror, trunk) = (Arc::clone(&self.0.feed.mirror), self.0.feed.trunk());
        let mut heads = self.0.feed.heads();
        heads.retain(|name, _| Some(name) != trunk.as_ref());
        let heads: Vec<_> = heads.into_values().chain([case.control.revision.clone()]).collect();
        let has_all = move || {
            let objects = mirror.objects();
            let is_in = |merge: &Revision, head: &Revision| objects.is_ancestor(merge, head).unwrap_or(false);
            for merge in &merges {
                if !objects.has(merge)? || !heads.iter().any(|head| is_in(merge, head)) {
                    return Ok(false);
                }
            }
            Ok::<_, GitError>(true)
        };
        Ok(tokio::task::spawn_blocking(has_all).await??)
    }

    /// `before`: what the environment would have been with what was proposed until now.
    async fn update(
        &self,
        case: &Case<'_>,
        (pull, before): (&Pull, Option<Digest>),
        newer: &Candidate,
    ) -> Result<(), HostingError> {
        let title = promotion_title(&newer.source, case.environment);
        // Who approved of something else must not let this one through: not when we are interrupted, and not when that was said meanwhile.
        let is_other = before.is_none() || before != newer.record.render;
        if is_other && !self.takes_back_approvals(pull).await? {
            let branch = branch_of(&case.environment.name);
            return self
                .close(
                    pull,
                    &branch,
                    "what is promoted is another one now, and approvals cannot be taken back",
                )
                .await;
        }
        self.0.forge.commit(&Self::file(case, newer, None, &title)).await?;
        if is_other {
            self.takes_back_approvals(pull).await?;
        }
        self.tell(case, pull, newer).await?;
        info!(environment = %case.environment.name, pull = %pull.number, source = newer.source.short(), "promotion moves on");
        Ok(())
    }

    /// False: the forge does not let us.
    async fn takes_back_approvals(&self, pull: &Pull) -> Result<bool, HostingError> {
        match self.0.forge.dismiss_approvals(pull.number, "What is promoted is another one now.").await {
            Ok(_) => Ok(true),
            Err(error) if !error.is_transient() => {
                warn!(pull = %pull.number, %error, "approvals of what was proposed before cannot be taken back");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn tell(&self, case: &Case<'_>, pull: &Pull, candidate: &Candidate) -> Result<(), HostingError> {
        let (title, text) = self.told(case, candidate).await?;
        Ok(self.0.forge.amend(pull.number, &title, &text).await?)
    }

    /// By what we say there, the one who looks for refusals knows that this is none.
    async fn close(&self, pull: &Pull, branch: &str, why: &str) -> Result<(), HostingError> {
        let forge = &self.0.forge;
        let us = forge.whoami().await?;
        let comments = forge.comments(pull.number).await?;
        if !comments.iter().any(|comment| comment.author == us && comment.text.starts_with(CLOSED_MARKER)) {
            forge.comment(pull.number, &format!("{CLOSED_MARKER}\nClosed: {why}.")).await?;
        }
        forge.close(pull.number).await?;
        self.drop_branch(branch).await?;
        info!(pull = %pull.number, why, "promotion closed");
        Ok(())
    }

    /// A forge hears of that a moment later: what is made under the same name before would be taken for what was deleted.
    async fn drop_branch(&self, branch: &str) -> Result<(), HostingError> {
        self.0.forge.delete_branch(branch).await?;
        tokio::time::sleep(SETTLES).await;
        Ok(())
    }

    /// Merges once everything that we report on it is fine.
    async fn merge_by_itself(
        &self,
        case: &Case<'_>,
        pull: &Pull,
        refused: &mut Unmerged,
    ) -> Result<(), HostingError> {
        let is_refused = |(head, at): &(Revision, Instant)| *head == pull.head && at.elapsed() < ASKED_AGAIN;
        if refused.get(&pull.number).is_some_and(is_refused) {
            return Ok(());
        }
        let forge = &self.0.forge;
        let us = forge.whoami().await?;
        let checks = forge.checks(&pull.head).await?;
        let ours: Vec<_> = checks.iter().filter(|check| check.author.as_ref() == Some(&us)).collect();
        let is_told = ours.iter().any(|check| check.name == AGGREGATE);
        if !is_told || ours.iter().any(|check| check.state != CheckState::Passed) {
            return Ok(());
        }
        match forge.merge(pull.number, &pull.head).await {
            Ok(()) => {
                info!(environment = %case.environment.name, pull = %pull.number, "promotion merged by itself");
                Ok(())
            }
            // The forge has rules of its own, approvals for instance: it waits for these.
            Err(ForgeError::Invalid(words)) => {
                info!(environment = %case.environment.name, pull = %pull.number, words, "the forge does not merge it yet");
                refused.insert(pull.number, (pull.head.clone(), Instant::now()));
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
            Some(locked) => Some(self.record(case, locked).await?),
            None => None,
        };
        let (mirror, from, to) = (Arc::clone(&self.0.feed.mirror), locked.clone(), candidate.source.clone());
        let commits = move || Objects::commits_between(mirror.objects(), from.as_ref(), &to);
        let (commits, more) = tokio::task::spawn_blocking(commits).await??;
        let repository = case.control.loaded.definitions.repository.as_ref();
        let owners = repository.and_then(|repository| repository.owners.get(&case.environment.name));
        let contents = Contents {
            environment: &case.environment.name,
            before: locked.as_ref().zip(before.as_ref()),
            source: &candidate.source,
            record: &candidate.record,
            commits: &commits,
            more,
            owners,
        };
        Ok((promotion_title(&candidate.source, case.environment), promotion_text(&contents)))
    }
}

/// Whether two trees differ in one file and in nothing else.
fn changes_only(before: &SourceTree, after: &SourceTree, path: &str) -> bool {
    let others = |tree: &SourceTree| -> BTreeMap<String, Entry> {
        let others = tree.paths().filter(|(of, _)| of.as_str() != path);
        others.map(|(of, entry)| (of.to_string(), entry.clone())).collect()
    };
    others(before) == others(after)
}
