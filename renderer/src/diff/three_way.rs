//! The walk over three versions of an object, and what each differing field means.

use std::collections::BTreeSet;

use naksha_environments::merge::field::{is_targets_own, present};
use naksha_environments::merge::same::same;
use naksha_environments::merge::shape::{Keys, Shape, item_key, member, shape_of};
use naksha_environments::plan::{FieldPath, Segment};
use serde_json::{Map, Value};

/// Three versions of one object.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    pub desired: &'a Value,
    /// Absent: the object is not there.
    pub live: Option<&'a Value>,
    /// Absent: we never applied it.
    pub applied: Option<&'a Value>,
}

/// One field in which the live object is not as desired.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDiff {
    pub path: FieldPath,
    pub live: Option<Value>,
    pub desired: Option<Value>,
    pub origin: Origin,
}

/// Who made a field differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Git wants something else than was applied.
    Change,
    /// Git wants what was applied, and somebody changed it.
    Drift,
    /// Somebody set it, and we never applied it.
    Conflict,
}

/// The differing fields, in path order. `kind` decides how texts compare (a ConfigMap's are verbatim).
pub fn compare(kind: &str, sides: Sides<'_>) -> Vec<FieldDiff> {
    let mut walk = Walk { kind, path: FieldPath::default(), found: Vec::new() };
    walk.node(Some(sides.desired), sides.live, sides.applied);
    walk.found.sort_by(|one, two| one.path.cmp(&two.path));
    walk.found
}

/// Lists that are one value, and into whose items the API server writes defaults of its own: there it is enough
/// that the live items have what is wanted. Other such lists (RBAC rules, subjects) must be equal: an extra field
/// in them may widen a right.
const DEFAULTED: &[&str] = &["volumeClaimTemplates", "sources", "items"];

struct Walk<'a> {
    kind: &'a str,
    path: FieldPath,
    found: Vec<FieldDiff>,
}

