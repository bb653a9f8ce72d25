//! Which pull requests were merged: what an environment waits for before it calls a commit unreviewed. One pass at a time.
//!
//! A pass asks only about pull requests that something was shown on and that nobody has seen closed; without any the forge is
//! not asked at all. Apart from the reports, because an environment waits for this and for none of them.

use std::time::Duration;

use jiff::Timestamp;
use naksha_executor::port::forge::{ForgeError, Pull, PullState};
use naksha_executor::port::review::ShownPull;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::hosting::{Hosting, HostingError};
use crate::failure::chain;

/// A forge moves the branch first and says "merged" a moment later: looked at once more after this.
const SETTLES: Duration = Duration::from_secs(2);

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct MergesTask(pub Hosting);

impl MergesTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut failures = 0_u32;
        let mut has_moved = true;
        loop {
            self.0.feed.state.mark_unchanged();
            let looked = tokio::select! {
                looked = self.pass() => looked,
                () = stop.cancelled() => return,
            };
            let pause = match looked {
                Ok(()) => {
                    failures = 0;
                    if has_moved { SETTLES } else { self.0.poll }
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

    async fn pass(&self) -> Result<(), HostingError> {
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
            for pull in waiting.iter().filter(|pull| !is_open(pull)) {
                has_news |= self.settle(pull).await?;
            }
        }
        if let Some(reviewed) = &feed.reviewed {
            reviewed.tell(heads, has_news);
        }
        Ok(())
    }

    /// Records what became of a pull request that is not open. False: it is open after all.
    async fn settle(&self, shown: &ShownPull) -> Result<bool, HostingError> {
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
        let Pull { head, state, .. } = pull;
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
            PullState::Closed => shared.reviews.withdraw(repository, number).await?,
        }
        Ok(true)
    }
}
