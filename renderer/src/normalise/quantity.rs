//! Quantities in the one spelling that the API server answers with: `1000m` is `1`, `0.5` is `500m`, `1024Mi` is `1Gi`.
//!
//! Another manager that applies the same amount in another spelling would be told of a conflict. The rules are
//! those of `resource.Quantity` (k8s.io/apimachinery): no fraction, the largest suffix, the family of suffixes
//! stays.

use serde_json::Value;

/// What values are counted in here: nano, the finest that Kubernetes knows.
const NANO: i128 = 1_000_000_000;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
/// Longer than any amount that means something.
const MAX_LENGTH: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Family {
    Decimal,
    Binary,
    Exponent,
}

/// The canonical spelling; `None` when `text` is no quantity, or one too large or too fine to be exact.
pub fn canonical_quantity(text: &str) -> Option<String> {
    let (nano, family) = parse(text)?;
    Some(write(nano, family))
}

/// Rewrites a quantity in place. Numbers become texts, as the server stores them; what is no quantity stays, for
/// the server to refuse.
pub(super) fn rewrite(value: &mut Value) {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return,
    };
    if let Some(canonical) = canonical_quantity(&text) {
        *value = Value::String(canonical);
    }
}

fn parse(text: &str) -> Option<(i128, Family)> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(digits);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let digits = if negative { -digits } else { digits };
    let places = i32::try_from(fraction.len()).ok()?;
    if let Some(power) = BINARY.iter().skip(1).position(|name| *name == suffix) {
        let scaled =
            digits.checked_mul(NANO)?.checked_mul(1024_i128.checked_pow(u32::try_from(power).ok()? + 1)?)?;
        return Some((exact(scaled, -places)?, Family::Binary));
    }
    let (exponent, family) = match DECIMAL.iter().find(|(name, _)| *name == suffix) {
        Some((_, exponent)) => (*exponent, Family::Decimal),
        None => (suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?, Family::Exponent),
    };
    let scaled = exact(digits.checked_mul(NANO)?, exponent.checked_sub(places)?)?;
    Some((scaled, family))
}

/// `value` × 10^`exponent`, when that is whole.
fn exact(value: i128, exponent: i32) -> Option<i128> {
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    if exponent >= 0 {
        return value.checked_mul(power);
    }
    (value % power == 0).then_some(value / power)
}

fn write(nano: i128, family: Family) -> String {
    // As the server does: less than a kilobyte, or a fraction of one, cannot be said in powers of 1024.
    let binary = family == Family::Binary && nano % NANO == 0 && (nano / NANO).abs() >= 1024;
    if nano == 0 {
        return "0".to_owned();
    }
    if binary {
        let mut amount = nano / NANO;
        let mut power = 0;
        while amount % 1024 == 0 && power + 1 < BINARY.len() {
            amount /= 1024;
            power += 1;
        }
        return format!("{amount}{}", BINARY[power]);
    }
    let mut amount = nano;
    let mut at = 0;
    while amount % 1000 == 0 && at + 1 < DECIMAL.len() {
        amount /= 1000;
        at += 1;
    }
    let (suffix, exponent) = DECIMAL[at];
    match family {
        Family::Exponent if exponent != 0 => format!("{amount}e{exponent}"),
        _ => format!("{amount}{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_amount_become_one() {
        let cases = [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("100m", "100m"),
            ("1", "1"),
            ("0", "0"),
            ("0Mi", "0"),
            ("512Ki", "512Ki"),
            ("0.5Ki", "512"),
            ("1000Ki", "1000Ki"),
            ("1000", "1k"),
            ("1000M", "1G"),
            ("1e3", "1e3"),
            ("1000e3", "1e6"),
            ("12E", "12E"),
            ("-500m", "-500m"),
            ("+1", "1"),
            ("1.0", "1"),
            (".5", "500m"),
        ];
        for (written, canonical) in cases {
            assert_eq!(canonical_quantity(written).as_deref(), Some(canonical), "{written}");
            assert_eq!(canonical_quantity(canonical).as_deref(), Some(canonical), "{canonical} again");
        }
        for none in ["", "Mi", "1.2.3", "abc", "1 Gi", "1KB", "0.1n", "999999999999999999999999999999999999E"]
        {
            assert_eq!(canonical_quantity(none), None, "{none}");
        }
    }
}
