//! The watch of one kind: begun, followed, begun anew when it breaks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::StreamExt as _;
use naksha_environments::object::ObjectKey;
use naksha_executor::port::store;
use naksha_executor::port::target::GroupKind;
use naksha_executor::retry::spread;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::cache::{Cache, Scope, State};
use crate::connect::{Api, Lines};
use crate::live::{Reader, Seen, head, resource_version, seen_whole};
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::send::{METADATA, selector};

const FULL: &str = "application/json";
/// The annotation of the bookmark after the last of the objects that were there when a watch began.
const INITIAL_END: &str = "k8s.io/initial-events-end";
/// Said of a server that does not tell what is there when a watch begins.
const NO_STREAMS: &str = "the server does not stream lists; Kubernetes 1.34 and later do";
/// First and longest pause after a watch broke.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// Longest pause while nobody answers: a server that is back is seen by it, and asking costs it nothing.
const AWAY: Duration = Duration::from_secs(5);
/// Watches that wait for a server that is back are begun at once, but not more often than this: where a server answers to
/// everything but watches, each try would ask for the next.
const HURRY: Duration = Duration::from_secs(2);
/// A watch that lasts longer than this was a good one: servers end each after half an hour or so.
const LASTING: Duration = Duration::from_secs(30);
/// After this long without a word, bookmarks included, a watch is begun anew: the server tells one about every minute.
const SILENCE: Duration = Duration::from_secs(240);

/// What is watched, and the task that does it.
type Running = (Arc<Resource>, AbortOnDropHandle<()>);

/// After this long without a write, what was written is watched.
const CALM: Duration = Duration::from_millis(250);

/// Kinds of which something was written for the first time, to be watched when it is calm.
#[derive(Debug, Default)]
struct Later {
    kinds: BTreeMap<Scope, Arc<Resource>>,
    last_write: Option<Instant>,
    task: Option<AbortOnDropHandle<()>>,
}

/// The watches of an environment. Ended when dropped.
#[derive(Debug)]
pub(crate) struct Watchers {
    api: Api,
    cache: Arc<Cache>,
    selector: String,
    marks: Reader,
    running: Mutex<BTreeMap<Scope, Running>>,
    later: Mutex<Later>,
    /// Wakes those that wait for the server.
    hurry: Arc<Notify>,
    hurried: Mutex<Option<Instant>>,
}

impl Watchers {
    pub(crate) fn new(api: Api, cache: Arc<Cache>, scope: &store::Scope, marks: Reader) -> Self {
        let (running, hurry, hurried) = (Mutex::default(), Arc::default(), Mutex::default());
        let later = Mutex::default();
        Self { api, cache, selector: selector(scope), marks, running, later, hurry, hurried }
    }

    /// Selects what is labelled as the environment's, as part of a query.
    pub(crate) fn selector(&self) -> &str {
        &self.selector
    }

