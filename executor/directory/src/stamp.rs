//! Whether a file moved, without reading it: inode, size and times. Pure, but for the type that the kernel fills.
//!
//! Clocks of file systems are coarse: two writes within one tick leave equal times, and an edit in place keeps the
//! inode. So a stamp taken within [`TICK`] of the file's own times does not count as proof; the file is read once
//! more, and the stamp taken then does. (Git calls such entries racy, and does the same.)

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FileType, Stat};

/// Longest time in which two writes may get the same time stamp: kernels tick every 1 to 10 ms; the rest is margin.
const TICK: Duration = Duration::from_millis(50);

/// The same for file systems that keep whole seconds (some of them every second one).
const COARSE_TICK: Duration = Duration::from_secs(2);

/// Begins every version, so that a later way of writing them is told apart.
const FORMAT: &str = "1";

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified_ns: i128,
    changed_ns: i128,
}

/// What a version says beside the stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags {
    /// Taken so soon after the last write that another one would not show.
    pub racy: bool,
    /// The object has a status: its health must be read.
    pub status: bool,
}

#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // the fields' widths differ by platform
impl Stamp {
    pub(crate) fn of(stat: &Stat) -> Self {
        let ns = |secs: i64, nanos: i64| i128::from(secs) * 1_000_000_000 + i128::from(nanos);
        Self {
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified_ns: ns(stat.st_mtime.into(), i64::try_from(stat.st_mtime_nsec).unwrap_or_default()),
            changed_ns: ns(stat.st_ctime.into(), i64::try_from(stat.st_ctime_nsec).unwrap_or_default()),
        }
    }

    /// Whether a write after `now` could leave this very stamp.
    pub(crate) fn is_racy(&self, now: SystemTime) -> bool {
        let now_ns = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let coarse = self.modified_ns % 1_000_000_000 == 0 && self.changed_ns % 1_000_000_000 == 0;
        let tick = if coarse { COARSE_TICK } else { TICK };
        let latest = self.modified_ns.max(self.changed_ns);
        // Times in the future (a clock was set back, or is another machine's) prove nothing either.
        i128::try_from(now_ns).unwrap_or_default() - latest
            < i128::try_from(tick.as_nanos()).unwrap_or_default()
    }

    /// The text form, for marks.
    pub(crate) fn version(&self, flags: Flags) -> String {
        let Self { inode, size, modified_ns, changed_ns } = self;
        let mut out = format!("{FORMAT}:{inode:x}:{size:x}:{modified_ns:x}:{changed_ns:x}:");
        for (set, letter) in [(flags.racy, 'r'), (flags.status, 's')] {
            if set {
                out.push(letter);
            }
        }
        out
    }

    /// Whether a file with this stamp certainly is as it was, and without a status, when `version` was taken.
    pub(crate) fn proves(&self, version: &str, scratch: &mut String) -> bool {
        let Self { inode, size, modified_ns, changed_ns } = self;
        scratch.clear();
        write!(scratch, "{FORMAT}:{inode:x}:{size:x}:{modified_ns:x}:{changed_ns:x}:").is_ok()
            && scratch == version
    }
}

pub(crate) fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;

    fn stamp(modified_ns: i128) -> Stamp {
        Stamp { inode: 7, size: 10, modified_ns, changed_ns: modified_ns }
    }

    fn at(ns: i128) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(u64::try_from(ns).unwrap())
    }

    #[test]
    fn only_a_certain_version_is_proof() {
        let one = stamp(1_700_000_000 * SECOND + 5);
        let mut scratch = String::new();
        assert!(one.proves(&one.version(Flags::default()), &mut scratch));
        assert!(!one.proves(&one.version(Flags { racy: true, status: false }), &mut scratch));
        assert!(!one.proves(&one.version(Flags { racy: false, status: true }), &mut scratch));
        assert!(!one.proves(&stamp(1_700_000_000 * SECOND + 6).version(Flags::default()), &mut scratch));
        assert!(!one.proves("", &mut scratch));
    }

    #[test]
    fn young_stamps_are_racy() {
        let one = stamp(1_700_000_000 * SECOND + 5);
        assert!(one.is_racy(at(1_700_000_000 * SECOND)), "from the future");
        assert!(one.is_racy(at(1_700_000_000 * SECOND + 10_000_000)));
        assert!(!one.is_racy(at(1_700_000_000 * SECOND + 60_000_000)));
        let whole = stamp(1_700_000_000 * SECOND);
        assert!(whole.is_racy(at(1_700_000_001 * SECOND)));
        assert!(!whole.is_racy(at(1_700_000_003 * SECOND)));
    }
}
