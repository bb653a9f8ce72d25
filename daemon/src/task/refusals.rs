//! What could not be looked at or told by itself, a pull request for instance: tried again, later and later, while nothing else waits for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use naksha_environments::ids::Revision;

use super::hosting::HostingError;

/// However many there are, a pass for their sake is not made more often.
const SOONEST: Duration = Duration::from_secs(2);

/// What failed so often is tried this often: many that never succeed must not cost what others need.
const SEVERAL: u32 = 8;
const LONGEST: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct Refusals<K>(BTreeMap<K, Refusal>);

impl<K> Default for Refusals<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

#[derive(Debug)]
struct Refusal {
    at: Revision,
    failures: u32,
    until: Instant,
    is_told: bool,
}

impl<K: Ord> Refusals<K> {
    /// Whether it is too early to try again. `at`: the commit that it is about; another one is tried at once.
    pub(super) fn rests(&self, key: &K, at: &Revision) -> bool {
        self.0.get(key).is_some_and(|known| known.at == *at && Instant::now() < known.until)
    }

    /// Whether that it failed was told of this commit.
    pub(super) fn is_told(&self, key: &K, at: &Revision) -> bool {
        self.0.get(key).is_some_and(|known| known.at == *at && known.is_told)
    }

    /// It is told now.
    pub(super) fn told(&mut self, key: &K) {
        if let Some(known) = self.0.get_mut(key) {
            known.is_told = true;
        }
    }

    pub(super) fn add(&mut self, key: K, at: &Revision, error: &HostingError) {
        let before = self.0.get(&key).filter(|known| known.at == *at);
        let failures = before.map_or(0, |known| known.failures).saturating_add(1);
        let is_told = before.is_some_and(|known| known.is_told);
        let pause = if failures > SEVERAL { LONGEST } else { error.pause(failures) };
        let until = Instant::now() + pause;
        self.0.insert(key, Refusal { at: at.clone(), failures, until, is_told });
    }

    /// It was looked at, or somebody wants it to be.
    pub(super) fn forget(&mut self, key: &K) {
        self.0.remove(key);
    }

    /// Forgets what nobody tries any more.
    pub(super) fn retain(&mut self, is_tried: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| is_tried(key));
    }

    /// Until the first of them is tried again.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let first = self.0.values().map(|known| known.until.saturating_duration_since(Instant::now())).min();
        first.map(|first| first.max(SOONEST))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use naksha_executor::port::forge::ForgeError;

    use super::*;

    #[test]
    fn what_failed_rests_and_what_nobody_tries_is_forgotten() {
        let revision = |digit: char| Revision::parse(&digit.to_string().repeat(40)).unwrap();
        let error = HostingError::Forge(ForgeError::Denied("locked".to_owned()));
        let mut refusals = Refusals::default();
        assert_eq!(refusals.due_in(), None);
        refusals.add(7, &revision('a'), &error);
        refusals.add(8, &revision('a'), &error);
        assert!(refusals.rests(&7, &revision('a')) && !refusals.is_told(&7, &revision('a')));
        refusals.told(&7);
        refusals.add(7, &revision('a'), &error);
        assert!(refusals.is_told(&7, &revision('a')) && !refusals.is_told(&7, &revision('b')));
        assert!(!refusals.rests(&7, &revision('b')), "another head is tried at once");
        // Also when its time is over, it makes nobody run in circles.
        refusals.0.values_mut().for_each(|known| known.until = Instant::now());
        assert!(!refusals.rests(&7, &revision('a')) && refusals.due_in() == Some(SOONEST));
        refusals.retain(|number| *number == 7);
        assert_eq!(refusals.len(), 1);
        refusals.forget(&7);
        assert_eq!((refusals.due_in(), refusals.len()), (None, 0));
    }
}
