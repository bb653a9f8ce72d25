//! Any schedules: refused, or an answer at any moment that comes from the windows alone, lies ahead, and holds.
//!
//! A line is a window: `allow|0 9 * * 1-5|480|Europe/Berlin`, its duration in minutes.
#![no_main]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use naksha_environments::window::{Opening, Window, WindowKind, opening};

/// Before, in and after changes of clocks in Berlin, and far from any.
const MOMENTS: [i64; 4] = [1_900_000_000, 1_901_149_140, 1_919_293_200, 4_102_444_799];

fuzz_target!(|text: &str| {
    let windows: Vec<Window> = text.lines().take(3).filter_map(window).collect();
    for moment in MOMENTS {
        let now = Timestamp::from_second(moment).expect("should be a moment");
        let answer = opening(&windows, now);
        assert_eq!(opening(&windows, now), answer, "twice the same");
        let Opening::Closed { until, reason } = answer else { continue };
        assert!(!reason.is_empty(), "closed at {now}");
        // Nothing opens again, as far as can be seen.
        let Some(until) = until else { continue };
        assert!(until > now, "{until}: {reason}");
        let between = now + SignedDuration::from_secs(until.duration_since(now).as_secs() / 2);
        for moment in [between, until - SignedDuration::from_secs(1)] {
            assert_ne!(
                opening(&windows, moment),
                Opening::Open,
                "closed at {now} until {until}, open at {moment}"
            );
        }
        assert_eq!(opening(&windows, until), Opening::Open, "closed at {now} until {until}");
    }
});

fn window(line: &str) -> Option<Window> {
    let [kind, schedule, minutes, zone] = line.split('|').collect::<Vec<_>>().try_into().ok()?;
    let kind = if kind == "deny" { WindowKind::Deny } else { WindowKind::Allow };
    let duration = Duration::from_secs(minutes.parse::<u64>().ok()?.checked_mul(60)?);
    Window::parse(kind, schedule, duration, zone).ok()
}
