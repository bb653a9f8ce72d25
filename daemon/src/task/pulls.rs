//! The pull requests of one repository: looked at, planned, and reported on. One pass at a time.
//!
//! A pass takes no hint of what changed, and remembers nothing that the forge does not: it works out what should be said about
//! each open pull request, looks at what is said, and sends the difference. A restart, a lost answer, or a comment that
//! somebody deleted need no care of their own. What was said about the same head and base is not worked out again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{Comment, ForgeError, Login, Pull, PullNumber, Reported, SharedForge};
use naksha_executor_forge::Gitea;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Feed, RefState, Shared};
use crate::config::ForgeKind;
use crate::git::GitError;
use crate::pulls::{
    MARKER, Pace, Proposal, Proposed, Report, Subject, begun, conflict, outlook, propose, report,
};

/// First and longest pause after a pass that failed; doubles in between.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct PullsTask {
    shared: Arc<Shared>,
    feed: Feed,
    forge: SharedForge,
    poll: Duration,
    /// Since the task was made.
    pace: Arc<Mutex<(Instant, Pace)>>,
}

#[derive(Debug, thiserror::Error)]
enum PullsError {
    #[error(transparent)]
    Forge(#[from] ForgeError),
    #[error(transparent)]
    Git(GitError),
    #[error("a computation ended abnormally")]
    Computation(#[source] tokio::task::JoinError),
}

/// About which head and base something was said.
type Said = BTreeMap<PullNumber, (Revision, Revision)>;

impl PullsTask {
    /// Nothing where the repository has no forge. Must be called inside a tokio runtime.
    pub fn of(shared: &Arc<Shared>, feed: &Feed) -> Option<Self> {
        let config = feed.config.forge.as_ref()?;
        let (address, token) = match config.opened() {
            Ok(opened) => opened,
            Err((key, reason)) => {
                warn!(repository = %feed.name(), key, reason, "pull requests are not looked at");
                return None;
            }
        };
        let forge: SharedForge = match config.kind {
            ForgeKind::Gitea => Arc::new(Gitea::new(&address, &config.repository, token)),
        };
        let pace = Arc::new(Mutex::new((Instant::now(), Pace::default())));
        Some(Self { shared: Arc::clone(shared), feed: feed.clone(), forge, poll: config.poll, pace })
    }

    /// Waits until the forge may be written to.
    async fn turn(&self) {
        let wait = {
            let (since, pace) = &mut *self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.turn(since.elapsed())
        };
        tokio::time::sleep(wait).await;
    }

    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let (mut said, mut failures) = (Said::new(), 0_u32);
        loop {
            self.feed.state.mark_unchanged();
            let pause = tokio::select! {
                passed = self.pass(&mut said) => match passed {
                    Ok(()) => {
                        failures = 0;
                        self.poll
                    }
                    Err(error) => {
                        failures += 1;
                        warn!(repository = %self.feed.name(), %error, "pull requests were not looked at");
                        pause(&error, failures)
                    }
                },
                () = stop.cancelled() => return,
            };
            tokio::select! {
                moved = self.feed.state.changed() => if moved.is_err() { return },
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn pass(&self, said: &mut Said) -> Result<(), PullsError> {
        let Some(trunk) = self.feed.trunk() else { return Ok(()) };
        let RefState::At(base) = self.feed.at(&trunk) else { return Ok(()) };
        // I/O: who is open
        let pulls = self.forge.open_pulls().await?;
        said.retain(|number, _| pulls.iter().any(|pull| pull.number == *number));
        let is_news = |pull: &&Pull| {
            let now = (pull.head.clone(), base.clone());
            Some(pull.base.as_str()) == trunk.branch_name() && said.get(&pull.number) != Some(&now)
        };
        let news: Vec<&Pull> = pulls.iter().filter(is_news).collect();
        if news.is_empty() {
            return Ok(());
        }
        let us = self.forge.whoami().await?;
        for pull in news {
            self.tell(&us, pull, &base).await?;
            said.insert(pull.number, (pull.head.clone(), base.clone()));
        }
        Ok(())
    }

    /// Plans one pull request, and says so.
    async fn tell(&self, us: &Login, pull: &Pull, base: &Revision) -> Result<(), PullsError> {
        // I/O: what is said now
        let mut checks = self.forge.checks(&pull.head).await?;
        checks.retain(|known| known.author.as_ref() == Some(us));
        if !checks.iter().any(|known| known.name == begun().name) {
            self.turn().await;
            self.forge.report(&pull.head, &begun()).await?;
        }
        let comments = self.forge.comments(pull.number).await?;
        // pure but for reading: what is to be said
        let report = self.report(pull, base).await?;
        // I/O: nothing stale is said of a newer head
        let now = self.forge.pull(pull.number).await?;
        if now.head != pull.head {
            return Ok(());
        }
        self.send(us, pull, &report, (&checks, &comments)).await?;
        info!(repository = %self.feed.name(), pull = %pull.number, head = pull.head.short(), "reported");
        Ok(())
    }

    async fn report(&self, pull: &Pull, base: &Revision) -> Result<Report, PullsError> {
        let (feed, at, own) = (self.feed.clone(), base.clone(), pull.clone());
        let proposed = tokio::task::spawn_blocking(move || propose(&feed, &at, &own));
        let proposed = proposed.await.map_err(PullsError::Computation)?.map_err(PullsError::Git)?;
        let subject = Subject { head: &pull.head, base };
        Ok(match proposed {
            Proposed::Conflicts(paths) => conflict(&subject, &paths),
            Proposed::Merges(proposal) => {
                let outlooks = outlook(&self.shared, &self.feed, &proposal).await;
                report(&subject, &outlooks, &new_errors(&proposal))
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
    ) -> Result<(), PullsError> {
        let ours = comments.iter().find(|one| one.author == *us && one.text.starts_with(MARKER));
        match ours {
            Some(comment) if comment.text.trim_end() == report.comment.trim_end() => {}
            Some(comment) => {
                self.turn().await;
                self.forge.edit(comment.id, &report.comment).await?;
            }
            None => {
                self.turn().await;
                self.forge.comment(pull.number, &report.comment).await?;
            }
        }
        for check in &report.checks {
            let known = checks.iter().find(|known| known.name == check.name);
            if known.is_none_or(|known| known.state != check.state || known.summary != check.summary) {
                self.turn().await;
                self.forge.report(&pull.head, check).await?;
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

fn pause(error: &PullsError, failures: u32) -> Duration {
    let (first, longest) = RETRY;
    let own = first.saturating_mul(1 << failures.min(16)).min(longest);
    match error {
        PullsError::Forge(ForgeError::Throttled { after }) => own.max(*after),
        _ => own,
    }
}
