//! What a plain scalar means: `yes`, `0755`, `1e3`, `~`.
//!
//! The rules for manifests are those of go-yaml 2 (YAML 1.1 with Go's number syntax) followed by the trip
//! through JSON that `sigs.k8s.io/yaml` makes; those for definitions are the core schema of YAML 1.2.2, section
//! 10.3.2.

use serde_json::Number;

use super::Dialect;

/// The value of a plain scalar.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    Number(Number),
    Text,
    /// An infinity, or not a number: JSON has neither.
    NotFinite,
    /// Readers of YAML disagree about it; what the other ones make of it.
    Ambiguous(&'static str),
}

/// Above this, integral floats are not exact and stay floats (2^53).
const EXACT_FLOATS: f64 = 9_007_199_254_740_992.0;

/// Whether a plain scalar of a definition is one that readers of YAML disagree about.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    matches!(resolve_definition(text), Plain::Ambiguous(_))
}

pub(super) fn resolve(text: &str, dialect: Dialect) -> Plain {
    match dialect {
        Dialect::Manifest => resolve_manifest(text),
        Dialect::Definition => resolve_definition(text),
    }
}

fn resolve_definition(text: &str) -> Plain {
    let (core, legacy) = (resolve_core(text), resolve_manifest(text));
    let digits = text.trim_start_matches(['+', '-']);
    let padded = digits.len() > 1 && digits.bytes().all(|b| b.is_ascii_digit()) && digits.starts_with('0');
    // Single letters are names of nodes and axes; no reader of definitions takes them for booleans.
    if text.len() == 1 && core == Plain::Text {
        return core;
    }
    match (&core, &legacy) {
        (Plain::Text, Plain::Bool(true)) => Plain::Ambiguous("the boolean true"),
        (Plain::Text, Plain::Bool(false)) => Plain::Ambiguous("the boolean false"),
        (Plain::Text, Plain::Number(_)) => Plain::Ambiguous("a number"),
        (Plain::Number(_), _) if padded => Plain::Ambiguous("an octal number"),
        _ => core,
    }
}

fn resolve_core(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        _ if is_not_finite(text) => Plain::NotFinite,
        _ => core_number(text).unwrap_or(Plain::Text),
    }
}

fn core_number(text: &str) -> Option<Plain> {
    let number = if let Some(digits) = text.strip_prefix("0x") {
        radix(digits, 16).map(Number::from)
    } else if let Some(digits) = text.strip_prefix("0o") {
        radix(digits, 8).map(Number::from)
    } else if is_float(text) {
        decimal(text)
    } else {
        None
    };
    number.map(Plain::Number)
}

/// Digits without a sign, which `from_str_radix` would take.
fn radix(digits: &str, radix: u32) -> Option<u64> {
    if digits.starts_with(['+', '-']) { None } else { u64::from_str_radix(digits, radix).ok() }
}

fn resolve_manifest(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return Plain::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Plain::Bool(false);
        }
        _ if is_not_finite(text) => return Plain::NotFinite,
        _ => {}
    }
    match text.as_bytes()[0] {
        // Go's ParseFloat takes no underscores here.
        b'.' if is_float(text) => decimal(text).map_or(Plain::Text, |number| Plain::Number(integral(number))),
        b'0'..=b'9' | b'+' | b'-' => {
            let plain = text.replace('_', "");
            let number = go_integer(&plain).or_else(|| is_float(&plain).then(|| decimal(&plain)).flatten());
            number.map_or(Plain::Text, |number| Plain::Number(integral(number)))
        }
        _ => Plain::Text,
    }
}

fn is_not_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`: a leading zero means octal.
fn go_integer(text: &str) -> Option<Number> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = match unsigned.get(..2) {
        Some("0x" | "0X") => (16, &unsigned[2..]),
        Some("0b" | "0B") => (2, &unsigned[2..]),
        Some("0o" | "0O") => (8, &unsigned[2..]),
        Some(two) if two.starts_with('0') => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    let value = radix(digits, base)?;
    if negative {
        let value = 0_i64.checked_sub_unsigned(value)?;
        return Some(Number::from(value));
    }
    Some(Number::from(value))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent = exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    let mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa && exponent
}

/// A decimal number: exact where it is whole and fits, a float otherwise; none beyond the range of floats.
fn decimal(text: &str) -> Option<Number> {
    let whole = text.strip_prefix('+').unwrap_or(text);
    if let Ok(value) = whole.parse::<i64>() {
        return Some(Number::from(value));
    }
    if let Ok(value) = whole.parse::<u64>() {
        return Some(Number::from(value));
    }
    Number::from_f64(text.parse().ok()?)
}

/// JSON made by Go writes 1.0 as 1, so Kubernetes never sees the difference.
fn integral(number: Number) -> Number {
    match number.as_f64() {
        #[allow(clippy::cast_possible_truncation, reason = "whole and within ±2^53")]
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() <= EXACT_FLOATS => {
            Number::from(value as i64)
        }
        _ => number,
    }
}
