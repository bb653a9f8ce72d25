//! What an object looks like after a write: the live one with our fields set and those that we gave up removed.
//!
//! Pure, and the one place that knows what a list of items with an identity is ([`shape`]), when two notations
//! mean the same ([`same`]) and which fields the target writes itself ([`field`]). Comparing (what differs, and
//! who made it differ) is the renderer's; writing is the adapters'. Both build on this.

pub mod field;
pub mod same;
pub mod shape;
mod widen;

#[cfg(test)]
mod tests;

pub use self::widen::{UNCONFIRMED, widen};

use serde_json::{Map, Value};

use crate::plan::{FieldPath, Segment};

use self::field::{is_targets_own, present};
use self::same::same;
use self::shape::{Shape, has_key, item_key, member, shape_of};

/// `live` after `desired` was written over it. Fields of `previous` (what was applied last) that `desired` lacks
/// are removed; fields that neither has stay. `leave` names fields of which nothing is set or removed. A value
/// that means the same keeps its live notation.
///
/// `kind` is the object's: it decides how texts compare (a ConfigMap's are verbatim). Merging again with the same
/// `desired` as `previous` changes nothing.
pub fn merge(
    kind: &str,
    live: Option<&Value>,
    previous: Option<&Value>,
    desired: &Value,
    leave: &[FieldPath],
) -> Value {
    let mut merge = Merge { kind, leave, path: FieldPath::default() };
    merge.node(Some(desired), live, previous).unwrap_or_else(|| Value::Object(Map::new()))
}

/// `body` without the fields `leave`: what a write that leaves them really applied.
pub fn without(body: &Value, leave: &[FieldPath]) -> Value {
    let mut body = body.clone();
    for path in leave {
        remove(&mut body, &path.0);
    }
    body
}

fn remove(value: &mut Value, path: &[Segment]) {
    let Some((first, rest)) = path.split_first() else { return };
    match (first, value) {
        (Segment::Key(key), Value::Object(fields)) if rest.is_empty() => {
            fields.shift_remove(key);
        }
        (Segment::Key(key), Value::Object(fields)) => {
            if let Some(value) = fields.get_mut(key) {
                remove(value, rest);
            }
        }
        (Segment::Item(key), Value::Array(items)) => {
            let is_meant = |item: &Value| match (item.as_str(), key.as_slice()) {
                (Some(text), [(_, member)]) => text == member,
                _ => has_key(item, key),
            };
            if rest.is_empty() {
                items.retain(|item| !is_meant(item));
            } else if let Some(item) = items.iter_mut().find(|item| is_meant(item)) {
                remove(item, rest);
            }
        }
        _ => {}
    }
}

struct Merge<'a> {
    kind: &'a str,
    leave: &'a [FieldPath],
    path: FieldPath,
}

