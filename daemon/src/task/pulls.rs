//! The pull requests of one repository: looked at, planned, and reported on. One pass at a time.
//!
//! A pass takes no hint of what changed, and remembers nothing that the forge does not: it works out what should be said about
//! each open pull request, looks at what is said, and sends the difference. A restart or a lost answer need no care of their own. What was
//! said about the same head and base is not worked out again; whether it is still said is looked at now and then.
//!
//! One that cannot be looked at, or of which the forge takes no word, says so in its check and keeps no other waiting.
//!
//! What was shown is remembered once it was said, and not before: an environment goes by it when the change is merged.

mod sharing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use naksha_environments::ids::Revision;
use naksha_environments::status::State;
use naksha_executor::port::forge::{Approval, Check, Comment, Login, Pull, PullNumber, PullState};
use naksha_executor::port::review::{Approved, ShownReport};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::hosting::{Hosting, HostingError, hint};
use super::planning::{Applied, Planned, Whose, has_state, says};
use super::refusals::Refusals;
use super::words::Words;
use crate::failure::chain;
use crate::metrics::RepositoryLabels;
use crate::promotion::Promoted;
use crate::pulls::{Base, Change, Gates, MARKER, bases, head_of, is_said, unread};
use crate::registry::Handle;
use sharing::{beside, is_mute, worst_of};

/// How long a new base may take to be applied before what is open is planned on it.
const SETTLES: Duration = Duration::from_secs(10);

/// Whether what was said is still said is looked at after so many polls: somebody may have deleted a comment, or set a status of our name.
const STILL_SAID: u32 = 5;
/// Under the comment of one whose checks are another one's.
const MUTE: &str = "\n<sub>This very commit is proposed from within the repository, too, and its checks are about that.</sub>\n";

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct PullsTask(pub Hosting);

/// What was said last, and what could not be.
#[derive(Debug, Default)]
struct Said {
    words: BTreeMap<PullNumber, Word>,
    refused: Refusals<PullNumber>,
}

impl Said {
    /// Everything about these is worked out anew.
    fn forget(&mut self, numbers: &BTreeSet<PullNumber>) {
        for number in numbers {
            self.words.remove(number);
            self.refused.forget(number);
        }
    }
}

/// About which head and base something was said, what was applied then where something was planned, and what the gates said if it is
/// a promotion.
#[derive(Debug, Clone)]
struct Word {
    head: Revision,
    base: Base,
    applied: Applied,
    words: Words,
    promotions: Vec<Promoted>,
    gates: Gates,
    /// Who approved then, where somebody has to.
    approvals: Option<Vec<Approval>>,
    /// As they are for this pull request alone.
    checks: Vec<Check>,
    /// What stands there: the comment, and the checks of all with this head. `seen`: when it was looked at last.
    comment: String,
    set: Vec<Check>,
    seen: Instant,
    /// Other pull requests with this very head: a commit has one set of checks.
    beside: BTreeSet<PullNumber>,
}

/// A pull request of which something else is to be said than was.
struct News<'a> {
    pull: &'a Pull,
    base: &'a Base,
    /// Something was shown of this head before, or that it could not be.
    is_shown: bool,
    beside: BTreeSet<PullNumber>,
    /// Its checks are somebody else's: it has a comment and nothing further.
    is_mute: bool,
}

impl Word {
    fn is_promotion(&self) -> bool {
        !self.promotions.is_empty()
    }
}

