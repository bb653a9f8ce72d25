//! Whose an environment is, where more than one installation could apply it: a Lease in the cluster.
//!
//! Installations have databases of their own, so that nothing but the cluster can tell one of the other. The one that holds the
//! Lease renews it; another one refuses, and names it. A Lease that was not renewed for a while is taken over. That is
//! judged by how long *we* saw no change, never by the times in it: their clock is not ours.
//!
//! Where we may not use Leases, or the namespace is not there, nothing is claimed: then it is as if we were the only one.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use jiff::Timestamp;
use naksha_environments::object::ObjectKey;
use naksha_executor::port::store::Scope;
use naksha_executor::port::target::{TargetError, WriteError};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::connect::{Answer, Api, NoAnswer, REQUEST_TIMEOUT};
use crate::live::Reader;
use crate::refusal::Refusal;
use crate::resource::escape;

/// Renewed this often, also while nothing happens.
const RENEW: Duration = Duration::from_secs(20);
/// One that was not renewed for so long is taken over, and one that we could not renew for so long is not ours for certain.
const EXPIRY: Duration = Duration::from_secs(60);
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/";
/// On which machine the owner runs, for people.
const HOST: &str = "naksha.dev/host";
/// How often it is read again because somebody else wrote it meanwhile.
const TRIES: usize = 3;

/// Our claim to one environment. Renewed until dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    claimant: Arc<Claimant>,
    _renewing: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Claimant {
    api: Api,
    collection: String,
    name: String,
    scope: Scope,
    /// The installation: the same after a restart.
    us: String,
    host: String,
    state: Mutex<State>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Unknown,
    Ours {
        version: String,
        at: Instant,
    },
    Theirs {
        who: String,
        version: String,
        since: Instant,
        asked: Instant,
    },
    /// There is no Lease to be had.
    Unguarded {
        at: Instant,
    },
}

/// Why we may not act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotOurs {
    /// Another installation holds it.
    Taken(String),
    Refused(Refusal),
    NoAnswer(NoAnswer),
}

#[derive(Debug, Deserialize)]
struct Lease {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    holder_identity: Option<String>,
}

impl Claim {
    /// Claims an environment of a repository in the namespace that it is applied to. Nothing is asked yet.
    pub(crate) fn new(api: Api, namespace: &str, scope: &Scope, marks: &Reader) -> Self {
        let mut collection = LEASES.to_owned();
        escape(namespace, &mut collection);
        collection.push_str("/leases");
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let claimant = Arc::new(Claimant {
            api,
            collection,
            name: format!("naksha-{}-{}", scope.repository, scope.environment),
            scope: scope.clone(),
            us: format!("naksha-{}", marks.mark(b"installation").as_str()),
            host: host.trim().to_owned(),
            state: Mutex::new(State::Unknown),
        });
        let renewing = tokio::spawn(keep(Arc::clone(&claimant)));
        Self { claimant, _renewing: AbortOnDropHandle::new(renewing) }
    }

    /// Whether we may act: asked of the cluster now and then, and at first.
    pub(crate) async fn hold(&self) -> Result<(), NotOurs> {
        self.claimant.hold().await
    }

    /// Gives it up for good. (A process that only ends does not: after a restart the environment is still its own.)
    pub(crate) async fn give_up(&self) {
        self.claimant.give_up().await;
    }
}

async fn keep(claimant: Arc<Claimant>) {
    loop {
        tokio::time::sleep(RENEW).await;
        // What nobody asks for is not claimed; what came of it is told to those who ask.
        if *claimant.state.lock().await != State::Unknown {
            drop(claimant.hold().await);
        }
    }
}

