//! Ends everything at a given call: as if the process had been killed there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the calls to store and target end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The call with this number never arrives.
    Before(usize),
    /// It takes effect, and its answer is lost.
    After(usize),
}

/// Counts calls, over store and target together.
#[derive(Debug, Default)]
pub(super) struct Fuse {
    calls: AtomicUsize,
    cut: Mutex<Option<Cut>>,
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Works,
    /// Carried out, but answered with an error.
    AnswerLost,
    Dead,
}

impl Fuse {
    pub(super) fn set(&self, cut: Option<Cut>) {
        *self.cut.lock().unwrap() = cut;
        self.calls.store(0, Ordering::SeqCst);
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn next(&self) -> Fate {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        match *self.cut.lock().unwrap() {
            Some(Cut::Before(at)) if number >= at => Fate::Dead,
            Some(Cut::After(at)) if number == at => Fate::AnswerLost,
            Some(Cut::After(at)) if number > at => Fate::Dead,
            _ => Fate::Works,
        }
    }
}
