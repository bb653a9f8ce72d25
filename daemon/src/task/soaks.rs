//! Watches how environments are with what they run, where a promotion goes by it. One look at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::EnvironmentName;
use naksha_environments::repository::Definitions;
use naksha_executor::port::soak::Soak;
use naksha_executor::port::store::{Scope, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Feed, LoadedRevision, RefState, Shared};
use crate::failure::chain;
use crate::git::GitError;
use crate::promotion::{Seen, Watched};

/// Between two looks while time counts.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// After a look that failed.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct SoaksTask {
    pub shared: Arc<Shared>,
    pub feed: Feed,
}

#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("the state cannot be read or written")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("a computation ended abnormally")]
    Computation(#[from] tokio::task::JoinError),
}

impl SoaksTask {
    /// Runs until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let (started, mut watched) = (Instant::now(), BTreeMap::new());
        let mut spoken = self.shared.spoken.subscribe();
        loop {
            self.feed.state.mark_unchanged();
            spoken.mark_unchanged();
            let looked = tokio::select! {
                looked = self.look(&mut watched, started.elapsed()) => looked,
                () = stop.cancelled() => return,
            };
            let pause = looked.unwrap_or_else(|error| {
                warn!(repository = %self.feed.name(), error = chain(&error), "nobody watches how environments are");
                Some(LOOK_AGAIN)
            });
            let pause = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = spoken.changed() => {}
                moved = self.feed.state.changed() => if moved.is_err() { return },
                () = pause => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// After how long to look again; absent: when somebody says something.
    async fn look(
        &self,
        watched: &mut BTreeMap<EnvironmentName, Watched>,
        at: Duration,
    ) -> Result<Option<Duration>, LookError> {
        let Some(control) = self.control().await? else { return Ok(None) };
        let asked = asked(&control.loaded.definitions);
        watched.retain(|name, _| asked.contains_key(name));
        let mut pause = None;
        for (name, enough) in asked {
            let scope = Scope { repository: self.feed.name().clone(), environment: name.clone() };
            let Some(seen) = self.seen(&scope) else { continue };
            let known = self.shared.soaks.soaks(&scope).await?;
            let known = |source: &_| {
                let found = known.iter().find(|soak| soak.source == *source);
                found.cloned().unwrap_or_else(|| Soak::new(Clone::clone(source)))
            };
            let entry = watched.entry(name).or_insert_with(|| Watched::begin(known(&seen.source), at));
            let news = entry.look(&seen, known, (at, Timestamp::now(), enough));
            for soak in &news {
                self.shared.soaks.soak(&scope, soak).await?;
            }
            if !news.is_empty() {
                entry.mark_saved();
                self.shared.soaked.send_replace(());
            }
            let left = enough.saturating_sub(entry.soak().well);
            if seen.is_well == Some(true) && !left.is_zero() {
                pause = Some(pause.unwrap_or(LOOK_EVERY).min(left));
            }
        }
        Ok(pause)
    }

    /// The trunk's head; nothing before it is known.
    async fn control(&self) -> Result<Option<Arc<LoadedRevision>>, LookError> {
        let Some(trunk) = self.feed.trunk() else { return Ok(None) };
        let RefState::At(head) = self.feed.at(&trunk) else { return Ok(None) };
        let revisions = Arc::clone(&self.feed.revisions);
        Ok(Some(tokio::task::spawn_blocking(move || revisions.read(&head)).await??))
    }

    fn seen(&self, scope: &Scope) -> Option<Seen> {
        let handle = self.shared.registry.get(scope)?;
        let status = handle.status()?;
        // What was rendered last is what runs, when it is at the very same revisions.
        let scene = handle.window.look().filter(|scene| {
            (Some(&scene.revisions.content), Some(&scene.revisions.control))
                == (status.applied.as_ref(), status.applied_control.as_ref())
        });
        Seen::of(&status, scene.map(|scene| scene.rendered.digest()))
    }
}

/// Environments that others are promoted from, with the longest soak that one of these asks for. A branch that is followed may get what
/// the trunk or another branch has, so that one comes after all that follow something else.
fn asked(definitions: &Definitions) -> BTreeMap<EnvironmentName, Duration> {
    let mut asked = BTreeMap::new();
    let environments = || definitions.environments.values();
    for environment in environments() {
        let from: Vec<&EnvironmentName> = match &environment.follows {
            Follows::Trunk => Vec::new(),
            Follows::Promotion { from } => from.iter().collect(),
            followed @ Follows::Branch(_) => {
                let is_before = |other: &&Arc<Environment>| {
                    !matches!(other.follows, Follows::Promotion { .. }) && other.follows != *followed
                };
                environments().filter(is_before).map(|other| &other.name).collect()
            }
        };
        for name in from {
            let enough: &mut Duration = asked.entry(name.clone()).or_default();
            *enough = (*enough).max(environment.gates.soak);
        }
    }
    asked
}