    /// Every kind that is watched.
    pub(crate) fn kinds(&self) -> BTreeSet<GroupKind> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.keys().map(|(kind, _)| kind.clone()).collect()
    }

    /// Ends the watches of a kind.
    pub(crate) fn end(&self, kind: &GroupKind) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|(watched, _), _| watched != kind);
        drop(running);
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        later.kinds.retain(|(watched, _), _| watched != kind);
        drop(later);
        self.cache.forget_states(kind);
    }

    /// The server answers, and what is served is known: watches that wait for just that are begun now. False: there are
    /// none, or that was tried a moment ago.
    pub(crate) fn hurry(&self, is_served: impl Fn(&Resource) -> bool) -> bool {
        let mut hurried = self.hurried.lock().unwrap_or_else(PoisonError::into_inner);
        if hurried.is_some_and(|hurried| hurried.elapsed() < HURRY) {
            return false;
        }
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let served = running.iter().filter(|(_, (resource, _))| is_served(resource)).map(|(scope, _)| scope);
        if !self.cache.begin_anew(served) {
            return false;
        }
        *hurried = Some(Instant::now());
        self.hurry.notify_waiters();
        true
    }

    /// Something of a kind is written: from now on what happens to it is told, as soon as no more is being written or
    /// somebody asks. A watch that begins earlier costs the server an event for each of our own writes, and whatever
    /// somebody does in between shows when it begins.
    pub(crate) fn wrote(self: &Arc<Self>, resource: &Arc<Resource>) {
        let scope = everywhere(resource);
        if self.running.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&scope) {
            return;
        }
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        later.last_write = Some(Instant::now());
        later.kinds.insert(scope, Arc::clone(resource));
        let watchers = Arc::downgrade(self);
        later.task.get_or_insert_with(|| AbortOnDropHandle::new(tokio::spawn(start_when_calm(watchers))));
    }

    /// When it will have been calm for long enough; absent: it is, and what was put off begins.
    fn calm_at(&self) -> Option<Instant> {
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        let calm_at = later.last_write.map(|last| last + CALM).filter(|calm_at| *calm_at > Instant::now());
        if calm_at.is_none() {
            // The task that asks ends with this answer, so that nothing is left to abort.
            let Later { kinds, last_write: _, task: _ } = std::mem::take(&mut *later);
            drop(later);
            for (scope, resource) in kinds {
                // It may have been asked for meanwhile, as it is served now.
                let is_running =
                    self.running.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&scope);
                if !is_running {
                    self.start(&resource, None);
                }
            }
        }
        calm_at
    }

    /// Watches a kind, everywhere or in a namespace, unless it is watched already.
    pub(crate) fn start(&self, resource: &Arc<Resource>, namespace: Option<&Arc<str>>) {
        let kind = (Arc::clone(&resource.group), Arc::clone(&resource.kind));
        let scope: Scope = (kind, namespace.cloned());
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.get(&scope).is_some_and(|(known, _)| known == resource) {
            return;
        }
        self.cache.set_state(&scope, State::Starting);
        let watcher = Watcher {
            api: self.api.clone(),
            cache: Arc::clone(&self.cache),
            marks: self.marks.clone(),
            selector: self.selector.clone(),
            whole: self.marks.rules().has_status_rules(&resource.group, &resource.kind),
            resource: Arc::clone(resource),
            scope: scope.clone(),
            hurry: Arc::clone(&self.hurry),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(kept(watcher)));
        running.insert(scope, (Arc::clone(resource), task));
    }
}

fn everywhere(resource: &Resource) -> Scope {
    ((Arc::clone(&resource.group), Arc::clone(&resource.kind)), None)
}

async fn start_when_calm(watchers: Weak<Watchers>) {
    while let Some(calm_at) = watchers.upgrade().and_then(|watchers| watchers.calm_at()) {
        tokio::time::sleep_until(calm_at).await;
    }
}

/// Runs a watcher; one that panics says that it tells nothing, and begins anew.
async fn kept(watcher: Watcher) {
    loop {
        let run = AbortOnDropHandle::new(tokio::spawn(watcher.clone().run()));
        if run.await.is_err() {
            let reason = "it ended abnormally".to_owned();
            watcher.cache.set_state(&watcher.scope, State::Failing(reason));
        }
        tokio::time::sleep(PAUSE.1).await;
    }
}

#[derive(Clone)]
struct Watcher {
    api: Api,
    cache: Arc<Cache>,
    marks: Reader,
    selector: String,
    /// Whether objects are told as a whole: their health is in their status.
    whole: bool,
    resource: Arc<Resource>,
    scope: Scope,
    hurry: Arc<Notify>,
}

