//! What several targets share: repositories written as one text, and what holds of every diagnostic and document.

use std::collections::BTreeMap;

use naksha_environments::diagnostic::{Diagnostic, Place, Span};
use naksha_environments::yaml::limits::{MAX_COUNTED_LINE, MAX_DEPTH};
use naksha_environments::yaml::{Content, Node};

/// Files by path, each after a line `=== path`: the form of `environments/tests/fixtures`.
pub fn files(text: &str) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in text.split_inclusive('\n') {
        if let Some(path) = line.strip_prefix("=== ") {
            path.trim().clone_into(&mut current);
            files.insert(current.clone(), String::new());
        } else if let Some(text) = files.get_mut(&current) {
            text.push_str(line);
        }
    }
    files
}

/// Each says something, about places that exist. `text_of` gives the text of a file.
///
/// # Panics
/// When that is not so.
pub fn check_diagnostics<'t>(found: &[Diagnostic], text_of: impl Fn(&str) -> Option<&'t str>) {
    for diagnostic in found {
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?} says nothing");
        let notes = diagnostic.notes.iter().filter_map(|note| note.place.as_ref());
        for place in diagnostic.place.iter().chain(notes) {
            if let Some(text) = text_of(place.path.as_str()) {
                check_place(place, text);
            }
        }
    }
}

fn check_place(place: &Place, text: &str) {
    let Some(line) = &place.line else { return };
    let written = text.split('\n').nth(line.number - 1);
    let Some(written) = written else { panic!("{place} is behind the end of the text") };
    let length = if written.len() > MAX_COUNTED_LINE { written.len() } else { written.chars().count() };
    assert!(line.column >= 1 && line.column - 1 <= length, "{place} is behind the end of {written:?}");
    assert!(line.width >= 1 && line.column - 1 + line.width <= length + 1, "{place}: {} wide", line.width);
    if let Some(shown) = &line.text {
        assert_eq!(shown, written.trim_end_matches('\r'), "{place} shows another line");
    }
}

/// Every span lies within the text, between characters.
///
/// # Panics
/// When one does not.
pub fn check_span(span: Span, text: &str) {
    assert!(text.get(span.start..span.end).is_some(), "{span:?} is none of {text:?}");
}

/// Spans lie within the text, keys stand once, and nothing is deeper than the limit. The answer is its depth.
///
/// # Panics
/// When that is not so.
pub fn check_node(node: &Node, text: &str) -> usize {
    check_span(node.span, text);
    let depth = match &node.content {
        Content::Sequence(items) => 1 + items.iter().map(|item| check_node(item, text)).max().unwrap_or(0),
        Content::Mapping(mapping) => {
            let mut deepest = 0;
            for entry in mapping {
                check_span(entry.key_span, text);
                let first = mapping.get(&entry.key).expect("should find a key that is there");
                assert!(std::ptr::eq(first, entry), "`{}` stands twice", entry.key);
                deepest = deepest.max(check_node(&entry.value, text));
            }
            1 + deepest
        }
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::String(_) => 0,
    };
    assert!(depth <= MAX_DEPTH, "{depth} levels");
    depth
}
