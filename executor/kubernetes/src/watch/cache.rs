//! What the watches told, a few numbers per object, and which of them somebody touched.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use naksha_environments::object::{Health, KeyMap, Mark, ObjectKey, RefusedInPlace};
use naksha_environments::quiet::Quiet;
use naksha_executor::port::target::GroupKind;
use tokio::sync::watch;

use crate::live::{Seen, Whole};
use crate::resource::Resource;
use crate::version::{Version, is_older};

/// A refusal is believed this long: whatever refused may have been only for a while.
const REFUSED: Duration = Duration::from_secs(600);

/// What one watch is about: a kind, everywhere or in one namespace.
pub(crate) type Scope = (GroupKind, Option<Arc<str>>);

#[derive(Debug)]
pub(crate) struct Cache {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
    states: watch::Sender<States>,
}

#[derive(Debug, Default)]
struct Inner {
    objects: KeyMap<Seen>,
    /// Touched since they were found to be in order, or not in order.
    stirred: HashSet<ObjectKey>,
    /// Must be read before they are called in order: a write met fields of others there.
    suspected: HashSet<ObjectKey>,
    /// What cannot be done in place with an object.
    refused: KeyMap<(Instant, RefusedInPlace)>,
    /// Being written by us, with what was told of them meanwhile: mostly our own doing.
    in_flight: KeyMap<Flight>,
    /// Every quiet object was compared since the cache began, or since somebody doubted.
    compared: bool,
}

/// What happens to an object while it is being written.
#[derive(Debug, Default)]
struct Flight {
    meanwhile: Option<Meanwhile>,
    /// Something that has to be looked at, whatever comes of the write.
    news: bool,
}

/// What a watch told last of an object that is being written, and its version.
#[derive(Debug)]
struct Meanwhile {
    resource_version: Arc<str>,
    /// Absent: it is gone.
    text: Option<Box<str>>,
}

/// How a watch does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Synced,
    /// We may not watch there. What may be watched is smaller, or nothing.
    Forbidden(String),
    /// Nobody answers, or the kind is not served: looked at again as soon as that may be over.
    Away(String),
    Failing(String),
}

/// How the watches do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct States(BTreeMap<Scope, State>);

impl States {
    pub(crate) fn get(&self, scope: &Scope) -> Option<&State> {
        self.0.get(scope)
    }

    pub(crate) fn any_starting(&self) -> bool {
        self.0.values().any(|state| *state == State::Starting)
    }

    /// Whether some watch does not tell what happens.
    pub(crate) fn any_silent(&self) -> bool {
        self.0.values().any(|state| *state != State::Synced)
    }

    /// Whether some watch broke and is not begun anew yet.
    pub(crate) fn any_broken(&self) -> bool {
        self.0.values().any(|state| matches!(state, State::Away(_) | State::Failing(_)))
    }

    /// Whether some kind may not be watched everywhere: then it is watched where its objects are.
    pub(crate) fn any_forbidden(&self) -> bool {
        self.0.values().any(|state| matches!(state, State::Forbidden(_)))
    }

    /// Why nothing is known of an object.
    pub(crate) fn silent(&self, key: &ObjectKey) -> Option<String> {
        let kind = (Arc::clone(&key.group), Arc::clone(&key.kind));
        let everywhere = self.0.get(&(kind.clone(), None));
        let state = match everywhere {
            Some(State::Forbidden(_)) if key.namespace.is_some() => {
                self.0.get(&(kind, key.namespace.clone())).or(everywhere)
            }
            state => state,
        };
        match state {
            Some(State::Synced) => None,
            Some(State::Failing(reason) | State::Forbidden(reason) | State::Away(reason)) => {
                Some(format!("its watch fails: {reason}"))
            }
            Some(State::Starting) | None => Some("its watch has told nothing yet".to_owned()),
        }
    }
}

/// What a mark is worth beside what the watch told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Judged {
    /// As our last write left it.
    InSync(Health),
    /// It has to be read.
    Suspect,
}

