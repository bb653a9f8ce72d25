//! What was proven of files and still holds, because the kernel told of no change since.
//!
//! Without it a pass over thousands of unchanged objects is a `stat` of each of their files. A proof is the version
//! that a certain stamp proved ([`super::stamp`]); it answers for a mark of the same version, and nothing else is
//! kept.
//!
//! ```text
//! watch ──heard──▶ ┌────────┐ ──recall──▶ observe ──look──▶ Round
//!       ──trust──▶ │ Proven │ ◀──────────────keep───────────┘
//! change ─forget─▶ └────────┘
//! ```
//!
//! A proof must not outlive a change, and events come a moment after what they tell of. Whenever a change happens:
//!
//! - *Before the look*: the look sees it. Its event comes later and forgets in vain.
//! - *Between the look and [`Proven::keep`]*: everything heard moves the epoch, and a round whose epoch has passed
//!   keeps nothing. Heard only after the keeping: see the next.
//! - *After the keeping*: its event forgets the proof. A pass in the moment before that answers as one that began a
//!   moment earlier; the count of changes moves only after the forgetting, so the pass that it wakes looks.
//! - *In a folder that was made or moved just now*: its inotify watch is added a moment after its event was handed
//!   on ([`super::kernel`]), and what happens in between is told by nobody. So such an event ends all trust, and
//!   without trust nothing is kept. Trust comes back when the watcher has gone through the whole directory and nobody
//!   doubted meanwhile. A folder that was moved before that but is heard of only later: see the first three.
//! - *To the root*: whose identity is compared in each pass, because what is above it is not watched. Its marker is
//!   read in each pass as before.
//! - *By our own write*: [`Proven::forget`], after it took place. A pass at the same time either looked before, and
//!   its epoch has passed, or sees what was written.
//! - *Told by nobody*: mapped memory, another machine, another name of the file, something mounted on a folder. So
//!   no proof counts for longer than [`MAX_AGE`].

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use naksha_environments::object::{KeyHasher, KeyMap, Mark, ObjectKey};
use naksha_executor::port::target::{Question, Wanted};
use rustix::fs::Stat;

use super::place::Identity;

/// Everything is looked at this often, for what the kernel does not tell. A `stat` of each of ten thousand files
/// once a minute costs less than a thousandth of a core.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(60);

/// Files that are known, some 100 bytes each, and a few hundred where nobody else holds the key and the version any
/// more. Those beyond are looked at in every pass.
const MAX_FILES: usize = 50_000;

/// What an event about something that is no known file may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// What we wrote, or a file of ours on its way.
    OurWrite,
    /// A file of somebody's. (Mounted twice, a folder tells of a file under one of its two names.)
    File,
    /// A folder, perhaps: whether all folders are watched must be seen to again.
    Anything,
}

#[derive(Debug, Default)]
pub(crate) struct Proven {
    memory: Mutex<Memory>,
    /// Of paths. A digest in their place is a fifth of the size.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Memory {
    /// The root beneath which the kernel tells of everything; `None`: it does not.
    trusted: Option<Identity>,
    /// How often trust ended.
    doubts: u64,
    /// Moves with everything that is heard.
    epoch: u64,
    /// When the first look began whose findings are kept.
    since: Option<Instant>,
    /// Path → whose file it is, for everything that was looked at. Every proof's file is here.
    files: HashMap<u64, ObjectKey>,
    versions: KeyMap<Arc<str>>,
    /// What is not proven, of everything there is. Absent: not everything was asked about yet.
    unproven: Option<KeySet>,
}

type KeySet = HashSet<ObjectKey, BuildHasherDefault<KeyHasher>>;

/// What of the wanted is not proven, and must be looked at.
#[derive(Debug)]
pub(crate) struct Recalled {
    pub open: Vec<Wanted>,
    /// Takes the findings. `None`: they cannot be kept.
    pub round: Option<Round>,
}

/// The findings of one pass, on their way into memory.
#[derive(Debug)]
pub(crate) struct Round {
    epoch: u64,
    root: Identity,
    hasher: RandomState,
    found: Vec<Finding>,
}

#[derive(Debug)]
struct Finding {
    path: u64,
    key: ObjectKey,
    version: Option<Arc<str>>,
}

