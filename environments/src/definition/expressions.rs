//! Expressions of a document: parsed within a budget, with the place of everything that they read.

use super::reading::{At, Reading, quoted};
use super::references::Reference;
use crate::codes::definition as codes;
use crate::diagnostic::{Diagnostic, Place, Span};
use crate::expression::{Expression, ExpressionError, Gives, Text, Use};
use crate::yaml::Content;

/// Expressions per document. Parsing one takes some 50 µs; big workflows have about a hundred.
const MAX_EXPRESSIONS: usize = 2_000;

impl Reading<'_> {
    /// Whether one expression more may be parsed.
    fn counts(&mut self, at: At<'_>) -> bool {
        self.expressions += 1;
        if self.expressions == MAX_EXPRESSIONS + 1 {
            let message = format!("the definition has more than {MAX_EXPRESSIONS} expressions");
            self.problem(
                codes::TOO_MANY_VALUES,
                at,
                message,
                "split it, or write values instead of expressions",
            );
        }
        self.expressions <= MAX_EXPRESSIONS
    }

    pub(super) fn expression(&mut self, source: &str, at: At<'_>) -> Option<Expression> {
        if !self.counts(at) {
            return None;
        }
        match Expression::parse(source, Some(self.place(at))) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.bad_expression(source, &error, at);
                None
            }
        }
    }

    pub(super) fn text(&mut self, source: &str, at: At<'_>) -> Option<Text> {
        if Text::may_hold_expression(source) && !self.counts(at) {
            return None;
        }
        match Text::parse(source, Some(self.place(at))) {
            Ok(text) => Some(text),
            Err(error) => {
                self.bad_expression(source, &error, at);
                None
            }
        }
    }

    fn bad_expression(&mut self, source: &str, error: &ExpressionError, at: At<'_>) {
        let place = self.lines.place(self.inner_span(source, error.span, at));
        let diagnostic = Diagnostic::new(codes::INVALID_EXPRESSION, error.to_string()).at(place);
        self.found.push(match &error.hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }

    /// Reports an expression that can give neither true nor false. What only its variables decide is left to whoever
    /// evaluates it.
    pub(super) fn must_decide(&mut self, expression: &Expression, what: &str, at: At<'_>) {
        let Some(gives) = expression.gives().filter(|gives| *gives != Gives::Bool) else { return };
        let message = format!("{what} must give true or false, and gives {}", gives.words());
        self.problem(codes::INVALID_EXPRESSION, at, message, "compare it with something: `… == …`, `… > …`");
    }

    /// Bytes of a value's text as bytes of the file; the start of the value where it is written with escapes or
    /// over several lines.
    pub(super) fn inner_span(&self, source: &str, inner: Span, at: At<'_>) -> Span {
        let written = self.lines.slice(at.span());
        match written.find(source).filter(|_| at.exists()) {
            Some(offset) => Span {
                start: at.span().start + offset + inner.start,
                end: at.span().start + offset + inner.end.max(inner.start),
            },
            None => Span { start: at.span().start, end: at.span().start },
        }
    }

    /// Every `${{ }}` in a value, wherever it stands in it. Reads are handed to `visit` with their places.
    pub(super) fn texts(&mut self, at: At<'_>, visit: &mut dyn FnMut(&mut Self, &Expression, &Use, Place)) {
        let Some(node) = at.node() else { return };
        match &node.content {
            Content::String(source) if Text::may_hold_expression(source) => {
                if let Some(text) = self.text(source, at) {
                    self.visit_text(&text, at, visit);
                }
            }
            Content::Sequence(items) => (0..items.len()).for_each(|index| self.texts(at.item(index), visit)),
            Content::Mapping(mapping) => {
                mapping.iter().for_each(|entry| self.texts(at.key(&entry.key), visit));
            }
            _ => {}
        }
    }

    pub(super) fn visit_text(
        &mut self,
        text: &Text,
        at: At<'_>,
        visit: &mut dyn FnMut(&mut Self, &Expression, &Use, Place),
    ) {
        for (span, expression) in text.expressions() {
            for read in expression.uses() {
                let own = read_span(expression, read);
                let inner = Span { start: span.start + own.start, end: span.start + own.end };
                let place = self.lines.place(self.inner_span(&text.source, inner, at));
                visit(self, expression, read, place);
            }
        }
    }

    /// As [`Reading::visit_text`], for a bare expression.
    pub(super) fn visit_expression(
        &mut self,
        expression: &Expression,
        at: At<'_>,
        visit: &mut dyn FnMut(&mut Self, &Expression, &Use, Place),
    ) {
        for read in expression.uses() {
            let inner = read_span(expression, read);
            let place = self.lines.place(self.inner_span(&expression.source, inner, at));
            visit(self, expression, read, place);
        }
    }

    /// Whether an expression may start with this name here; reports when not.
    pub(super) fn known_root(
        &mut self,
        expression: &Expression,
        read: &Use,
        place: &Place,
        roots: &[&str],
    ) -> bool {
        let root = read.path[0].as_str();
        if roots.contains(&root) {
            return true;
        }
        let hint = match (expression.hyphen_hint(root), self.near(root, roots.iter().copied())) {
            (Some(hint), _) => hint,
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("here there are {}", quoted(roots)),
        };
        let message = format!("expressions know no `{root}` here");
        self.found.push(Diagnostic::new(codes::UNKNOWN_ROOT, message).at(place.clone()).hint(hint));
        false
    }

    /// Reads that infrastructure may make: variables, the environment, outputs of units. Checked between files.
    pub(super) fn infrastructure(&mut self, at: At<'_>) {
        self.texts(at, &mut infrastructure_read);
    }
}

/// Names that expressions of infrastructure may start with.
const INFRASTRUCTURE_ROOTS: [&str; 4] = ["variables", "environment", "units", "unit"];

/// The bytes of a read: the whole chain where it is written with dots, its variable otherwise.
fn read_span(expression: &Expression, read: &Use) -> Span {
    let chain = read.path.join(".");
    if let Some(start) = expression.source.find(&chain) {
        return Span { start, end: start + chain.len() };
    }
    let start = expression.span_of(&read.path[0]).unwrap_or_default().start;
    Span { start, end: start + read.path[0].len() }
}

pub(super) fn infrastructure_read(
    reading: &mut Reading<'_>,
    expression: &Expression,
    read: &Use,
    place: Place,
) {
    // `units.object-store` subtracts `store` from `units.object`: one finding is enough.
    let hyphen = |used: &Use| {
        let root = used.path[0].as_str();
        !INFRASTRUCTURE_ROOTS.contains(&root) && expression.hyphen_hint(root).is_some()
    };
    let known = reading.known_root(expression, read, &place, &INFRASTRUCTURE_ROOTS);
    if known && !expression.uses().iter().any(hyphen) {
        reading.references.push(Reference { path: read.path.clone(), guarded: read.is_guarded(), place });
    }
}
