//! What end-to-end tests and benchmarks share: a scratch installation, its repository, and the daemon as a process.
//!
//! Everything is real: a Git repository on disk, the program as a child process, its socket, its files. Waiting is
//! for a condition, with a limit that only a failure reaches.

#![allow(clippy::panic, reason = "a failed expectation ends a test")]

pub mod installation;
pub mod program;
pub mod repository;

pub use installation::Installation;
pub use program::{DaemonProcess, Program};
pub use repository::Repository;

use std::time::{Duration, Instant};

/// Longest wait for one effect. Effects take milliseconds; a loaded machine gets a minute.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until `look` gives something.
pub fn await_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited {} s for {what}", PATIENCE.as_secs());
        std::thread::sleep(PAUSE);
    }
}

/// Looks until `fits` holds.
pub fn await_true(what: &str, mut fits: impl FnMut() -> bool) {
    await_some(what, || fits().then_some(()));
}
