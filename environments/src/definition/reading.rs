//! What converting a document needs: a cursor that knows places, and parsers that report instead of failing.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use cronexpr::{FallbackTimezoneOption, ParseOptions, parse_crontab_with};
use jiff::tz::TimeZoneDatabase;
use serde_json::Value;

use super::duration::{meant_duration, parse_duration, with_unit};
use super::references::{Claim, Mention, Mentioned, Reference};
use crate::codes::{Code, definition as codes};
use crate::diagnostic::{Diagnostic, Place, Span, did_you_mean};
use crate::globs::Globs;
use crate::ids::{InvalidName, UnitName};
use crate::source::{ReadError, TreePath};
use crate::variables::{Layer, Variables};
use crate::window::{Window, WindowKind};
use crate::yaml::{Lines, Node};

/// "Did you mean" per document: each compares with every name there is.
pub(super) const MAX_SUGGESTIONS: usize = 100;

/// Any length: only whether a schedule ever comes is asked.
const ONE_MINUTE: Duration = Duration::from_mins(1);

/// Files that a definition reads at load time, such as prompts.
pub(crate) trait Files {
    fn read(&mut self, path: &TreePath) -> Result<Arc<str>, ReadError>;
}

/// A value of the document, or the place where it would be.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    node: Option<&'a Node>,
    /// Where to point: the value itself, or the nearest thing that exists.
    span: Span,
    /// Its key, where it has one.
    key: Option<Span>,
}

impl<'a> At<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node: Some(node), span: Span { start: node.span.start, end: node.span.start }, key: None }
    }

    pub(super) fn key(self, name: &str) -> Self {
        match self.node.and_then(Node::as_mapping).and_then(|mapping| mapping.get(name)) {
            Some(entry) => {
                Self { node: Some(&entry.value), span: entry.value.span, key: Some(entry.key_span) }
            }
            None => Self { node: None, span: self.key.unwrap_or(self.span), key: self.key },
        }
    }

    pub(super) fn item(self, index: usize) -> Self {
        match self.node.and_then(|node| node.item(index)) {
            Some(item) => Self { node: Some(item), span: item.span, key: None },
            None => Self { node: None, ..self },
        }
    }

    pub(super) fn node(self) -> Option<&'a Node> {
        self.node
    }

    /// Whether a key was most likely meant to be one of these.
    pub(super) fn has_key_like(self, words: &[&str]) -> bool {
        let mapping = self.node.and_then(Node::as_mapping);
        mapping.is_some_and(|mapping| {
            mapping.iter().any(|entry| did_you_mean(&entry.key, words.iter().copied()).is_some())
        })
    }

    /// The bytes of the value, or of the nearest thing that exists.
    pub(super) fn span(self) -> Span {
        self.span
    }

    /// The span of the key, for remarks about the thing as a whole.
    pub(super) fn key_span(self) -> Span {
        self.key.unwrap_or(self.span)
    }

    pub(super) fn exists(self) -> bool {
        self.node.is_some()
    }
}

