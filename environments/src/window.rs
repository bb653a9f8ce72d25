//! Time windows: when merges and trunk applies may happen. They never stop healing or a rollback.
//!
//! A window opens when its schedule says so on the clock of its time zone, and stays open for its duration in
//! real time. An opening that a clock change skips happens right after it; one that it repeats happens once, the
//! first time. The zone database is the one that is compiled in, so that every machine agrees.

use std::cmp::Reverse;
use std::time::Duration;

use cronexpr::{Crontab, MakeTimestamp};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan, Unit};

use crate::diagnostic::did_you_mean;

/// Longest window. A longer one is a date, not a window.
pub const MAX_WINDOW: Duration = Duration::from_hours(31 * 24);
/// How many changes are looked at to find when things open again; denials that follow each other without a gap
/// for longer have no end that is worth naming.
const MAX_CHANGES: usize = 64;
/// Moments from which windows must find an opening: one in each season, so that a denial of one season is not taken for one
/// that never ends.
const SEASONS: [i64; 4] = [0, 90 * DAY_S, 181 * DAY_S, 273 * DAY_S];
const DAY_S: i64 = 24 * 60 * 60;

/// Longest hour that a clock change skips, with room; the schedule is asked from that much earlier.
const LONGEST_SKIP: SignedDuration = SignedDuration::from_hours(2);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub kind: WindowKind,
    /// Five fields of cron, at which the window opens.
    pub schedule: String,
    pub duration: Duration,
    /// IANA name: `Europe/Berlin`.
    pub time_zone: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    Allow,
    Deny,
}

/// Whether applying is allowed at `now`: a deny window closes; where allow windows exist, one must be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    Open,
    /// Closed until then, and why. Absent: nothing opens again, as far as can be seen.
    Closed {
        until: Option<Timestamp>,
        reason: String,
    },
}

/// A window that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("schedule `{schedule}` has {fields} fields, not five")]
    Fields { schedule: String, fields: usize },
    #[error("schedule `{schedule}` is not valid")]
    Schedule { schedule: String },
    #[error("schedule `{schedule}` never comes")]
    Never { schedule: String },
    #[error("duration must be more than nothing and at most 31 days")]
    Duration,
    #[error("there is no time zone `{name}`")]
    TimeZone { name: String, near: Option<String> },
}

impl WindowError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Fields { .. } | Self::Schedule { .. } => {
                Some("minute, hour, day of month, month, day of week: `0 9 * * 1-5`".to_owned())
            }
            Self::TimeZone { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::TimeZone { near: None, .. } => Some("use a name like `Europe/Berlin` or `UTC`".to_owned()),
            Self::Never { .. } | Self::Duration => None,
        }
    }
}

impl Window {
    /// A window that is known to work.
    pub fn parse(
        kind: WindowKind,
        schedule: &str,
        duration: Duration,
        time_zone: &str,
    ) -> Result<Self, WindowError> {
        let window = Self { kind, schedule: schedule.to_owned(), duration, time_zone: time_zone.to_owned() };
        if duration.is_zero() || duration > MAX_WINDOW {
            return Err(WindowError::Duration);
        }
        let clock = Clock::of(&window)?;
        match clock.start_after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(window),
            None => Err(WindowError::Never { schedule: schedule.to_owned() }),
        }
    }
}

/// Whether `windows` let anything be applied at `now`. A window that cannot be read counts as closed: for
/// denying ones as denying, for allowing ones as not allowing.
pub fn opening(windows: &[Window], now: Timestamp) -> Opening {
    if windows.is_empty() {
        return Opening::Open;
    }
    let clocks: Vec<Clock<'_>> = match windows.iter().map(Clock::of).collect() {
        Ok(clocks) => clocks,
        Err(error) => {
            let reason = format!("a window cannot be read: {error}");
            return Opening::Closed { until: None, reason };
        }
    };
    let Some(closed) = closed(&clocks, now) else { return Opening::Open };
    let mut next = closed.until;
    for _ in 0..MAX_CHANGES {
        let Some(at) = next else { break };
        match self::closed(&clocks, at) {
            None => return Opening::Closed { until: Some(at), reason: closed.reason },
            Some(still) => next = still.until,
        }
    }
    Opening::Closed {
        until: None,
        reason: format!("{}, and nothing opens again as it is written; change `windows`", closed.reason),
    }
}

