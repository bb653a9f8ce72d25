//! Typed access to the nodes of a file of rules. What has not the type that is wanted is reported where it stands.

use naksha_environments::codes::Code;
use naksha_environments::codes::health as codes;
use naksha_environments::diagnostic::{Diagnostic, Place, Span, did_you_mean};
use naksha_environments::expression::{Expression, ExpressionError};
use naksha_environments::yaml::{Content, Lines, Mapping, Node};

use crate::comparison::Comparison;
use crate::message::{Message, Wrong};
use crate::path::Path;
use crate::rule::{Pattern, Word};

pub(super) struct Reading<'l, 't> {
    lines: &'l Lines<'t>,
    pub(super) found: Vec<Diagnostic>,
}

impl<'l, 't> Reading<'l, 't> {
    pub(super) fn new(lines: &'l Lines<'t>) -> Self {
        Self { lines, found: Vec::new() }
    }

    pub(super) fn place(&self, span: Span) -> Place {
        self.lines.place(span)
    }

    pub(super) fn problem(&mut self, code: Code, span: Span, message: &str, hint: &str) {
        let diagnostic = Diagnostic::new(code, message).at(self.place(span));
        self.found.push(if hint.is_empty() { diagnostic } else { diagnostic.hint(hint) });
    }

    fn wrong(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, and is {}", node.describe());
        let width = node.as_mapping().is_none() && node.as_sequence().is_none();
        let end = if width { node.span.end } else { node.span.start };
        self.problem(codes::WRONG_FORM, Span { start: node.span.start, end }, &message, "");
    }

    /// A map with any keys.
    pub(super) fn any_map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Mapping> {
        let map = node.as_mapping();
        if map.is_none() {
            self.wrong(node, what, "a map");
        }
        map
    }

    /// A map with some of `keys`; others are reported.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<&'n Mapping> {
        let map = self.any_map(node, what)?;
        for entry in map.iter().filter(|entry| !keys.contains(&&*entry.key)) {
            let message = format!("{what} has no `{}`", entry.key);
            let hint = match did_you_mean(&entry.key, keys.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", keys.join(", ")),
            };
            self.problem(codes::UNKNOWN_KEY, entry.key_span, &message, &hint);
        }
        Some(map)
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        let list = node.as_sequence();
        if list.is_none() {
            self.wrong(node, what, "a list");
        }
        list
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = node.as_str();
        if text.is_none() {
            self.wrong(node, what, "a text");
        }
        text
    }

    pub(super) fn truth(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Content::Bool(value) = node.content {
            return Some(value);
        }
        self.wrong(node, what, "true or false");
        None
    }

    /// A value, or a list of them.
    pub(super) fn each(node: &Node) -> impl Iterator<Item = &Node> + use<'_> {
        let (one, many) = match node.as_sequence() {
            Some(items) => (None, items),
            None => (Some(node), &[][..]),
        };
        one.into_iter().chain(many)
    }

    /// A text, or a list of texts. The statuses of conditions may be written as booleans.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for item in Self::each(node) {
            match &item.content {
                Content::String(text) => texts.push(text.to_string()),
                Content::Bool(true) => texts.push("True".to_owned()),
                Content::Bool(false) => texts.push("False".to_owned()),
                _ => self.wrong(item, what, "a text or a list of texts"),
            }
        }
        texts
    }

    pub(super) fn patterns(&mut self, node: &Node, what: &str) -> Vec<Pattern> {
        self.texts(node, what).iter().map(|text| Pattern::parse(text)).collect()
    }

    pub(super) fn path(&mut self, node: &Node, what: &str) -> Option<Path> {
        let text = self.text(node, what)?;
        let path = Path::parse(text);
        if path.is_none() {
            let message = format!("`{text}` is no path of a field");
            let hint =
                "such as `status.phase`, `status.parents[*].conditions` or `metadata.annotations[\"a.b/c\"]`";
            self.problem(codes::INVALID_TEST, node.span, &message, hint);
        }
        path
    }

    pub(super) fn paths(&mut self, node: &Node, what: &str) -> Vec<Path> {
        Self::each(node).filter_map(|item| self.path(item, what)).collect()
    }

    pub(super) fn word(&mut self, node: &Node, what: &str) -> Option<Word> {
        let text = self.text(node, what)?;
        let word = Word::ALL.into_iter().find(|word| word.as_str() == text);
        if word.is_none() {
            let names = Word::ALL.map(Word::as_str);
            let hint = match did_you_mean(text, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", names.join(", ")),
            };
            self.problem(codes::UNKNOWN_HEALTH, node.span, &format!("there is no health `{text}`"), &hint);
        }
        word
    }

    pub(super) fn comparison(&mut self, node: &Node) -> Option<Comparison> {
        let text = self.text(node, "`compare`")?;
        let comparison = Comparison::parse(text);
        if comparison.is_none() {
            let message = format!("`{text}` is no comparison");
            let hint =
                "such as `status.readyReplicas ?? 0 < spec.replicas ?? 1`, with spaces between the words";
            self.problem(codes::INVALID_TEST, node.span, &message, hint);
        }
        comparison
    }

    pub(super) fn expression(&mut self, node: &Node, what: &str) -> Option<Expression> {
        let source = self.text(node, what)?;
        match Expression::parse(source, Some(self.place(node.span))) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.bad_expression(node, source, &error);
                None
            }
        }
    }

    pub(super) fn message(&mut self, node: &Node) -> Option<Message> {
        let source = self.text(node, "`message`")?;
        match Message::parse(source) {
            Ok(message) => Some(message),
            Err(Wrong::Expression(error)) => {
                self.bad_expression(node, source, &error);
                None
            }
            Err(Wrong::Field(field)) => {
                let message = format!("`{{{field}` in a message is no field");
                let hint = "write `{status.readyReplicas ?? 0}` or `{condition}`, and no other braces";
                self.problem(codes::INVALID_TEST, node.span, &message, hint);
                None
            }
        }
    }

    fn bad_expression(&mut self, node: &Node, source: &str, error: &ExpressionError) {
        // The start of the value where it is written with escapes or over several lines.
        let offset = self.lines.slice(node.span).find(source).map(|at| node.span.start + at);
        let span = match offset {
            Some(at) => Span { start: at + error.span.start, end: at + error.span.end },
            None => Span { start: node.span.start, end: node.span.start },
        };
        let hint = error.hint.clone().unwrap_or_default();
        self.problem(codes::INVALID_TEST, span, &error.to_string(), &hint);
    }
}