impl Claimant {
    async fn hold(&self) -> Result<(), NotOurs> {
        // One asks, the others wait for what comes of it.
        let mut state = self.state.lock().await;
        let fresh = match &*state {
            State::Unknown => false,
            State::Ours { at, .. } | State::Unguarded { at } => at.elapsed() < RENEW,
            State::Theirs { asked, .. } => asked.elapsed() < RENEW,
        };
        if !fresh {
            match self.ask(&state).await {
                Ok(now) => match (&mut *state, now) {
                    // Who knows of an owner does not forget him because nothing can be read: he may be at work.
                    (State::Theirs { since, asked, .. }, State::Unguarded { .. })
                        if since.elapsed() < EXPIRY =>
                    {
                        *asked = Instant::now();
                    }
                    (before, now) => {
                        self.tell(before, &now);
                        *before = now;
                    }
                },
                // As long as nobody can have taken it over.
                Err(error) => match &*state {
                    State::Ours { at, .. } if at.elapsed() < EXPIRY => {}
                    _ => return Err(error),
                },
            }
        }
        match &*state {
            State::Theirs { who, .. } => Err(NotOurs::Taken(who.clone())),
            State::Unknown | State::Ours { .. } | State::Unguarded { .. } => Ok(()),
        }
    }

    async fn give_up(&self) {
        let mut state = self.state.lock().await;
        if let State::Ours { version, .. } = &*state {
            let only = json!({"preconditions": {"resourceVersion": version}});
            // Whatever comes of it: who waits for the environment has it in a minute.
            if let Err(error) = self.send(Method::DELETE, Some(only.to_string())).await {
                debug!(lease = self.name, error = ?error, "the Lease stays, and runs out");
            }
        }
        // So that it is not renewed.
        *state = State::Unknown;
    }

    /// Says what is new.
    fn tell(&self, before: &State, now: &State) {
        if std::mem::discriminant(before) == std::mem::discriminant(now) {
            return;
        }
        let (environment, lease) = (&self.scope.environment, &self.name);
        match now {
            State::Unknown => {}
            State::Ours { .. } => info!(%environment, lease, "claimed"),
            State::Theirs { who, .. } => warn!(%environment, lease, who, "somebody else's"),
            State::Unguarded { .. } => {
                let why = "no Lease can be used: another installation would not be seen";
                warn!(%environment, lease, why, "not claimed");
            }
        }
    }

    async fn ask(&self, before: &State) -> Result<State, NotOurs> {
        if let State::Ours { version, .. } = before
            && let Some(state) = self.write(Method::PUT, Some(version)).await?
        {
            return Ok(state);
        }
        for _ in 0..TRIES {
            let answer = self.send(Method::GET, None).await?;
            let lease = match Refusal::of(&answer) {
                None => read(&answer),
                Some(Refusal::Missing) => None,
                Some(refusal) => return unguarded(refusal),
            };
            let (method, version) = match lease {
                None => (Method::POST, None),
                Some(Lease { metadata, spec }) => {
                    let version = metadata.resource_version;
                    match spec.holder_identity.filter(|holder| !holder.is_empty() && *holder != self.us) {
                        None => {}
                        Some(holder) => {
                            let host = metadata.annotations.get(HOST).map_or("", String::as_str);
                            let theirs = theirs(before, holder, host, version.clone());
                            if !is_silent(&theirs) {
                                return Ok(theirs);
                            }
                        }
                    }
                    (Method::PUT, Some(version))
                }
            };
            if let Some(state) = self.write(method, version.as_deref()).await? {
                return Ok(state);
            }
        }
        Err(NotOurs::Refused(Refusal::Stale("its Lease changes all the time".to_owned())))
    }

