//! Changing: writing and removing one object.
//!
//! An object is read, merged and put back whole. What was read must still be there when the new file takes its
//! place; otherwise nothing is written and the caller observes again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::SystemTime;

use naksha_environments::merge::merge;
use naksha_environments::object::{Body, Live, Mark, ObjectKey};
use naksha_environments::secret::SecretMark;
use naksha_environments::yaml::emit;
use naksha_executor::live::{is_secret, with_values};
use naksha_executor::port::target::{
    OWNER_ANNOTATION, Removal, Write, WriteError, WriteMode, Written, owner_of,
};
use rustix::fs::Mode;
use rustix::io::Errno;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::document::Document;
use super::layout::Location;
use super::marker::{self, Marker, Standing, root_words};
use super::observe::{Current, live, read};
use super::place::{Folder, Replaced, make_root, words};
use super::target::Inner;

/// Folders and files that anybody may read.
const OPEN: (u32, u32) = (0o755, 0o644);
/// Folders and files of Secrets.
const CLOSED: (u32, u32) = (0o700, 0o600);
/// How often a folder is made anew that vanishes before there is something in it: each time another step has removed the
/// last object of it, and few run at a time.
const FOLDERS_MADE: u32 = 8;

pub(crate) fn write(inner: &Inner, write: &Write) -> Result<Written, WriteError> {
    let Write { key, scope, unit, mode, previous, body, secrets, leave } = write;
    let root = root_for_write(inner, key, mode)?;
    let location = Location::of(key);
    let (folder_mode, file_mode) = if is_secret(key) { CLOSED } else { OPEN };
    let make = || make_folder(inner, &root, &location, folder_mode);
    let folder = match mode {
        WriteMode::Create => make(),
        WriteMode::Update { .. } | WriteMode::Adopt { .. } => root.folder(&location.folder()),
    };
    let folder = match folder {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Err(moved(key, "it is gone")),
        Err(error) => return Err(failed(key, &location.folder(), error)),
    };
    let current = read(&inner.marks, &folder, &location.file, key).map_err(|reason| {
        let reason = format!("`{}/{}` cannot be read: {reason}", location.folder(), location.file);
        WriteError::Blocked { key: key.clone(), reason }
    })?;
    let current = admit(key, mode, current)?;

    let before = current.as_ref().map(|current| Value::Object(current.document.0.clone()));
    let previous = previous.as_ref().map(Body::value);
    let desired = with_values(body, secrets);
    let merged = merge(&key.kind, before.as_ref(), previous.as_ref(), &desired, leave);
    let Value::Object(mut fields) = merged else {
        return Err(invalid(key, None, "it is no object"));
    };
    let uid = current.as_ref().and_then(|current| current.document.uid());
    let uid = uid.map_or_else(|| Uuid::now_v7().to_string(), |uid| uid.0.to_string());
    sign(key, &mut fields, &owner_of(scope, unit, key), &uid)?;

    let document = Document(fields);
    let marks: BTreeMap<String, SecretMark> = secrets
        .iter()
        .map(|(name, value)| (name.clone(), inner.marks.mark(value.expose().as_bytes())))
        .collect();
    if let Some(Current { document: there, live, .. }) = &current
        && there.0 == document.0
    {
        return Ok(written(live.clone(), marks));
    }
    let text = emit(&Value::Object(document.0.clone()));
    let over = current.as_ref().map(|current| &current.stamp);
    let put = |folder: &Folder| {
        let mode = Mode::from_raw_mode(file_mode);
        folder.replace(&location.file, text.as_bytes(), mode, over, |stat| {
            inner.own.announce(location.path().into(), stat);
        })
    };
    let mut put_there = put(&folder);
    for _ in 0..FOLDERS_MADE {
        // Empty still, it was removed: with the last object of another step, perhaps.
        if put_there != Err(Errno::NOENT) || !matches!(mode, WriteMode::Create) {
            break;
        }
        put_there = make().and_then(|folder| put(&folder));
    }
    // Whatever came of it, and not before: until the file has its name, a pass may prove the old one anew.
    inner.proven.forget(key);
    let stamp = match put_there {
        Ok(Replaced::Done(stamp)) => stamp,
        Ok(Replaced::Moved) => return Err(moved(key, "somebody wrote it at the same time")),
        Err(error) => return Err(failed(key, &location.folder(), error)),
    };
    Ok(written(live(&inner.marks, key, &document, &stamp, SystemTime::now()), marks))
}