/// One document being converted.
pub(super) struct Reading<'a> {
    pub(super) lines: &'a Lines<'a>,
    pub(super) files: &'a mut dyn Files,
    pub(super) found: Vec<Diagnostic>,
    pub(super) references: Vec<Reference>,
    pub(super) claims: Vec<Claim>,
    pub(super) mentions: Vec<Mention>,
    /// Something is wrong that is reported when all files are known: the definition has no value.
    pub(super) incomplete: bool,
    suggestions: usize,
    pub(super) expressions: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn new(lines: &'a Lines<'a>, files: &'a mut dyn Files) -> Self {
        Self {
            lines,
            files,
            found: Vec::new(),
            references: Vec::new(),
            claims: Vec::new(),
            mentions: Vec::new(),
            incomplete: false,
            suggestions: MAX_SUGGESTIONS,
            expressions: 0,
        }
    }

    pub(super) fn folder(&self) -> Option<TreePath> {
        self.lines.path().parent()
    }

    pub(super) fn place(&self, at: At<'_>) -> Place {
        let length = self.lines.slice(at.span).find('\n').unwrap_or(at.span.end - at.span.start);
        self.lines.place(Span { start: at.span.start, end: at.span.start + length })
    }

    pub(super) fn key_place(&self, at: At<'_>) -> Place {
        self.lines.place(at.key_span())
    }

    pub(super) fn problem(
        &mut self,
        code: Code,
        at: At<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let place = self.place(at);
        self.found.push(Diagnostic::new(code, message).at(place).hint(hint));
    }

    pub(super) fn key_problem(
        &mut self,
        code: Code,
        at: At<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let place = self.key_place(at);
        self.found.push(Diagnostic::new(code, message).at(place).hint(hint));
    }

    /// Notes a name of another definition; whether that exists is checked when all of them are known.
    pub(super) fn mention(&mut self, what: Mentioned, name: &impl ToString, at: At<'_>) {
        let (name, place) = (name.to_string(), self.place(at));
        self.mentions.push(Mention { what, name, place });
    }

    /// As [`Reading::mention`], for a name that is a key.
    pub(super) fn key_mention(&mut self, what: Mentioned, name: &impl ToString, at: At<'_>) {
        let (name, place) = (name.to_string(), self.key_place(at));
        self.mentions.push(Mention { what, name, place });
    }

    // --- texts with a grammar

    pub(super) fn name<T: FromStr<Err = InvalidName>>(&mut self, text: &str, at: At<'_>) -> Option<T> {
        self.parsed_name(text, at, Self::place)
    }

    /// As [`Reading::name`], for a name that is a key.
    pub(super) fn key_name<T: FromStr<Err = InvalidName>>(&mut self, text: &str, at: At<'_>) -> Option<T> {
        self.parsed_name(text, at, Self::key_place)
    }

    fn parsed_name<T: FromStr<Err = InvalidName>>(
        &mut self,
        text: &str,
        at: At<'_>,
        place: fn(&Self, At<'_>) -> Place,
    ) -> Option<T> {
        let error = match T::from_str(text) {
            Ok(name) => return Some(name),
            Err(error) => error,
        };
        let swapped = [text.to_lowercase().replace(['_', ' ', '/'], "-"), text.replace(['-', ' ', '.'], "_")];
        let valid = swapped.iter().find(|candidate| T::from_str(candidate).is_ok());
        let diagnostic = Diagnostic::new(codes::INVALID_NAME, error.to_string()).at(place(self, at));
        self.found.push(match valid {
            Some(valid) => diagnostic.hint(format!("write `{valid}`")),
            None => diagnostic,
        });
        None
    }

    /// A name of something in the target: a Secret, a namespace.
    pub(super) fn object_name(
        &mut self,
        text: &str,
        at: At<'_>,
        place: fn(&Self, At<'_>) -> Place,
    ) -> Option<String> {
        // DNS labels, as units are.
        let Err(error) = UnitName::parse(text) else { return Some(text.to_owned()) };
        let message = format!("`{text}` is not a valid name for Kubernetes: {}", error.reason);
        let place = place(self, at);
        self.found.push(Diagnostic::new(codes::INVALID_NAME, message).at(place));
        None
    }

    pub(super) fn duration(&mut self, text: &str, at: At<'_>) -> Option<Duration> {
        match parse_duration(text) {
            Ok(duration) => Some(duration),
            Err(reason) => {
                let message = format!("`{text}` is no duration: {reason}");
                let hint = match meant_duration(text) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => with_unit(text),
                };
                self.problem(codes::INVALID_DURATION, at, message, hint);
                None
            }
        }
    }

    /// Five fields of cron; its time zone stands beside it.
    pub(super) fn schedule(&mut self, text: &str, at: At<'_>) -> Option<String> {
        let fields = text.split_whitespace().count();
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let reason = if fields == 5 {
            parse_crontab_with(text, options).err().map(|error| {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default().trim_start_matches(['^', ' ']);
                last.to_owned()
            })
        } else {
            Some(format!("it has {fields} fields, and cron has five"))
        };
        let never = || Window::parse(WindowKind::Allow, text, ONE_MINUTE, "UTC").is_err();
        let reason = reason.or_else(|| never().then(|| "that day never comes".to_owned()));
        let Some(reason) = reason else { return Some(text.to_owned()) };
        let message = format!("`{text}` is no schedule: {reason}");
        let hint = "write minute, hour, day of month, month, day of week: `0 9 * * 1-5`";
        self.problem(codes::INVALID_SCHEDULE, at, message, hint);
        None
    }

    pub(super) fn time_zone(&mut self, text: Option<&str>, at: At<'_>) -> Option<String> {
        let name = text.unwrap_or("UTC");
        // The zones that are compiled in: every machine agrees.
        let zones = TimeZoneDatabase::bundled();
        if zones.get(name).is_ok() {
            return Some(name.to_owned());
        }
        let names: Vec<String> = zones.available().map(|known| known.as_str().to_owned()).collect();
        let hint = match self.near(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write an IANA name such as `Europe/Berlin`, or `UTC`".to_owned(),
        };
        self.problem(codes::UNKNOWN_TIME_ZONE, at, format!("there is no time zone `{name}`"), hint);
        None
    }

    /// A sentence or name that must say something.
    pub(super) fn filled(&mut self, text: &str, what: &str, at: At<'_>) -> Option<String> {
        if !text.trim().is_empty() {
            return Some(text.to_owned());
        }
        self.problem(
            codes::EMPTY_TEXT,
            at,
            format!("{what} is empty"),
            "write it, so that others can judge it",
        );
        None
    }

    pub(super) fn path(&mut self, text: &str, at: At<'_>) -> Option<TreePath> {
        match TreePath::resolve(self.folder().as_ref(), text) {
            Ok(path) => Some(path),
            Err(error) => {
                let message = format!("the path `{text}` is refused: {}", error.reason);
                let hint = "paths are relative to the definition's folder; a leading `/` means the repository's root";
                self.problem(codes::INVALID_PATH, at, message, hint);
                None
            }
        }
    }

    /// Patterns relative to the definition's folder; `root`: to the repository's. They are claimed.
    pub(super) fn globs(
        &mut self,
        patterns: &[String],
        at: At<'_>,
        base: Option<&TreePath>,
    ) -> Option<Globs> {
        match Globs::parse(base, patterns) {
            Ok(globs) => Some(globs),
            Err((index, reason)) => {
                let message = format!("the pattern `{}` is refused: {reason}", patterns[index]);
                let hint = "`*` matches within one folder, `**` across folders, `{a,b}` either";
                self.problem(codes::INVALID_PATTERN, at.item(index), message, hint);
                None
            }
        }
    }

    pub(super) fn near<'n>(
        &mut self,
        given: &str,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Option<&'n str> {
        self.suggestions = self.suggestions.checked_sub(1)?;
        did_you_mean(given, names)
    }

    // --- variables

    pub(super) fn variables(
        &mut self,
        values: &serde_json::Map<String, Value>,
        layer: Layer,
        at: At<'_>,
    ) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in values {
            let own = at.key(name);
            // Values may be secrets that somebody should not have written: their lines are never quoted.
            let place = self.key_place(own).without_text();
            variables.insert(layer, name, value.clone(), Some(place));
            self.infrastructure(own);
        }
        variables
    }
}

pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
