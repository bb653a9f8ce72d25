//! Which pull requests were merged: what an environment waits for before it calls a commit unreviewed. One pass at a time.
//!
//! A pass asks only about pull requests that something was shown on and that nobody has seen closed; without any the forge is
//! not asked at all. Apart from the reports, because an environment waits for this and for none of them.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{ForgeError, Pull, PullNumber, PullState};
use naksha_executor::port::review::ShownPull;
use naksha_executor::port::store::{AuditEntry, Scope};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::hosting::{Hosting, HostingError};
use crate::failure::chain;
use crate::git::GitError;
use crate::promotion::branch_of;

/// A forge moves the branch first and says "merged" a moment later: looked at once more after this.
const SETTLES: Duration = Duration::from_secs(2);

/// Seen to be closed once. While it is being merged, Gitea says for a moment that a pull request is closed and not merged: what is
/// seen twice counts.
type Closed = BTreeSet<PullNumber>;

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct MergesTask(pub Hosting);

impl MergesTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let (mut failures, mut closed) = (0_u32, Closed::new());
        let mut has_moved = true;
        loop {
            self.0.feed.state.mark_unchanged();
            let looked = tokio::select! {
                looked = self.pass(&mut closed) => looked,
                () = stop.cancelled() => return,
            };
            let pause = match looked {
                Ok(()) => {
                    failures = 0;
                    if has_moved || !closed.is_empty() { SETTLES } else { self.0.poll }
                }
                Err(error) => {
                    failures += 1;
                    let error_text = chain(&error);
                    warn!(repository = %self.0.feed.name(), error = error_text, "what was merged is not known");
                    if let Some(reviewed) = &self.0.feed.reviewed {
                        reviewed.tell_trouble(error_text);
                    }
                    error.pause(failures)
                }
            };
            has_moved = false;
            tokio::select! {
                moved = self.0.feed.state.changed() => match moved {
                    Ok(()) => has_moved = true,
                    Err(_) => return,
                },
                () = self.0.shown.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn pass(&self, closed: &mut Closed) -> Result<(), HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        // Before the forge is asked: what it says then is about these.
        let heads = feed.heads();
        let shown = shared.reviews.pulls(feed.name()).await?;
        let waiting: Vec<ShownPull> = shown.into_iter().filter(|pull| pull.merged.is_none()).collect();
        let mut has_news = false;
        if !waiting.is_empty() {
            // I/O: who of them is open
            let open = forge.open_pulls().await?;
            let is_open = |pull: &ShownPull| open.iter().any(|open| open.number == pull.number);
            closed.retain(|number| waiting.iter().any(|pull| pull.number == *number));
            for pull in waiting.iter().filter(|pull| !is_open(pull)) {
                has_news |= self.settle(pull, closed).await?;
            }
        }
        if let Some(reviewed) = &feed.reviewed {
            reviewed.tell(heads, has_news);
        }
        Ok(())
    }

    /// Records what became of a pull request that is not open. False: that is not certain yet.
    async fn settle(&self, shown: &ShownPull, closed: &mut Closed) -> Result<bool, HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        let (repository, number) = (feed.name(), shown.number);
        let pull = match forge.pull(number).await {
            Ok(pull) => pull,
            Err(ForgeError::Missing(_)) => {
                shared.reviews.withdraw(repository, number).await?;
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        let Pull { head, state, branch, is_fork, .. } = pull;
        match state {
            PullState::Open => return Ok(false),
            PullState::Merged { commit: Some(commit) } if head == shown.head => {
                info!(%repository, pull = %number, commit = commit.short(), "merged as it was shown");
                shared.reviews.merge(repository, number, &commit, Timestamp::now()).await?;
            }
            PullState::Merged { commit } => {
                let commit = commit.map(|commit| commit.short().to_owned());
                warn!(%repository, pull = %number, head = head.short(), shown = shown.head.short(), commit, "merged otherwise than it was shown");
                shared.reviews.withdraw(repository, number).await?;
            }
            PullState::Closed if closed.insert(number) => return Ok(false),
            PullState::Closed => {
                closed.remove(&number);
                if !is_fork {
                    self.bar(number, &head, &branch).await?;
                }
                shared.reviews.withdraw(repository, number).await?;
            }
        }
        Ok(true)
    }

    /// A promotion of ours that somebody closes is not proposed again. What we close ourselves is forgotten before.
    async fn bar(&self, number: PullNumber, head: &Revision, branch: &str) -> Result<(), HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let (feed_of, head, branch) = (feed.clone(), head.clone(), branch.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let control = feed_of.revisions.read(&head)?;
            let locks = control.loaded.definitions.locks.iter();
            let closed = locks.filter(|(name, _)| branch_of(name) == branch);
            Ok::<_, GitError>(closed.map(|(name, lock)| (name.clone(), lock.source.clone())).next())
        });
        let Some((environment, source)) = read.await?? else { return Ok(()) };
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
        info!(%scope, source = source.short(), pull = %number, "promotion refused");
        Ok(())
    }
}
