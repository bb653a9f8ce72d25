//! From an object's field back to the line that somebody wrote.
//!
//! Exact in manifests. A template leaves no trace in what it makes, so its line is found by likeness: a line of a
//! template is a row of fixed pieces with tags between them, and the line that it made holds those pieces in
//! that order.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use naksha_environments::diagnostic::{Place, Span};
use naksha_environments::object::DesiredObject;
use naksha_environments::plan::{FieldPath, Segment};
use naksha_environments::source::{SourceTree, TreePath};
use naksha_environments::yaml::limits::MAX_MANIFEST_BYTES;
use naksha_environments::yaml::{Dialect, Lines, Node, Parsed, parse_lines};
use serde_json::Value;

/// Where `field` of `object` was written: see [`Locator::place`].
pub fn place(tree: &SourceTree, object: &DesiredObject, field: &FieldPath) -> Option<Place> {
    Locator::new(tree).place(object, field)
}

/// Looks for many fields. What is looked for next is mostly in the same file, which is read once.
#[derive(Debug)]
pub struct Locator<'t> {
    tree: &'t SourceTree,
    last: RefCell<Option<Rc<Read>>>,
}

#[derive(Debug)]
struct Read {
    path: TreePath,
    text: Arc<str>,
    manifest: OnceCell<Parsed>,
}

impl<'t> Locator<'t> {
    pub fn new(tree: &'t SourceTree) -> Self {
        Self { tree, last: RefCell::default() }
    }

    /// Where `field` of `object` was written; the nearest thing around it that can be found; `None` when the file is
    /// not in the tree or cannot be read.
    pub fn place(&self, object: &DesiredObject, field: &FieldPath) -> Option<Place> {
        let read = self.read(&object.provenance.path)?;
        let lines = Lines::new(&read.path, &read.text);
        if object.provenance.rendered {
            return Some(in_template(&lines, object, field));
        }
        let parsed = read.manifest.get_or_init(|| parse_lines(&lines, Dialect::Manifest));
        Some(in_manifest(&lines, parsed, object, field))
    }

    fn read(&self, path: &TreePath) -> Option<Rc<Read>> {
        let mut last = self.last.borrow_mut();
        if let Some(read) = last.as_ref().filter(|read| read.path == *path) {
            return Some(Rc::clone(read));
        }
        let text = self.tree.read_text(path, MAX_MANIFEST_BYTES as u64).ok()?;
        let read = Rc::new(Read { path: path.clone(), text, manifest: OnceCell::new() });
        *last = Some(Rc::clone(&read));
        Some(read)
    }
}

fn in_manifest(lines: &Lines<'_>, parsed: &Parsed, object: &DesiredObject, field: &FieldPath) -> Place {
    let mut nodes = parsed.documents.iter().map(|document| &document.root).collect::<Vec<_>>();
    let mut at = 0;
    while let Some(node) = nodes.get(at).copied() {
        if lines.number(node.span.start) == object.provenance.line && node.get("items").is_none() {
            let place = lines.place(written_as(node, object, field).span);
            return if field.0.first() == Some(&Segment::Key("data".to_owned()))
                && &*object.key.kind == "Secret"
            {
                place.without_text()
            } else {
                place
            };
        }
        nodes.extend(node.get("items").and_then(Node::as_sequence).unwrap_or_default());
        at += 1;
    }
    line_of(lines, Some(object.provenance.line))
}

/// The node of a field. A Secret's `data` may have been written as `stringData`.
fn written_as<'n>(node: &'n Node, object: &DesiredObject, field: &FieldPath) -> &'n Node {
    if &*object.key.kind == "Secret" && node.find_field(field).is_none() {
        let mut plain = field.clone();
        if let Some(Segment::Key(first)) =
            plain.0.first_mut().filter(|first| **first == Segment::Key("data".to_owned()))
        {
            "stringData".clone_into(first);
        }
        if let Some(found) = node.find_field(&plain) {
            return found;
        }
    }
    node.nearest(field)
}

/// A line of a file, with its text unless that may hold a secret; the file as a whole for no line.
pub(crate) fn line_of(lines: &Lines<'_>, number: Option<usize>) -> Place {
    let Some(number) = number else { return Place::file(lines.path()) };
    let text = lines.text();
    let start = text.split_inclusive('\n').take(number - 1).map(str::len).sum::<usize>();
    let line = text[start..].lines().next().unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    lines.place(Span { start: start + indent, end: start + line.trim_end().len().max(indent) })
}

/// The line of `template` that most likely made line `number` of `rendered`.
pub(crate) fn template_line(template: &str, rendered: &str, number: usize) -> Option<usize> {
    let made = rendered.lines().nth(number.checked_sub(1)?)?.trim();
    let (from, to) = (rendered.lines().count().max(1), template.lines().count().max(1));
    let expected = number * to / from;
    let scored = template.lines().enumerate().filter_map(|(index, line)| {
        let weight = likeness(line, made)?;
        Some((weight, usize::MAX - (index + 1).abs_diff(expected), index + 1))
    });
    scored.max().map(|(_, _, line)| line)
}

