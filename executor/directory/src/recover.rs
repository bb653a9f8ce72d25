//! Whose the files are, by what they say: all that is left when the database was lost.
//!
//! A file is proven to be ours when it has a uid, and is signed for just the object that it is, in just that place.

use naksha_executor::port::recovery::{Recovered, Recovery, Search, Unproven, Unseen};
use naksha_executor::port::target::{OWNER_ANNOTATION, TargetError, signer_of};
use rustix::io::Errno;

use super::document::Document;
use super::layout::Location;
use super::observe::{Current, read};
use super::place::{Folder, Found, words};
use super::target::Inner;

pub(crate) fn recover(inner: &Inner, search: &Search) -> Result<Recovery, TargetError> {
    let unreachable = |error: Errno| TargetError::Unreachable { target: inner.name(), reason: words(error) };
    let root = match Folder::root(&inner.root) {
        Ok(root) => root,
        Err(Errno::NOENT) => return Ok(Recovery::default()),
        Err(error) => return Err(unreachable(error)),
    };
    let mut look = Look { inner, search, found: Recovery::default() };
    for namespace in root.names().map_err(unreachable)? {
        let Some(folder) = look.folder(&root, &namespace, &namespace) else { continue };
        for kind in folder.names().map_err(unreachable)? {
            let place = format!("{namespace}/{kind}");
            let Some(folder) = look.folder(&folder, &kind, &place) else { continue };
            for file in folder.names().map_err(unreachable)? {
                look.at(&folder, &place, &file);
            }
        }
    }
    Ok(look.found)
}

struct Look<'a> {
    inner: &'a Inner,
    search: &'a Search,
    found: Recovery,
}

impl Look<'_> {
    /// Absent: it is none, or cannot be looked into, which is told.
    fn folder(&mut self, above: &Folder, name: &str, place: &str) -> Option<Folder> {
        match above.folder(name) {
            Ok(folder) => Some(folder),
            Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT) => None,
            Err(error) => {
                self.found.unseen.push(Unseen { what: place.to_owned(), reason: words(error) });
                None
            }
        }
    }

    fn at(&mut self, folder: &Folder, place: &str, file: &str) {
        let path = format!("{place}/{file}");
        let unseen = |reason: String| Unseen { what: path.clone(), reason };
        let document = match folder.read(file) {
            Found::Nothing => return,
            Found::Unreadable(reason) => return self.found.unseen.push(unseen(reason)),
            Found::File { text, .. } => Document::parse_any(&text),
        };
        let document = match document {
            Ok(document) => document,
            Err(reason) => return self.found.unseen.push(unseen(reason)),
        };
        let signature = document.text(&["metadata", "annotations", OWNER_ANNOTATION]);
        // What nobody signed was put there by somebody else.
        let (Some(signature), Some(key)) = (signature, document.key()) else { return };
        let mut unproven = |reason: &str| {
            self.found.unproven.push(Unproven { key: key.clone(), reason: reason.to_owned() });
        };
        let Some((scope, unit)) = signer_of(signature, &key) else {
            return unproven("its signature is not of this object");
        };
        if scope != self.search.scope {
            return;
        }
        if Location::of(&key).path() != path {
            return unproven("its file is not where we put it");
        }
        if document.uid().is_none() {
            return unproven("it has no uid");
        }
        let api_version = document.text(&["apiVersion"]).unwrap_or_default().into();
        match read(&self.inner.marks, folder, file, &key) {
            Ok(Some(Current { live, .. })) => {
                self.found.objects.push(Recovered { key, unit, api_version, live, applied: None });
            }
            Ok(None) => {}
            Err(reason) => self.found.unseen.push(unseen(reason)),
        }
    }
}
