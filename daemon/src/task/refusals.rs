//! Pull requests that could not be looked at or told: tried again, later and later, while nothing else waits for them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use naksha_environments::ids::Revision;
use naksha_executor::port::forge::PullNumber;

use super::hosting::HostingError;

#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<PullNumber, Refusal>);

#[derive(Debug)]
struct Refusal {
    at: Revision,
    failures: u32,
    until: Instant,
}

impl Refusals {
    /// Whether it is too early to try again. `at`: the commit that it is about; another one is tried at once.
    pub(super) fn rests(&self, number: PullNumber, at: &Revision) -> bool {
        self.0.get(&number).is_some_and(|known| known.at == *at && Instant::now() < known.until)
    }

    /// Whether that it failed was told of this commit.
    pub(super) fn is_about(&self, number: PullNumber, at: &Revision) -> bool {
        self.0.get(&number).is_some_and(|known| known.at == *at)
    }

    pub(super) fn add(&mut self, number: PullNumber, at: &Revision, error: &HostingError) {
        let before = self.0.get(&number).filter(|known| known.at == *at);
        let failures = before.map_or(0, |known| known.failures).saturating_add(1);
        let until = Instant::now() + error.pause(failures);
        self.0.insert(number, Refusal { at: at.clone(), failures, until });
    }

    /// It was looked at, or somebody wants it to be.
    pub(super) fn forget(&mut self, number: PullNumber) {
        self.0.remove(&number);
    }

    /// Forgets what is not there any more.
    pub(super) fn retain(&mut self, is_there: impl Fn(PullNumber) -> bool) {
        self.0.retain(|number, _| is_there(*number));
    }

    /// Until the first of them is tried again.
    pub(super) fn due_in(&self) -> Option<Duration> {
        self.0.values().map(|known| known.until.saturating_duration_since(Instant::now())).min()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