impl Proven {
    /// Begins a pass over what is at `root`.
    pub(crate) fn recall(&self, root: Option<Identity>, question: Question, now: Instant) -> Recalled {
        let mut memory = self.memory();
        let Some(root) = root.filter(|root| memory.trusted == Some(*root)) else {
            return Recalled { open: question.all(), round: None };
        };
        if memory.since.is_some_and(|since| now.saturating_duration_since(since) >= MAX_AGE) {
            memory.forget_everything();
        }
        memory.since.get_or_insert(now);
        let Memory { unproven, versions, .. } = &mut *memory;
        let Question { mut wanted, quiet } = question;
        let asked = wanted.len();
        match unproven {
            // Asked about before, with these marks: what is left are those that something happened to.
            Some(unproven) => {
                wanted.extend(unproven.iter().filter_map(|key| Some(Wanted::quiet((key, quiet.mark(key)?)))));
            }
            None => wanted.extend(quiet.objects().map(Wanted::quiet)),
        }
        // Who asks about something quiet asks about everything; other questions are about a few objects.
        if wanted.len() > asked {
            unproven.get_or_insert_default();
        }
        let is_proven = |one: &Wanted| {
            one.mark.as_ref().is_some_and(|mark| versions.get(&one.key) == Some(&mark.version))
        };
        let open: Vec<Wanted> = wanted.into_iter().filter(|one| !is_proven(one)).collect();
        if let Some(unproven) = unproven {
            unproven.extend(open.iter().map(|one| one.key.clone()));
        }
        let round = Round { epoch: memory.epoch, root, hasher: self.hasher.clone(), found: Vec::new() };
        Recalled { open, round: Some(round) }
    }

    /// Ends a pass: its findings are kept, unless something was heard since it began.
    pub(crate) fn keep(&self, round: Round) {
        let mut memory = self.memory();
        if memory.epoch != round.epoch {
            return;
        }
        let Memory { files, versions, unproven, .. } = &mut *memory;
        for Finding { path, key, version } in round.found {
            let full = files.len() >= MAX_FILES;
            match files.entry(path) {
                Entry::Vacant(_) if full => continue,
                Entry::Vacant(free) => {
                    free.insert(key.clone());
                }
                // Kinds that differ in case only share a file, and digests may clash. An event must find whose
                // proof it ends, so the second one gets none.
                Entry::Occupied(taken) if *taken.get() != key => continue,
                Entry::Occupied(_) => {}
            }
            if let Some(version) = version {
                if let Some(unproven) = unproven {
                    unproven.remove(&key);
                }
                versions.insert(key, version);
            }
        }
    }

    /// Our own write or removal of `key` took place.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        let mut memory = self.memory();
        memory.epoch += 1;
        memory.disprove(key);
    }

    /// The kernel told of a change at `path`, which is relative to the root.
    pub(crate) fn heard(&self, path: &[u8], about: About) {
        let path = self.hasher.hash_one(path);
        let mut memory = self.memory();
        memory.epoch += 1;
        match (memory.files.get(&path).cloned(), about) {
            (Some(key), _) => memory.disprove(&key),
            (None, About::OurWrite) => {}
            (None, About::File) => memory.forget_everything(),
            (None, About::Anything) => memory.doubt(),
        }
    }

    /// From here on the kernel may miss something. The answer is for [`Proven::trust`].
    pub(crate) fn doubt(&self) -> u64 {
        let mut memory = self.memory();
        memory.doubt();
        memory.doubts
    }

    /// All of `root` is watched, which was begun right after the doubt with this number.
    pub(crate) fn trust(&self, root: Identity, doubt: u64) {
        let mut memory = self.memory();
        if memory.doubts == doubt {
            memory.trusted = Some(root);
        }
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.memory().trusted.is_some()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing panics between two changes that belong together.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn forget_everything(&mut self) {
        self.epoch += 1;
        self.since = None;
        self.files.clear();
        self.versions.clear();
        self.unproven = None;
    }

    fn disprove(&mut self, key: &ObjectKey) {
        self.versions.remove(key);
        if let Some(unproven) = &mut self.unproven {
            unproven.insert(key.clone());
        }
    }

    fn doubt(&mut self) {
        self.forget_everything();
        self.doubts += 1;
        self.trusted = None;
    }
}

impl Round {
    /// The file of `key` was looked at; `path` is relative to the root. `proof`: what was seen, and the mark that
    /// it proves.
    pub(crate) fn saw(&mut self, path: &str, key: &ObjectKey, proof: Option<(&Stat, &Mark)>) {
        // Nobody tells of an edit through another name of the file, nor that another volume is unmounted.
        let told = |stat: &Stat| stat.st_nlink == 1 && stat.st_dev == self.root.device;
        let version = proof.filter(|(stat, _)| told(stat)).map(|(_, mark)| Arc::clone(&mark.version));
        let path = self.hasher.hash_one(path.as_bytes());
        self.found.push(Finding { path, key: key.clone(), version });
    }
}

#[cfg(test)]
mod tests;