fn written(live: Live, secrets: BTreeMap<String, SecretMark>) -> Written {
    let Live { mark, body: _, health, managed: _ } = live;
    Written { mark, secrets, health }
}

/// The root, made and marked when this is the first write of all.
fn root_for_write(inner: &Inner, key: &ObjectKey, mode: &WriteMode) -> Result<Folder, WriteError> {
    let lost = |reason: String| WriteError::Transient { key: key.clone(), reason, after: None };
    let opened = match Folder::root(&inner.root) {
        Ok(root) => {
            let marker = marker::read(&root).map_err(lost)?;
            (Some(root), marker)
        }
        Err(Errno::NOENT) => (None, Marker::Missing),
        Err(error) => return Err(failed(key, ".", error)),
    };
    let owns = matches!(mode, WriteMode::Update { .. });
    match (inner.seen.judge(&opened.1, owns), opened) {
        (Standing::Lost(_), (None, _)) => Err(lost(root_words(Errno::NOENT))),
        (Standing::Lost(reason), (Some(root), _)) => {
            // Another first write may have made the marker after ours was looked for.
            let marker = marker::read(&root).map_err(lost)?;
            match (inner.seen.judge(&marker, owns), marker) {
                (Standing::Present, Marker::Id(_)) => Ok(root),
                _ => Err(lost(reason.to_owned())),
            }
        }
        (Standing::Present, (Some(root), Marker::Id(_))) => Ok(root),
        (Standing::Present | Standing::New, (root, _)) => {
            let root = match root {
                Some(root) => root,
                None => make_root(&inner.root).map_err(|error| failed(key, ".", error))?,
            };
            // One at a time: of two first writes the second must find the first one's marker.
            let guard = inner.marking.lock().unwrap_or_else(PoisonError::into_inner);
            if !matches!(marker::read(&root).map_err(lost)?, Marker::Id(_)) {
                marker::write(&root).map_err(|error| failed(key, marker::MARKER, error))?;
            }
            let marker = marker::read(&root).map_err(lost)?;
            drop(guard);
            match inner.seen.judge(&marker, true) {
                Standing::Lost(reason) => Err(lost(reason.to_owned())),
                Standing::Present | Standing::New => Ok(root),
            }
        }
    }
}

/// The folder of an object, made if it is not there. What happens to it from now on is news.
fn make_folder(inner: &Inner, root: &Folder, location: &Location, mode: u32) -> Result<Folder, Errno> {
    let Location { namespace, kind, file: _ } = location;
    let make = || {
        let folder = root.make(namespace, Mode::from_raw_mode(OPEN.0))?;
        folder.make(kind, Mode::from_raw_mode(mode))
    };
    inner.own.retract(Path::new(namespace));
    inner.own.retract(Path::new(&location.folder()));
    let mut folder = make();
    for _ in 0..FOLDERS_MADE {
        if !matches!(folder, Err(Errno::NOENT)) {
            break;
        }
        // Removed between two calls.
        folder = make();
    }
    folder
}

/// Checks that what is there is what the write was planned for.
fn admit(key: &ObjectKey, mode: &WriteMode, current: Option<Current>) -> Result<Option<Current>, WriteError> {
    match (mode, current) {
        (WriteMode::Create, None) => Ok(None),
        (WriteMode::Create, Some(_)) => Err(moved(key, "it exists already")),
        (WriteMode::Update { .. } | WriteMode::Adopt { .. }, None) => Err(moved(key, "it is gone")),
        (WriteMode::Update { expect } | WriteMode::Adopt { expect }, Some(current)) => {
            check(key, expect, &current.live.mark)?;
            Ok(Some(current))
        }
    }
}

/// By content, not by time: a file that was touched, or whose status moved, is still what was planned for.
fn check(key: &ObjectKey, expect: &Mark, now: &Mark) -> Result<(), WriteError> {
    if expect.uid != now.uid {
        return Err(moved(key, "another object has its name now"));
    }
    if expect.fingerprint != now.fingerprint {
        return Err(moved(key, "somebody changed it"));
    }
    Ok(())
}

