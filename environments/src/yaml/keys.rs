//! Keys of maps: duplicates, keys that are no text, merge keys.

use std::sync::Arc;

use super::Dialect;
use super::limits::MAX_PROBLEMS;
use super::node::{Content, Entry};
use super::read::{Entries, Frame, Key, Reader};
use super::scalar::{Plain, resolve};
use crate::codes::definition as codes;
use crate::diagnostic::{Diagnostic, Span};

impl Reader<'_> {
    pub(super) fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame::Mapping { key: None, .. }))
    }

    pub(super) fn key(&mut self, text: &str, plain: bool, span: Span) -> Key {
        if plain && text == "<<" {
            return Key::Merge;
        }
        let name = if plain { self.plain_key(text, span) } else { Some(text.into()) };
        let Some(name) = name else { return Key::Refused };
        let Some(Frame::Mapping { entries, .. }) = self.stack.last_mut() else { return Key::Refused };
        if entries.keys.insert(Arc::clone(&name)) {
            return Key::Named(name, span);
        }
        // Beyond the limit nothing is shown, so nothing is searched for.
        let listed = self.problems < MAX_PROBLEMS;
        let first = entries.list.iter().find(|entry| listed && entry.key == name);
        let first = first.map(|entry| self.lines.place(entry.key_span));
        let diagnostic =
            Diagnostic::new(codes::DUPLICATE_KEY, format!("the key `{name}` stands here a second time"))
                .at(self.lines.place(span))
                .hint("remove one of the two")
                .note(first, "the first one");
        self.report(diagnostic);
        Key::Refused
    }

    /// The name that an unquoted key gives. Ours are text as written; Kubernetes sees booleans and numbers first.
    pub(super) fn plain_key(&mut self, text: &str, span: Span) -> Option<Arc<str>> {
        if self.dialect == Dialect::Definition && !text.is_empty() {
            return Some(text.into());
        }
        let name = match resolve(text, self.dialect) {
            Plain::Bool(value) => value.to_string(),
            Plain::Number(number) => number.to_string(),
            Plain::Text | Plain::Ambiguous(_) => text.to_owned(),
            Plain::Null | Plain::NotFinite => {
                let message = if text.is_empty() {
                    "a key is missing".to_owned()
                } else {
                    format!("`{text}` cannot be a key")
                };
                self.problem(
                    codes::BAD_KEY,
                    span,
                    message,
                    "write the key, and quote it if it is `null` or `~`",
                );
                return None;
            }
        };
        if name != text {
            let message = format!("Kubernetes reads the key `{text}` as `{name}`");
            self.problem(codes::KEY_READ_AS, span, message, &format!("quote it: `\"{text}\"`"));
        }
        Some(name.into())
    }

    /// Applies `<<`: a key of the map itself wins, then the first of the merged maps that has it.
    pub(super) fn merged(&mut self, entries: Entries) -> Vec<Entry> {
        let Entries { mut list, mut keys, merges } = entries;
        for merge in merges {
            let span = merge.span;
            let sources = match merge.content {
                Content::Sequence(items) => items,
                _ => vec![merge],
            };
            for source in sources {
                let Content::Mapping(mapping) = source.content else {
                    let message = "`<<` takes a map, or a list of maps";
                    self.problem(
                        codes::BAD_MERGE,
                        span,
                        message,
                        "give it an alias of a map: `<<: *defaults`",
                    );
                    continue;
                };
                list.extend(
                    mapping.into_entries().into_iter().filter(|entry| keys.insert(Arc::clone(&entry.key))),
                );
            }
        }
        list
    }
}
