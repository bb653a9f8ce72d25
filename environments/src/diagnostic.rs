//! Diagnostics: what is wrong with a file, where, and what to do about it.
//!
//! A diagnostic carries the source line it points at, so that it can be shown long after the file was dropped.
//! Every problem of every file is reported, never only the first: functions return values *and* diagnostics.

use std::fmt;

use crate::codes::Code;
use crate::ids::UnitName;
use crate::source::TreePath;

/// Longest source line that a diagnostic keeps, in characters; the rest is cut around the span.
pub const MAX_EXCERPT: usize = 160;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A range of bytes in one text: start inclusive, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// Where something stands: a file, and usually a line in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub path: TreePath,
    pub line: Option<Line>,
}

/// A line of a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub number: usize,
    pub column: usize,
    /// How many characters the caret underlines, at least one.
    pub width: usize,
    /// The line's text, cut to [`MAX_EXCERPT`]; absent where it must not be shown (it may hold a secret).
    pub text: Option<String>,
}

impl Place {
    /// The file as a whole.
    pub fn file(path: &TreePath) -> Self {
        Self { path: path.clone(), line: None }
    }

    /// The place of `span` in `text`, with the source line.
    pub fn in_text(path: &TreePath, text: &str, span: Span) -> Self {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let number = text[..start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count() + 1;
        let width = text[start..end.min(line_end)].chars().count().max(1);
        let source = text[line_start..line_end].trim_end_matches('\r');
        let excerpt = (source.chars().count() <= MAX_EXCERPT).then(|| source.to_owned());
        Self { path: path.clone(), line: Some(Line { number, column, width, text: excerpt }) }
    }

    /// A line without its text.
    pub fn at_line(path: &TreePath, number: usize, column: usize) -> Self {
        Self { path: path.clone(), line: Some(Line { number, column, width: 1, text: None }) }
    }

    /// The same place without the source line: for lines that may hold a secret.
    #[must_use]
    pub fn without_text(mut self) -> Self {
        if let Some(line) = &mut self.line {
            line.text = None;
        }
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Some(line) => write!(f, "{}:{}:{}", self.path, line.number, line.column),
            None => write!(f, "{}", self.path),
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One finding about the repository's files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    pub place: Option<Place>,
    pub code: Code,
    pub severity: Severity,
    /// One sentence without a full stop, lower-case.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Further places that belong to it: the other claim, the chain of includes.
    pub notes: Vec<Note>,
    /// The unit that cannot be rendered because of it, where there is one.
    pub unit: Option<UnitName>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    pub place: Option<Place>,
    pub message: String,
}

impl Diagnostic {
    /// A diagnostic of the code's own severity.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let severity = code.severity();
        let message = message.into();
        Self { place: None, code, severity, message, hint: None, notes: Vec::new(), unit: None }
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn note(mut self, place: Option<Place>, message: impl Into<String>) -> Self {
        self.notes.push(Note { place, message: message.into() });
        self
    }

    #[must_use]
    pub fn unit(mut self, unit: &UnitName) -> Self {
        self.unit = Some(unit.clone());
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Bytes of a beginning that is taken for the whole.
const SHORTEST_BEGINNING: usize = 4;

/// The nearest of `candidates` to `given`, when it is near enough to be a slip of the pen.
pub fn did_you_mean<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = given.to_lowercase();
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let near = candidates
        .iter()
        .copied()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate);
    if near.is_some() || given.len() < SHORTEST_BEGINNING {
        return near;
    }
    // `warn` for `warning`: the first half, at least, of one of them, and of no other.
    let begins =
        |candidate: &&str| candidate.to_lowercase().starts_with(&lower) && candidate.len() <= 2 * given.len();
    let mut begun = candidates.into_iter().filter(begins);
    begun.next().filter(|_| begun.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_knows_its_line_and_column() {
        let path = TreePath::parse("naksha.yaml").unwrap();
        let text = "kind: Repository\nspéc: {}\n";
        let start = text.find("spéc").unwrap();
        let place = Place::in_text(&path, text, Span { start, end: start + "spéc".len() });
        assert_eq!(place.to_string(), "naksha.yaml:2:1");
        let line = place.line.unwrap();
        assert_eq!((line.width, line.text.as_deref()), (4, Some("spéc: {}")));
    }

    #[test]
    fn suggestions_are_near() {
        let keys = ["dependsOn", "templates", "manifests"];
        assert_eq!(did_you_mean("dependson", keys), Some("dependsOn"));
        assert_eq!(did_you_mean("template", keys), Some("templates"));
        assert_eq!(did_you_mean("helm", keys), None);
        assert_eq!(did_you_mean("depends", keys), Some("dependsOn"));
        assert_eq!(did_you_mean("warn", ["off", "info", "warning", "error"]), Some("warning"));
        assert_eq!(did_you_mean("node", ["nodeName", "nodePort"]), None, "which one?");
    }
}
