//! The fake as a server on loopback: one per test, with one repository.
//!
//! ```text
//!   a request ──► held? ──► a moment? ──► trouble? ──► git: http-backend
//!                                            └──────► API: described? who? how much? may they? ──► State ──► described? ──► an answer
//!                                                                                                    └─► webhooks, once the answer is made
//! ```

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming as Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::bare::Bare;
use super::caller::Role;
use super::openapi::{Description, FILE};
use super::repository_hooks::RepositoryHook;
use super::routes::{Answered, Incoming};
use super::smart_http::is_git;
use super::state::{Asked, Owner, Person as Known, State, Token};
use super::trouble::Failure;
use super::webhooks::{Event, deliver};
use crate::api::{RUNTIME, on_runtime};
use crate::programs::are_there;

/// A GitHub of one repository. What was asked or answered against GitHub's description fails the test when it is dropped.
#[derive(Debug)]
pub struct GitHub {
    url: String,
    pub(super) shared: Arc<Shared>,
    folder: TempDir,
    /// Aborted when dropped.
    _serving: JoinSet<()>,
}

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
}

/// The connection is to end without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped on purpose")]
struct Dropped;

impl GitHub {
    /// A GitHub with an empty repository of an organisation. Nothing when its description is not there: the test is skipped
    /// and says so.
    ///
    /// # Panics
    /// When it does not start, or when a description that is demanded is missing.
    pub fn start(owner: &str, name: &str) -> Option<Self> {
        are_there(&[FILE]).then(|| crate::must(Self::begin(owner, name)))
    }

    fn begin(owner: &str, name: &str) -> anyhow::Result<Self> {
        // Read before the first request has to wait for it.
        Description::shared();
        let folder = tempfile::Builder::new().prefix("naksha-github-").tempdir()?;
        let bare = Bare::init(&folder.path().join("repository.git"))?;
        let listener = on_runtime(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let shared = Arc::new(Shared { state: Mutex::new(State::new(&url, owner, name, bare)) });
        let mut serving = JoinSet::new();
        serving.spawn_on(accept(listener, Arc::clone(&shared)), RUNTIME.handle());
        Ok(Self { url, shared, folder, _serving: serving })
    }

    /// Where its API is, and its pages and repositories too.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Somebody with a token, and what they may do in the repository.
    pub fn add_person(&self, login: &str, role: Role) -> String {
        let mut state = self.state();
        let token = format!("ghp_{}", uuid::Uuid::new_v4().simple());
        let id = state.next_id();
        state.people.insert(login.to_owned(), Known { id, role });
        let owner = Owner::Person(login.to_owned());
        state.tokens.insert(token.clone(), Token { owner, expires: None });
        token
    }

    pub(super) fn has_fork(&self, owner: &str) -> bool {
        self.state().forks.contains_key(owner)
    }

    /// A fork of the repository, as it is now, of somebody who then may push to it.
    pub(super) fn add_fork(&self, owner: &str) -> anyhow::Result<()> {
        let mut state = self.state();
        let fork = Bare::init(&self.folder.path().join(format!("fork-of-{owner}.git")))?;
        let from = state.bare.folder().to_string_lossy().into_owned();
        fork.git(&["fetch", "--quiet", &from, "+refs/heads/*:refs/heads/*"])?;
        state.forks.insert(owner.to_owned(), fork);
        Ok(())
    }

    /// Changes something, and tells those who listen.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        send_out(&self.shared, &mut state);
        result
    }

    /// What was asked or answered against GitHub's description so far.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// As [`Self::violations`], which are forgotten then: a test that makes one on purpose.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.state().violations)
    }

    /// # Panics
    /// When something was asked or answered against GitHub's description.
    pub fn expect_valid(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "against GitHub's description:\n{}", violations.join("\n"));
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.expect_valid();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| serve(Arc::clone(&shared), request));
            // A client that goes away ends its connection with an error.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(shared: Arc<Shared>, request: Request<Body>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Dropped)?.to_bytes().to_vec();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: BTreeMap<_, _> =
        parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let target = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let incoming = Incoming { method: parts.method.to_string(), target, headers, body };
    shared.hold_back(&incoming).await?;
    let answered = tokio::task::spawn_blocking(move || shared.take(&incoming)).await;
    answered.map_err(|_| Dropped)?
}

