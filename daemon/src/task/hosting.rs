//! A repository's forge, as its tasks share it: one client, one way to fail.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use naksha_executor::port::forge::{ForgeError, PullNumber, SharedForge};
use naksha_executor::port::store::StoreError;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Feed, Shared};
use crate::failure::chain;
use crate::git::GitError;
use crate::metrics::{ForgeTaskLabels, RepositoryLabels};
use crate::promotion::FactsError;

/// First and longest pause after a pass that failed; doubles in between.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// How far back webhooks are asked for again. A forge forgets them after a few days.
const MISSED: SignedDuration = SignedDuration::from_hours(24);

/// Hints within this are one.
const GATHERS: Duration = Duration::from_millis(300);

/// The forge of one repository. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Hosting {
    pub shared: Arc<Shared>,
    pub feed: Feed,
    pub forge: SharedForge,
    /// Between two looks, when nothing else is a reason for one.
    pub poll: Duration,
    /// Somebody was shown something.
    pub shown: Arc<Notify>,
    /// A report is complete: its last check is set, for which a merge may wait.
    pub reported: watch::Sender<()>,
    /// Pull requests that somebody wants to be planned anew.
    pub again: watch::Sender<BTreeSet<PullNumber>>,
}

/// Why a pass over pull requests ended early.
#[derive(Debug, thiserror::Error)]
pub enum HostingError {
    #[error(transparent)]
    Forge(#[from] ForgeError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the state cannot be read or written")]
    Store(#[from] StoreError),
    #[error("a computation ended abnormally")]
    Computation(#[from] tokio::task::JoinError),
}

impl From<FactsError> for HostingError {
    fn from(error: FactsError) -> Self {
        match error {
            FactsError::Store(error) => Self::Store(error),
            FactsError::Git(error) => Self::Git(error),
            FactsError::Computation(error) => Self::Computation(error),
        }
    }
}

impl Hosting {
    /// Nothing where the repository has no forge, or one that cannot be opened. Must be called inside a tokio runtime.
    pub fn of(shared: &Arc<Shared>, feed: &Feed) -> Option<Self> {
        let config = feed.config.forge.as_ref()?;
        let known = (&feed.secrets, feed.installation.as_ref());
        let forge: SharedForge = match crate::forge::open(config, known, &shared.lines) {
            Ok(opened) => opened,
            Err((key, reason)) => {
                warn!(repository = %feed.name(), key, reason, "pull requests are not looked at");
                if let Some(reviewed) = &feed.reviewed {
                    reviewed.tell_trouble(format!("`{key}`: {reason}"));
                }
                return None;
            }
        };
        let (shared, feed, shown) = (Arc::clone(shared), feed.clone(), Arc::default());
        let (again, reported) = (watch::Sender::default(), watch::Sender::default());
        Some(Self { shared, feed, forge, poll: config.poll, shown, reported, again })
    }

    /// How long to pause after a pass: until the next look, or the next try. `about`: what was looked at.
    pub fn pause(&self, passed: Result<(), HostingError>, failures: &mut u32, about: &str) -> Duration {
        if let Some(budget) = self.forge.budget() {
            let labels = RepositoryLabels { repository: self.feed.name().to_string() };
            let left = i64::try_from(budget.remaining).unwrap_or(i64::MAX);
            self.shared.metrics.forge_left.get_or_create(&labels).set(left);
        }
        let repository = self.feed.name().to_string();
        let labels = ForgeTaskLabels { repository, about: about.to_owned() };
        let failing = self.shared.metrics.forge_failing.get_or_create(&labels).clone();
        match passed {
            Ok(()) => {
                *failures = 0;
                failing.set(0);
                self.poll
            }
            Err(error) => {
                *failures += 1;
                failing.set(i64::from(*failures));
                warn!(repository = %self.feed.name(), about, error = chain(&error), "the forge could not be asked");
                error.pause(*failures)
            }
        }
    }

    /// So many could not be looked at or told, each by itself.
    pub fn tell_refused(&self, about: &str, count: usize) {
        let repository = self.feed.name().to_string();
        let labels = ForgeTaskLabels { repository, about: about.to_owned() };
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.shared.metrics.forge_refused.get_or_create(&labels).set(count);
    }

    /// Has the forge send again what did not reach us while we were away. What happened meanwhile is read in any case; this also tells a
    /// forge that its webhooks arrive again.
    pub async fn ask_again(self, stop: CancellationToken) {
        if self.feed.hook_secret().is_none() {
            return;
        }
        let since = self.forge.now().checked_sub(MISSED).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut failures = 0;
        loop {
            let asked = tokio::select! {
                asked = self.forge.redeliver(since) => asked.map_err(HostingError::from),
                () = stop.cancelled() => return,
            };
            let count = asked.as_ref().copied().unwrap_or_default();
            if count > 0 {
                info!(repository = %self.feed.name(), count, "webhooks that were missed are asked for again");
            }
            // What was away is asked once it is back; what refuses us does so for good.
            let is_over = match &asked {
                Ok(_) => true,
                Err(error) => !matches!(error, HostingError::Forge(error) if error.is_transient()),
            };
            let pause = self.pause(asked.map(drop), &mut failures, "missed webhooks");
            if is_over {
                // Given up for good, it fails no more.
                self.pause(Ok(()), &mut failures, "missed webhooks");
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Resolves when a webhook wakes, a moment later: one change is told by several. Never after a failure, which has a pause of its own that
/// nobody shortens.
pub async fn hint(stirred: &mut watch::Receiver<u64>, failures: u32) {
    if failures > 0 || stirred.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(GATHERS).await;
}

impl HostingError {
    /// Until the next try, after so many failures in a row.
    pub fn pause(&self, failures: u32) -> Duration {
        let (first, longest) = RETRY;
        let own = first.saturating_mul(1 << failures.min(16)).min(longest);
        match self {
            Self::Forge(ForgeError::Throttled { after }) => own.max(*after),
            _ => own,
        }
    }

    /// Whether it says nothing about the pull request that was looked at, but about everything. To be denied something does not: a
    /// conversation may be locked.
    pub fn is_general(&self) -> bool {
        match self {
            Self::Forge(error) => error.is_transient(),
            Self::Store(_) => true,
            Self::Git(_) | Self::Computation(_) => false,
        }
    }
}
