//! Between JSON and the interpreter's values.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use serde_json::{Map, Number, Value};

use crate::expression::bindings::{Bound, MAX_VALUE_DEPTH, Unknown};
use crate::expression::error::{EvaluationError, Limit};

type Boxed = Box<dyn Val>;

/// Converts named values, with the unknown paths put into them.
pub(super) fn bound(values: &BTreeMap<String, Arc<Value>>, unknown: &BTreeSet<Vec<String>>) -> Bound {
    let mut too_deep = false;
    let mut names: BTreeSet<&String> = values.keys().collect();
    names.extend(unknown.iter().filter_map(|path| path.first()));
    let mut bound = BTreeMap::new();
    for name in names {
        let under: Vec<Missing<'_>> = unknown
            .iter()
            .filter(|path| path.first() == Some(name))
            .map(|path| Missing { whole: path, rest: &path[1..] })
            .collect();
        let value = values.get(name).map(AsRef::as_ref);
        bound.insert(name.clone(), to_cel(value, &under, 0, &mut too_deep));
    }
    Bound { values: bound, too_deep }
}

/// An unknown below the value at hand: the whole path, and what is left of it.
#[derive(Clone, Copy)]
struct Missing<'a> {
    whole: &'a [String],
    rest: &'a [String],
}

fn to_cel(value: Option<&Value>, unknown: &[Missing<'_>], depth: usize, too_deep: &mut bool) -> Boxed {
    if let Some(missing) = unknown.iter().find(|missing| missing.rest.is_empty()) {
        return Box::new(Unknown { reference: missing.whole.join(".").into() });
    }
    if depth > MAX_VALUE_DEPTH {
        *too_deep = true;
        return Box::new(CelNull);
    }
    match value {
        Some(Value::Object(map)) => object(Some(map), unknown, depth, too_deep),
        _ if !unknown.is_empty() => object(None, unknown, depth, too_deep),
        None | Some(Value::Null) => Box::new(CelNull),
        Some(Value::Bool(value)) => Box::new(CelBool::from(*value)),
        Some(Value::Number(number)) => number_value(number),
        Some(Value::String(text)) => Box::new(CelString::from(text.clone())),
        Some(Value::Array(items)) => {
            let items: Vec<Boxed> =
                items.iter().map(|item| to_cel(Some(item), &[], depth + 1, too_deep)).collect();
            Box::new(CelList::from(items))
        }
    }
}

fn object(
    map: Option<&Map<String, Value>>,
    unknown: &[Missing<'_>],
    depth: usize,
    too_deep: &mut bool,
) -> Boxed {
    let mut keys: BTreeSet<&str> = map.into_iter().flat_map(|map| map.keys().map(String::as_str)).collect();
    keys.extend(unknown.iter().map(|missing| missing.rest[0].as_str()));
    let mut made: HashMap<CelMapKey<'static>, Boxed> = HashMap::with_capacity(keys.len());
    for key in keys {
        let below: Vec<Missing<'_>> = unknown
            .iter()
            .filter(|missing| missing.rest[0] == key)
            .map(|missing| Missing { whole: missing.whole, rest: &missing.rest[1..] })
            .collect();
        let value = map.and_then(|map| map.get(key));
        let key = CelMapKey::String(CelString::from(key.to_owned()));
        made.insert(key, to_cel(value, &below, depth + 1, too_deep));
    }
    Box::new(CelMap::from(made))
}

fn number_value(number: &Number) -> Boxed {
    if let Some(value) = number.as_i64() {
        Box::new(CelInt::from(value))
    } else if let Some(value) = number.as_u64() {
        Box::new(CelUInt::from(value))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}

/// A result as JSON, keys sorted.
pub(super) fn to_json(value: &cel::Value) -> Result<Value, EvaluationError> {
    json(value, 0)
}

fn json(value: &cel::Value, depth: usize) -> Result<Value, EvaluationError> {
    if depth > 2 * MAX_VALUE_DEPTH {
        return Err(EvaluationError::Limit(Limit::Depth));
    }
    match value {
        cel::Value::Null => Ok(Value::Null),
        cel::Value::Bool(value) => Ok(Value::Bool(*value)),
        cel::Value::Int(value) => Ok((*value).into()),
        cel::Value::UInt(value) => Ok((*value).into()),
        cel::Value::Float(value) => {
            let number = Number::from_f64(*value).map(Value::Number);
            number.ok_or(EvaluationError::Result("not a finite number"))
        }
        cel::Value::String(text) => Ok(Value::String(text.as_str().to_owned())),
        cel::Value::List(items) => items.iter().map(|item| json(item, depth + 1)).collect(),
        cel::Value::Map(map) => {
            let sorted: BTreeMap<_, _> =
                map.map.iter().map(|(key, value)| (key.to_string(), value)).collect();
            let members = sorted.into_iter().map(|(key, value)| Ok((key, json(value, depth + 1)?)));
            members.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        cel::Value::Bytes(_) => Err(EvaluationError::Result("bytes")),
        cel::Value::Timestamp(_) => Err(EvaluationError::Result("a timestamp")),
        cel::Value::Duration(_) => Err(EvaluationError::Result("a duration")),
        cel::Value::Opaque(_) => Err(EvaluationError::Result("an optional")),
        _ => Err(EvaluationError::Result("no JSON value")),
    }
}