/// Whether nothing could ever be applied, whenever one begins to wait.
pub fn never_opens(windows: &[Window]) -> bool {
    let is_endless = |moment| matches!(opening(windows, moment), Opening::Closed { until: None, .. });
    SEASONS.into_iter().filter_map(|second| Timestamp::from_second(second).ok()).all(is_endless)
}

/// Why applying is not allowed at one moment, and when to look again.
struct Closed {
    until: Option<Timestamp>,
    reason: String,
}

fn closed(clocks: &[Clock<'_>], at: Timestamp) -> Option<Closed> {
    let denying = clocks.iter().filter(|clock| clock.window.kind == WindowKind::Deny);
    let denied = denying.filter_map(|clock| clock.open_until(at).map(|end| (end, clock)));
    if let Some((end, clock)) = denied.min_by_key(|(end, _)| Reverse(*end)) {
        return Some(Closed {
            until: Some(end),
            reason: format!("{} is open", clock.describe("the deny window")),
        });
    }
    let allowing: Vec<_> = clocks.iter().filter(|clock| clock.window.kind == WindowKind::Allow).collect();
    if allowing.is_empty() || allowing.iter().any(|clock| clock.open_until(at).is_some()) {
        return None;
    }
    let next = allowing.iter().filter_map(|clock| clock.start_after(at).map(|start| (start, clock)));
    Some(match next.min_by_key(|(start, _)| *start) {
        Some((start, clock)) => {
            let next = clock.describe("the next one is");
            Closed { until: Some(start), reason: format!("no allow window is open; {next}") }
        }
        None => Closed { until: None, reason: "no allow window is open".to_owned() },
    })
}

/// A window with its schedule and zone at hand.
struct Clock<'a> {
    window: &'a Window,
    /// The schedule, read as if local time were UTC; see [`Clock::start_after`].
    crontab: Crontab,
    zone: TimeZone,
}

impl<'a> Clock<'a> {
    fn of(window: &'a Window) -> Result<Self, WindowError> {
        let schedule = &window.schedule;
        let fields = schedule.split_ascii_whitespace().count();
        if fields != 5 {
            return Err(WindowError::Fields { schedule: schedule.clone(), fields });
        }
        let crontab = cronexpr::parse_crontab(&format!("{schedule} UTC"))
            .map_err(|_| WindowError::Schedule { schedule: schedule.clone() })?;
        let zone = zone(&window.time_zone)?;
        Ok(Self { window, crontab, zone })
    }

    /// The first opening after `at`. The schedule is asked on the local clock, and its answer put on the real
    /// one: a skipped hour moves it, a repeated one takes its first.
    fn start_after(&self, at: Timestamp) -> Option<Timestamp> {
        let mut local = self.local(at).checked_sub(LONGEST_SKIP).ok()?;
        let mut first: Option<Timestamp> = None;
        loop {
            let next = self.crontab.find_next(MakeTimestamp(local)).ok()?;
            local = next.timestamp();
            // A skipped time moves behind others: those up to where it lands are looked at, too.
            if first.is_some_and(|first| local > self.local(first)) {
                return first;
            }
            let start = self.zone.to_ambiguous_timestamp(next.datetime()).compatible().ok()?;
            if start > at {
                first = Some(first.map_or(start, |first| first.min(start)));
            }
        }
    }

    /// Local time at `at`, as if it were UTC.
    fn local(&self, at: Timestamp) -> Timestamp {
        let civil = self.zone.to_datetime(at);
        TimeZone::UTC.to_timestamp(civil).unwrap_or(at)
    }