impl Shared {
    /// What is held is never done: who asked for it is gone by the time that anything goes on.
    async fn hold_back(&self, incoming: &Incoming) -> Result<(), Dropped> {
        let held = self.state().held_back(incoming);
        let Some(mut over) = held else { return Ok(()) };
        // Nothing is ever sent: it ends with its sender.
        while over.changed().await.is_ok() {}
        Err(Dropped)
    }

    /// One request after another.
    fn take(self: &Arc<Self>, incoming: &Incoming) -> Result<Response<Full<Bytes>>, Dropped> {
        let mut state = self.state();
        state.do_meanwhile(incoming);
        let failure = state.strike(&incoming.method, &incoming.target);
        let asker = state.asker(incoming);
        let note = |state: &mut State, caller: String, status| {
            let (method, path) = (incoming.method.clone(), incoming.target.clone());
            let body = serde_json::from_slice(&incoming.body).unwrap_or_default();
            state.asked.push(Asked { method, path, caller, body, status });
        };
        match failure {
            Some(Failure::Dropped) => {
                note(&mut state, asker, None);
                return Err(Dropped);
            }
            Some(Failure::Refused(status)) => {
                note(&mut state, asker, Some(status));
                let words = super::answer::refusal(status, "Something went wrong on purpose");
                return response(words.body.unwrap_or_default().to_string(), status, &[]);
            }
            Some(Failure::AnswerLost) | None => {}
        }
        let (made, caller, status) = if is_git(&incoming.target) {
            let (plain, caller) = state.answer_git(incoming).unwrap_or_else(|error| panic!("git: {error:#}"));
            (response(plain.body, plain.status, &plain.headers), caller, plain.status)
        } else {
            let Answered { answer, caller } = state.answer(incoming);
            let mut headers: Vec<_> =
                answer.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            headers.push(("x-github-request-id".to_owned(), uuid::Uuid::new_v4().to_string()));
            headers.push(("content-type".to_owned(), "application/json; charset=utf-8".to_owned()));
            let body = answer.body.as_ref().map(ToString::to_string).unwrap_or_default();
            (response(&body, answer.status, &headers), caller, answer.status)
        };
        let is_lost = failure == Some(Failure::AnswerLost);
        note(&mut state, caller, (!is_lost).then_some(status));
        send_out(self, &mut state);
        if is_lost { Err(Dropped) } else { made }
    }
}

fn response(
    body: impl AsRef<[u8]>,
    status: u16,
    headers: &[(String, String)],
) -> Result<Response<Full<Bytes>>, Dropped> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::copy_from_slice(body.as_ref()))).map_err(|_| Dropped)
}

/// Delivers what is to be told, each by itself.
fn send_out(shared: &Arc<Shared>, state: &mut State) {
    for event in std::mem::take(&mut state.hooks.outbox) {
        let name = event.described_as();
        let wrong = Description::shared().check_webhook(&name, &event.payload);
        state.violations.extend(wrong.into_iter().map(|words| format!("webhook {name}: {words}")));
        for hook in state.hooks.repository.iter().filter(|hook| hook.listens_to(event.name)) {
            let (shared, hook, event) = (Arc::clone(shared), hook.clone(), event.clone());
            RUNTIME.spawn(async move { told_by_hook(&shared, &hook, &event).await });
        }
        let Some((url, secret)) = state.hooks.target.clone() else { continue };
        let shared = Arc::clone(shared);
        RUNTIME.spawn(async move { told(&shared, &url, &secret, event).await });
    }
}

/// What GitHub says where nobody answers.
const NOBODY: u16 = 502;

async fn told_by_hook(shared: &Shared, hook: &RepositoryHook, event: &Event) {
    let secret = hook.secret.as_deref().unwrap_or_default();
    let (status, _) = deliver(&hook.url, secret, event).await;
    let mut state = shared.state();
    if let Some(hook) = state.hooks.repository.iter_mut().find(|known| known.id == hook.id) {
        hook.last = Some(status.unwrap_or(NOBODY));
    }
}

async fn told(shared: &Shared, url: &str, secret: &str, event: Event) {
    let (status, took) = deliver(url, secret, &event).await;
    shared.state().delivered(event, status, took);
}
