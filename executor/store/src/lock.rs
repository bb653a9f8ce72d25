//! One process per database: an advisory lock on a file beside it, which names the holder.
//!
//! The system drops the lock when the process ends, however it ends. The file itself stays: removing it would let
//! two processes lock two files of one name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use naksha_executor::port::store::StoreError;

use crate::failure::Failure;

/// A process that was killed keeps its lock until its memory is given back, which takes a moment for a large one: a
/// supervisor that starts the next one at once would find the database in use. Longer than that takes, and short enough that
/// one whose holder is not seen from here (another container) is refused while somebody still looks.
const LAST_BREATH: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// States of a process that has ended (proc(5), `stat`): zombie, dead.
const ENDED: [&str; 3] = ["Z", "X", "x"];
/// Where the flags stand in `stat`, counted from behind the state.
const FLAGS_AFTER_STATE: usize = 5;
/// `PF_EXITING` of the kernel.
const EXITING: u32 = 0x4;
/// The bit of signal 9 in a mask of signals.
const SIGKILL: u64 = 1 << 8;

/// Held as long as it lives.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Locks `<database>.lock`, or says which process has it. Blocks for file system calls, and for a holder that ends.
    pub(crate) fn take(database: &Path) -> Result<Self, Failure> {
        let path = beside(database, ".lock");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let deadline = Instant::now() + LAST_BREATH;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            let pid = holder(&mut file)?;
            if pid.is_none_or(lives) || Instant::now() >= deadline {
                return Err(StoreError::Locked { path: database.to_owned(), pid }.into());
            }
            thread::sleep(LOOK_AGAIN);
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

/// Who wrote its name into the file last; nobody while it is being written.
fn holder(file: &mut File) -> io::Result<Option<u32>> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text.trim().parse().ok())
}

/// Whether a process is there and not about to end: no zombie, not exiting (proc(5), `stat`), and not killed.
fn lives(pid: u32) -> bool {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
    let (Ok(stat), Ok(status)) = (read("stat"), read("status")) else { return false };
    // The name stands in brackets and may hold anything; what follows is numbers.
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let is_dead = fields.next().is_none_or(|state| ENDED.contains(&state));
    let flags: u32 = fields.nth(FLAGS_AFTER_STATE).and_then(|flags| flags.parse().ok()).unwrap_or_default();
    let pending = |line: &str| {
        let mask = line.strip_prefix("ShdPnd:").or_else(|| line.strip_prefix("SigPnd:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
    };
    let is_killed = status.lines().any(|line| pending(line) & SIGKILL != 0);
    !is_dead && flags & EXITING == 0 && !is_killed
}

/// `state.db` → `state.db.lock`, in the same folder.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes the entries of the folder of `path` durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// The folder that `path` is in; `.` for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// A child has its parent's files until it becomes another program: a lock that was just dropped is held by it.
    static NO_CHILDREN: Mutex<()> = Mutex::new(());

    #[test]
    fn a_process_lives_until_it_ends() {
        let _alone = NO_CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(lives(std::process::id()));
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        assert!(lives(child.id()));
        child.kill().unwrap();
        // Killed, ending or a zombie: nobody has waited for it yet.
        assert!(!lives(child.id()));
        child.wait().unwrap();
        assert!(!lives(child.id()));
    }

    #[test]
    fn a_holder_that_lives_is_named_at_once() {
        let _alone = NO_CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("state.db");
        let started = Instant::now();
        let lock = FileLock::take(&database).unwrap();
        assert!(FileLock::take(&database).is_err());
        assert!(started.elapsed() < LAST_BREATH);
        drop(lock);
        FileLock::take(&database).unwrap();
    }
}
