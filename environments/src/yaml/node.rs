//! The tree of values that a YAML document is, with the place of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Number, Value};

use crate::diagnostic::Span;
use crate::plan::{FieldPath, Segment};

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub root: Node,
    /// The line its first value stands on, from 1.
    pub line: usize,
}

/// A value and the bytes it was written in.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub span: Span,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Null,
    Bool(bool),
    Number(Number),
    String(Arc<str>),
    Sequence(Vec<Node>),
    Mapping(Mapping),
}

/// Keys and values in the order they were written; no key stands twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    entries: Vec<Entry>,
    /// Positions by key, in large maps: looking up every key of one must not take the square of its size.
    index: Option<BTreeMap<Arc<str>, usize>>,
}

/// Maps up to this size are searched from the start.
const SMALL_MAP: usize = 16;

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: Arc<str>,
    pub key_span: Span,
    pub value: Node,
}

impl Mapping {
    /// `entries` must not hold a key twice.
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let large = entries.len() > SMALL_MAP;
        let index = || entries.iter().enumerate().map(|(at, entry)| (Arc::clone(&entry.key), at)).collect();
        let index = large.then(index);
        Self { entries, index }
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.index {
            Some(index) => index.get(key).map(|at| &self.entries[*at]),
            None => self.entries.iter().find(|entry| &*entry.key == key),
        }
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Node {
    /// What stands under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key).map(|entry| &entry.value)
    }

    /// An item of a list.
    pub fn item(&self, index: usize) -> Option<&Node> {
        self.as_sequence()?.get(index)
    }

    /// Follows keys of maps and, in lists, positions: `["spec", "units", "2", "name"]`.
    pub fn find(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, part| match &node.content {
            Content::Mapping(_) => node.get(part),
            Content::Sequence(_) => node.item(part.parse().ok()?),
            _ => None,
        })
    }

    /// Follows the path of a field. Items of list maps are found by their key fields.
    pub fn find_field(&self, path: &FieldPath) -> Option<&Node> {
        path.0.iter().try_fold(self, |node, segment| match segment {
            Segment::Key(key) => node.get(key),
            Segment::Index(index) => node.item(*index),
            Segment::Item(fields) => node.as_sequence()?.iter().find(|item| {
                fields.iter().all(|(key, value)| item.get(key).is_some_and(|found| found.prints_as(value)))
            }),
        })
    }

    /// As [`Node::find_field`], but stops at the last part of the path that exists: for pointing at what lacks.
    pub fn nearest(&self, path: &FieldPath) -> &Node {
        let longest = (0..=path.0.len()).rev();
        let found = longest.map(|length| FieldPath(path.0[..length].to_vec()));
        found.into_iter().find_map(|path| self.find_field(&path)).unwrap_or(self)
    }

    fn prints_as(&self, text: &str) -> bool {
        match &self.content {
            Content::String(own) => &**own == text,
            Content::Number(number) => number.to_string() == text,
            Content::Bool(own) => own.to_string() == text,
            Content::Null | Content::Sequence(_) | Content::Mapping(_) => false,
        }
    }

    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.content {
            Content::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.content {
            Content::Sequence(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        self.content == Content::Null
    }

    /// What it is, for sentences: "a string".
    pub fn describe(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "a boolean",
            Content::Number(number) if number.is_f64() => "a number",
            Content::Number(_) => "a whole number",
            Content::String(_) => "a string",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a map",
        }
    }

    /// The value without its places.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::String(text) => Value::String(text.to_string()),
            Content::Sequence(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Content::Mapping(mapping) => Value::Object(
                mapping.iter().map(|entry| (entry.key.to_string(), entry.value.to_json())).collect(),
            ),
        }
    }
}
