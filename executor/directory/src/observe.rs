//! Observing: what is there, and whether it is what our last write left.
//!
//! Folders are opened once (what is wanted comes in the order of keys); a file whose stamp proves that nothing
//! happened is not opened at all, so that a pass over ten thousand objects is ten thousand `stat` calls. Nothing is
//! kept in memory afterwards.

use std::time::SystemTime;

use naksha_environments::object::{Health, Live, Mark, ObjectKey, Observation, Observed};
use naksha_environments::secret::MarkKey;
use naksha_executor::port::target::{TargetError, Wanted};
use rustix::io::Errno;

use super::document::Document;
use super::layout;
use super::marker::{self, Standing, root_words};
use super::place::{Folder, Found, words};
use super::stamp::{Flags, Stamp, is_file};
use super::target::Inner;

/// Observes everything that is wanted.
pub(crate) fn observe(inner: &Inner, wanted: &[Wanted]) -> Result<Observation, TargetError> {
    let unreachable = |reason: String| TargetError::Unreachable { target: inner.name(), reason };
    let absent = || wanted.iter().map(|one| (one.key.clone(), Observed::Absent)).collect();
    let owns = wanted.iter().any(|one| one.mark.is_some());
    let (root, marker) = match Folder::root(&inner.root) {
        Ok(root) => {
            let marker = marker::read(&root).map_err(unreachable)?;
            (Some(root), marker)
        }
        Err(Errno::NOENT) => (None, marker::Marker::Missing),
        Err(Errno::ACCESS | Errno::PERM) => {
            return Err(TargetError::Denied { target: inner.name(), reason: words(Errno::ACCESS) });
        }
        Err(error) => return Err(unreachable(root_words(error))),
    };
    if let Standing::Lost(reason) = inner.seen.judge(&marker, owns) {
        let reason = if root.is_none() { root_words(Errno::NOENT) } else { reason.to_owned() };
        return Err(unreachable(reason));
    }
    let Some(root) = root else { return Ok(Observation { objects: absent() }) };
    let mut objects = Vec::with_capacity(wanted.len());
    let mut scratch = String::new();
    for together in wanted.chunk_by(|one, next| layout::share_a_folder(&one.key, &next.key)) {
        let path = layout::folder(&together[0].key);
        let folder = root.folder(&path);
        for one in together {
            let observed = match &folder {
                Ok(folder) => observe_file(&inner.marks, folder, &layout::file(&one.key), one, &mut scratch),
                Err(Errno::NOENT) => Observed::Absent,
                Err(error) => unknown(&format!("folder `{path}`"), &words(*error)),
            };
            objects.push((one.key.clone(), observed));
        }
    }
    let objects = objects.into_iter().collect();
    // The volume may have gone away meanwhile: what looked absent then proves nothing.
    match Folder::root(&inner.root).map_err(root_words).and_then(|root| marker::read(&root)) {
        Ok(marker) => match inner.seen.judge(&marker, owns) {
            Standing::Lost(reason) => Err(unreachable(reason.to_owned())),
            Standing::Present | Standing::New => Ok(Observation { objects }),
        },
        Err(reason) => Err(unreachable(reason)),
    }
}

fn observe_file(
    marks: &MarkKey,
    folder: &Folder,
    file: &str,
    wanted: &Wanted,
    scratch: &mut String,
) -> Observed {
    let stat = match folder.stat(file) {
        Ok(None) => return Observed::Absent,
        Ok(Some(stat)) if !is_file(&stat) => return unknown(file, "it is not a regular file"),
        Ok(Some(stat)) => stat,
        Err(error) => return unknown(file, &words(error)),
    };
    if let Some(mark) = &wanted.mark
        && Stamp::of(&stat).proves(&mark.version, scratch)
    {
        return Observed::InSync { mark: mark.clone(), health: Health::Healthy };
    }
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
    marks: &MarkKey,
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
    marks: &MarkKey,
    key: &ObjectKey,
    document: &Document,
    stamp: &Stamp,
    now: SystemTime,
) -> Live {
    let body = document.masked(key, marks);
    let flags = Flags { racy: stamp.is_racy(now), status: document.has_status() };
    let mark = Mark { uid: document.uid(), version: stamp.version(flags).into(), fingerprint: body.digest() };
    Live { mark, body, health: document.health() }
}
