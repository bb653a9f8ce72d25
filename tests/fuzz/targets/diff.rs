//! Any three versions of an object: after a merge nothing differs, merging again changes nothing, what is left
//! alone stays, and what nobody here set is not touched.
//!
//! A line is `SIDES PATH = VALUE`: which versions have it (`d`esired, `l`ive, what was `a`pplied), the path, in
//! which a number is a place in a list, and JSON, or text. A line `i POINTER` is an ignore rule.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::diagnostic::Place;
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::FieldPath;
use naksha_environments::source::TreePath;
use naksha_environments::unit::IgnoreRule;
use naksha_renderer::diff::{Costs, FieldDiff, Ignored, Sides, compare, merge};
use serde_json::{Map, Value};

/// Longest list that a line may ask for.
const MAX_LIST: usize = 8;

fuzz_target!(|text: &str| {
    let mut versions = [(); 3].map(|()| Value::Object(Map::new()));
    let mut pointers = Vec::new();
    for line in text.lines().take(100) {
        match line.split_once(' ') {
            Some(("i", pointer)) => pointers.push(pointer.into()),
            Some((sides, field)) => {
                let Some((path, value)) = field.split_once('=') else { continue };
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.trim().into());
                for (version, side) in versions.iter_mut().zip(['d', 'l', 'a']) {
                    if sides.contains(side) {
                        set(version, path.trim(), &value);
                    }
                }
            }
            None => {}
        }
    }
    let [desired, live, applied] = &versions;
    for kind in ["Deployment", "ConfigMap"] {
        let rule = IgnoreRule {
            kinds: vec![],
            names: vec![],
            fields: pointers.clone(),
            managers: vec![],
            when: None,
            reason: String::new(),
            place: Place::file(&TreePath::parse("x").expect("should be a path")),
        };
        let key = ObjectKey::new("", kind, None, "x");
        let rules = [rule];
        let ignored = Ignored::of(&rules, &key, desired, live, &Costs::default());
        let ignored: Vec<FieldPath> = ignored.fields(&[desired, live, applied]).into_keys().collect();
        check(kind, desired, live, Some(applied), &ignored);
        check(kind, desired, live, None, &ignored);
    }
});

/// Writes one field, making what is missing on its way.
fn set(value: &mut Value, path: &str, to: &Value) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let slot = match (first.parse::<usize>(), value) {
        (Ok(index), Value::Array(items)) if index < MAX_LIST => {
            if items.len() <= index {
                items.resize(index + 1, Value::Null);
            }
            &mut items[index]
        }
        (_, Value::Object(fields)) => fields.entry(first).or_insert(Value::Null),
        _ => return,
    };
    let Some(rest) = rest else {
        to.clone_into(slot);
        return;
    };
    if slot.is_null() {
        let is_list = rest.starts_with(|c: char| c.is_ascii_digit());
        *slot = if is_list { Value::Array(vec![]) } else { Value::Object(Map::new()) };
    }
    set(slot, rest, to);
}

fn check(kind: &str, desired: &Value, live: &Value, applied: Option<&Value>, leave: &[FieldPath]) {
    let differ =
        |live: &Value, applied: Option<&Value>| compare(kind, Sides { desired, live: Some(live), applied });
    for live in [Some(live), None] {
        let merged = merge(kind, live, applied, desired, &[]);
        assert_eq!(differ(&merged, Some(desired)), [], "after the merge to {merged}");
        assert_eq!(merge(kind, Some(&merged), Some(desired), desired, &[]), merged, "once more");
    }

    let merged = merge(kind, Some(live), applied, desired, leave);
    let is_left = |diff: &FieldDiff| leave.iter().any(|path| diff.path.0.starts_with(&path.0));
    let mut others = differ(&merged, Some(desired));
    others.retain(|diff| !is_left(diff));
    assert_eq!(others, [], "after the merge without {leave:?} to {merged}");

    let found = differ(live, applied);
    let all: Vec<FieldPath> = found.iter().map(|diff| diff.path.clone()).collect();
    let merged = merge(kind, Some(live), applied, desired, &all);
    assert_eq!(differ(&merged, applied), found, "what differs is what a merge changes: {merged}");

    let mut with_stranger = live.clone();
    with_stranger["stranger of the fuzzer"] = Value::Bool(true);
    let merged = merge(kind, Some(&with_stranger), applied, desired, &[]);
    assert_eq!(merged["stranger of the fuzzer"], true);
}
