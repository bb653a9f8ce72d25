//! When two values mean the same: numbers in other notations, quantities, ports that are numbers or texts.

use serde_json::Value;

use crate::plan::Segment;

/// Fields whose whole subtree holds quantities (`resources.limits`, a quota's `hard`).
const QUANTITY_MAPS: &[&str] =
    &["requests", "limits", "capacity", "allocatable", "hard", "max", "min", "default", "defaultRequest"];
/// Fields that are quantities themselves.
const QUANTITIES: &[&str] =
    &["sizeLimit", "divisor", "storage", "averageValue", "cpu", "memory", "ephemeral-storage"];
/// Fields that take a number or a text.
const INT_OR_STRING: &[&str] = &["targetPort", "port", "maxSurge", "maxUnavailable", "minAvailable"];
/// Kinds whose texts are what they are.
const VERBATIM_KINDS: &[&str] = &["ConfigMap", "Secret"];

/// Nano is the finest unit that a quantity has; everything is compared in it.
const NANO_DIGITS: u32 = 9;

/// Whether `one` and `two` at `path` of an object of `kind` mean the same.
pub fn same(kind: &str, path: &[Segment], one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same(kind, path, one, two))
        }
        (Value::Object(one), Value::Object(two)) => {
            let below = |key: &str| {
                let mut path = path.to_vec();
                path.push(Segment::Key(key.to_owned()));
                path
            };
            one.len() == two.len()
                && one
                    .iter()
                    .all(|(key, one)| two.get(key).is_some_and(|two| same(kind, &below(key), one, two)))
        }
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) if a == b => true,
        (Value::String(_) | Value::Number(_), Value::String(_) | Value::Number(_)) => {
            same_notation(kind, path, one, two)
        }
        _ => one == two,
    }
}

fn same_notation(kind: &str, path: &[Segment], one: &Value, two: &Value) -> bool {
    let keys: Vec<&str> = path.iter().filter_map(key_of).collect();
    let Some((last, parents)) = keys.split_last() else { return false };
    if VERBATIM_KINDS.contains(&kind) || keys.first() == Some(&"metadata") {
        return false;
    }
    let (one, two) = (text_of(one), text_of(two));
    if INT_OR_STRING.contains(last) {
        return one == two;
    }
    let is_quantity =
        QUANTITIES.contains(last) || parents.iter().any(|parent| QUANTITY_MAPS.contains(parent));
    is_quantity && quantity(&one).is_some_and(|one| quantity(&two) == Some(one))
}

fn key_of(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Key(key) => Some(key),
        Segment::Item(_) | Segment::Index(_) => None,
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A Kubernetes quantity in nano units. None: not one, finer than nano, or beyond 2^63.
fn quantity(text: &str) -> Option<i128> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty()
        || fraction.contains('.')
        || whole.len() > 19
        || fraction.len() > 9
    {
        return None;
    }
    let fraction_digits = u32::try_from(fraction.len()).ok()?;
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (multiplier, exponent) = scale(suffix)?;
    let exponent = exponent + i32::try_from(NANO_DIGITS - fraction_digits).ok()?;
    let scaled = mantissa.checked_mul(multiplier)?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    let nano = if exponent >= 0 {
        scaled.checked_mul(power)?
    } else {
        (scaled % power == 0).then_some(scaled / power)?
    };
    Some(if negative { -nano } else { nano })
}

/// A suffix as a multiplier and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    let binary = |power: u32| Some((1_i128 << (10 * power), 0));
    match suffix {
        "" => Some((1, 0)),
        "n" => Some((1, -9)),
        "u" => Some((1, -6)),
        "m" => Some((1, -3)),
        "k" => Some((1, 3)),
        "M" => Some((1, 6)),
        "G" => Some((1, 9)),
        "T" => Some((1, 12)),
        "P" => Some((1, 15)),
        "E" => Some((1, 18)),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let digits = suffix.strip_prefix(['e', 'E'])?;
            let exponent: i32 = digits.parse().ok()?;
            (exponent.abs() <= 18).then_some((1, exponent))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(path: &[&str]) -> Vec<Segment> {
        path.iter().map(|key| Segment::Key((*key).to_owned())).collect()
    }

    #[test]
    fn quantities_compare_by_what_they_mean() {
        let limits = at(&["spec", "resources", "limits", "cpu"]);
        for (one, two) in [
            (json!("1000m"), json!(1)),
            (json!("1Gi"), json!("1024Mi")),
            (json!("0.5"), json!("500m")),
            (json!("1e3"), json!("1k")),
            (json!(1.0), json!(1)),
        ] {
            assert!(same("Deployment", &limits, &one, &two), "{one} and {two}");
        }
        for (one, two) in
            [(json!("1G"), json!("1Gi")), (json!("1"), json!("one")), (json!("1.5"), json!("1"))]
        {
            assert!(!same("Deployment", &limits, &one, &two), "{one} and {two}");
        }
    }

    #[test]
    fn only_quantities_are_quantities() {
        let (one, two) = (json!("1000m"), json!("1"));
        assert!(!same("ConfigMap", &at(&["data", "cpu"]), &one, &two));
        assert!(!same("Deployment", &at(&["metadata", "annotations", "cpu"]), &one, &two));
        assert!(!same("Deployment", &at(&["spec", "image"]), &one, &two));
    }

    #[test]
    fn ports_may_be_texts() {
        assert!(same("Service", &at(&["spec", "ports", "targetPort"]), &json!("80"), &json!(80)));
        assert!(!same("Service", &at(&["spec", "ports", "nodePort"]), &json!("80"), &json!(80)));
    }
}
