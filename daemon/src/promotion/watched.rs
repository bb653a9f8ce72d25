//! How long an environment was seen to be well with what it runs. Pure: time comes in.
//!
//! Only time that was watched counts: what happens while the daemon is away is not known. Sources that render alike are as one,
//! so that a commit that changes nothing there does not begin the soak anew.

use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::digest::Digest;
use naksha_environments::ids::Revision;
use naksha_environments::object::Health;
use naksha_environments::status::{EnvironmentStatus, State};
use naksha_executor::port::soak::Soak;

/// More than this between two looks was not watched.
const MAX_STEP: Duration = Duration::from_secs(120);
/// What is remembered is at most so much behind.
const MAX_BEHIND: Duration = Duration::from_secs(30);

/// What an environment runs, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub source: Revision,
    /// Absent: nobody can tell now.
    pub is_well: Option<bool>,
    /// Of what the source renders there, where that is known.
    pub render: Option<Digest>,
}

impl Seen {
    /// Nothing: it runs nothing yet.
    pub fn of(status: &EnvironmentStatus, render: Option<Digest>) -> Option<Self> {
        let EnvironmentStatus { state, content, applied, units, .. } = status;
        let source = applied.clone()?;
        // While something else is being applied, what is there is neither the one nor the other.
        let is_between = content != applied
            && !matches!(state, State::Held { .. } | State::Waiting { .. } | State::Suspended { .. });
        let is_bad = |health: &Health| matches!(health, Health::Degraded(_) | Health::Missing);
        let is_good = |health: &Health| matches!(health, Health::Healthy | Health::Suspended);
        let is_well = match state {
            State::Broken | State::Unknown { .. } => None,
            _ if is_between => None,
            State::Degraded => Some(false),
            _ if units.values().any(|unit| is_bad(&unit.health)) => Some(false),
            _ if units.values().all(|unit| is_good(&unit.health)) => Some(true),
            _ => None,
        };
        Some(Self { source, is_well, render })
    }
}

/// What is known of one environment, between two looks.
#[derive(Debug)]
pub struct Watched {
    soak: Soak,
    /// When it was looked at last, on a clock of the caller's, and whether it was well then.
    at: Duration,
    was_well: bool,
    /// As it is remembered.
    saved: Soak,
}

impl Watched {
    /// `known`: what is remembered of the source that it runs.
    pub fn begin(known: Soak, at: Duration) -> Self {
        Self { saved: known.clone(), soak: known, at, was_well: false }
    }

    pub fn soak(&self) -> &Soak {
        &self.soak
    }

    /// What was told to be remembered is.
    pub fn mark_saved(&mut self) {
        self.saved = self.soak.clone();
    }

    /// Takes a look into account, and tells what to remember. `known`: what is remembered of a source; `enough`: the longest time
    /// that anybody asks for; `now`: the same moment as `at`, for people.
    pub fn look(
        &mut self,
        seen: &Seen,
        known: impl FnOnce(&Revision) -> Soak,
        (at, now, enough): (Duration, Timestamp, Duration),
    ) -> Vec<Soak> {
        let step = at.saturating_sub(self.at).min(MAX_STEP);
        let mut news = Vec::new();
        if seen.source == self.soak.source {
            if self.was_well && seen.is_well == Some(true) {
                self.soak.well += step;
            }
        } else {
            if self.soak != self.saved {
                news.push(self.soak.clone());
            }
            let mut next = known(&seen.source);
            let is_alike = seen.render.is_some() && seen.render == self.soak.render;
            if is_alike {
                next.well = next.well.max(self.soak.well);
            }
            (self.soak, self.saved) = (next.clone(), Soak::new(next.source));
        }
        (self.at, self.was_well) = (at, seen.is_well == Some(true));
        if seen.is_well == Some(false) {
            self.soak.well = Duration::ZERO;
        }
        self.soak.is_well = seen.is_well;
        self.soak.render = seen.render.or(self.soak.render);
        if self.is_news(enough) {
            self.soak.at = now;
            news.push(self.soak.clone());
        }
        news
    }

    fn is_news(&self, enough: Duration) -> bool {
        let Soak { source, well, is_well, at: _, render } = &self.soak;
        let before = &self.saved;
        let is_otherwise = (source, is_well, render) != (&before.source, &before.is_well, &before.render);
        let is_behind = well.abs_diff(before.well) >= MAX_BEHIND && before.well < enough;
        let is_over = *well >= enough && before.well < enough;
        is_otherwise || *well < before.well || is_behind || is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn revision(digit: char) -> Revision {
        Revision::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn seen(source: char, is_well: Option<bool>, render: &str) -> Seen {
        Seen { source: revision(source), is_well, render: Some(Digest::of_bytes(render.as_bytes())) }
    }

    /// Looks every so often, in minutes; the seconds that count in the end, and how often it was remembered.
    fn watch(looks: &[(u64, Seen)]) -> (u64, usize) {
        let mut watched = Watched::begin(Soak::new(looks[0].1.source.clone()), Duration::ZERO);
        let mut remembered = 0;
        for (minute, seen) in looks {
            let at = MINUTE * u32::try_from(*minute).unwrap();
            let moment = (at, Timestamp::UNIX_EPOCH, MINUTE * 30);
            remembered += watched.look(seen, |source| Soak::new(source.clone()), moment).len();
            watched.mark_saved();
        }
        (watched.soak().well.as_secs(), remembered)
    }

    #[test]
    fn time_counts_between_two_looks_that_find_it_well() {
        let well = || seen('a', Some(true), "x");
        assert_eq!(watch(&[(0, well()), (1, well()), (2, well())]), (120, 3));
        let unknown = || seen('a', None, "x");
        assert_eq!(watch(&[(0, unknown()), (1, well()), (2, well())]).0, 60);
        let looks = [(0, well()), (1, well()), (2, unknown()), (3, well()), (4, well())];
        assert_eq!(watch(&looks).0, 120, "what nobody could tell is no break, and does not count");
        assert_eq!(watch(&[(0, well()), (60, well())]).0, MAX_STEP.as_secs(), "nobody watched");
    }

    #[test]
    fn what_is_worse_begins_it_anew() {
        let (well, bad) = (|| seen('a', Some(true), "x"), || seen('a', Some(false), "x"));
        assert_eq!(watch(&[(0, well()), (1, well()), (2, bad()), (3, well()), (4, well())]).0, 60);
    }

    #[test]
    fn another_source_begins_anew_unless_it_renders_alike() {
        let (a, b, c) =
            (|| seen('a', Some(true), "x"), || seen('b', Some(true), "x"), || seen('c', Some(true), "y"));
        assert_eq!(watch(&[(0, a()), (1, a()), (2, b()), (3, b())]).0, 120);
        assert_eq!(watch(&[(0, a()), (1, a()), (2, c()), (3, c())]).0, 60);
        let nobody_knows = Seen { render: None, ..b() };
        assert_eq!(watch(&[(0, a()), (1, a()), (2, nobody_knows), (3, b())]).0, 60);
    }

    #[test]
    fn it_is_remembered_now_and_then_and_not_for_ever() {
        let looks: Vec<_> = (0..=60).map(|minute| (minute, seen('a', Some(true), "x"))).collect();
        let (well, remembered) = watch(&looks);
        assert_eq!((well, remembered), (3600, 31), "once a minute, for half an hour");
    }
}