impl Merge<'_> {
    fn below(
        &mut self,
        segment: Segment,
        desired: Option<&Value>,
        live: Option<&Value>,
        applied: Option<&Value>,
    ) -> Option<Value> {
        self.path.0.push(segment);
        let merged =
            if self.leave.contains(&self.path) { live.cloned() } else { self.node(desired, live, applied) };
        self.path.0.pop();
        merged
    }

    fn node(
        &mut self,
        desired: Option<&Value>,
        live: Option<&Value>,
        applied: Option<&Value>,
    ) -> Option<Value> {
        let applied = present(applied);
        match (present(desired), live) {
            (Some(Value::Object(fields)), _) => {
                let live = live.and_then(Value::as_object);
                Some(Value::Object(self.object(fields, live, applied.and_then(Value::as_object))))
            }
            (Some(Value::Array(items)), _) => {
                let live = live.filter(|live| live.is_array());
                self.list(Some(items), live, applied)
            }
            (Some(desired), Some(live)) if same(self.kind, &self.path.0, desired, live) => Some(live.clone()),
            (Some(desired), _) => Some(desired.clone()),
            (None, Some(live)) => match applied {
                Some(applied) => self.removed(live, applied),
                None => Some(live.clone()),
            },
            (None, None) => None,
        }
    }

    fn object(
        &mut self,
        desired: &Map<String, Value>,
        live: Option<&Map<String, Value>>,
        applied: Option<&Map<String, Value>>,
    ) -> Map<String, Value> {
        let mut merged = live.cloned().unwrap_or_default();
        let given_up = applied.into_iter().flat_map(Map::keys).filter(|key| !desired.contains_key(*key));
        for key in desired.keys().chain(given_up) {
            if is_targets_own(&self.path, key) {
                continue;
            }
            let there = live.and_then(|live| live.get(key));
            let ours = applied.and_then(|applied| applied.get(key));
            match self.below(Segment::Key(key.clone()), desired.get(key), there, ours) {
                Some(value) => merged.insert(key.clone(), value),
                None => merged.shift_remove(key),
            };
        }
        merged
    }

    /// A field that was applied and is not wanted any more: gone, but for what others put into it.
    fn removed(&mut self, live: &Value, applied: &Value) -> Option<Value> {
        match (live, applied) {
            (Value::Object(there), Value::Object(ours)) => {
                let mut merged = there.clone();
                for (key, applied) in ours {
                    let Some(live) = there.get(key) else { continue };
                    if is_targets_own(&self.path, key) {
                        continue;
                    }
                    match self.below(Segment::Key(key.clone()), None, Some(live), Some(applied)) {
                        Some(value) => merged.insert(key.clone(), value),
                        None => merged.shift_remove(key),
                    };
                }
                (!merged.is_empty()).then_some(Value::Object(merged))
            }
            (Value::Array(_), Value::Array(_)) => self.list(None, Some(live), Some(applied)),
            _ => None,
        }
    }

    fn list(
        &mut self,
        desired: Option<&[Value]>,
        live: Option<&Value>,
        applied: Option<&Value>,
    ) -> Option<Value> {
        let items = |side: Option<&'_ Value>| side.and_then(Value::as_array).cloned().unwrap_or_default();
        let (wanted, there, ours) = (desired.unwrap_or_default(), items(live), items(applied));
        let merged = match shape_of(&self.path.0, &[wanted, &there, &ours]) {
            Shape::Map { keys, .. } => {
                let keyed =
                    |list: &[Value]| -> Vec<_> { list.iter().filter_map(|it| item_key(it, keys)).collect() };
                let (names, owned) = (keyed(wanted), keyed(&ours));
                let mut merged = Vec::new();
                for item in wanted {
                    let Some(key) = item_key(item, keys) else { continue };
                    let find = |list: &'_ [Value]| list.iter().find(|other| has_key(other, &key)).cloned();
                    let (live, applied) = (find(&there), find(&ours));
                    merged.extend(self.below(
                        Segment::Item(key),
                        Some(item),
                        live.as_ref(),
                        applied.as_ref(),
                    ));
                }
                for item in &there {
                    let Some(key) = item_key(item, keys).filter(|key| !names.contains(key)) else { continue };
                    let stays = !owned.contains(&key) || self.leaves(Segment::Item(key));
                    merged.extend(stays.then(|| item.clone()));
                }
                merged
            }
            Shape::Set => {
                let leaves = |item: &Value| item.as_str().is_some_and(|text| self.leaves(member(text)));
                let set = wanted.iter().filter(|item| there.contains(item) || !leaves(item));
                let stays = |item: &&Value| !wanted.contains(item) && (!ours.contains(item) || leaves(item));
                set.chain(there.iter().filter(stays)).cloned().collect()
            }
            Shape::Atomic => match (desired, live) {
                (Some(desired), live) => {
                    let desired = Value::Array(desired.to_vec());
                    let keeps = live.is_some_and(|live| same(self.kind, &self.path.0, &desired, live));
                    return if keeps { live.cloned() } else { Some(desired) };
                }
                (None, _) => return None,
            },
        };
        (desired.is_some() || !merged.is_empty()).then_some(Value::Array(merged))
    }

    fn leaves(&self, segment: Segment) -> bool {
        self.leave.contains(&self.path.with(segment))
    }
}
