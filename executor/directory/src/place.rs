//! The only module that opens files: beneath a root, never through a symbolic link, whole files at a time.
//!
//! Where the kernel has `openat2`, it resolves beneath the root in one call; elsewhere every part is opened by
//! itself without following links. Files are replaced by renaming a finished one, so that nobody sees half of it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, ResolveFlags, Stat, fstat, fsync, linkat, mkdirat, open,
    openat, openat2, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use uuid::Uuid;

use super::stamp::{Stamp, is_file};

/// Largest file that is read. The API server takes objects of 1.5 MiB; this leaves room for their YAML.
pub(crate) const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Files on their way: this and a UUID. Anything else that looks like it is somebody else's.
const TEMPORARY: &str = ".naksha-tmp-";

/// What is there under a name.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    File {
        text: Vec<u8>,
        stamp: Stamp,
    },
    /// There is something, and it is not a file that can be read.
    Unreadable(String),
}

/// An open folder beneath (or at) the root.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

/// What tells one mount of a directory from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub device: u64,
    pub inode: u64,
}

impl Identity {
    fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

/// How a write may end that is not about the file system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    Done(Stamp),
    /// Somebody was there first.
    Moved,
}

impl Folder {
    /// The root itself. Links on the way to it are the operator's choice.
    pub(crate) fn root(path: &Path) -> Result<Self, Errno> {
        open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map(Self)
    }

    pub(crate) fn identity(&self) -> Result<Identity, Errno> {
        fstat(&self.0).map(|stat| Identity::of(&stat))
    }

    /// A folder beneath this one; `path` has no `.` or `..` parts and no leading slash.
    pub(crate) fn folder(&self, path: &str) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        open_beneath(self.0.as_fd(), path, flags).map(Self)
    }

    /// A folder directly in this one, made if it is not there.
    pub(crate) fn make(&self, name: &str, mode: Mode) -> Result<Self, Errno> {
        match mkdirat(&self.0, name, mode) {
            Ok(()) => fsync(&self.0)?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        self.folder(name)
    }

    /// The state of a name without opening it. `None`: there is nothing.
    pub(crate) fn stat(&self, name: &str) -> Result<Option<Stat>, Errno> {
        match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The whole of a file, with the stamp of the state that was read.
    pub(crate) fn read(&self, name: &str) -> Found {
        // Non-blocking: opening a pipe must not wait for its other end.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match open_beneath(self.0.as_fd(), name, flags) {
            Ok(file) => read_whole(file),
            Err(Errno::NOENT) => Found::Nothing,
            Err(error) => Found::Unreadable(words(error)),
        }
    }

    /// Puts a new file in place. `over`: the state that is replaced; absent: there must be none. `announce` is told
    /// the new file just before it gets its name.
    pub(crate) fn replace(
        &self,
        name: &str,
        text: &[u8],
        mode: Mode,
        over: Option<&Stamp>,
        announce: impl FnOnce(&Stat),
    ) -> Result<Replaced, Errno> {
        let temporary = format!("{TEMPORARY}{}", Uuid::now_v7());
        let result = self.write_and_rename(&temporary, name, text, mode, over, announce);
        if !matches!(result, Ok(Replaced::Done(_))) {
            // Best effort: what is left is cleaned at the next start.
            let _ = unlinkat(&self.0, &temporary, AtFlags::empty());
        }
        result
    }

    fn write_and_rename(
        &self,
        temporary: &str,
        name: &str,
        text: &[u8],
        mode: Mode,
        over: Option<&Stamp>,
        announce: impl FnOnce(&Stat),
    ) -> Result<Replaced, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.0, temporary, flags, mode)?);
        file.write_all(text).map_err(|error| errno(&error))?;
        fsync(&file)?;
        announce(&fstat(&file)?);
        match over {
            Some(before) => {
                if self.stat(name)?.is_none_or(|stat| Stamp::of(&stat) != *before) {
                    return Ok(Replaced::Moved);
                }
                renameat(&self.0, temporary, &self.0, name)?;
            }
            None => match self.rename_to_free(temporary, name) {
                Ok(()) => {}
                Err(Errno::EXIST) => return Ok(Replaced::Moved),
                Err(error) => return Err(error),
            },
        }
        fsync(&self.0)?;
        // Of the open file, not of the name: that may be somebody else's again. Renaming changed its times.
        Ok(Replaced::Done(Stamp::of(&fstat(&file)?)))
    }

    fn rename_to_free(&self, temporary: &str, name: &str) -> Result<(), Errno> {
        match renameat_with(&self.0, temporary, &self.0, name, RenameFlags::NOREPLACE) {
            // Not every file system knows the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                linkat(&self.0, temporary, &self.0, name, AtFlags::empty())?;
                unlinkat(&self.0, temporary, AtFlags::empty())
            }
            result => result,
        }
    }

    /// Removes a file in the state that was read. False: it is in another.
    pub(crate) fn remove(&self, name: &str, before: &Stamp) -> Result<bool, Errno> {
        match self.stat(name)? {
            None => return Ok(true),
            Some(stat) if Stamp::of(&stat) != *before => return Ok(false),
            Some(_) => {}
        }
        match unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => fsync(&self.0).map(|()| true),
            Err(error) => Err(error),
        }
    }

    /// Removes an empty folder directly in this one. False: it is not empty, is none, or somebody is in the way.
    pub(crate) fn remove_empty(&self, name: &str) -> bool {
        unlinkat(&self.0, name, AtFlags::REMOVEDIR).is_ok()
    }

    /// What is directly in this folder, but for what is hidden and names that are no text.
    pub(crate) fn names(&self) -> Result<Vec<String>, Errno> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            names.extend(
                entry.file_name().to_str().ok().filter(|name| !name.starts_with('.')).map(str::to_owned),
            );
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Removes what killed writes left in this folder and in the folders of two levels below it.
    pub(crate) fn clean(&self) -> Result<usize, Errno> {
        self.clean_levels(2)
    }

    fn clean_levels(&self, below: u8) -> Result<usize, Errno> {
        let mut removed = 0;
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if is_temporary(name) {
                unlinkat(&self.0, name, AtFlags::empty())?;
                removed += 1;
            } else if below > 0 && !name.starts_with('.') && !entry.file_type().is_file() {
                match self.folder(name) {
                    Ok(folder) => removed += folder.clean_levels(below - 1)?,
                    // Not a folder, or one that is not ours to look into: observing tells, if it matters.
                    Err(Errno::NOTDIR | Errno::LOOP | Errno::ACCESS | Errno::NOENT | Errno::XDEV) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(removed)
    }
}

/// Whether a name is that of a file on its way.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY).is_some_and(|id| Uuid::try_parse(id).is_ok())
}

