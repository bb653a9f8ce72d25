//! Spans of time as people write them: `30s`, `5m`, `1h30m`, `2d`.

use std::time::Duration;

/// Longest duration: beyond it nobody means what they wrote.
pub const MAX_DURATION: Duration = Duration::from_hours(3 * 365 * 24);

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
    fn durations_are_written_back() {
        for text in ["30s", "1h30m", "2d", "1s500ms", "0s"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }
}
