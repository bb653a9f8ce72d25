//! Status as Git notes, so that `git log --notes=naksha` tells what was applied.
//!
//! Notes are written to a local repository or to the mirror. Pushing them to a remote is not part of this
//! version: the transports only fetch.

use git2::{Repository, Signature};
use naksha_environments::ids::Revision;

use super::error::GitError;
use super::mirror::Mirror;
use super::objects::{open_exactly, opening_failed};
use super::refs::RefName;

/// The ref of naksha's own notes.
pub const NOTES_REF: &str = "refs/notes/naksha";
/// Notes are about a page; a megabyte would end up in everybody's clone.
const MAX_NOTE_BYTES: usize = 64 * 1024;

/// Where a note goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotePlace {
    /// The mirror in the state folder: seen by who looks there.
    Mirror,
    /// The watched repository itself, which must be local.
    Source,
}

impl Mirror {
    /// Writes (or replaces) the note of a revision. `notes` is `refs/notes/…`; texts are cut at 64 KiB.
    pub fn write_note(
        &self,
        place: NotePlace,
        revision: &Revision,
        notes: &RefName,
        text: &str,
    ) -> Result<(), GitError> {
        let url = self.url().to_owned();
        if !notes.as_str().starts_with("refs/notes/") {
            let reason = "it is not beneath `refs/notes/`".to_owned();
            return Err(GitError::RefMissing { url, name: notes.to_string(), reason });
        }
        let id = self.objects().oid(revision)?;
        let end =
            (0..=text.len().min(MAX_NOTE_BYTES)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        // Notes are C strings in libgit2.
        let text = text[..end].replace('\0', "");
        match place {
            NotePlace::Mirror => {
                let handle = self.objects().handle()?;
                write(&handle, id, notes, &text)
                    .map_err(|error| self.objects().failed("write a note", &error))
            }
            NotePlace::Source => {
                let Some(path) = self.config().url.local_path() else {
                    return Err(GitError::NotesNotPushed { url });
                };
                let source = open_exactly(path).map_err(|error| opening_failed(path, &url, &error))?;
                write(&source, id, notes, &text)
                    .map_err(|error| self.objects().failed("write a note", &error))
            }
        }
    }
}

fn write(repository: &Repository, id: git2::Oid, notes: &RefName, text: &str) -> Result<(), git2::Error> {
    let who = Signature::now("naksha", "naksha@localhost")?;
    repository.note(&who, &who, Some(notes.as_str()), id, text, true).map(|_| ())
}