impl Default for Cache {
    fn default() -> Self {
        let (changes, states) = (watch::Sender::new(0), watch::Sender::new(States::default()));
        Self { inner: Mutex::default(), changes, states }
    }
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Entries are written whole; a panic elsewhere leaves them right.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn states(&self) -> watch::Receiver<States> {
        self.states.subscribe()
    }

    /// A watch that begins or ceases to tell is news: what is not known has to be said.
    pub(super) fn set_state(&self, scope: &Scope, state: State) {
        let is_first = state == State::Starting;
        let moved = self.states.send_if_modified(|states| {
            let is_new = states.get(scope) != Some(&state);
            if is_new {
                states.0.insert(scope.clone(), state);
            }
            is_new
        });
        if moved && !is_first {
            self.wake();
        }
    }

    /// Those of these watches that wait for the server begin now. False: none does.
    pub(super) fn begin_anew<'s>(&self, scopes: impl Iterator<Item = &'s Scope>) -> bool {
        self.states.send_if_modified(|states| {
            let mut any = false;
            for scope in scopes {
                if let Some(state @ State::Away(_)) = states.0.get_mut(scope) {
                    *state = State::Starting;
                    any = true;
                }
            }
            any
        })
    }

    /// A kind is watched no more.
    pub(super) fn forget_states(&self, kind: &GroupKind) {
        self.states.send_modify(|states| states.0.retain(|(watched, _), _| watched != kind));
    }

    /// Something is to be looked at.
    pub(crate) fn wake(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// A watch told an object as it is now.
    pub(crate) fn told(&self, key: ObjectKey, mut seen: Seen) {
        let mut inner = self.lock();
        if let Some(before) = inner.objects.get(&key) {
            if is_older(&seen.resource_version, &before.resource_version) {
                return;
            }
            let same = before.is_same_but_status(&seen);
            if same && seen.whole.is_none() {
                // It was read before, and what was read then still holds.
                seen.whole.clone_from(&before.whole);
            }
            if same && health(&seen) == health(before) {
                inner.objects.insert(key, seen);
                return;
            }
        }
        let flight = inner.in_flight.get_mut(&key);
        let is_ours = flight.is_some();
        if let Some(flight) = flight {
            flight.news = true;
        }
        inner.stirred.insert(key.clone());
        inner.objects.insert(key, seen);
        drop(inner);
        if !is_ours {
            self.wake();
        }
    }

    /// A watch told that an object is gone, or lost its label, as of this version.
    pub(super) fn gone(&self, key: &ObjectKey, resource_version: &Arc<str>) {
        let mut inner = self.lock();
        inner.objects.remove(key);
        inner.stirred.insert(key.clone());
        let flight = inner.in_flight.get_mut(key);
        let is_ours = flight.is_some();
        if let Some(flight) = flight {
            flight.news = true;
            // The answer to our write may be on its way still, and must not bring it back.
            flight.meanwhile = Some(Meanwhile { resource_version: Arc::clone(resource_version), text: None });
        }
        drop(inner);
        if !is_ours {
            self.wake();
        }
    }

    /// A watch began anew and told everything there is of a kind.
    pub(super) fn told_all(&self, (kind, namespace): &Scope, there: &HashSet<ObjectKey>) {
        let is_there = |key: &ObjectKey| namespace.is_none() || key.namespace == *namespace;
        let of_kind = |key: &ObjectKey| key.group == kind.0 && key.kind == kind.1 && is_there(key);
        let mut inner = self.lock();
        let lost: Vec<ObjectKey> =
            inner.objects.keys().filter(|key| of_kind(key) && !there.contains(*key)).cloned().collect();
        for key in &lost {
            inner.objects.remove(key);
        }
        let any = !lost.is_empty();
        inner.stirred.extend(lost);
        drop(inner);
        if any {
            self.wake();
        }
    }

    /// We begin to write or remove an object. What is told of it until that ends is likely our own doing.
    pub(crate) fn begin_write(self: &Arc<Self>, key: &ObjectKey) -> InFlight {
        self.lock().in_flight.insert(key.clone(), Flight::default());
        InFlight { cache: Arc::clone(self), key: key.clone(), ended: false }
    }

    /// Whether a watch told that the object is there.
    pub(crate) fn knows(&self, key: &ObjectKey) -> bool {
        self.lock().objects.contains_key(key)
    }

    /// How many objects of a kind are there, in a place.
    pub(crate) fn count(&self, kind: &Resource, namespace: Option<&Arc<str>>) -> usize {
        let is_there = |key: &&ObjectKey| {
            key.kind == kind.kind
                && key.group == kind.group
                && (namespace.is_none() || key.namespace.as_ref() == namespace)
        };
        self.lock().objects.keys().filter(is_there).count()
    }

    /// Whether just this is known already.
    pub(super) fn is_known(&self, key: &ObjectKey, seen: &Seen) -> bool {
        let inner = self.lock();
        let known = inner.objects.get(key);
        known.is_some_and(|known| known.uid == seen.uid && known.resource_version == seen.resource_version)
    }

    /// Puts aside what is told of an object that is being written: it is looked at when the answer is there. False: it is
    /// not being written.
    pub(super) fn defer(&self, key: &ObjectKey, seen: &Seen, text: &str) -> bool {
        let mut inner = self.lock();
        let Some(flight) = inner.in_flight.get_mut(key) else { return false };
        let resource_version = Arc::clone(&seen.resource_version);
        flight.meanwhile = Some(Meanwhile { resource_version, text: Some(text.into()) });
        true
    }

    /// The write is over; `seen`: what the server answered to it. Gives back what was told meanwhile and is newer.
    fn end_write(&self, key: &ObjectKey, seen: Option<Seen>) -> Option<Box<str>> {
        let mut inner = self.lock();
        let Flight { meanwhile, news } = inner.in_flight.remove(key).unwrap_or_default();
        let Some(seen) = seen else {
            // Only what happened meanwhile: a write that is refused again and again must not wake anybody.
            drop(inner);
            if news {
                self.wake();
            }
            return meanwhile.and_then(|meanwhile| meanwhile.text);
        };
        let newer = meanwhile.filter(|told| is_older(&seen.resource_version, &told.resource_version));
        if newer.as_ref().is_some_and(|newer| newer.text.is_none()) {
            drop(inner);
            self.wake();
            return None;
        }
        inner.suspected.remove(key);
        inner.refused.remove(key);
        // The watch may be ahead of the answer: then somebody else wrote right after us.
        let ahead = inner
            .objects
            .get(key)
            .is_some_and(|told| is_older(&seen.resource_version, &told.resource_version));
        if ahead {
            drop(inner);
            self.wake();
        } else {
            // Also when it is healthy: the next look finds that out, without a call.
            inner.stirred.insert(key.clone());
            inner.objects.insert(key.clone(), seen);
        }
        newer.and_then(|newer| newer.text)
    }

    /// What was removed is neither there nor news.
    pub(crate) fn removed(&self, key: &ObjectKey) {
        let mut inner = self.lock();
        inner.objects.remove(key);
        inner.stirred.remove(key);
        inner.suspected.remove(key);
        inner.refused.remove(key);
    }

    /// The object must be read before anything is said of it.
    pub(crate) fn suspect(&self, key: &ObjectKey) {
        let mut inner = self.lock();
        inner.suspected.insert(key.clone());
        inner.stirred.insert(key.clone());
        if let Some(flight) = inner.in_flight.get_mut(key) {
            flight.news = true;
        }
    }

    /// It was read, and what was read is looked at.
    pub(crate) fn trust(&self, key: &ObjectKey) {
        self.lock().suspected.remove(key);
    }

    /// The server refuses this as a change, and would take it as a new object.
    pub(crate) fn refused_in_place(&self, key: &ObjectKey, refused: RefusedInPlace) {
        self.lock().refused.insert(key.clone(), (Instant::now(), refused));
    }

    pub(crate) fn refusal(&self, key: &ObjectKey) -> Option<RefusedInPlace> {
        let inner = self.lock();
        let (at, refused) = inner.refused.get(key)?;
        (at.elapsed() < REFUSED).then(|| refused.clone())
    }

    pub(crate) fn is_suspected(&self, key: &ObjectKey) -> bool {
        self.lock().suspected.contains(key)
    }

    /// Whether every quiet object was compared.
    pub(crate) fn has_compared(&self) -> bool {
        self.lock().compared
    }

    /// Nothing that was found before counts.
    pub(crate) fn doubt(&self) {
        self.lock().compared = false;
    }

    /// Takes in what reading an object told, unless the watch knows better.
    pub(crate) fn read(&self, key: &ObjectKey, seen: &Seen) {
        let mut inner = self.lock();
        if let Some(known) = inner.objects.get_mut(key)
            && !is_older(&seen.resource_version, &known.resource_version)
        {
            *known = seen.clone();
        }
    }

    /// Of the quiet objects those that are not in order, or have to be read. Looks at all of them once, then at those
    /// that something happened to.
    pub(crate) fn stirred(&self, quiet: &Quiet) -> Vec<(ObjectKey, Mark, Judged)> {
        let mut inner = self.lock();
        let mut found = Vec::new();
        if inner.compared {
            let stirred: Vec<ObjectKey> = inner.stirred.iter().cloned().collect();
            for key in stirred {
                if let Some(mark) = quiet.mark(&key) {
                    inner.compare(&key, mark, &mut found);
                }
            }
        } else {
            for (key, mark) in quiet.objects() {
                inner.compare(key, mark, &mut found);
            }
            inner.compared = quiet.objects().next().is_some();
        }
        found
    }

    /// One object that was asked about with its mark. In order, it is calm until something happens to it.
    pub(crate) fn judge(&self, key: &ObjectKey, mark: &Mark) -> Judged {
        let mut inner = self.lock();
        let judged = inner.judge(key, mark);
        if judged == Judged::InSync(Health::Healthy) {
            inner.stirred.remove(key);
        }
        judged
    }
}

