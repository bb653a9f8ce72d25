//! The forge's clock and ours: an App proves itself by a time, and webhooks and soaks are told by one.

use jiff::{SignedDuration, Timestamp};

use super::Finding;

const ABOUT: &str = "clock";
/// Clocks that somebody keeps differ by less.
const NOTABLE: SignedDuration = SignedDuration::from_secs(30);
/// GitHub takes no proof of an App from a time so far away.
const WRONG: SignedDuration = SignedDuration::from_mins(5);

/// Pure. The forge said the beginning of the second `there`, at some time between two of ours.
pub(super) fn judge(asked: Timestamp, there: Timestamp, answered: Timestamp) -> Finding {
    let ahead = there
        .saturating_add(SignedDuration::from_secs(1))
        .map_or(SignedDuration::ZERO, |end| end.duration_until(asked));
    let behind = answered.duration_until(there);
    let (apart, which) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    if apart <= NOTABLE {
        return Finding::ok(ABOUT, "the forge's and ours agree");
    }
    let message = format!("ours is {} s {which} the forge's", apart.as_secs());
    let hint = "set this machine's clock, best by NTP: a GitHub App's key is not taken at another time";
    if apart > WRONG { Finding::error(ABOUT, message, hint) } else { Finding::warning(ABOUT, message, hint) }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn half_a_minute_is_told_and_five_are_too_many() {
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).unwrap();
        let told = |there| judge(at(0), at(there), at(2));
        for (there, level, words) in [
            (0, Level::Ok, "agree"),
            (32, Level::Ok, "agree"),
            (33, Level::Warning, "31 s behind the forge's"),
            (-31, Level::Ok, "agree"),
            (-32, Level::Warning, "31 s ahead of the forge's"),
            (302, Level::Warning, "300 s behind"),
            (303, Level::Error, "301 s behind"),
            (-302, Level::Error, "301 s ahead of"),
        ] {
            let found = told(there);
            assert!(found.level == level && found.message.contains(words), "{there}: {found:?}");
        }
    }
}