    /// When the opening that is current at `at` ends; absent: it is not open.
    fn open_until(&self, at: Timestamp) -> Option<Timestamp> {
        let span = SignedDuration::try_from(self.window.duration).ok()?;
        let oldest = at.checked_sub(span).ok()?;
        let mut latest = self.start_after(oldest).filter(|start| *start <= at)?;
        // The latest opening that is not after `at`: halves the gap instead of walking through every minute.
        let (mut low, mut high) = (latest, at);
        while high.duration_since(low) >= SignedDuration::from_mins(1) {
            let middle = midpoint(low, high)?;
            match self.start_after(middle).filter(|start| *start <= at) {
                Some(start) => {
                    latest = start;
                    low = start;
                }
                None => high = middle,
            }
        }
        latest.checked_add(span).ok()
    }

    fn describe(&self, what: &str) -> String {
        let Window { schedule, duration, time_zone, .. } = self.window;
        let span = SignedDuration::try_from(*duration).unwrap_or_default();
        format!("{what} `{schedule}` for {span:#} ({time_zone})")
    }
}

/// Halfway, on a whole second. Absent when there is none between the two.
fn midpoint(low: Timestamp, high: Timestamp) -> Option<Timestamp> {
    let half = high.duration_since(low).as_secs() / 2;
    low.checked_add(half.max(1).seconds()).ok().and_then(|middle| middle.round(Unit::Second).ok())
}

