//! States of a kind, and the tests in them.

use naksha_environments::codes::health as codes;
use naksha_environments::yaml::{Content, Mapping, Node};

use super::reading::Reading;
use super::start;
use crate::path::Path;
use crate::rule::{ConditionTest, Expected, FieldTest, Literal, Pattern, State, Test};

const STATE_KEYS: &[&str] = &["name", "health", "message"];
const TEST_KEYS: &[&str] = &["condition", "fields", "compare", "some", "every", "not", "any", "when"];
const CONDITION_KEYS: &[&str] = &["type", "status", "reason", "notReason", "at"];
const FIELD_KEYS: &[&str] = &["present", "not"];

/// What the paths of a test start at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    Object,
    Item,
}

pub(super) fn state(reading: &mut Reading<'_, '_>, node: &Node) -> Option<State> {
    let map = reading.map(node, "a state", &[STATE_KEYS, TEST_KEYS].concat())?;
    let (Some(name), Some(health)) = (map.get("name"), map.get("health")) else {
        let hint = "such as `{name: failed, health: Degraded, condition: {type: Failed, status: \"True\"}}`";
        reading.problem(codes::WRONG_FORM, start(node), "a state has a `name` and a `health`", hint);
        return None;
    };
    let before = reading.found.len();
    let tests = tests(reading, map, Root::Object);
    if reading.found.len() > before {
        return None;
    }
    if tests.is_empty() {
        let message = "the state does not say when it fits";
        let hint = "give it `condition`, `fields`, `compare` or `when`; what fits no state is `otherwise`";
        reading.problem(codes::WRONG_FORM, start(node), message, hint);
        return None;
    }
    Some(State {
        name: reading.text(&name.value, "`name`")?.to_owned(),
        test: joined(tests),
        word: reading.word(&health.value, "`health`")?,
        message: map.get("message").and_then(|entry| reading.message(&entry.value)),
    })
}

/// `suspended`: CEL, or a test.
pub(super) fn suspended(reading: &mut Reading<'_, '_>, node: &Node) -> Option<Test> {
    if node.as_str().is_some() {
        return reading.expression(node, "`suspended`").map(Test::Expression);
    }
    test(reading, node, "`suspended`", Root::Object)
}

fn test(reading: &mut Reading<'_, '_>, node: &Node, what: &str, root: Root) -> Option<Test> {
    let map = reading.map(node, what, TEST_KEYS)?;
    let before = reading.found.len();
    let tests = tests(reading, map, root);
    if reading.found.len() > before {
        return None;
    }
    if tests.is_empty() {
        let hint = format!("there are {}", TEST_KEYS.join(", "));
        reading.problem(codes::WRONG_FORM, start(node), &format!("{what} asks nothing"), &hint);
        return None;
    }
    Some(joined(tests))
}

fn joined(mut tests: Vec<Test>) -> Test {
    if tests.len() == 1 { tests.remove(0) } else { Test::All(tests) }
}

/// Everything that the keys of a map ask. Cheap ones first: they are looked at in this order.
fn tests(reading: &mut Reading<'_, '_>, map: &Mapping, root: Root) -> Vec<Test> {
    let mut tests = Vec::new();
    if let Some(entry) = map.get("fields") {
        tests.extend(fields(reading, &entry.value));
    }
    if let Some(entry) = map.get("compare") {
        let nodes = Reading::each(&entry.value);
        tests.extend(nodes.filter_map(|node| reading.comparison(node)).map(Test::Compare));
    }
    if let Some(entry) = map.get("condition") {
        tests.extend(Reading::each(&entry.value).filter_map(|node| condition(reading, node)));
    }
    for (key, every) in [("some", false), ("every", true)] {
        let Some(entry) = map.get(key) else { continue };
        tests.extend(Reading::each(&entry.value).filter_map(|node| of_items(reading, node, key, every)));
    }
    if let Some(entry) = map.get("not") {
        let inner = test(reading, &entry.value, "`not`", root);
        tests.extend(inner.map(|inner| Test::Not(Box::new(inner))));
    }
    if let Some(entry) = map.get("any") {
        let nodes = reading.list(&entry.value, "`any`").unwrap_or_default();
        let inner = nodes.iter().filter_map(|node| test(reading, node, "an item of `any`", root));
        tests.push(Test::Any(inner.collect()));
    }
    if let Some(entry) = map.get("when") {
        if root == Root::Item {
            let message = "`when` looks at the whole object, not at an item";
            let hint = "put it beside `some` or `every`: `object.status.…exists(x, …)`";
            reading.problem(codes::INVALID_TEST, entry.key_span, message, hint);
        }
        tests.extend(reading.expression(&entry.value, "`when`").map(Test::Expression));
    }
    tests
}