/// An object while it is being written. Dropped without an end (the apply was broken off), what happened is not known: the
/// object is read before anything is said of it.
#[derive(Debug)]
pub(crate) struct InFlight {
    cache: Arc<Cache>,
    key: ObjectKey,
    ended: bool,
}

impl InFlight {
    /// The write is over; `seen`: what the server answered to it. Gives back what was told meanwhile and is newer.
    pub(crate) fn end(mut self, seen: Option<Seen>) -> Option<Box<str>> {
        self.ended = true;
        self.cache.end_write(&self.key, seen)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.ended {
            self.cache.suspect(&self.key);
            drop(self.cache.end_write(&self.key, None));
            self.cache.wake();
        }
    }
}

impl Inner {
    fn compare(&mut self, key: &ObjectKey, mark: &Mark, found: &mut Vec<(ObjectKey, Mark, Judged)>) {
        match self.judge(key, mark) {
            Judged::InSync(Health::Healthy) => drop(self.stirred.remove(key)),
            judged => {
                self.stirred.insert(key.clone());
                found.push((key.clone(), mark.clone(), judged));
            }
        }
    }

    fn judge(&self, key: &ObjectKey, mark: &Mark) -> Judged {
        let (Some(seen), Some(version)) = (self.objects.get(key), Version::parse(&mark.version)) else {
            return Judged::Suspect;
        };
        let same_uid = mark.uid.as_ref().is_some_and(|uid| uid.0 == seen.uid);
        if !same_uid || self.suspected.contains(key) || seen.entry != version.entry {
            return Judged::Suspect;
        }
        let same_version = seen.resource_version == version.resource_version;
        let same_generation = seen.generation.is_some() && seen.generation == version.generation;
        let same_values = || seen.whole.as_ref().is_some_and(|whole| whole.fingerprint == mark.fingerprint);
        if same_version || same_generation || same_values() {
            return Judged::InSync(health(seen));
        }
        Judged::Suspect
    }
}

/// Of a kind without a status, being there is health.
fn health(seen: &Seen) -> Health {
    if seen.deleting {
        return Health::Progressing("being deleted".to_owned());
    }
    seen.whole.as_ref().map_or(Health::Healthy, |Whole { health, .. }| health.clone())
}

#[cfg(test)]
mod tests;
