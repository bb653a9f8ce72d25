//! Observing: what is there, and whether it is what our last write left.
//!
//! What is proven already ([`super::proven`]) costs no system call, so that a pass over unchanged objects opens the
//! root and reads its marker, and no more. The others are looked at folder by folder, each opened once; a file whose
//! stamp proves that nothing happened is not opened.

use std::collections::HashMap;
use std::time::{Instant, SystemTime};

use naksha_environments::object::{Live, Mark, ObjectKey, Observation, Observed};
use naksha_executor::port::target::{Question, TargetError, Wanted};
use rustix::io::Errno;

use super::document::{Document, Reader};
use super::layout::{self, Place};
use super::marker::{self, Marker, Standing, root_words};
use super::place::{Folder, Found, words};
use super::proven::{Recalled, Round};
use super::stamp::{Flags, Stamp, is_file};
use super::target::Inner;

/// What was observed, and what it took.
#[derive(Debug)]
pub(crate) struct Looked {
    pub observation: Observation,
    /// How many objects' files were looked for; the other objects are proven.
    pub files: usize,
}

/// Observes everything that is asked about.
pub(crate) fn observe(inner: &Inner, question: Question, now: Instant) -> Result<Looked, TargetError> {
    let unreachable = |reason: String| TargetError::Unreachable { target: inner.name(), reason };
    let owns =
        question.wanted.iter().any(|one| one.mark.is_some()) || question.quiet.objects().next().is_some();
    let (root, marker) = match Folder::root(&inner.root) {
        Ok(root) => {
            let marker = marker::read(&root).map_err(unreachable)?;
            (Some(root), marker)
        }
        Err(Errno::NOENT) => (None, Marker::Missing),
        Err(Errno::ACCESS | Errno::PERM) => {
            return Err(TargetError::Denied { target: inner.name(), reason: words(Errno::ACCESS) });
        }
        Err(error) => return Err(unreachable(root_words(error))),
    };
    if let Standing::Lost(reason) = inner.seen.judge(&marker, owns) {
        let reason = if root.is_none() { root_words(Errno::NOENT) } else { reason.to_owned() };
        return Err(unreachable(reason));
    }
    let Some(root) = root else {
        let objects = question.all().into_iter().map(|one| (one.key, Observed::Absent)).collect();
        return Ok(Looked { observation: Observation { objects }, files: 0 });
    };
    // Before anything is looked at: what is heard from here on makes the findings stale.
    let Recalled { open, round } = inner.proven.recall(root.identity().ok(), question, now);
    let mut look = Look { marks: &inner.marks, round, scratch: String::new(), found: Vec::new() };
    look.at(&root, &open);
    let Look { round, found, .. } = look;
    // The volume may have gone away meanwhile: what looked absent then proves nothing.
    let marker = Folder::root(&inner.root).map_err(root_words).and_then(|root| marker::read(&root));
    if let Standing::Lost(reason) = inner.seen.judge(&marker.map_err(unreachable)?, owns) {
        return Err(unreachable(reason.to_owned()));
    }
    if let Some(round) = round {
        inner.proven.keep(round);
    }
    let observation = Observation { objects: found.into_iter().collect() };
    Ok(Looked { observation, files: open.len() })
}

/// A look at files, folder by folder.
struct Look<'a> {
    marks: &'a Reader,
    round: Option<Round>,
    scratch: String,
    found: Vec<(ObjectKey, Observed)>,
}

impl Look<'_> {
    /// Looks at `open`, which may come in any order.
    fn at(&mut self, root: &Folder, open: &[Wanted]) {
        let mut places: HashMap<Place<'_>, Vec<&Wanted>> = HashMap::new();
        for one in open {
            places.entry(layout::place(&one.key)).or_default().push(one);
        }
        for together in places.into_values() {
            let path = layout::folder(&together[0].key);
            let folder = root.folder(&path);
            for one in together {
                let observed = match &folder {
                    Ok(folder) => self.at_file(folder, &path, one),
                    Err(Errno::NOENT) => Some(Observed::Absent),
                    Err(error) => Some(unknown(&format!("folder `{path}`"), &words(*error))),
                };
                // What is proven to be as its mark says needs no answer.
                self.found.extend(observed.map(|observed| (one.key.clone(), observed)));
            }
        }
    }

    /// Nothing: it certainly is what its mark says, without a status.
    fn at_file(&mut self, folder: &Folder, path: &str, wanted: &Wanted) -> Option<Observed> {
        let Wanted { key, mark } = wanted;
        let file = layout::file(key);
        let stat = folder.stat(&file);
        let proof = match (&stat, mark) {
            (Ok(Some(stat)), Some(mark)) if is_file(stat) => {
                Stamp::of(stat).proves(&mark.version, &mut self.scratch).then_some((stat, mark))
            }
            _ => None,
        };
        if let Some(round) = &mut self.round {
            round.saw(&format!("{path}/{file}"), key, proof);
        }
        if proof.is_some() {
            return None;
        }
        Some(match &stat {
            Ok(None) => Observed::Absent,
            Ok(Some(stat)) if !is_file(stat) => unknown(&file, "it is not a regular file"),
            Ok(Some(_)) => observe_content(self.marks, folder, &file, wanted),
            Err(error) => unknown(&file, &words(*error)),
        })
    }
}

fn observe_content(marks: &Reader, folder: &Folder, file: &str, wanted: &Wanted) -> Observed {
    match read(marks, folder, file, &wanted.key) {
        Ok(None) => Observed::Absent,
        Err(reason) => unknown(file, &reason),
        Ok(Some(Current { live, .. })) => match &wanted.mark {
            Some(mark) if mark.uid == live.mark.uid && mark.fingerprint == live.mark.fingerprint => {
                Observed::InSync { mark: live.mark, health: live.health }
            }
            _ => Observed::Live(live),
        },
    }
}

fn unknown(file: &str, reason: &str) -> Observed {
    Observed::Unknown { reason: format!("`{file}`: {reason}") }
}

/// An object as it is now.
pub(crate) struct Current {
    pub document: Document,
    pub stamp: Stamp,
    pub live: Live,
}

/// Reads one object; `None`: there is no file.
pub(crate) fn read(
    marks: &Reader,
    folder: &Folder,
    file: &str,
    key: &ObjectKey,
) -> Result<Option<Current>, String> {
    // Before reading: a clock that is read later would vouch for more than was seen.
    let now = SystemTime::now();
    match folder.read(file) {
        Found::Nothing => Ok(None),
        Found::Unreadable(reason) => Err(reason),
        Found::File { text, stamp } => {
            let document = Document::parse(key, &text)?;
            let live = live(marks, key, &document, &stamp, now);
            Ok(Some(Current { document, stamp, live }))
        }
    }
}

/// A document as it may leave this crate.
pub(crate) fn live(
    marks: &Reader,
    key: &ObjectKey,
    document: &Document,
    stamp: &Stamp,
    now: SystemTime,
) -> Live {
    let body = document.masked(key, &marks.marks);
    let flags = Flags { racy: stamp.is_racy(now), status: document.has_status() };
    let mark = Mark { uid: document.uid(), version: stamp.version(flags).into(), fingerprint: body.digest() };
    Live { mark, body, health: document.health(&marks.rules), managed: None }
}
