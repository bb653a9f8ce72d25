//! Our own writes: the kernel tells of them like of any other, and they are no reason to look again.
//!
//! A file is ours when its inode, size and time of change are those that were announced just before it got its name.
//! Anybody who writes into it or replaces it changes one of them, and removing it leaves nothing to compare; what we
//! remove ourselves is announced too, and is ours as long as nothing is there. (An edit
//! in place within the same tick of the clock, to the same size, is not seen here: marks taken so soon after a write
//! are not believed, so the next pass reads the file.) What is proven of a file ends with any event about it, ours or
//! not, so that nobody can hide behind our write by putting the time back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, Stat, statat};
use rustix::io::Errno;

use super::place::is_temporary;

/// Files that are remembered, some 150 bytes each. Beyond, all are forgotten: that costs a look, and no more.
const MAX_REMEMBERED: usize = 20_000;

/// What tells one content of a path from another. The time of the last rename is no part of it: it is not known
/// before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Print {
    inode: u64,
    size: i64,
    modified_s: i64,
    modified_ns: i64,
}

impl Print {
    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // the fields' widths differ by platform
    fn of(stat: &Stat) -> Self {
        Self {
            inode: stat.st_ino,
            size: stat.st_size,
            modified_s: stat.st_mtime.into(),
            modified_ns: i64::try_from(stat.st_mtime_nsec).unwrap_or_default(),
        }
    }
}

/// What we left at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    File(Print),
    /// We removed a file or an empty folder: nothing.
    Nothing,
}

/// By path from the root: how the root itself is called depends on who looks.
#[derive(Debug, Default)]
pub(crate) struct OwnWrites(Mutex<HashMap<PathBuf, Left>>);

impl OwnWrites {
    /// The file with this state is about to get the name `path`.
    pub(crate) fn announce(&self, path: PathBuf, stat: &Stat) {
        self.remember(path, Left::File(Print::of(stat)));
    }

    /// What is at `path` is about to be removed.
    pub(crate) fn announce_removal(&self, path: PathBuf) {
        self.remember(path, Left::Nothing);
    }

    /// It was not removed, or is made anew: what happens there from now on is news.
    pub(crate) fn retract(&self, path: &Path) {
        self.known().remove(path);
    }

    fn remember(&self, path: PathBuf, left: Left) {
        let mut known = self.known();
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(path, left);
    }

    /// Whether what is at `path` beneath `root` is what we left there, or a file of ours on its way.
    pub(crate) fn left(&self, root: &Path, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_temporary(name) {
            return true;
        }
        let Some(Left::File(print)) = self.known().get(path).copied() else { return false };
        statat(CWD, root.join(path), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| Print::of(&stat) == print)
    }

    /// Whether nothing is at `path` beneath `root`, as we left it. Asked only about removals: what was moved away by
    /// somebody leaves nothing, too.
    pub(crate) fn removed(&self, root: &Path, path: &Path) -> bool {
        let mut known = self.known();
        if known.get(path) != Some(&Left::Nothing) {
            return false;
        }
        let there = statat(CWD, root.join(path), AtFlags::SYMLINK_NOFOLLOW);
        let is_gone = there.is_err_and(|error| error == Errno::NOENT);
        if !is_gone {
            // Somebody made something there: what becomes of that is news.
            known.remove(path);
        }
        is_gone
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Left>> {
        // Entries are written whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    use super::*;

    #[test]
    fn only_what_we_left_is_no_news() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let own = OwnWrites::default();
        let write = |name: &str| {
            fs::write(path("new"), "a: 1\n").unwrap();
            own.announce(name.into(), &statat(CWD, path("new"), AtFlags::empty()).unwrap());
            fs::rename(path("new"), path(name)).unwrap();
        };
        let left = |name: &str| own.left(folder.path(), Path::new(name));
        write("one.yaml");
        assert!(left("one.yaml"));
        assert!(left(".naksha-tmp-0198c0de-0000-7000-8000-000000000000"));
        assert!(!left("other.yaml"), "nobody announced it");

        OpenOptions::new().append(true).open(path("one.yaml")).unwrap().write_all(b"b: 2\n").unwrap();
        assert!(!left("one.yaml"), "somebody wrote into it");
        write("one.yaml");
        fs::copy(path("one.yaml"), path("copy")).unwrap();
        fs::rename(path("copy"), path("one.yaml")).unwrap();
        assert!(!left("one.yaml"), "somebody replaced it");
        fs::remove_file(path("one.yaml")).unwrap();
        assert!(!left("one.yaml"), "somebody removed it");

        let removed = |name: &str| own.removed(folder.path(), Path::new(name));
        assert!(!removed("one.yaml"), "not by us");
        own.announce_removal("one.yaml".into());
        assert!(removed("one.yaml") && !left("one.yaml"));
        fs::create_dir(path("one.yaml")).unwrap();
        assert!(!removed("one.yaml"), "somebody made something there");
        fs::remove_dir(path("one.yaml")).unwrap();
        assert!(!removed("one.yaml"), "and removed it again");
        own.announce_removal("two".into());
        own.retract(Path::new("two"));
        assert!(!removed("two"), "it was not removed after all");
    }
}