/// How many characters of `made` a line of a template accounts for; `None` when it cannot have made it.
fn likeness(line: &str, made: &str) -> Option<usize> {
    let (pieces, tagged) = fixed_pieces(line);
    if pieces.is_empty() {
        return (tagged || made.is_empty()).then_some(0);
    }
    let mut rest = made;
    for (index, piece) in pieces.iter().enumerate() {
        let at = rest.find(piece)?;
        if index == 0 && at > 0 && !line.trim_start().starts_with('{') {
            return None;
        }
        rest = &rest[at + piece.len()..];
    }
    if !rest.is_empty() && !line.trim_end().ends_with('}') {
        return None;
    }
    Some(pieces.iter().map(|piece| piece.len()).sum())
}

/// The pieces of a template's line outside of its tags, without white space at their ends, and whether it has tags.
fn fixed_pieces(line: &str) -> (Vec<&str>, bool) {
    let mut pieces = Vec::new();
    let mut rest = line;
    let mut tagged = false;
    loop {
        let tags = ["{{", "{%", "{#"].iter().filter_map(|open| rest.find(open));
        let Some(open) = tags.min() else { break };
        tagged = true;
        pieces.push(rest[..open].trim());
        let close = match &rest[open..open + 2] {
            "{{" => "}}",
            "{%" => "%}",
            _ => "#}",
        };
        rest = rest[open..].find(close).map_or("", |end| &rest[open + end + 2..]);
    }
    pieces.push(rest.trim());
    pieces.retain(|piece| !piece.is_empty());
    (pieces, tagged)
}

/// The likeliest line of a template for a field of one of the objects that it makes.
fn in_template(lines: &Lines<'_>, object: &DesiredObject, field: &FieldPath) -> Place {
    let text = lines.text();
    let all: Vec<&str> = text.lines().collect();
    let (first, last) = section(&all, object);
    let body = object.body.value();
    let value = field.0.iter().try_fold(&body, step);
    let keys: Vec<&str> = field
        .0
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Item(_) | Segment::Index(_) => None,
        })
        .collect();
    let Some(leaf) = keys.last() else { return line_of(lines, Some(first + 1)) };
    let made = match value {
        Some(Value::String(text)) => format!("{leaf}: {text}"),
        Some(Value::Object(_) | Value::Array(_)) | None => format!("{leaf}:"),
        Some(other) => format!("{leaf}: {other}"),
    };
    let mut best: Option<((usize, usize), usize)> = None;
    for (index, line) in all.iter().enumerate().take(last).skip(first) {
        if key_of(line) != Some(*leaf) {
            continue;
        }
        let score = (
            parents(&all[first..index], line, &keys),
            likeness(line.trim_start_matches(['-', ' ']), &made).unwrap_or(0),
        );
        if best.is_none_or(|(known, _)| score > known) {
            best = Some((score, index));
        }
    }
    line_of(lines, Some(best.map_or(first, |(_, index)| index) + 1))
}

fn step<'v>(value: &'v Value, segment: &Segment) -> Option<&'v Value> {
    match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
        Segment::Item(fields) => value.as_array()?.iter().find(|item| {
            fields.iter().all(|(key, wanted)| match item.get(key) {
                Some(Value::String(text)) => text == wanted,
                Some(other) => *wanted == format!("{other}"),
                None => false,
            })
        }),
    }
}

/// The lines of the document that makes the object: the one with its kind, and best its name.
fn section(all: &[&str], object: &DesiredObject) -> (usize, usize) {
    let mut sections = Vec::new();
    let mut first = 0;
    for (index, line) in all.iter().enumerate() {
        if line.trim_end() == "---" {
            sections.push((first, index));
            first = index + 1;
        }
    }
    sections.push((first, all.len()));
    let score = |&(first, last): &(usize, usize)| {
        let made = [format!("kind: {}", object.key.kind), format!("name: {}", object.key.name)];
        let found =
            made.map(|made| all[first..last].iter().filter_map(|line| likeness(line.trim(), &made)).max());
        found.map(Option::unwrap_or_default)
    };
    // The first of equals: `max_by_key` would take the last.
    sections.into_iter().rev().max_by_key(score).unwrap_or((0, all.len()))
}

/// How many of `keys`, from the last but one up, stand above `line` in ever shallower lines.
fn parents(above: &[&str], line: &str, keys: &[&str]) -> usize {
    let depth = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let mut indent = depth(line);
    let mut wanted = keys.iter().rev().skip(1).peekable();
    let mut found = 0;
    for candidate in above.iter().rev() {
        let Some(key) = key_of(candidate) else { continue };
        let at = depth(candidate);
        if at >= indent {
            continue;
        }
        indent = at;
        if wanted.peek() == Some(&&key) {
            wanted.next();
            found += 1;
        }
    }
    found
}

/// The key of a line such as `- name: x`.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.trim_start_matches([' ', '-']).split_once(':')?;
    let key = key.trim_matches(['"', '\'']);
    (!key.is_empty() && !key.contains(['{', ' '])).then_some(key)
}

#[cfg(test)]
mod tests;
