//! Which source is proposed to an environment. Pure.

use std::collections::BTreeSet;

use naksha_environments::ids::Revision;
use naksha_policies::{Gate, GateState, GateVerdict};

/// What one upstream runs, and ran.
#[derive(Debug, Clone)]
pub struct Ran {
    pub runs: Option<Revision>,
    /// Those with which it was well, now or then.
    pub well: BTreeSet<Revision>,
}

/// What upstream runs now; of several, the newest that all have run and were well with. `contains`: whether the first revision
/// contains the second.
pub fn candidate(upstreams: &[Ran], contains: impl Fn(&Revision, &Revision) -> bool) -> Option<Revision> {
    if let [only] = upstreams {
        return only.runs.clone();
    }
    let (first, rest) = upstreams.split_first()?;
    let all = first.well.iter().filter(|source| rest.iter().all(|ran| ran.well.contains(source)));
    all.fold(None, |newest: Option<&Revision>, source| match newest {
        Some(newest) if contains(newest, source) => Some(newest),
        _ => Some(source),
    })
    .cloned()
}

/// A source, and what its gates say.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub source: &'a Revision,
    pub gates: &'a [GateVerdict],
}

impl Standing<'_> {
    /// Every gate that is about the source, and not about the time of day.
    fn own(&self) -> impl Iterator<Item = &GateVerdict> {
        self.gates.iter().filter(|verdict| verdict.gate != Gate::Window)
    }

    fn is_through(&self) -> bool {
        self.own().all(|verdict| verdict.state == GateState::Open)
    }

    pub fn has_failed(&self) -> bool {
        self.own().any(|verdict| verdict.state == GateState::Shut)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// What is proposed stays.
    Keep,
    /// The newer one takes its place.
    Replace,
}

/// A newer candidate takes the place of the open one only once it passed what the open one has to pass, or when that has failed:
/// else a busy trunk would begin every soak anew.
pub fn choose(open: Standing<'_>, newer: Standing<'_>) -> Choice {
    if open.source == newer.source {
        return Choice::Keep;
    }
    if newer.is_through() || open.has_failed() { Choice::Replace } else { Choice::Keep }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(digit: char) -> Revision {
        Revision::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn ran(runs: char, well: &str) -> Ran {
        Ran { runs: Some(revision(runs)), well: well.chars().map(revision).collect() }
    }

    /// History is the alphabet.
    fn of(upstreams: &[Ran]) -> Option<char> {
        let found = candidate(upstreams, |one, other| one.as_str() >= other.as_str());
        found.map(|found| found.as_str().chars().next().unwrap())
    }

    #[test]
    fn of_one_it_is_what_it_runs_and_of_several_the_newest_that_all_were_well_with() {
        assert_eq!(of(&[ran('b', "a")]), Some('b'), "well or not: its gates tell");
        assert_eq!(of(&[Ran { runs: None, well: BTreeSet::new() }]), None);
        assert_eq!(of(&[ran('c', "abc"), ran('b', "ab")]), Some('b'));
        assert_eq!(of(&[ran('c', "ac"), ran('b', "ab")]), Some('a'));
        assert_eq!(of(&[ran('c', "c"), ran('b', "b")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_newer_one_waits_until_it_is_through_or_the_open_one_failed() {
        let gate = |gate, state| GateVerdict { gate, state, words: String::new() };
        let soaking = [gate(Gate::Soak, GateState::Waits { until: None })];
        let through = [gate(Gate::Order, GateState::Open), gate(Gate::Window, GateState::Shut)];
        let failed = [gate(Gate::Order, GateState::Shut)];
        let (a, b) = (revision('a'), revision('b'));
        let check = |open: &[GateVerdict], newer: &[GateVerdict]| {
            choose(Standing { source: &a, gates: open }, Standing { source: &b, gates: newer })
        };
        assert_eq!(check(&through, &soaking), Choice::Keep);
        assert_eq!(check(&soaking, &soaking), Choice::Keep);
        assert_eq!(check(&soaking, &through), Choice::Replace);
        assert_eq!(check(&through, &through), Choice::Replace);
        assert_eq!(check(&failed, &soaking), Choice::Replace);
        let same = Standing { source: &a, gates: &failed };
        assert_eq!(choose(same, same), Choice::Keep);
    }
}
