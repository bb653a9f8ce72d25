//! Any text as YAML and as Kubernetes objects: places that exist, values that survive being written and read
//! again, no value of a Secret in a body, and bodies that normalise to themselves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::merge::same::same;
use naksha_environments::object::DesiredObject;
use naksha_environments::plan::{FieldPath, Segment};
use naksha_environments::secret::MarkKey;
use naksha_environments::source::{SourceTree, TreePath};
use naksha_environments::yaml::{Dialect, Lines, emit, parse, parse_lines};
use naksha_renderer::locate;
use naksha_renderer::normalise::{Normaliser, Origin, Output};
use serde_json::Value;

const PATH: &str = "objects.yaml";

fuzz_target!(|text: &str| {
    let path = TreePath::parse(PATH).expect("should be a path");
    let lines = Lines::new(&path, text);
    for dialect in [Dialect::Definition, Dialect::Manifest] {
        let parsed = parse_lines(&lines, dialect);
        naksha_fuzz::check_diagnostics(&parsed.diagnostics, |_| Some(text));
        for document in parsed.documents.iter().chain(&parsed.fragments) {
            naksha_fuzz::check_node(&document.root, text);
        }
        for document in &parsed.documents {
            survives(&document.root.to_json(), dialect, &path);
        }
    }
    objects(text, &path);
});

/// What we write, both dialects read without a word about it: that it came from as the same value, the other one
/// as what means the same (`1.0` is `1` to Kubernetes).
fn survives(value: &Value, from: Dialect, path: &TreePath) {
    let written = emit(value);
    for dialect in [Dialect::Definition, Dialect::Manifest] {
        let (documents, found) = parse(&written, path, dialect);
        assert_eq!(found, [], "{dialect:?} complains about {written:?}");
        let read: Vec<Value> = documents.iter().map(|document| document.root.to_json()).collect();
        match read.as_slice() {
            [] => assert_eq!(*value, Value::Null, "{dialect:?} reads nothing in {written:?}"),
            [read] if dialect == from => assert_eq!(read, value, "{dialect:?} reads {written:?}"),
            [read] => assert!(same("", &[], read, value), "{dialect:?} reads {read} in {written:?}"),
            more => panic!("{dialect:?} reads {more:?} in {written:?}"),
        }
    }
}

fn objects(text: &str, path: &TreePath) {
    let lines = Lines::new(path, text);
    let tree = SourceTree::from_texts([(PATH, text)]).expect("should make a tree of one file");
    for origin in [Origin::Manifest(&lines), Origin::Template { template: &lines, rendered: &lines }] {
        let output = normalised(origin);
        naksha_fuzz::check_diagnostics(&output.diagnostics, |_| Some(text));
        for object in &output.objects {
            check_object(object, path);
            for field in fields(&object.body.value()) {
                if let Some(place) = locate::place(&tree, object, &field) {
                    let line = place.line.as_ref().map_or(1, |line| line.number);
                    assert!(line <= text.split('\n').count(), "{place} is behind the end");
                }
            }
        }
    }
}

fn normalised(origin: Origin<'_>) -> Output {
    let key = MarkKey::new([7; 32]);
    let mut output = Output::default();
    Normaliser { default_namespace: "naksha", key: &key }.text(origin, &mut output);
    output
}

fn check_object(object: &DesiredObject, path: &TreePath) {
    let body = object.body.value();
    if object.key.group_kind() == "Secret" {
        let data = body.get("data").and_then(Value::as_object).into_iter().flatten();
        for (name, value) in data {
            let marked =
                value.as_str().is_some_and(|text| text.starts_with("mark:") || text.starts_with("ref:"));
            assert!(marked, "the value of `{name}` is in the body");
        }
        assert_eq!(body.get("stringData"), None);
        return;
    }
    let written = emit(&body);
    let again = normalised(Origin::Manifest(&Lines::new(path, &written)));
    let bodies: Vec<Value> = again.objects.iter().map(|object| object.body.value()).collect();
    assert_eq!(bodies, [body], "{:?}", again.diagnostics);
}

/// The fields of the first two levels.
fn fields(body: &Value) -> Vec<FieldPath> {
    let mut found = Vec::new();
    for (key, value) in body.as_object().into_iter().flatten() {
        let path = FieldPath::default().key(key);
        let below = value.as_object().into_iter().flatten();
        found.extend(below.map(|(key, _)| path.with(Segment::Key(key.clone()))));
        found.push(path);
    }
    found
}