fn zone(name: &str) -> Result<TimeZone, WindowError> {
    let database = TimeZoneDatabase::bundled();
    database.get(name).map_err(|_| {
        let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
        let near = did_you_mean(name, names.iter().map(String::as_str)).map(str::to_owned);
        WindowError::TimeZone { name: name.to_owned(), near }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kind: WindowKind, schedule: &str, hours: u64, zone: &str) -> Window {
        Window::parse(kind, schedule, Duration::from_secs(hours * 3600), zone).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn until(windows: &[Window], now: &str) -> String {
        match opening(windows, at(now)) {
            Opening::Open => "open".to_owned(),
            Opening::Closed { until, .. } => {
                until.map_or_else(|| "never".to_owned(), |until| until.to_string())
            }
        }
    }

    #[test]
    fn allow_windows_follow_the_clock_on_the_wall() {
        let work = [window(WindowKind::Allow, "0 9 * * 1-5", 8, "Europe/Berlin")];
        // Winter: 09:00 is 08:00 UTC; summer: 07:00 UTC.
        assert_eq!(until(&work, "2030-01-15T07:59:59Z"), "2030-01-15T08:00:00Z");
        assert_eq!(until(&work, "2030-01-15T08:00:00Z"), "open");
        assert_eq!(until(&work, "2030-01-15T15:59:59Z"), "open");
        assert_eq!(until(&work, "2030-01-15T16:00:00Z"), "2030-01-16T08:00:00Z");
        assert_eq!(until(&work, "2030-07-15T07:00:00Z"), "open");
        // Friday evening waits for Monday, across the change to summer time on 2030-03-31.
        assert_eq!(until(&work, "2030-03-29T20:00:00Z"), "2030-04-01T07:00:00Z");
    }

    #[test]
    fn deny_wins() {
        let windows = [
            window(WindowKind::Allow, "0 9 * * *", 8, "UTC"),
            window(WindowKind::Deny, "0 12 * * *", 1, "UTC"),
        ];
        assert_eq!(until(&windows, "2030-01-15T11:59:00Z"), "open");
        assert_eq!(until(&windows, "2030-01-15T12:30:00Z"), "2030-01-15T13:00:00Z");
        // The denial's end falls into the night.
        let windows = [
            window(WindowKind::Allow, "0 9 * * *", 8, "UTC"),
            window(WindowKind::Deny, "0 16 * * *", 3, "UTC"),
        ];
        assert_eq!(until(&windows, "2030-01-15T16:30:00Z"), "2030-01-16T09:00:00Z");
        assert_eq!(until(&[], "2030-01-15T16:30:00Z"), "open");
    }

    #[test]
    fn skipped_and_repeated_hours() {
        // 02:30 does not exist on 2030-03-31 in Berlin: the window opens at 03:30 (01:30 UTC).
        let night = [window(WindowKind::Allow, "30 2 * * *", 1, "Europe/Berlin")];
        assert_eq!(until(&night, "2030-03-31T00:00:00Z"), "2030-03-31T01:30:00Z");
        assert_eq!(until(&night, "2030-03-31T02:00:00Z"), "open");
        // 02:30 happens twice on 2030-10-27: it opens the first time (00:30 UTC), not the second.
        assert_eq!(until(&night, "2030-10-27T00:00:00Z"), "2030-10-27T00:30:00Z");
        assert_eq!(until(&night, "2030-10-27T01:45:00Z"), "2030-10-28T01:30:00Z");
    }

    #[test]
    fn a_denial_without_an_end_is_said_to_be_one() {
        let windows = [window(WindowKind::Deny, "* * * * *", 8, "UTC")];
        let Opening::Closed { until: None, reason } = opening(&windows, at("2030-01-15T00:00:00Z")) else {
            panic!("should be closed, without an end");
        };
        let expected = "the deny window `* * * * *` for 8h (UTC) is open, and nothing opens again as it is written; \
                        change `windows`";
        assert_eq!(reason, expected);
    }

    #[test]
    fn windows_that_never_open_are_known() {
        let allow = |schedule: &str, hours: u64| window(WindowKind::Allow, schedule, hours, "UTC");
        let deny = |schedule: &str, hours: u64| window(WindowKind::Deny, schedule, hours, "Europe/Berlin");
        assert!(never_opens(&[deny("* * * * *", 2)]));
        assert!(never_opens(&[allow("0 9 * * *", 1), deny("0 8 * * *", 6)]));
        assert!(!never_opens(&[]));
        assert!(!never_opens(&[allow("0 9 1 1 *", 1)]));
        assert!(!never_opens(&[deny("0 0 * * *", 23)]));
        // A whole month, hour by hour: longer than is looked ahead, and it ends all the same.
        assert!(!never_opens(&[deny("0 * * 12 *", 1)]));
        assert!(!never_opens(&[deny("0 * * 1 *", 1)]));
    }

    #[test]
    fn what_is_closed_says_what_opens_it() {
        let reason = |windows: &[Window], now: &str| match opening(windows, at(now)) {
            Opening::Closed { until: Some(until), reason } => format!("{until}: {reason}"),
            Opening::Closed { until: None, .. } | Opening::Open => panic!("should be closed, with an end"),
        };
        let work = [window(WindowKind::Allow, "0 9 * * 1-5", 8, "Europe/Berlin")];
        let next = "2030-01-15T08:00:00Z: no allow window is open; the next one is `0 9 * * 1-5` for 8h (Europe/Berlin)";
        assert_eq!(reason(&work, "2030-01-15T07:59:59Z"), next);
        let freeze = [window(WindowKind::Deny, "0 12 * * *", 1, "UTC")];
        let end = "2030-01-15T13:00:00Z: the deny window `0 12 * * *` for 1h (UTC) is open";
        assert_eq!(reason(&freeze, "2030-01-15T12:30:00Z"), end);
    }

    #[test]
    fn bad_windows_are_named() {
        let parse = |schedule: &str, seconds: u64, zone: &str| {
            let made = Window::parse(WindowKind::Allow, schedule, Duration::from_secs(seconds), zone);
            made.err()
                .map(|error| format!("{error} ({})", error.hint().unwrap_or_default()))
                .unwrap_or_default()
        };
        assert_eq!(parse("0 9 * * 1-5", 60, "UTC"), "");
        let fields = "minute, hour, day of month, month, day of week: `0 9 * * 1-5`";
        assert_eq!(
            parse("0 9 * *", 60, "UTC"),
            format!("schedule `0 9 * *` has 4 fields, not five ({fields})")
        );
        assert_eq!(parse("0 25 * * *", 60, "UTC"), format!("schedule `0 25 * * *` is not valid ({fields})"));
        assert_eq!(parse("0 9 31 2 *", 60, "UTC"), "schedule `0 9 31 2 *` never comes ()");
        assert_eq!(parse("0 9 * * *", 0, "UTC"), "duration must be more than nothing and at most 31 days ()");
        assert_eq!(
            parse("0 9 * * *", 60, "Europe/Berln"),
            "there is no time zone `Europe/Berln` (did you mean `Europe/Berlin`?)"
        );
    }
}