fn condition(reading: &mut Reading<'_, '_>, node: &Node) -> Option<Test> {
    let map = reading.map(node, "`condition`", CONDITION_KEYS)?;
    let Some(types) = map.get("type") else {
        let hint = "such as `condition: {type: Ready, status: \"False\"}`";
        reading.problem(codes::WRONG_FORM, start(node), "`condition` names a `type`", hint);
        return None;
    };
    let test = ConditionTest {
        at: map.get("at").and_then(|entry| reading.path(&entry.value, "`at`")),
        types: reading.texts(&types.value, "`type`"),
        statuses: map.get("status").map(|entry| reading.texts(&entry.value, "`status`")).unwrap_or_default(),
        reasons: map
            .get("reason")
            .map(|entry| reading.patterns(&entry.value, "`reason`"))
            .unwrap_or_default(),
        not_reasons: map
            .get("notReason")
            .map(|entry| reading.patterns(&entry.value, "`notReason`"))
            .unwrap_or_default(),
    };
    Some(Test::Condition(test))
}

fn fields(reading: &mut Reading<'_, '_>, node: &Node) -> Vec<Test> {
    let Some(map) = reading.any_map(node, "`fields`") else { return Vec::new() };
    let mut tests = Vec::new();
    for entry in map {
        let Some(path) = Path::parse(&entry.key) else {
            let message = format!("`{}` is no path of a field", entry.key);
            reading.problem(codes::INVALID_TEST, entry.key_span, &message, "such as `status.phase`");
            continue;
        };
        let expected = match entry.value.as_mapping() {
            Some(_) => expected(reading, &entry.value),
            None => Some(Expected::OneOf(literals(&entry.value))),
        };
        tests.extend(expected.map(|expected| Test::Field(FieldTest { path, expected })));
    }
    tests
}

/// `{present: true}` or `{not: […]}`.
fn expected(reading: &mut Reading<'_, '_>, node: &Node) -> Option<Expected> {
    let map = reading.map(node, "what is expected of a field", FIELD_KEYS)?;
    match (map.get("present"), map.get("not")) {
        (Some(entry), None) => reading.truth(&entry.value, "`present`").map(Expected::Present),
        (None, Some(entry)) => Some(Expected::NoneOf(literals(&entry.value))),
        _ => {
            let message = "a field is a value, a list of values, `{present: true}` or `{not: […]}`";
            reading.problem(codes::WRONG_FORM, start(node), message, "");
            None
        }
    }
}

fn literals(node: &Node) -> Vec<Literal> {
    let of = |node: &Node| match &node.content {
        Content::String(text) => Literal::Text(Pattern::parse(text)),
        _ => Literal::Value(node.to_json()),
    };
    Reading::each(node).map(of).collect()
}

fn of_items(reading: &mut Reading<'_, '_>, node: &Node, key: &str, every: bool) -> Option<Test> {
    let map = reading.map(node, &format!("`{key}`"), &[&["of"][..], TEST_KEYS].concat())?;
    let Some(of) = map.get("of") else {
        let hint = format!("such as `{key}: {{of: status.parents, condition: {{type: Accepted}}}}`");
        reading.problem(codes::WRONG_FORM, start(node), &format!("`{key}` says `of` which list"), &hint);
        return None;
    };
    let of = reading.paths(&of.value, "`of`");
    let tests = tests(reading, map, Root::Item);
    if tests.is_empty() {
        reading.problem(codes::WRONG_FORM, start(node), &format!("`{key}` asks nothing of its items"), "");
        return None;
    }
    let test = Box::new(joined(tests));
    Some(if every { Test::Every { of, test } } else { Test::Some { of, test } })
}
