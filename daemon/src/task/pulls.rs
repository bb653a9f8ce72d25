//! The pull requests of one repository: looked at, planned, and reported on. One pass at a time.
//!
//! A pass takes no hint of what changed, and remembers nothing that the forge does not: it works out what should be said about
//! each open pull request, looks at what is said, and sends the difference. A restart, a lost answer, or a comment that
//! somebody deleted need no care of their own. What was said about the same head and base is not worked out again.
//!
//! What was shown is remembered once it was said, and not before: an environment goes by it when the change is merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::environment::Environment;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{Comment, Login, Pull, PullNumber, PullState, Reported};
use naksha_executor::port::review::{ShownPlan, ShownReport};
use naksha_executor::port::store::Scope;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::RefState;
use super::hosting::{Hosting, HostingError};
use crate::failure::chain;
use crate::promotion::{Asked, blocked, judge_gates};
use crate::pulls::{
    Gates, MARKER, Proposal, Proposed, Report, Subject, begun, conflict, outlook, promotions, propose,
    report, shown,
};

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct PullsTask(pub Hosting);

/// What was said last.
type Said = BTreeMap<PullNumber, Word>;

/// About which head and base something was said, and what the gates said if it is a promotion.
#[derive(Debug, Clone)]
struct Word {
    head: Revision,
    base: Revision,
    promotions: Vec<(Arc<Environment>, Revision)>,
    gates: Gates,
}

impl Word {
    fn is_promotion(&self) -> bool {
        !self.promotions.is_empty()
    }
}

