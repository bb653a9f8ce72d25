//! A target in memory. It runs the contract suite too, so that what the tests here prove is proven of a target.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use naksha_environments::merge::merge;
use naksha_environments::object::{
    Body, Health, Live, Mark, ObjectKey, Observation, Observed, Uid, mark_placeholder,
};
use naksha_environments::secret::{MarkKey, SecretMark};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::fuse::{Fate, Fuse};
use crate::contract::target::Fixture;
use crate::port::recovery::{Recovered, Recovery, Search, Unproven};
use crate::port::target::{
    OWNER_ANNOTATION, Question, Removal, SharedTarget, Target, TargetError, Wanted, Write, WriteError,
    WriteMode, Written, owner_of, signer_of,
};
use naksha_kubernetes_health::RuleSet;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub uid: Option<u64>,
    pub version: u64,
    pub object: Value,
}

pub(super) struct FakeTarget {
    pub fuse: Arc<Fuse>,
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<ObjectKey, Stored>,
    counter: u64,
    unreachable: bool,
    /// How much longer each write takes than the one before.
    slower: Duration,
    begun: u32,
    /// Errors to answer with, before anything else happens.
    failures: BTreeMap<ObjectKey, VecDeque<WriteError>>,
    /// Successful writes and removals, in order.
    log: Vec<String>,
    garbled: Vec<ObjectKey>,
    /// What the controllers of these say of a new one at once.
    beginnings: BTreeMap<ObjectKey, Value>,
    /// Why objects are not healthy, and how often that was asked.
    whys: BTreeMap<ObjectKey, String>,
    asked_why: usize,
}

impl fmt::Debug for FakeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeTarget(..)")
    }
}

