//! How many commands of one person are attended to: each costs questions to the forge and an answer, which others wait for. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use naksha_executor::port::forge::Login;

/// Commands of one person within [`WITHIN`]. Nobody who works needs more, and a program in a loop is heard no longer.
const MOST: usize = 30;
/// The same of one who may not write: what he asks for is refused anyway.
const MOST_OF_READERS: usize = 5;
const WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// When somebody was attended to lately, by the forge's clock. No forge tells names by their case.
#[derive(Debug, Default)]
pub struct Flood(BTreeMap<String, Vec<Timestamp>>);

impl Flood {
    /// Whether a command counts; if so, it is counted.
    pub fn admits(&mut self, by: &Login, made: Timestamp, writes: bool) -> bool {
        let is_lately = |at: &Timestamp| made.duration_since(*at) < WITHIN;
        self.0.retain(|_, times| {
            times.retain(is_lately);
            !times.is_empty()
        });
        let times = self.0.entry(by.as_str().to_lowercase()).or_default();
        let admits = times.len() < if writes { MOST } else { MOST_OF_READERS };
        if admits {
            times.push(made);
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_who_says_too_much_is_not_heard_for_a_while() {
        let (mut flood, ann, bob) = (Flood::default(), Login::new("ann"), Login::new("bob"));
        let at = |second| Timestamp::from_second(second).unwrap();
        for second in 0..30 {
            assert!(flood.admits(&ann, at(second), true));
        }
        assert!(!flood.admits(&ann, at(31), true) && flood.admits(&bob, at(31), true), "others are heard");
        assert!(!flood.admits(&ann, at(3_599), true));
        let again = [3_600, 3_600].map(|second| flood.admits(&ann, at(second), true));
        assert_eq!(again, [true, false], "the first is an hour ago");
        let read = |second| Login::new(&format!("eve-{second}"));
        assert!((0..5).all(|second| flood.admits(&read(0), at(second), false)));
        assert!(!flood.admits(&read(0), at(6), false), "he may not write");
    }
}
