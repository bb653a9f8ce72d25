//! Ignore rules as field paths: JSON pointers made concrete for one object.

use std::collections::BTreeSet;

use naksha_environments::merge::shape::{Shape, item_key, shape_of};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{FieldPath, Segment};
use naksha_environments::unit::IgnoreRule;
use serde_json::Value;

/// The fields of `sides` (the versions of one object) that `rules` leave to somebody else.
///
/// In a list of items with an identity a pointer names an item by its index or by its first key field
/// (`/spec/template/spec/containers/app/image`). A pointer into any other list means the whole list.
pub fn ignored_fields(rules: &[IgnoreRule], key: &ObjectKey, sides: &[&Value]) -> BTreeSet<FieldPath> {
    let meant = rules.iter().filter(|rule| applies(rule, key));
    let pointers = meant.flat_map(|rule| &rule.fields);
    let mut fields = BTreeSet::new();
    for pointer in pointers {
        let tokens: Vec<String> =
            pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        fields.extend(sides.iter().filter_map(|side| resolve(side, &tokens)));
    }
    fields
}

/// Whether whatever `manager` set in the object is left to it.
pub fn is_ignored_manager(rules: &[IgnoreRule], key: &ObjectKey, manager: &str) -> bool {
    // `NAME (scale)`: what it set through a subresource is its as well.
    let name = manager.split_once(" (").map_or(manager, |(name, _)| name);
    rules.iter().any(|rule| applies(rule, key) && rule.managers.iter().any(|one| one == name))
}

fn applies(rule: &IgnoreRule, key: &ObjectKey) -> bool {
    let kind = || rule.kinds.iter().any(|kind| **kind == *key.kind || *kind == key.group_kind());
    let name = || rule.names.iter().any(|name| **name == *key.name);
    (rule.kinds.is_empty() || kind()) && (rule.names.is_empty() || name())
}

/// Where `tokens` lead in `value`; none when there is nothing, or when they name the object itself.
fn resolve(value: &Value, tokens: &[String]) -> Option<FieldPath> {
    let mut path = FieldPath::default();
    let mut at = value;
    for token in tokens {
        match at {
            Value::Object(fields) => {
                at = fields.get(token)?;
                path = path.key(token);
            }
            Value::Array(items) => {
                let Shape::Map { keys, .. } = shape_of(&path.0, &[items]) else { return Some(path) };
                let first = keys.first()?;
                let named = |item: &&Value| item.get(*first).and_then(Value::as_str) == Some(token);
                at = items.iter().find(named).or_else(|| items.get(token.parse::<usize>().ok()?))?;
                path = path.with(Segment::Item(item_key(at, keys)?));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        }
    }
    (!path.0.is_empty()).then_some(path)
}