impl PullsTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let (mut said, mut failures) = (Said::new(), 0_u32);
        let mut soaked = self.0.shared.soaked.subscribe();
        loop {
            self.0.feed.state.mark_unchanged();
            soaked.mark_unchanged();
            let pause = tokio::select! {
                passed = self.pass(&mut said) => match passed {
                    Ok(()) => {
                        failures = 0;
                        self.0.poll
                    }
                    Err(error) => {
                        failures += 1;
                        warn!(repository = %self.0.feed.name(), %error, "pull requests were not looked at");
                        error.pause(failures)
                    }
                },
                () = stop.cancelled() => return,
            };
            tokio::select! {
                _ = soaked.changed(), if failures == 0 && said.values().any(Word::is_promotion) => {}
                moved = self.0.feed.state.changed() => if moved.is_err() { return },
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn pass(&self, said: &mut Said) -> Result<(), HostingError> {
        let Some(trunk) = self.0.feed.trunk() else { return Ok(()) };
        let RefState::At(base) = self.0.feed.at(&trunk) else { return Ok(()) };
        // I/O: who is open
        let pulls = self.0.forge.open_pulls().await?;
        said.retain(|number, _| pulls.iter().any(|pull| pull.number == *number));
        let mut news = Vec::new();
        for pull in pulls.iter().filter(|pull| Some(pull.base.as_str()) == trunk.branch_name()) {
            if self.is_news(pull, &base, said.get(&pull.number)).await? {
                news.push(pull);
            }
        }
        if news.is_empty() {
            return Ok(());
        }
        let us = self.0.forge.whoami().await?;
        let mut failed = None;
        for pull in news {
            match self.tell(&us, pull, &base).await {
                Ok(word) => drop(said.insert(pull.number, word)),
                Err(error) if error.is_general() => return Err(error),
                Err(error) => {
                    let (repository, error_text) = (self.0.feed.name(), chain(&error));
                    warn!(%repository, pull = %pull.number, error = error_text, "a pull request was not looked at");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Whether anything was said that would be said otherwise now. Of promotions the gates are judged anew.
    async fn is_news(&self, pull: &Pull, base: &Revision, word: Option<&Word>) -> Result<bool, HostingError> {
        let Some(Word { head, base: at, promotions, gates }) = word else { return Ok(true) };
        if *head != pull.head || at != base {
            return Ok(true);
        }
        Ok(!promotions.is_empty() && self.gates(promotions).await? != *gates)
    }

    async fn gates(&self, promotions: &[(Arc<Environment>, Revision)]) -> Result<Gates, HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let mut gates = Gates::new();
        for (environment, source) in promotions {
            let scope = Scope { repository: feed.name().clone(), environment: environment.name.clone() };
            let blocked = blocked(shared, &scope);
            let asked = Asked { environment, source, blocked: blocked.as_deref(), skipped_by: None };
            gates.insert(environment.name.clone(), judge_gates(shared, feed, &asked).await?);
        }
        Ok(gates)
    }

    /// Plans one pull request, and says so.
    async fn tell(&self, us: &Login, pull: &Pull, base: &Revision) -> Result<Word, HostingError> {
        // I/O: what is said now
        let mut checks = self.0.forge.checks(&pull.head).await?;
        checks.retain(|known| known.author.as_ref() == Some(us));
        if !checks.iter().any(|known| known.name == begun().name) {
            self.0.turn().await;
            self.0.forge.report(&pull.head, &begun()).await?;
        }
        let comments = self.0.forge.comments(pull.number).await?;
        // pure but for reading: what is to be said
        let (report, plans, word) = self.report(pull, base).await?;
        // I/O: nothing stale is said of a newer head, and nothing new of what is merged
        let now = self.0.forge.pull(pull.number).await?;
        if now.head != pull.head || now.state != PullState::Open {
            return Ok(word);
        }
        self.send(us, pull, &report, (&checks, &comments)).await?;
        // I/O: now that it is said, it counts as shown
        let at = Timestamp::now();
        let shown = ShownReport { number: pull.number, head: pull.head.clone(), plans, at };
        self.0.shared.reviews.show(self.0.feed.name(), &shown).await?;
        self.0.shown.notify_one();
        info!(repository = %self.0.feed.name(), pull = %pull.number, head = pull.head.short(), "reported");
        Ok(word)
    }

    /// What is to be said, and what that shows.
    async fn report(
        &self,
        pull: &Pull,
        base: &Revision,
    ) -> Result<(Report, Vec<ShownPlan>, Word), HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let (own_feed, at, own) = (feed.clone(), base.clone(), pull.clone());
        let proposed = tokio::task::spawn_blocking(move || propose(&own_feed, &at, &own)).await??;
        let (head, base) = (&pull.head, base);
        let word = |promotions, gates| Word { head: head.clone(), base: base.clone(), promotions, gates };
        Ok(match proposed {
            Proposed::Conflicts(paths) => {
                let subject = Subject { head, base, gates: &Gates::new() };
                (conflict(&subject, &paths), Vec::new(), word(Vec::new(), Gates::new()))
            }
            Proposed::Merges(proposal) => {
                let promotions = promotions(&proposal);
                let gates = self.gates(&promotions).await?;
                let outlooks = outlook(shared, feed, &proposal).await;
                let subject = Subject { head, base, gates: &gates };
                let report = report(&subject, &outlooks, &new_errors(&proposal));
                (report, shown(&outlooks), word(promotions, gates))
            }
        })
    }

    /// Sends what is not said like this already. The aggregate comes last: who waits for it finds everything else.
    async fn send(
        &self,
        us: &Login,
        pull: &Pull,
        report: &Report,
        (checks, comments): (&[Reported], &[Comment]),
    ) -> Result<(), HostingError> {
        let ours = comments.iter().find(|one| one.author == *us && one.text.starts_with(MARKER));
        match ours {
            Some(comment) if comment.text.trim_end() == report.comment.trim_end() => {}
            Some(comment) => {
                self.0.turn().await;
                self.0.forge.edit(comment.id, &report.comment).await?;
            }
            None => {
                self.0.turn().await;
                self.0.forge.comment(pull.number, &report.comment).await?;
            }
        }
        for check in &report.checks {
            let known = checks.iter().find(|known| known.name == check.name);
            if known.is_none_or(|known| known.state != check.state || known.summary != check.summary) {
                self.0.turn().await;
                self.0.forge.report(&pull.head, check).await?;
            }
        }
        Ok(())
    }
}

/// Errors that merging would bring.
fn new_errors(proposal: &Proposal) -> Vec<Diagnostic> {
    let known = &proposal.base.loaded.diagnostics;
    let found = proposal.merged.loaded.diagnostics.iter();
    found.filter(|found| found.is_error() && !known.contains(found)).cloned().collect()
}
