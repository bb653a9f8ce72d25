//! What the gates are judged by, read from the store, from Git, and from who runs workflows.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::status::State;
use naksha_executor::port::soak::Soak;
use naksha_executor::port::store::{Scope, StoreError};
use naksha_executor::port::verify::Verified;
use naksha_policies::{GateVerdict, Promotion, Upstream, Verification, Wellness, gates};

use crate::git::GitError;
use crate::task::{Feed, Shared};

/// An environment that would get a source.
#[derive(Debug, Clone)]
pub struct Promoted {
    /// As the base has it.
    pub environment: Arc<Environment>,
    pub source: Revision,
    /// Environments that have to have run it.
    pub from: Vec<EnvironmentName>,
}

impl Promoted {
    /// By what the environment says itself.
    pub fn by_lock(environment: &Arc<Environment>, source: Revision) -> Self {
        let from = match &environment.follows {
            Follows::Promotion { from } => from.clone(),
            Follows::Trunk | Follows::Branch(_) => Vec::new(),
        };
        Self { environment: Arc::clone(environment), source, from }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    #[error("the state cannot be read")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("a computation ended abnormally")]
    Computation(#[from] tokio::task::JoinError),
}

/// What every gate says now. `blocked`: why the environment takes nothing. Asks no forge and no target.
pub async fn judge_gates(
    shared: &Shared,
    feed: &Feed,
    promoted: &Promoted,
    blocked: Option<&str>,
) -> Result<[GateVerdict; 4], FactsError> {
    let Promoted { environment, source, from } = promoted;
    let scope = |name: &EnvironmentName| Scope { repository: feed.name().clone(), environment: name.clone() };
    let record = shared.store.environment(&scope(&environment.name)).await?;
    let mut upstreams = Vec::new();
    let mut verified = BTreeMap::new();
    for name in from {
        let record = shared.store.environment(&scope(name)).await?;
        let soaks = shared.soaks.soaks(&scope(name)).await?;
        let runs = record.applied.map(|applied| applied.content);
        let gave_up = record.barred.get(source).cloned();
        upstreams.push(Upstream { gave_up, ..upstream(name, source, runs, &soaks) });
        for workflow in &environment.gates.verify {
            let found = shared.verifier.verified(&scope(name), workflow, source).await;
            let found = match found {
                Verified::Succeeded => Verification::Succeeded,
                Verified::Running => Verification::Running,
                Verified::Failed(why) => Verification::Failed(why),
                Verified::Missing(why) => Verification::Missing(why),
            };
            // Upstream environments have to agree: the first that did not succeed stands.
            let known = verified.entry(workflow.clone()).or_insert_with(|| found.clone());
            if *known == Verification::Succeeded {
                *known = found;
            }
        }
    }
    let is_on_trunk = match feed.trunk() {
        // What a branch gets is on the branch that it comes from.
        _ if matches!(environment.follows, Follows::Branch(_)) => true,
        None => false,
        Some(trunk) => {
            let (mirror, source) = (Arc::clone(&feed.mirror), source.clone());
            let reachable = move || mirror.objects().is_reachable_from(&source, &trunk);
            tokio::task::spawn_blocking(reachable).await??
        }
    };
    let skipped_by = shared.soaks.skipped(&scope(&environment.name), source).await?;
    Ok(gates(&Promotion {
        environment,
        source,
        is_rollback: record.ran.contains(source) && !record.barred.contains_key(source),
        barred: record.barred.get(source).map(String::as_str),
        is_on_trunk,
        blocked,
        upstreams: &upstreams,
        verified: &verified,
        skipped_by: skipped_by.as_deref(),
        now: Timestamp::now(),
    }))
}

/// What every gate says of what is proposed now: an environment that takes nothing is one more reason.
pub async fn judge_proposal(
    shared: &Shared,
    feed: &Feed,
    promoted: &Promoted,
) -> Result<[GateVerdict; 4], FactsError> {
    let scope = Scope { repository: feed.name().clone(), environment: promoted.environment.name.clone() };
    judge_gates(shared, feed, promoted, blocked(shared, &scope).as_deref()).await
}

/// Why an environment takes nothing now; nothing when it does.
fn blocked(shared: &Shared, scope: &Scope) -> Option<String> {
    let status = shared.registry.get(scope)?.status()?;
    let name = &scope.environment;
    match &status.state {
        State::Suspended { by, reason } => Some(format!("{name} is suspended by {by}: {reason}")),
        State::Held { reasons } => {
            let why = reasons.first().map(|reason| format!(": {}", reason.message)).unwrap_or_default();
            Some(format!("{name} is held{why}"))
        }
        _ => None,
    }
}

/// Pure. How an upstream is with a source. One that runs what renders there alike runs it: else the commit of a promotion, which changes
/// nothing there, would end the soak of the next one.
fn upstream(name: &EnvironmentName, source: &Revision, runs: Option<Revision>, soaks: &[Soak]) -> Upstream {
    let of = |source: &Revision| soaks.iter().find(|soak| soak.source == *source);
    let wellness = |soak: &Soak| Wellness { well: soak.well, is_well: soak.is_well, at: soak.at };
    let (own, current) = (of(source), runs.as_ref().and_then(of));
    let is_alike =
        own.zip(current).is_some_and(|(own, current)| own.render.is_some() && own.render == current.render);
    match (own, current) {
        (Some(own), Some(current)) if is_alike => {
            let well = if current.is_well == Some(false) { current.well } else { own.well.max(current.well) };
            let was = Wellness { well, is_well: current.is_well, at: current.at };
            Upstream { name: name.clone(), runs: Some(source.clone()), was: Some(was), gave_up: None }
        }
        // It runs something else since a moment ago: nobody has looked yet whether that is alike.
        (Some(own), Some(Soak { is_well: None, render: None, .. })) => {
            let was = Wellness { well: own.well, is_well: None, at: own.at };
            Upstream { name: name.clone(), runs: Some(source.clone()), was: Some(was), gave_up: None }
        }
        _ => Upstream { name: name.clone(), runs, was: own.map(wellness), gave_up: None },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use naksha_environments::digest::Digest;

    use super::*;

    fn revision(digit: char) -> Revision {
        Revision::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn soak(source: char, minutes: u64, is_well: bool, render: &str) -> Soak {
        Soak {
            source: revision(source),
            well: Duration::from_secs(60 * minutes),
            is_well: Some(is_well),
            at: Timestamp::UNIX_EPOCH,
            render: Some(Digest::of_bytes(render.as_bytes())),
        }
    }

    #[test]
    fn what_renders_alike_goes_on() {
        let dev = EnvironmentName::parse("dev").unwrap();
        let soaks = [soak('c', 5, true, "y"), soak('b', 9, true, "x"), soak('a', 4, true, "x")];
        let of = |source, runs| upstream(&dev, &revision(source), Some(revision(runs)), &soaks);
        let of_minutes = |minutes: u64, is_well| {
            let (well, at) = (Duration::from_secs(60 * minutes), Timestamp::UNIX_EPOCH);
            Some(Wellness { well, is_well: Some(is_well), at })
        };
        let was = |minutes| of_minutes(minutes, true);
        assert_eq!(
            (of('a', 'b').runs, of('a', 'b').was),
            (Some(revision('a')), was(9)),
            "as if it still ran"
        );
        assert_eq!((of('a', 'c').runs, of('a', 'c').was), (Some(revision('c')), was(4)));
        assert_eq!((of('d', 'c').runs, of('d', 'c').was), (Some(revision('c')), None));
        let unseen = [Soak::new(revision('e')), soak('a', 4, true, "x")];
        let now = upstream(&dev, &revision('a'), Some(revision('e')), &unseen);
        assert_eq!((now.runs, now.was.unwrap().is_well), (Some(revision('a')), None), "nobody looked yet");
        let bad = [soak('b', 0, false, "x"), soak('a', 30, true, "x")];
        let now = upstream(&dev, &revision('a'), Some(revision('b')), &bad).was;
        assert_eq!(now, of_minutes(0, false), "it is not well any more");
    }
}