    /// `None`: somebody else wrote it meanwhile.
    async fn write(&self, method: Method, version: Option<&str>) -> Result<Option<State>, NotOurs> {
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "resourceVersion": version, "annotations": {HOST: self.host}},
            "spec": {
                "holderIdentity": self.us,
                "leaseDurationSeconds": EXPIRY.as_secs(),
                "renewTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
            },
        });
        let answer = self.send(method, Some(lease.to_string())).await?;
        match Refusal::of(&answer) {
            None => {
                let version = read(&answer).map(|lease| lease.metadata.resource_version).unwrap_or_default();
                Ok(Some(State::Ours { version, at: Instant::now() }))
            }
            Some(Refusal::Stale(_) | Refusal::Missing) => Ok(None),
            Some(refusal) => unguarded(refusal).map(Some),
        }
    }

    async fn send(&self, method: Method, body: Option<String>) -> Result<Answer, NotOurs> {
        let mut path = self.collection.clone();
        if method != Method::POST {
            path.push('/');
            escape(&self.name, &mut path);
        }
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(body.unwrap_or_default().into_bytes())
            .expect("should be a request: its path is escaped");
        self.api.call(request, REQUEST_TIMEOUT).await.map_err(NotOurs::NoAnswer)
    }
}

fn read(answer: &Answer) -> Option<Lease> {
    serde_json::from_slice(&answer.body).ok()
}

/// Somebody else's, since when it is as it is now.
fn theirs(before: &State, holder: String, host: &str, version: String) -> State {
    let now = Instant::now();
    let who = if host.is_empty() { holder } else { format!("{holder} on {host}") };
    let since = match before {
        State::Theirs { version: known, since, .. } if *known == version => *since,
        _ => now,
    };
    State::Theirs { who, version, since, asked: now }
}

fn is_silent(state: &State) -> bool {
    matches!(state, State::Theirs { since, .. } if since.elapsed() >= EXPIRY)
}

/// Without the right, or without the namespace, there is none.
fn unguarded(refusal: Refusal) -> Result<State, NotOurs> {
    match refusal {
        Refusal::Forbidden(_)
        | Refusal::Quota(_)
        | Refusal::NamespaceMissing
        | Refusal::NamespaceTerminating
        | Refusal::NotServed
        | Refusal::Invalid { .. } => Ok(State::Unguarded { at: Instant::now() }),
        refusal => Err(NotOurs::Refused(refusal)),
    }
}

impl NotOurs {
    pub(crate) fn to_target_error(&self, target: String) -> TargetError {
        match self {
            Self::Taken(owner) => TargetError::Taken { target, owner: owner.clone() },
            Self::Refused(refusal @ Refusal::Unauthorized) => {
                TargetError::Denied { target, reason: refusal.words() }
            }
            Self::Refused(refusal) => TargetError::Unreachable { target, reason: refusal.words() },
            Self::NoAnswer(error) => TargetError::Unreachable { target, reason: error.to_string() },
        }
    }

    pub(crate) fn to_write_error(&self, key: &ObjectKey) -> WriteError {
        let transient = |reason: String| WriteError::Transient { key: key.clone(), reason, after: None };
        match self {
            Self::Taken(owner) => WriteError::Blocked {
                key: key.clone(),
                reason: format!("{owner} applies this environment now"),
            },
            Self::Refused(refusal @ Refusal::Unauthorized) => refusal.to_write_error(key),
            Self::Refused(refusal) => transient(refusal.words()),
            Self::NoAnswer(error) => transient(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_what_we_saw_ourselves() {
        let now = Instant::now();
        let Some(long_ago) = now.checked_sub(EXPIRY) else { return };
        let before =
            State::Theirs { who: "a".to_owned(), version: "7".to_owned(), since: long_ago, asked: long_ago };
        let seen = |before: &State, version: &str| theirs(before, "a".to_owned(), "", version.to_owned());
        assert!(is_silent(&seen(&before, "7")), "not renewed for as long as we look");
        assert!(!is_silent(&seen(&before, "8")), "renewed");
        assert!(!is_silent(&seen(&State::Unknown, "7")), "just seen, whatever the times in it say");
    }

    #[test]
    fn without_the_right_to_leases_nothing_is_claimed() {
        for refusal in [Refusal::Forbidden(String::new()), Refusal::NamespaceMissing] {
            assert!(matches!(unguarded(refusal), Ok(State::Unguarded { .. })));
        }
        for refusal in [Refusal::Unauthorized, Refusal::Throttled(None)] {
            assert!(unguarded(refusal).is_err());
        }
    }
}
