//! Spans of time as people write them: `30s`, `5m`, `1h30m`, `2d`.

use std::time::Duration;

/// Longest duration: beyond it nobody means what they wrote.
pub const MAX_DURATION: Duration = Duration::from_hours(3 * 365 * 24);

/// What schemas say of a text that is a duration.
pub(super) const PATTERN: &str = "^([0-9]+(d|h|m|s|ms))+$";
pub(super) const EXAMPLES: [&str; 3] = ["30s", "5m", "1h30m"];

/// Units from large to small, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Parses whole numbers with units, large units first. The error says what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err("it is empty");
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = match (digits, rest.starts_with(['-', '+'])) {
            (0, true) => return Err("it has a sign"),
            (0, false) => return Err("it must be whole numbers with units, such as `1h30m`"),
            _ => rest[..digits].parse().map_err(|_| "it is too long")?,
        };
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let word = &rest[..letters];
        if word.is_empty() {
            return Err(match rest.chars().next() {
                Some('.') => "it has a fraction",
                Some(' ') => "it has a space",
                _ => "a unit is missing",
            });
        }
        let Some(at) = units.iter().position(|(unit, _)| *unit == word) else {
            let known = UNITS.iter().any(|(unit, _)| *unit == word);
            return Err(if known {
                "large units go first, each once"
            } else {
                "its unit is none of d, h, m, s, ms"
            });
        };
        let added = number.checked_mul(units[at].1).and_then(|part| total.checked_add(part));
        total = added.ok_or("it is too long")?;
        units = &units[at + 1..];
        rest = &rest[letters..];
    }
    let duration = Duration::from_millis(total);
    if duration > MAX_DURATION { Err("it is longer than three years") } else { Ok(duration) }
}

/// What people write for the units.
const ALIASES: [(&str, &[&str]); 5] = [
    ("d", &["d", "day", "days"]),
    ("h", &["h", "hr", "hrs", "hour", "hours"]),
    ("m", &["m", "min", "mins", "minute", "minutes"]),
    ("s", &["s", "sec", "secs", "second", "seconds"]),
    ("ms", &["ms", "msec", "msecs", "millisecond", "milliseconds"]),
];

/// The duration that a text most likely means: `5 minutes` is `5m`, `1.5h` is `1h30m`, `PT30M` is `30m`.
pub(super) fn meant_duration(text: &str) -> Option<String> {
    let text = text.to_lowercase().replace([' ', '_'], "");
    // ISO 8601 writes the time behind a T.
    let mut rest = text.strip_prefix("pt").unwrap_or(&text);
    let mut total_ms = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (unit, _) = ALIASES.iter().find(|(_, words)| words.contains(&&rest[..letters]))?;
        let (_, millis) = UNITS.iter().find(|(known, _)| known == unit)?;
        #[allow(clippy::cast_precision_loss, reason = "a day has few milliseconds")]
        let part = number * *millis as f64;
        total_ms += part;
        rest = &rest[letters..];
    }
    let duration = Duration::try_from_secs_f64(total_ms / 1000.0).ok()?;
    (!text.is_empty() && duration <= MAX_DURATION).then(|| format_duration(duration))
}

/// What to write in place of a bare number.
pub(super) fn with_unit(number: &str) -> String {
    if number.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("write it with its unit: `{number}s`, `{number}m` or `{number}h`")
    } else {
        format!("write it as `{}`", EXAMPLES.join("`, `"))
    }
}

/// The shortest text that [`parse_duration`] reads as the same duration; parts below a millisecond are dropped.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in UNITS {
        if rest >= millis {
            text += &(rest / millis).to_string();
            text += unit;
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_units() {
        let table = [
            ("30s", Ok(30_000)),
            ("1h30m", Ok(5_400_000)),
            ("2d", Ok(172_800_000)),
            ("1s500ms", Ok(1_500)),
            ("0s", Ok(0)),
            ("90m", Ok(5_400_000)),
            ("", Err("it is empty")),
            ("30", Err("a unit is missing")),
            ("1.5h", Err("it has a fraction")),
            ("-1h", Err("it has a sign")),
            ("30m1h", Err("large units go first, each once")),
            ("1h1h", Err("large units go first, each once")),
            ("3 min", Err("it has a space")),
            ("3min", Err("its unit is none of d, h, m, s, ms")),
            ("soon", Err("it must be whole numbers with units, such as `1h30m`")),
            ("99999999999999999999s", Err("it is too long")),
            ("9999d", Err("it is longer than three years")),
        ];
        for (text, expected) in table {
            assert_eq!(parse_duration(text).map(|duration| duration.as_millis()), expected, "{text}");
        }
    }

    #[test]
    fn what_was_meant_is_suggested() {
        let table = [
            ("5 minutes", Some("5m")),
            ("5min", Some("5m")),
            ("1.5h", Some("1h30m")),
            ("PT30M", Some("30m")),
            ("30m1h", Some("1h30m")),
            ("2 days", Some("2d")),
            ("90 SEC", Some("1m30s")),
            ("30", None),
            ("never", None),
            ("", None),
            ("5 weeks", None),
            ("1e9h", None),
            ("9999d", None),
        ];
        for (text, expected) in table {
            let meant = meant_duration(text);
            assert_eq!(meant.as_deref(), expected, "{text}");
            assert!(meant.is_none_or(|meant| parse_duration(&meant).is_ok()), "{text}");
        }
        assert_eq!(with_unit("5"), "write it with its unit: `5s`, `5m` or `5h`");
        assert_eq!(with_unit("1.5"), "write it as `30s`, `5m`, `1h30m`");
    }

    #[test]
    fn durations_are_written_back() {
        for text in ["30s", "1h30m", "2d", "1s500ms", "0s"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }
}