impl Walk<'_> {
    fn below(&mut self, segment: Segment, visit: impl FnOnce(&mut Self)) {
        self.path.0.push(segment);
        visit(self);
        self.path.0.pop();
    }

    fn node(&mut self, desired: Option<&Value>, live: Option<&Value>, applied: Option<&Value>) {
        let (live, applied) = (present(live), present(applied));
        match present(desired) {
            Some(Value::Object(fields)) if live.is_none_or(Value::is_object) => {
                self.object(fields, live.and_then(Value::as_object), applied);
            }
            Some(desired) if desired.is_array() && live.is_none_or(Value::is_array) => {
                self.list(Some(desired), live, applied);
            }
            Some(desired) => self.leaf(desired, live, applied),
            None => {
                if let (Some(live), Some(applied)) = (live, applied) {
                    self.removed(live, applied);
                }
            }
        }
    }

    fn object(
        &mut self,
        desired: &Map<String, Value>,
        live: Option<&Map<String, Value>>,
        applied: Option<&Value>,
    ) {
        if desired.is_empty() && live.is_none() && !self.path.0.is_empty() {
            return self.leaf(&Value::Object(Map::new()), None, applied);
        }
        let applied = applied.and_then(Value::as_object);
        let keys: BTreeSet<&String> = desired.keys().chain(applied.into_iter().flat_map(Map::keys)).collect();
        for key in keys {
            if is_targets_own(&self.path, key) || self.identifies(key) {
                continue;
            }
            self.below(Segment::Key(key.clone()), |walk| {
                walk.node(
                    desired.get(key),
                    live.and_then(|live| live.get(key)),
                    applied.and_then(|it| it.get(key)),
                );
            });
        }
    }

    /// A key field of an item stands in its path, and is equal by definition where one side leaves a default out.
    fn identifies(&self, key: &str) -> bool {
        let Some(Segment::Item(fields)) = self.path.0.last() else { return false };
        fields.iter().any(|(name, _)| name == key)
    }

    fn leaf(&mut self, desired: &Value, live: Option<&Value>, applied: Option<&Value>) {
        let agrees = |other: &Value| same(self.kind, &self.path.0, desired, other);
        if live.is_some_and(|live| agrees(live) || self.is_covered(desired, live))
            || (live.is_none() && desired.as_array().is_some_and(Vec::is_empty))
        {
            return;
        }
        let origin = match (live, applied) {
            (_, Some(applied)) if agrees(applied) => Origin::Drift,
            (Some(_), None) => Origin::Conflict,
            (None, None) | (_, Some(_)) => Origin::Change,
        };
        self.push(live, Some(desired), origin);
    }

    /// Whether `live` is `desired` with defaults of the target's own.
    fn is_covered(&self, desired: &Value, live: &Value) -> bool {
        let is_defaulted =
            matches!(self.path.0.last(), Some(Segment::Key(key)) if DEFAULTED.contains(&key.as_str()));
        is_defaulted && covers(self.kind, &self.path.0, desired, live)
    }

    /// A field that was applied, is not wanted any more, and is there.
    fn removed(&mut self, live: &Value, applied: &Value) {
        match (live, applied) {
            (Value::Object(live), Value::Object(applied)) if !(live.is_empty() && applied.is_empty()) => {
                for (key, applied) in applied {
                    self.below(Segment::Key(key.clone()), |walk| {
                        walk.node(None, live.get(key), Some(applied));
                    });
                }
            }
            (Value::Array(_), Value::Array(_)) => self.list(None, Some(live), Some(applied)),
            _ => self.push(Some(live), None, Origin::Change),
        }
    }

    fn list(&mut self, desired: Option<&Value>, live: Option<&Value>, applied: Option<&Value>) {
        let (wanted, there, ours) = (items_of(desired), items_of(live), items_of(applied));
        match shape_of(&self.path.0, &[wanted, there, ours]) {
            Shape::Map { keys, ordered } => {
                let (wanted, there, ours) = (keyed(wanted, keys), keyed(there, keys), keyed(ours, keys));
                self.items(&wanted, &there, &ours);
                if ordered {
                    self.order(&wanted, &there, &ours);
                }
            }
            Shape::Set => self.members(wanted, there, ours),
            Shape::Atomic => match (desired, live) {
                (Some(desired), _) => self.leaf(desired, live, applied),
                (None, Some(live)) => self.push(Some(live), None, Origin::Change),
                (None, None) => {}
            },
        }
    }

    fn items(&mut self, wanted: &Keyed<'_>, there: &Keyed<'_>, ours: &Keyed<'_>) {
        for (key, desired) in wanted {
            let (live, applied) = (find(there, key), find(ours, key));
            let is_bare = desired.as_object().is_some_and(|fields| fields.len() <= key.len());
            self.below(Segment::Item(key.clone()), |walk| match live {
                None if is_bare => walk.leaf(desired, None, applied),
                live => walk.node(Some(desired), live, applied),
            });
        }
        for (key, _) in ours.iter().filter(|(key, _)| find(wanted, key).is_none()) {
            if let Some(live) = find(there, key) {
                self.below(Segment::Item(key.clone()), |walk| walk.push(Some(live), None, Origin::Change));
            }
        }
    }

    /// The order of the wanted items among themselves; strangers between them do not matter.
    fn order(&mut self, wanted: &Keyed<'_>, there: &Keyed<'_>, ours: &Keyed<'_>) {
        let common = |list: &Keyed<'_>| -> Vec<Value> {
            let both = |key: &&ItemKey| find(wanted, key).is_some() && find(there, key).is_some();
            list.iter().map(|(key, _)| key).filter(both).map(|key| Value::String(joined(key))).collect()
        };
        let (desired, live) = (common(wanted), common(there));
        if desired != live {
            let origin = if common(ours) == desired { Origin::Drift } else { Origin::Change };
            self.push(Some(&Value::Array(live)), Some(&Value::Array(desired)), origin);
        }
    }

    fn members(&mut self, wanted: &[Value], there: &[Value], ours: &[Value]) {
        for text in wanted.iter().filter(|text| !there.contains(text)).filter_map(Value::as_str) {
            let origin = if ours.iter().any(|ours| ours == text) { Origin::Drift } else { Origin::Change };
            self.below(member(text), |walk| walk.push(None, Some(&text.into()), origin));
        }
        let dropped = |text: &&Value| !wanted.contains(text) && there.contains(text);
        for text in ours.iter().filter(dropped).filter_map(Value::as_str) {
            self.below(member(text), |walk| walk.push(Some(&text.into()), None, Origin::Change));
        }
    }

    fn push(&mut self, live: Option<&Value>, desired: Option<&Value>, origin: Origin) {
        let diff =
            FieldDiff { path: self.path.clone(), live: live.cloned(), desired: desired.cloned(), origin };
        self.found.push(diff);
    }
}

/// Whether `live` has everything that `desired` has.
fn covers(kind: &str, path: &[Segment], desired: &Value, live: &Value) -> bool {
    match (desired, live) {
        (Value::Array(desired), Value::Array(live)) => {
            let below = |(desired, live): (&Value, &Value)| covers(kind, path, desired, live);
            desired.len() == live.len() && desired.iter().zip(live).all(below)
        }
        (Value::Object(desired), Value::Object(live)) => desired.iter().all(|(key, desired)| {
            let path: Vec<Segment> = path.iter().cloned().chain([Segment::Key(key.clone())]).collect();
            desired.is_null() || live.get(key).is_some_and(|live| covers(kind, &path, desired, live))
        }),
        _ => same(kind, path, desired, live),
    }
}

type ItemKey = Vec<(String, String)>;
type Keyed<'a> = Vec<(ItemKey, &'a Value)>;

fn items_of(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn keyed(list: &[Value], keys: Keys) -> Keyed<'_> {
    list.iter().filter_map(|item| Some((item_key(item, keys)?, item))).collect()
}

/// Lists of a pod are short: a scan beats an index.
fn find<'a>(list: &Keyed<'a>, key: &ItemKey) -> Option<&'a Value> {
    list.iter().find(|(other, _)| other == key).map(|(_, item)| *item)
}

fn joined(key: &ItemKey) -> String {
    key.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("/")
}