/// Why a watch ended.
enum End {
    /// The server ends each after a while; it goes on where it was.
    Resume(String),
    /// What happened meanwhile is not known: everything is told anew.
    Anew,
    Broken(String),
    /// Nobody answers, or the kind is not served.
    Away(String),
    /// We may not watch there. Tried again now and then: rights may be given.
    Forbidden(String),
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Watcher {
    async fn run(self) {
        let (mut from, mut pause) = (None, PAUSE.0);
        loop {
            let begun = Instant::now();
            let ended = self.watch(from.as_deref()).await;
            // One that lasted for a while is resumed at once; one that ends again and again is not.
            let lasted = begun.elapsed() > LASTING;
            match ended {
                End::Resume(version) => {
                    from = Some(version);
                    if lasted {
                        pause = PAUSE.0;
                        continue;
                    }
                }
                End::Anew => from = None,
                End::Broken(reason) => {
                    debug!(kind = %self.scope.0.1, reason, "the watch broke");
                    self.cache.set_state(&self.scope, State::Failing(reason));
                    from = None;
                }
                End::Away(reason) => {
                    debug!(kind = %self.scope.0.1, reason, "the watch has nobody to ask");
                    self.cache.set_state(&self.scope, State::Away(reason));
                    (from, pause) = (None, pause.min(AWAY));
                }
                End::Forbidden(reason) => {
                    self.cache.set_state(&self.scope, State::Forbidden(reason));
                    (from, pause) = (None, PAUSE.1);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause.mul_f64(0.5 + spread())) => pause = (pause * 2).min(PAUSE.1),
                () = self.hurry.notified() => pause = PAUSE.0,
            }
        }
    }

    async fn watch(&self, from: Option<&str>) -> End {
        let begin = match from {
            Some(version) => format!("resourceVersion={version}"),
            None => "sendInitialEvents=true&resourceVersionMatch=NotOlderThan".to_owned(),
        };
        let collection = self.resource.collection(self.scope.1.as_deref());
        let path = format!("{collection}?watch=true&allowWatchBookmarks=true&{begin}&{}", self.selector);
        let lines = match self.api.watch(&path, if self.whole { FULL } else { METADATA }).await {
            Ok(Ok(lines)) => lines,
            Ok(Err(answer)) => {
                return match Refusal::of(&answer) {
                    Some(Refusal::Expired) => End::Anew,
                    Some(refusal @ Refusal::Forbidden(_)) => End::Forbidden(refusal.words()),
                    Some(Refusal::Invalid { .. }) if from.is_none() => End::Broken(NO_STREAMS.to_owned()),
                    Some(refusal @ Refusal::NotServed) => End::Away(refusal.words()),
                    Some(refusal) => End::Broken(refusal.words()),
                    None => End::Anew,
                };
            }
            Err(error) => return End::Away(error.to_string()),
        };
        self.follow(lines, from.map(str::to_owned)).await
    }

    async fn follow(&self, mut lines: Lines, from: Option<String>) -> End {
        // Everything that is there, until the end of it is told.
        let mut there = from.is_none().then(HashSet::new);
        let mut version = from;
        loop {
            let line = match tokio::time::timeout(SILENCE, lines.next()).await {
                Ok(Some(Ok(line))) => line,
                Ok(Some(Err(error))) => {
                    return version.map_or_else(|| End::Away(error.to_string()), End::Resume);
                }
                Ok(None) => return version.map_or(End::Anew, End::Resume),
                Err(_) => return End::Away("it fell silent".to_owned()),
            };
            let Ok(event) = serde_json::from_str::<Event<'_>>(&line) else {
                return End::Broken("what it tells cannot be read".to_owned());
            };
            let object = event.object.get();
            match event.kind {
                "BOOKMARK" => {
                    version = resource_version(object).or(version);
                    if object.contains(INITIAL_END)
                        && let Some(there) = there.take()
                    {
                        self.cache.told_all(&self.scope, &there);
                        self.cache.set_state(&self.scope, State::Synced);
                        info!(kind = %self.scope.0.1, objects = there.len(), "watching");
                    }
                }
                "ADDED" | "MODIFIED" | "DELETED" => {
                    let Some((key, seen)) = self.head(object) else {
                        return End::Broken("an object that it tells cannot be read".to_owned());
                    };
                    if there.is_none() {
                        version = Some(seen.resource_version.to_string());
                    }
                    if event.kind == "DELETED" {
                        self.cache.gone(&key, &seen.resource_version);
                        continue;
                    }
                    if let Some(there) = &mut there {
                        there.insert(key.clone());
                    }
                    // What we write ourselves is answered, and need not be read a second time.
                    if self.cache.is_known(&key, &seen) || self.whole && self.cache.defer(&key, &seen, object)
                    {
                        continue;
                    }
                    let seen = if self.whole { seen_whole(&key, object, &self.marks) } else { Some(seen) };
                    let Some(seen) = seen else {
                        return End::Broken("an object that it tells cannot be read".to_owned());
                    };
                    self.cache.told(key, seen);
                }
                // Mostly that it is too far behind.
                _ => return End::Anew,
            }
        }
    }

    fn head(&self, object: &str) -> Option<(ObjectKey, Seen)> {
        let (namespace, name, seen) = head(object)?;
        let (group, kind) = &self.scope.0;
        Some((ObjectKey::new(group, kind, namespace.as_deref(), &name), seen))
    }
}