/// Makes the root and the folders above it.
pub(crate) fn make_root(path: &Path) -> Result<Folder, Errno> {
    std::fs::create_dir_all(path).map_err(|error| errno(&error))?;
    Folder::root(path)
}

/// A file for reading, anywhere beneath `root`; links are followed as long as they stay beneath it.
pub(crate) fn read_beneath(root: &Path, path: &str) -> Result<(Vec<u8>, Mode), Problem> {
    let root = Folder::root(root).map_err(Problem::Root)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let file = match openat2(&root.0, path, flags, Mode::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM) => open_by_parts(root.0.as_fd(), path, flags),
        result => result,
    };
    let file = file.map_err(Problem::File)?;
    let mode = Mode::from_raw_mode(fstat(&file).map_err(Problem::File)?.st_mode);
    match read_whole(file) {
        Found::File { text, .. } => Ok((text, mode)),
        Found::Nothing => Err(Problem::File(Errno::NOENT)),
        Found::Unreadable(reason) => Err(Problem::Content(reason)),
    }
}

#[derive(Debug)]
pub(crate) enum Problem {
    Root(Errno),
    File(Errno),
    Content(String),
}

fn read_whole(file: OwnedFd) -> Found {
    // A writer in place may be at work: a file that moved while it was read is read once more.
    let mut file = File::from(file);
    for _ in 0..2 {
        let before = match fstat(&file) {
            Ok(stat) if !is_file(&stat) => return Found::Unreadable("it is not a regular file".to_owned()),
            Ok(stat) => Stamp::of(&stat),
            Err(error) => return Found::Unreadable(words(error)),
        };
        let mut text = Vec::new();
        if let Err(error) = (&mut file).take(MAX_FILE_BYTES + 1).read_to_end(&mut text) {
            return Found::Unreadable(words(errno(&error)));
        }
        if text.len() as u64 > MAX_FILE_BYTES {
            return Found::Unreadable(format!("it is larger than {MAX_FILE_BYTES} bytes"));
        }
        match fstat(&file) {
            Ok(stat) if Stamp::of(&stat) == before => return Found::File { text, stamp: before },
            Ok(_) => {}
            Err(error) => return Found::Unreadable(words(error)),
        }
        if let Err(error) = rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)) {
            return Found::Unreadable(words(error));
        }
    }
    Found::Unreadable("it is being written".to_owned())
}

fn open_beneath(folder: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(folder, path, flags, Mode::empty(), resolve) {
        // Old kernels lack the call, and some sandboxes refuse it.
        Err(Errno::NOSYS | Errno::PERM) => open_by_parts(folder, path, flags),
        result => result,
    }
}

fn open_by_parts(folder: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut parts = path.split('/').peekable();
    let mut at: Option<OwnedFd> = None;
    while let Some(part) = parts.next() {
        if matches!(part, "" | "." | "..") {
            return Err(Errno::INVAL);
        }
        let flags = match parts.peek() {
            Some(_) => OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            None => flags,
        };
        let below = at.as_ref().map_or(folder, AsFd::as_fd);
        at = Some(openat(below, part, flags | OFlags::NOFOLLOW, Mode::empty())?);
    }
    at.ok_or(Errno::INVAL)
}

/// What is at a path now, for watching.
pub(crate) fn identity(path: &Path) -> Option<Identity> {
    statat(CWD, path, AtFlags::empty()).ok().map(|stat| Identity::of(&stat))
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

/// An error in words that name no file: the caller does.
pub(crate) fn words(error: Errno) -> String {
    match error {
        Errno::LOOP => "there is a symbolic link on the way to it".to_owned(),
        Errno::NOTDIR => "what should be a folder on the way to it is none".to_owned(),
        Errno::XDEV => "it leads out of the directory".to_owned(),
        Errno::ACCESS | Errno::PERM => "permission denied".to_owned(),
        Errno::ROFS => "the file system is read-only".to_owned(),
        Errno::NOSPC | Errno::DQUOT => "the disk is full".to_owned(),
        Errno::NAMETOOLONG => "its name is too long".to_owned(),
        other => std::io::Error::from(other).to_string(),
    }
}