impl FakeTarget {
    pub(super) fn new(fuse: Arc<Fuse>) -> Self {
        Self { fuse, state: Mutex::default(), changes: watch::Sender::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn fail(&self, key: &ObjectKey, errors: impl IntoIterator<Item = WriteError>) {
        self.state().failures.insert(key.clone(), errors.into_iter().collect());
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    pub(super) fn clear_log(&self) {
        self.state().log.clear();
    }

    /// From now on each write takes so much longer than the one before: they end one by one. For a clock that is paused
    /// (`start_paused`).
    pub(super) fn slow_down(&self, slower: Duration) {
        self.state().slower = slower;
    }

    fn latency(&self) -> Duration {
        let mut state = self.state();
        state.begun += 1;
        state.slower * state.begun
    }

    pub(super) fn cut_off(&self, unreachable: bool) {
        self.state().unreachable = unreachable;
    }

    /// From now on a new one has this status as soon as it is made.
    pub(super) fn begins_with(&self, key: &ObjectKey, status: &Value) {
        self.state().beginnings.insert(key.clone(), status.clone());
    }

    /// From now on it says why the object is not healthy.
    pub(super) fn say_why(&self, key: &ObjectKey, why: &str) {
        self.state().whys.insert(key.clone(), why.to_owned());
    }

    /// How often somebody asked why something is not healthy.
    pub(super) fn asked_why(&self) -> usize {
        self.state().asked_why
    }

    /// Objects without their identities: what two runs can be compared by.
    pub(super) fn contents(&self) -> BTreeMap<ObjectKey, Value> {
        self.state().objects.iter().map(|(key, stored)| (key.clone(), stored.object.clone())).collect()
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<Stored> {
        self.state().objects.get(key).cloned()
    }

    /// Somebody else deletes.
    pub(super) fn erase(&self, key: &ObjectKey) {
        self.state().objects.remove(key);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Somebody else writes.
    pub(super) fn put(&self, key: &ObjectKey, uid: Option<u64>, object: Value) {
        let mut state = self.state();
        state.counter += 1;
        let version = state.counter;
        state.objects.insert(key.clone(), Stored { uid: uid.or(Some(version)), version, object });
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }
}

fn mark_key() -> MarkKey {
    MarkKey::new([7; 32])
}

fn masked(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
    }
    if object["kind"] == "Secret" {
        for (_, value) in object["data"].as_object_mut().into_iter().flatten() {
            let plain = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
            *value = json!(mark_placeholder(&mark_key().mark(&plain)));
        }
        if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
            annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    object
}

fn live(stored: &Stored) -> Live {
    let body = Body::new(&masked(&stored.object));
    let uid = stored.uid.map(|uid| Uid(format!("uid-{uid}").into()));
    let mark = Mark { uid, version: stored.version.to_string().into(), fingerprint: body.digest() };
    let health = if stored.object.get("status").is_some() {
        RuleSet::bundled().judge(&stored.object).health
    } else {
        Health::Healthy
    };
    Live { mark, body, health, managed: None }
}

fn moved(key: &ObjectKey, reason: &str) -> WriteError {
    WriteError::Moved { key: key.clone(), reason: reason.to_owned() }
}

fn lost(key: &ObjectKey) -> WriteError {
    WriteError::Transient { key: key.clone(), reason: "the connection broke".to_owned(), after: None }
}

impl State {
    fn write(&mut self, write: &Write) -> Result<Written, WriteError> {
        let key = &write.key;
        if self.garbled.contains(key) {
            return Err(moved(key, "it cannot be read"));
        }
        let there = self.objects.get(key).cloned();
        match (&write.mode, &there) {
            (WriteMode::Create, None) => {}
            (WriteMode::Create, Some(_)) => return Err(moved(key, "it exists")),
            (WriteMode::Update { .. } | WriteMode::Adopt { .. }, None) => {
                return Err(moved(key, "it is gone"));
            }
            (WriteMode::Update { expect } | WriteMode::Adopt { expect }, Some(stored)) => {
                let now = live(stored).mark;
                if (&now.uid, now.fingerprint) != (&expect.uid, expect.fingerprint) {
                    return Err(moved(key, "it is not what was observed"));
                }
            }
        }
        let mut desired = write.body.value();
        let mut marks: BTreeMap<String, SecretMark> = BTreeMap::new();
        for (name, secret) in &write.secrets {
            desired["data"][name] = json!(STANDARD.encode(secret.expose()));
            marks.insert(name.clone(), mark_key().mark(secret.expose().as_bytes()));
        }
        let previous = write.previous.as_ref().map(Body::value);
        let object = there.as_ref().map(|stored| &stored.object);
        let mut object = merge(&key.kind, object, previous.as_ref(), &desired, &write.leave);
        object["metadata"]["annotations"][OWNER_ANNOTATION] =
            json!(owner_of(&write.scope, &write.unit, &write.key));
        if let (None, Some(status)) = (&there, self.beginnings.get(key)) {
            object["status"] = status.clone();
        }
        self.counter += 1;
        let uid = there.and_then(|stored| stored.uid).or(Some(self.counter));
        let stored = Stored { uid, version: self.counter, object };
        let Live { mark, body: _, health, managed: _ } = live(&stored);
        self.objects.insert(key.clone(), stored);
        self.log.push(format!("write {}", key.short()));
        Ok(Written { mark, secrets: marks, health })
    }

    fn remove(&mut self, removal: &Removal) -> Result<(), WriteError> {
        let key = &removal.key;
        let Some(stored) = self.objects.get(key) else { return Ok(()) };
        if self.garbled.contains(key)
            || removal.expect.uid.is_none()
            || live(stored).mark.uid != removal.expect.uid
        {
            return Err(moved(key, "another object has its name"));
        }
        self.objects.remove(key);
        self.log.push(format!("remove {}", key.short()));
        Ok(())
    }

    fn observe(&self, wanted: &Wanted) -> Observed {
        if self.garbled.contains(&wanted.key) {
            return Observed::Unknown { reason: "it cannot be read".to_owned() };
        }
        let Some(stored) = self.objects.get(&wanted.key) else { return Observed::Absent };
        let live = live(stored);
        match &wanted.mark {
            Some(mark) if mark.uid == live.mark.uid && mark.fingerprint == live.mark.fingerprint => {
                Observed::InSync { mark: live.mark, health: live.health }
            }
            _ => Observed::Live(live),
        }
    }
}

#[async_trait]
impl Target for FakeTarget {
    async fn observe(&self, question: Question) -> Result<Observation, TargetError> {
        let unreachable =
            || TargetError::Unreachable { target: "fake".to_owned(), reason: "no answer".to_owned() };
        if self.fuse.next() != Fate::Works || self.state().unreachable {
            return Err(unreachable());
        }
        let state = self.state();
        let answer = |one: Wanted| (one.key.clone(), state.observe(&one));
        Ok(Observation { objects: question.all().into_iter().map(answer).collect() })
    }

    fn doubt(&self) {}

    async fn write(&self, write: &Write) -> Result<Written, WriteError> {
        let fate = self.fuse.next();
        // Lets other writes begin: those of one wave run side by side.
        tokio::task::yield_now().await;
        let latency = self.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if fate == Fate::Dead || self.state().unreachable {
            return Err(lost(&write.key));
        }
        let failure = self.state().failures.get_mut(&write.key).and_then(VecDeque::pop_front);
        if let Some(error) = failure {
            return Err(error);
        }
        let written = self.state().write(write);
        self.changes.send_modify(|count| *count += 1);
        if fate == Fate::AnswerLost { Err(lost(&write.key)) } else { written }
    }

    async fn remove(&self, removal: &Removal) -> Result<(), WriteError> {
        let fate = self.fuse.next();
        if fate == Fate::Dead {
            return Err(lost(&removal.key));
        }
        let failure = self.state().failures.get_mut(&removal.key).and_then(VecDeque::pop_front);
        if let Some(error) = failure {
            return Err(error);
        }
        let removed = self.state().remove(removal);
        self.changes.send_modify(|count| *count += 1);
        if fate == Fate::AnswerLost { Err(lost(&removal.key)) } else { removed }
    }

    async fn recover(&self, search: &Search) -> Result<Recovery, TargetError> {
        let mut found = Recovery::default();
        for (key, stored) in &self.state().objects {
            let text = stored.object["metadata"]["annotations"][OWNER_ANNOTATION].as_str();
            let Some(text) = text else { continue };
            let key = key.clone();
            match signer_of(text, &key).filter(|(scope, _)| *scope == search.scope) {
                Some((_, unit)) => {
                    let api_version = stored.object["apiVersion"].as_str().unwrap_or_default().into();
                    let live = live(stored);
                    found.objects.push(Recovered { key, unit, api_version, live, applied: None });
                }
                None => found.unproven.push(Unproven { key, reason: "it is signed for another".to_owned() }),
            }
        }
        Ok(found)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    async fn explain(&self, key: &ObjectKey) -> Option<String> {
        let mut state = self.state();
        state.asked_why += 1;
        state.whys.get(key).cloned()
    }
}

struct InMemory(Arc<FakeTarget>);

#[async_trait]
impl Fixture for InMemory {
    fn target(&self) -> SharedTarget {
        self.0.clone()
    }

    async fn reopen(&self) -> SharedTarget {
        self.0.clone()
    }

    fn namespace(&self) -> String {
        "contract".to_owned()
    }

    async fn peek(&self, key: &ObjectKey) -> Option<Value> {
        let stored = self.0.get(key)?;
        let mut object = stored.object;
        object["metadata"]["uid"] = json!(stored.uid);
        Some(object)
    }

    async fn put(&self, key: &ObjectKey, object: &Value) {
        let mut object = object.clone();
        let uid = object["metadata"].as_object_mut().and_then(|metadata| metadata.shift_remove("uid"));
        self.0.put(key, uid.and_then(|uid| uid.as_u64()), object);
    }

    async fn erase(&self, key: &ObjectKey) {
        self.0.erase(key);
    }

    async fn garble(&self, key: &ObjectKey) -> bool {
        self.0.state().garbled.push(key.clone());
        true
    }

    async fn half_write(&self, _: &ObjectKey) -> bool {
        false
    }

    async fn litter(&self) -> usize {
        0
    }
}

fn fresh() -> InMemory {
    InMemory(Arc::new(FakeTarget::new(Arc::default())))
}

crate::target_contract!(fresh);
