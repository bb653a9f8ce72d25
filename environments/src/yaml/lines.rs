//! A text with an index of its lines: places of spans without counting from the start each time.

use crate::diagnostic::{Line, MAX_EXCERPT, Place, Span};
use crate::source::TreePath;

use super::limits::MAX_COUNTED_LINE;

/// A file's text, for places in it.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    path: &'a TreePath,
    text: &'a str,
    starts: Vec<usize>,
    /// The file may hold secrets: no line of it is quoted.
    confidential: bool,
}

impl<'a> Lines<'a> {
    pub fn new(path: &'a TreePath, text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path, text, starts, confidential: mentions_secret(text) }
    }

    pub fn path(&self) -> &'a TreePath {
        self.path
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The text of a span; empty when it is not one of this text.
    pub fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The number of the line that holds a byte, from 1.
    pub fn number(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    /// The place of a span, with its line, unless that line may hold a secret.
    pub fn place(&self, span: Span) -> Place {
        let at = self.boundary(span.start.min(self.text.len()));
        let number = self.number(at);
        let start = self.starts[number - 1];
        let end = self.starts.get(number).map_or(self.text.len(), |next| next - 1);
        let source = self.text[start..end].trim_end_matches('\r');
        let until = self.boundary(span.end.clamp(at, end));
        let (column, width) = if source.len() > MAX_COUNTED_LINE {
            (at - start + 1, 1)
        } else {
            (self.text[start..at].chars().count() + 1, self.text[at..until.max(at)].chars().count().max(1))
        };
        let short = source.len() <= MAX_COUNTED_LINE && source.chars().count() <= MAX_EXCERPT;
        let shown = short && !self.confidential && !may_hold_secret(source);
        let text = shown.then(|| source.to_owned());
        Place { path: self.path.clone(), line: Some(Line { number, column, width, text }) }
    }

    fn boundary(&self, at: usize) -> usize {
        let mut at = at;
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// Words in keys behind which people keep secrets.
const SECRET_WORDS: [&str; 9] =
    ["password", "passwd", "secret", "token", "credential", "private", "apikey", "api_key", "accesskey"];

/// Whether the values of a manifest may be secrets whatever their keys are called.
fn mentions_secret(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start_matches(['-', ' ']).trim_end();
        let kind = line.strip_prefix("kind:").or_else(|| line.strip_prefix("\"kind\":"));
        kind.is_some_and(|kind| kind.trim().trim_matches(['"', '\'', ',']) == "Secret")
    })
}

/// Whether a line looks like `password: …`. References to Vault and expressions open nothing.
fn may_hold_secret(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let harmless = lower.contains("vault:") || lower.contains("${{");
    !harmless
        && SECRET_WORDS.iter().any(|word| {
            let after = lower.find(word).map(|at| &lower[at + word.len()..]);
            let value = after.and_then(|rest| rest.split_once([':', '='])).map(|(_, value)| value.trim());
            value.is_some_and(|value| !value.is_empty() && !value.starts_with(['{', '[', '|', '>', '#']))
        })
}