impl PullsTask {
    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let (mut said, mut failures) = (Said::default(), 0_u32);
        let (mut heads, mut soaked) = (self.0.feed.state.clone(), self.0.shared.soaked.subscribe());
        let mut stirred = self.0.feed.stirred.subscribe();
        let (mut spoken, mut again) = (self.0.shared.spoken.subscribe(), self.0.again.subscribe());
        loop {
            heads.mark_unchanged();
            soaked.mark_unchanged();
            spoken.mark_unchanged();
            stirred.mark_unchanged();
            again.mark_unchanged();
            self.0.again.send_if_modified(|again| {
                said.forget(again);
                again.clear();
                false
            });
            let passed = tokio::select! {
                passed = self.pass(&mut said) => passed,
                () = stop.cancelled() => return,
            };
            let pause = self.0.pause(passed, &mut failures, "pull requests");
            let pause = said.refused.due_in().filter(|_| failures == 0).map_or(pause, |due| pause.min(due));
            tokio::select! {
                _ = again.changed(), if failures == 0 => {}
                () = hint(&mut stirred, failures) => {}
                () = self.more_is_applied(&said.words, &mut spoken), if failures == 0 => {}
                _ = soaked.changed(), if failures == 0 && said.words.values().any(Word::is_promotion) => {}
                moved = heads.changed() => if moved.is_err() { return },
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn pass(&self, said: &mut Said) -> Result<(), HostingError> {
        let feed = self.0.feed.clone();
        let bases = tokio::task::spawn_blocking(move || bases(&feed)).await??;
        let Some(trunk) = bases.values().next().map(|base| base.trunk.clone()) else {
            said.refused.retain(|_| false);
            return Ok(());
        };
        let us = self.0.forge.whoami().await?;
        // I/O: who is open
        let pulls = self.0.forge.open_pulls().await?;
        let is_open = |number: &PullNumber| pulls.iter().any(|pull| pull.number == *number);
        let before = said.words.len();
        said.words.retain(|number, _| is_open(number));
        // Into what nobody follows, nobody tries any more.
        let is_tried = |pull: &&Pull| bases.contains_key(&pull.base);
        said.refused.retain(|number| pulls.iter().filter(is_tried).any(|pull| pull.number == *number));
        if said.words.is_empty() || said.words.len() < before {
            let open = pulls.iter().map(|pull| head_of(pull.number)).collect::<Result<_, _>>()?;
            self.0.keep_heads("refs/pull/", open).await?;
        }
        let shown = self.0.shared.reviews.pulls(self.0.feed.name()).await?;
        let is_shown =
            |pull: &Pull| shown.iter().any(|known| known.number == pull.number && known.head == pull.head);
        let mut news = Vec::new();
        for pull in &pulls {
            let Some(base) = bases.get(&pull.base) else { continue };
            if said.refused.rests(&pull.number, &pull.head) {
                continue;
            }
            // One that was closed and opened again was forgotten meanwhile.
            let word = said.words.get(&pull.number).filter(|_| is_shown(pull));
            let beside = beside(pull, &pulls, &bases);
            let is_news = word.is_none_or(|word| word.beside != beside)
                || match self.is_news(&us, pull, base, word).await {
                    // One that cannot be looked at keeps no other waiting: it is told where others are.
                    Err(error) if !error.is_general() => true,
                    is_news => is_news?,
                };
            if is_news {
                let is_shown = is_shown(pull) || said.refused.is_told(&pull.number, &pull.head);
                let is_mute = is_mute(pull, &pulls, &bases);
                news.push(News { pull, base, is_shown, beside, is_mute });
            } else if let Some(word) = said.words.get_mut(&pull.number).filter(|word| self.is_due(word)) {
                word.seen = Instant::now();
            }
        }
        if !news.is_empty() {
            self.await_applied(&trunk).await;
        }
        for news in news {
            self.tell_or_say_why(&us, &news, said).await?;
        }
        self.0.tell_refused("pull requests", said.refused.len());
        Ok(())
    }

    /// An error: nothing can be said of any of them.
    async fn tell_or_say_why(
        &self,
        us: &Login,
        news: &News<'_>,
        said: &mut Said,
    ) -> Result<(), HostingError> {
        let (number, head) = (news.pull.number, &news.pull.head);
        // What is said on the head speaks of all who share it, whoever of them was told last.
        let others =
            news.beside.iter().map(|other| (*other, said.words.get(other).map(|word| &*word.checks)));
        let told = self.tell(us, news, &others.collect::<Vec<_>>()).await;
        let error = match told {
            Ok(word) => {
                said.refused.forget(&number);
                said.words.extend(word.map(|word| (number, word)));
                return Ok(());
            }
            Err(error) if error.is_general() => return Err(error),
            Err(error) => error,
        };
        let repository = self.0.feed.name();
        warn!(%repository, pull = %number, error = chain(&error), "a pull request was not looked at");
        said.words.remove(&number);
        said.refused.add(number, head, &error);
        if !news.is_mute && !said.refused.is_told(&number, head) {
            self.0.say_why(head, &error).await?;
            said.refused.told(&number);
        }
        Ok(())
    }

    fn is_due(&self, word: &Word) -> bool {
        word.seen.elapsed() >= self.0.poll * STILL_SAID
    }

    /// Whether what was said stands there as it was said.
    async fn is_still_said(&self, us: &Login, pull: &Pull, word: &Word) -> Result<bool, HostingError> {
        let comments = self.0.forge.comments(pull.number).await?;
        if !ours(us, &comments).is_some_and(|comment| is_said(&comment.text, &word.comment)) {
            return Ok(false);
        }
        let mut checks = self.0.forge.checks(&pull.head).await?;
        checks.retain(|known| known.author.as_ref() == Some(us));
        // Of several with one head, whoever was told last is named; the state is that of all of them.
        let is_shared = !word.beside.is_empty();
        let is_set = |check: &Check| {
            let known = checks.iter().find(|known| known.name == check.name);
            known.is_some_and(|known| says(known, check) || is_shared && has_state(known, check))
        };
        Ok(word.set.iter().all(is_set))
    }

    /// Whether anything was said that would be said otherwise now. Of promotions the gates are judged anew.
    async fn is_news(
        &self,
        us: &Login,
        pull: &Pull,
        base: &Base,
        word: Option<&Word>,
    ) -> Result<bool, HostingError> {
        let Some(word) = word else { return Ok(true) };
        let Word { head, base: at, applied, words, promotions, gates, approvals, .. } = word;
        if *head != pull.head || at != base || self.0.applied(applied.keys()).await? != *applied {
            return Ok(true);
        }
        if words.are_other(&self.0.acknowledged(words.environments()).await?, Timestamp::now()) {
            return Ok(true);
        }
        if let Some(approvals) = approvals
            && self.0.said(pull.number).await?.unwrap_or_default() != *approvals
        {
            return Ok(true);
        }
        if !promotions.is_empty() && self.0.gates(promotions).await? != *gates {
            return Ok(true);
        }
        Ok(self.is_due(word) && !self.is_still_said(us, pull, word).await?)
    }

    /// Resolves when an environment has applied something since it was planned on. Asks nobody but the store.
    async fn more_is_applied(&self, said: &BTreeMap<PullNumber, Word>, spoken: &mut watch::Receiver<()>) {
        let planned: BTreeSet<_> = said.values().flat_map(|word| word.applied.keys()).collect();
        while spoken.changed().await.is_ok() {
            let Ok(now) = self.0.applied(planned.iter().copied()).await else { continue };
            let is_old = |word: &Word| word.applied.iter().any(|(name, then)| now.get(name) != Some(then));
            if said.values().any(is_old) {
                return;
            }
        }
        // It cannot end: we hold the other side.
        std::future::pending::<()>().await;
    }

    /// Waits until every environment has done about a new base what it does, but not for long: what is planned meanwhile would show
    /// changes that are applied by the time somebody reads it.
    async fn await_applied(&self, base: &Revision) {
        let Hosting { shared, feed, .. } = &self.0;
        let mut spoken = shared.spoken.subscribe();
        let is_behind = |handle: &Handle| {
            handle.scope.repository == *feed.name()
                && handle.status().is_none_or(|status| {
                    status.control.as_ref() != Some(base) || status.state == State::Progressing
                })
        };
        let settled = async {
            while shared.registry.all().iter().any(is_behind) {
                if spoken.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(SETTLES, settled).await;
    }

    /// Plans one pull request, and says so.
    /// Nothing: it moved on or was closed meanwhile, and nothing was said.
    ///
    /// `others`: what is to be said of other pull requests with this head; nothing: that is not known yet.
    async fn tell(
        &self,
        us: &Login,
        news: &News<'_>,
        others: &[(PullNumber, Option<&[Check]>)],
    ) -> Result<Option<Word>, HostingError> {
        let News { pull, base, is_shown, beside, is_mute } = news;
        // I/O: what is said now
        let known = if *is_mute { Vec::new() } else { self.0.begin(us, &pull.head, *is_shown).await? };
        let comments = self.0.forge.comments(pull.number).await?;
        let is_trusted = !pull.is_fork || self.0.is_allowed(&pull.head, &comments).await?;
        // pure but for reading: what is to be said
        let (head, base) = (pull.head.clone(), (*base).clone());
        let change = Change { head, at: head_of(pull.number)?, base, is_trusted };
        let begun_at = Instant::now();
        let planned = self.0.plan(&change, Whose::Pull(pull)).await?;
        let Planned { report, plans, mut asks, applied, words, promotions, gates, approvals } = planned;
        let labels = RepositoryLabels { repository: self.0.feed.name().to_string() };
        let seconds = &self.0.shared.metrics.pull_plan_seconds;
        seconds.get_or_create(&labels).observe(begun_at.elapsed().as_secs_f64());
        // I/O: nothing stale is said of a newer head, and nothing new of what is merged
        if !self.is_as_planned(pull).await? {
            return Ok(None);
        }
        let comment = if *is_mute { format!("{}{MUTE}", report.comment) } else { report.comment };
        let is_commented = self.say(us, pull, &comment, &comments).await?;
        let checks = if *is_mute { Vec::new() } else { worst_of(&report.checks, others) };
        let is_set = self.0.set_parts(&pull.head, &checks, &known).await?;
        // I/O: merged while it was said, it was merged as what was shown before
        if (is_commented || is_set) && !self.is_as_planned(pull).await? {
            return Ok(None);
        }
        // I/O: now that it is said, it counts as shown; who waits for the last check finds everything else
        let at = self.0.forge.now();
        // What came meanwhile was said before anybody could read this.
        let mut approved = Approved::new();
        if approvals.is_some() {
            match self.0.said(pull.number).await? {
                Some(said) => approved = self.0.about(pull.number, &said).await?,
                None => unread(&mut asks),
            }
        }
        let (number, head) = (pull.number, pull.head.clone());
        let shown = ShownReport { number, head, plans, asks, approved, at };
        self.0.shared.reviews.show(self.0.feed.name(), &shown).await?;
        self.0.shown.notify_one();
        self.0.set_sum(&pull.head, &checks, &known).await?;
        self.0.reported.send_replace(());
        let Change { head, base, .. } = change;
        let (name, number) = (self.0.feed.name(), pull.number);
        info!(repository = %name, pull = %number, head = head.short(), base = base.head().short(), "reported");
        Ok(Some(Word {
            head,
            base,
            applied,
            words,
            promotions,
            gates,
            approvals,
            checks: report.checks,
            comment,
            set: checks,
            seen: Instant::now(),
            beside: beside.clone(),
        }))
    }

    async fn is_as_planned(&self, pull: &Pull) -> Result<bool, HostingError> {
        let now = self.0.forge.pull(pull.number).await?;
        Ok(now.head == pull.head && now.base == pull.base && now.state == PullState::Open)
    }

    /// Our one comment; false: it says so already.
    async fn say(
        &self,
        us: &Login,
        pull: &Pull,
        text: &str,
        comments: &[Comment],
    ) -> Result<bool, HostingError> {
        match ours(us, comments) {
            Some(comment) if is_said(&comment.text, text) => return Ok(false),
            Some(comment) => self.0.forge.edit(comment.id, text).await?,
            None => drop(self.0.forge.comment(pull.number, text).await?),
        }
        Ok(true)
    }
}

fn ours<'a>(us: &Login, comments: &'a [Comment]) -> Option<&'a Comment> {
    comments.iter().find(|one| one.author == *us && one.text.starts_with(MARKER))
}
