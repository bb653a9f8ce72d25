//! Fights: what was healed is changed back, again and again, by somebody who wants something else. That is told, and
//! healing pauses for longer and longer, so that neither side wears out the target.
//!
//! Kept in memory only: after a restart a fight shows itself again within a few rounds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use naksha_environments::moment::to_the_second;
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::FieldPath;

/// Healed this often within [`MEMORY`], an object is fought over. A person who tries things out edits it twice.
const ROUNDS: u32 = 4;
/// A round that comes later begins anew.
const MEMORY: SignedDuration = SignedDuration::from_mins(10);
/// First and longest pause of healing; doubles in between.
const PAUSES: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(1), SignedDuration::from_mins(30));

#[derive(Debug, Clone, Default)]
pub(super) struct Fights(BTreeMap<ObjectKey, Fight>);

#[derive(Debug, Clone, Copy)]
struct Fight {
    rounds: u32,
    first: Timestamp,
    last: Timestamp,
}

impl Fight {
    fn pause(&self) -> Option<SignedDuration> {
        let (first, longest) = PAUSES;
        let beyond = self.rounds.checked_sub(ROUNDS)?;
        Some(first.saturating_mul(1_i32 << beyond.min(16)).min(longest))
    }

    /// Until when healing pauses.
    fn until(&self) -> Option<Timestamp> {
        Some(self.last.saturating_add(self.pause()?).unwrap_or(Timestamp::MAX))
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let end = self.until().unwrap_or(self.last);
        now > end.saturating_add(MEMORY).unwrap_or(Timestamp::MAX)
    }
}

impl Fights {
    /// An object was healed.
    pub(super) fn healed(&mut self, key: &ObjectKey, now: Timestamp) {
        self.0.retain(|_, fight| !fight.is_over(now));
        let fight = self.0.entry(key.clone()).or_insert(Fight { rounds: 0, first: now, last: now });
        fight.rounds += 1;
        fight.last = now;
    }

    /// Objects that are not healed now.
    pub(super) fn resting(&self, now: Timestamp) -> BTreeSet<ObjectKey> {
        let resting = self.0.iter().filter(|(_, fight)| fight.until().is_some_and(|until| now < until));
        resting.map(|(key, _)| key.clone()).collect()
    }

    /// When the first of them is healed again.
    pub(super) fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.values().filter_map(Fight::until).filter(|until| now < *until).min()
    }

    /// Why an object is not healed, when it is fought over: `field` was changed, by `who` where that is known.
    pub(super) fn words(
        &self,
        key: &ObjectKey,
        field: Option<&FieldPath>,
        who: Option<&str>,
    ) -> Option<String> {
        let fight = self.0.get(key)?;
        let until = fight.until()?;
        let (since, until) = (to_the_second(fight.first), to_the_second(until));
        let who = who.unwrap_or("somebody");
        let what = field.map_or_else(|| "it".to_owned(), |field| format!("`{field}`"));
        Some(format!(
            "{key} is fought over: {who} changed {what}, which was healed {} times since {since}; it is healed \
             again at {until}",
            fight.rounds
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + seconds).unwrap()
    }

    #[test]
    fn pauses_grow_and_end() {
        let key = ObjectKey::new("apps", "Deployment", Some("shop"), "web");
        let mut fights = Fights::default();
        for round in 0..3 {
            fights.healed(&key, at(round));
            assert!(fights.resting(at(round)).is_empty(), "a person may try things out");
        }
        fights.healed(&key, at(3));
        assert!(fights.resting(at(4)).contains(&key));
        assert_eq!(fights.ends(at(4)), Some(at(63)));
        assert!(
            fights.words(&key, None, None).unwrap().contains("somebody changed it, which was healed 4 times")
        );
        assert!(fights.resting(at(63)).is_empty(), "the pause is over");
        fights.healed(&key, at(64));
        assert_eq!(fights.ends(at(65)), Some(at(64 + 120)), "the next one is longer");
        for round in 0..20 {
            fights.healed(&key, at(200 + round));
        }
        assert_eq!(fights.ends(at(300)), Some(at(219 + 1800)), "and there is a longest");
    }

    #[test]
    fn a_quiet_time_forgets() {
        let key = ObjectKey::new("", "ConfigMap", None, "c");
        let mut fights = Fights::default();
        for day in 0..10 {
            fights.healed(&key, at(day * 86_400));
            assert!(fights.resting(at(day * 86_400 + 1)).is_empty());
        }
    }
}
