//! The marker: the file that says "this directory is a target, and it is there".
//!
//! An unmounted volume looks like an empty directory. So the first write leaves a marker, and from then on a
//! directory without it is unreachable, whatever else it holds. An *empty* marker is the operator's word that the
//! directory is empty on purpose; the next write fills it in.

use std::sync::{Mutex, PoisonError};

use rustix::fs::Mode;
use rustix::io::Errno;
use uuid::Uuid;

use super::place::{Folder, Found, Replaced, words};

/// The marker's file name.
pub(crate) const MARKER: &str = ".naksha-target";

/// What a directory says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Marker {
    Missing,
    Blank,
    Id(String),
}

/// The marker as this process has seen it.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Option<String>>);

/// Whether a directory may be taken for what it looks like.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the target.
    Present,
    /// It never was one, as far as we know.
    New,
    /// It was one, or should be, and is not now.
    Lost(&'static str),
}

impl Seen {
    /// Judges a root. `owns`: something was written here before, says the inventory.
    pub(crate) fn judge(&self, marker: &Marker, owns: bool) -> Standing {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match marker {
            Marker::Blank => {
                *seen = None;
                Standing::Present
            }
            Marker::Id(id) => match &*seen {
                Some(before) if before != id => Standing::Lost("another target's marker is in its place"),
                Some(_) => Standing::Present,
                None => {
                    *seen = Some(id.clone());
                    Standing::Present
                }
            },
            Marker::Missing if owns || seen.is_some() => {
                Standing::Lost("its marker `.naksha-target` is gone: is the volume mounted?")
            }
            Marker::Missing => Standing::New,
        }
    }
}

pub(crate) fn read(root: &Folder) -> Result<Marker, String> {
    match root.read(MARKER) {
        Found::Nothing => Ok(Marker::Missing),
        Found::Unreadable(reason) => Err(format!("its marker `{MARKER}` cannot be read: {reason}")),
        Found::File { text, .. } => {
            let text = String::from_utf8_lossy(&text);
            let id = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
            Ok(id.map_or(Marker::Blank, |id| Marker::Id(id.chars().take(64).collect())))
        }
    }
}

/// Makes the directory a target, or fills in a blank marker.
pub(crate) fn write(root: &Folder) -> Result<(), Errno> {
    let text = format!(
        "# This directory is a target of naksha. Without this file it is taken for an unmounted volume, and nothing is\n\
         # written or deleted. To begin anew in an empty directory, put an empty file of this name there.\n\
         {}\n",
        Uuid::now_v7()
    );
    let mode = Mode::from_raw_mode(0o644);
    let over = match root.read(MARKER) {
        Found::File { stamp, .. } => Some(stamp),
        Found::Nothing | Found::Unreadable(_) => None,
    };
    // Moved: another write of ours was first, which is as good.
    let (Replaced::Done(_) | Replaced::Moved) =
        root.replace(MARKER, text.as_bytes(), mode, over.as_ref(), |_| ())?;
    Ok(())
}

/// Why a root cannot be opened, in words.
pub(crate) fn root_words(error: Errno) -> String {
    match error {
        Errno::NOENT => "it does not exist: is the volume mounted?".to_owned(),
        Errno::NOTDIR => "it is not a directory".to_owned(),
        other => words(other),
    }
}