/// Writes down whose object it is, and which.
fn sign(key: &ObjectKey, fields: &mut Map<String, Value>, owner: &str, uid: &str) -> Result<(), WriteError> {
    let not_a_map = |field: &str| invalid(key, Some(field), "it is no map");
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let metadata = metadata.as_object_mut().ok_or_else(|| not_a_map("metadata"))?;
    metadata.insert("uid".to_owned(), Value::String(uid.to_owned()));
    let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    let annotations = annotations.as_object_mut().ok_or_else(|| not_a_map("metadata.annotations"))?;
    annotations.insert(OWNER_ANNOTATION.to_owned(), Value::String(owner.to_owned()));
    Ok(())
}

pub(crate) fn remove(inner: &Inner, removal: &Removal) -> Result<(), WriteError> {
    let Removal { key, expect } = removal;
    let lost = |reason: String| WriteError::Transient { key: key.clone(), reason, after: None };
    let root = Folder::root(&inner.root).map_err(|error| lost(root_words(error)))?;
    let marker = marker::read(&root).map_err(lost)?;
    if let Standing::Lost(reason) = inner.seen.judge(&marker, true) {
        return Err(lost(reason.to_owned()));
    }
    let location = Location::of(key);
    let folder = match root.folder(&location.folder()) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(failed(key, &location.folder(), error)),
    };
    let current = read(&inner.marks, &folder, &location.file, key).map_err(|reason| {
        let reason = format!("`{}/{}` cannot be read: {reason}", location.folder(), location.file);
        WriteError::Blocked { key: key.clone(), reason }
    })?;
    let Some(current) = current else { return Ok(()) };
    if expect.uid.is_none() {
        return Err(moved(key, "another object has its name now"));
    }
    check(key, expect, &current.live.mark)?;
    let path = PathBuf::from(location.path());
    inner.own.announce_removal(path.clone());
    let removed = folder.remove(&location.file, &current.stamp);
    inner.proven.forget(key);
    if removed == Ok(true) {
        remove_empty_folders(inner, &root, &location);
        return Ok(());
    }
    inner.own.retract(&path);
    match removed {
        Ok(_) => Err(moved(key, "somebody wrote it at the same time")),
        Err(error) => Err(failed(key, &location.folder(), error)),
    }
}

/// The folders of an object that was just removed, as far as nothing else is in them; never the root. Somebody who puts
/// something there at the same time is not in danger: only an empty folder can be removed, and a write of ours that
/// loses its folder makes it again.
fn remove_empty_folders(inner: &Inner, root: &Folder, location: &Location) {
    let remove = |above: &Folder, name: &str, path: String| {
        let path = PathBuf::from(path);
        inner.own.announce_removal(path.clone());
        let is_removed = above.remove_empty(name);
        if !is_removed {
            inner.own.retract(&path);
        }
        is_removed
    };
    let Ok(namespace) = root.folder(&location.namespace) else { return };
    if remove(&namespace, &location.kind, location.folder()) {
        remove(root, &location.namespace, location.namespace.clone());
    }
}

fn moved(key: &ObjectKey, reason: &str) -> WriteError {
    WriteError::Moved { key: key.clone(), reason: reason.to_owned() }
}

fn invalid(key: &ObjectKey, field: Option<&str>, reason: &str) -> WriteError {
    WriteError::Invalid { key: key.clone(), field: field.map(str::to_owned), reason: reason.to_owned() }
}

/// What the file system said, as what the driver should do about it.
fn failed(key: &ObjectKey, at: &str, error: Errno) -> WriteError {
    let (key, reason) = (key.clone(), format!("`{at}`: {}", words(error)));
    match error {
        Errno::ACCESS
        | Errno::PERM
        | Errno::ROFS
        | Errno::LOOP
        | Errno::NOTDIR
        | Errno::ISDIR
        | Errno::XDEV => WriteError::Blocked { key, reason },
        Errno::NAMETOOLONG => WriteError::Invalid { key, field: None, reason },
        _ => WriteError::Transient { key, reason, after: None },
    }
}
