//! Events to trees: anchors, merge keys, duplicate keys, limits; one document at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput, StructureStyle, Tag};

use crate::codes::{Code, definition as codes};
use crate::diagnostic::{Diagnostic, Span};
use crate::source::TreePath;

use super::Dialect;
use super::limits::{MAX_ALIASED_VALUES, MAX_DEPTH, MAX_PROBLEMS};
use super::lines::Lines;
use super::node::{Content, Document, Entry, Mapping, Node};
use super::scalar::{Plain, resolve};
use super::syntax::{syntax_hint, syntax_message};

/// What a template among the manifests looks like.
const TEMPLATES: &str = "a file with `{{ }}` or `{% %}` in it is a template, and belongs under `templates`";

/// What a text holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// Documents that parse. Empty ones are left out.
    pub documents: Vec<Document>,
    /// What was read of documents before their syntax broke: enough to say whose definition it was.
    pub fragments: Vec<Document>,
    pub diagnostics: Vec<Diagnostic>,
}

/// All documents of a text, and everything that is wrong with it.
pub fn parse(text: &str, path: &TreePath, dialect: Dialect) -> (Vec<Document>, Vec<Diagnostic>) {
    let parsed = parse_lines(&Lines::new(path, text), dialect);
    (parsed.documents, parsed.diagnostics)
}

/// As [`parse`], for who needs places in the text afterwards.
pub fn parse_lines(lines: &Lines<'_>, dialect: Dialect) -> Parsed {
    let mut reader = Reader::new(lines, dialect);
    let text = lines.text();
    if text.len() > dialect.max_bytes() {
        let message =
            format!("the file has {} bytes, and {} are read at most", text.len(), dialect.max_bytes());
        let place = crate::diagnostic::Place::file(lines.path());
        reader.parsed.diagnostics.push(
            Diagnostic::new(codes::FILE_TOO_LARGE, message).at(place).hint("split it into several files"),
        );
        return reader.parsed;
    }
    reader.run(text);
    reader.parsed
}

/// Reading cannot go on: a limit was reached.
struct Stop;

/// A value whose end was not seen yet.
pub(super) enum Frame {
    Sequence { open: Open, items: Vec<Node> },
    Mapping { open: Open, entries: Entries, key: Option<Key> },
}

/// What a list or map has so far.
pub(super) struct Open {
    start: usize,
    anchor: usize,
    flow: bool,
    /// Values in it, itself included.
    values: usize,
    /// Levels below it.
    depth: usize,
}

#[derive(Default)]
pub(super) struct Entries {
    pub(super) list: Vec<Entry>,
    pub(super) keys: BTreeSet<Arc<str>>,
    pub(super) merges: Vec<Node>,
}

/// A key that waits for its value.
pub(super) enum Key {
    Named(Arc<str>, Span),
    Merge,
    /// Its value is dropped; it was reported.
    Refused,
}

/// An anchored value, with its cost.
pub(super) struct Anchor {
    node: Node,
    values: usize,
    depth: usize,
}

pub(super) struct Reader<'a> {
    pub(super) lines: &'a Lines<'a>,
    pub(super) dialect: Dialect,
    parsed: Parsed,
    pub(super) stack: Vec<Frame>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Anchor>,
    values: usize,
    aliased: usize,
    documents: usize,
    pub(super) problems: usize,
}

impl<'a> Reader<'a> {
    fn new(lines: &'a Lines<'a>, dialect: Dialect) -> Self {
        Self {
            lines,
            dialect,
            parsed: Parsed::default(),
            stack: Vec::new(),
            root: None,
            anchors: BTreeMap::new(),
            values: 0,
            aliased: 0,
            documents: 0,
            problems: 0,
        }
    }

    fn run(&mut self, text: &str) {
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
            // As libyaml and go-yaml: no line break is invented at the end of the file.
            block_scalar_eof_without_line_feed: true,
        };
        let mut parser = Parser::new_from_str_with_options(text, options);
        while self.document(&mut parser).is_ok_and(|more| more) {}
        if self.problems > MAX_PROBLEMS {
            let message =
                format!("{} more problems of this file are not listed", self.problems - MAX_PROBLEMS);
            let place = crate::diagnostic::Place::file(self.lines.path());
            self.parsed.diagnostics.push(Diagnostic::new(codes::MORE_PROBLEMS, message).at(place));
        }
    }

    /// Reads up to the end of a document, or up to its first syntax error and then on to the next document.
    fn document<'t>(&mut self, parser: &mut Parser<'t, StrInput<'t>>) -> Result<bool, Stop> {
        loop {
            match parser.next_event() {
                None | Some(Ok((Event::StreamEnd, _))) => return Ok(false),
                Some(Ok((Event::DocumentEnd, _))) => {
                    self.finish_document();
                    return Ok(true);
                }
                Some(Ok((event, span))) => {
                    let range = span.byte_range().unwrap_or_default();
                    if let Err(stop) = self.event(event, Span { start: range.start, end: range.end }) {
                        self.abandon_document();
                        return Err(stop);
                    }
                }
                Some(Err(error)) => {
                    self.syntax(&error);
                    self.abandon_document();
                    let deep = matches!(error.kind(), ErrorKind::RecursionLimitExceeded);
                    return if deep {
                        Err(Stop)
                    } else {
                        Ok(parser.proceed_next_document().unwrap_or(false))
                    };
                }
            }
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(..) => self.start_document(span),
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), span)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq", span);
                let open = self.open(span, anchor, style)?;
                self.stack.push(Frame::Sequence { open, items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(style, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map", span);
                let open = self.open(span, anchor, style)?;
                self.stack.push(Frame::Mapping { open, entries: Entries::default(), key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close(span);
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn start_document(&mut self, span: Span) -> Result<(), Stop> {
        self.documents += 1;
        let limit = self.dialect.max_documents();
        if self.documents > limit {
            let message = format!("the file has more than {limit} documents");
            return self.stop(codes::TOO_MANY_DOCUMENTS, span, message, "split it into several files");
        }
        Ok(())
    }

    fn finish_document(&mut self) {
        if let Some(root) = self.root.take().filter(|root| !root.is_null()) {
            let line = self.lines.number(root.span.start);
            self.parsed.documents.push(Document { root, line });
        }
        self.anchors.clear();
    }

    /// Closes what is open, so that the beginning of a broken document can still tell its name.
    fn abandon_document(&mut self) {
        let end = Span { start: 0, end: 0 };
        while !self.stack.is_empty() {
            self.close(end);
        }
        if let Some(root) = self.root.take().filter(|root| !root.is_null()) {
            let line = self.lines.number(root.span.start);
            self.parsed.fragments.push(Document { root, line });
        }
        self.anchors.clear();
    }

    // --- values

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), Stop> {
        self.count(1, span)?;
        let plain = style == ScalarStyle::Plain;
        if self.wants_key() {
            let key = self.key(text, plain && tag.is_none(), span);
            if let Some(Frame::Mapping { key: slot, .. }) = self.stack.last_mut() {
                *slot = Some(key);
            }
            if anchor != 0 {
                let node = Node { span, content: Content::String(text.into()) };
                self.anchors.insert(anchor, Anchor { node, values: 1, depth: 0 });
            }
            return Ok(());
        }
        let content = match tag {
            None if plain => self.plain(text, span),
            None => Content::String(text.into()),
            Some(tag) => self.tagged(text, tag, span),
        };
        let node = Node { span, content };
        if anchor != 0 {
            self.anchors.insert(anchor, Anchor { node: node.clone(), values: 1, depth: 0 });
        }
        self.place(node, 1, 0);
        Ok(())
    }

    fn plain(&mut self, text: &str, span: Span) -> Content {
        match resolve(text, self.dialect) {
            Plain::Null => Content::Null,
            Plain::Bool(value) => Content::Bool(value),
            Plain::Number(number) => Content::Number(number),
            Plain::Text => Content::String(text.into()),
            Plain::NotFinite => {
                let message = format!("`{text}` is a number that JSON does not have");
                self.problem(codes::NOT_FINITE, span, message, "quote it if it is text");
                Content::String(text.into())
            }
            Plain::Ambiguous(other) => {
                let message =
                    format!("`{text}` without quotes is text to some readers of YAML and {other} to others");
                let hint = match other {
                    "the boolean true" => format!("write `true`, or quote it: `\"{text}\"`"),
                    "the boolean false" => format!("write `false`, or quote it: `\"{text}\"`"),
                    _ => {
                        format!("quote it if it is text: `\"{text}\"`; otherwise write plain decimal digits")
                    }
                };
                self.problem(codes::AMBIGUOUS_SCALAR, span, message, &hint);
                Content::String(text.into())
            }
        }
    }

    /// A scalar with an explicit type.
    fn tagged(&mut self, text: &str, tag: &Tag, span: Span) -> Content {
        let kind = tag.core_suffix();
        let value = match (kind, resolve(text, Dialect::Manifest)) {
            (Some("str"), _) => Some(Content::String(text.into())),
            (None, _) if tag.original() == "!" => Some(Content::String(text.into())),
            (Some("null"), Plain::Null) => Some(Content::Null),
            (Some("bool"), Plain::Bool(value)) => Some(Content::Bool(value)),
            (Some("int"), Plain::Number(number)) if !number.is_f64() => Some(Content::Number(number)),
            (Some("float"), Plain::Number(number)) => Some(Content::Number(number)),
            _ => None,
        };
        value.unwrap_or_else(|| {
            let message = match kind {
                Some(_) => format!("the value is not what its tag `{}` says", tag.original()),
                None => format!("the tag `{}` has no meaning here", tag.original()),
            };
            self.problem(
                codes::UNSUPPORTED_TAG,
                span,
                message,
                "leave the tag out, and quote the value if it is text",
            );
            Content::String(text.into())
        })
    }

    fn collection_tag(&mut self, tag: Option<&Tag>, own: &str, span: Span) {
        let Some(tag) = tag else { return };
        if tag.core_suffix() != Some(own) && tag.original() != "!" {
            let message = format!("the tag `{}` has no meaning here", tag.original());
            let start = Span { start: span.start, end: span.start };
            self.problem(codes::UNSUPPORTED_TAG, start, message, "leave the tag out");
        }
    }

    fn open(&mut self, span: Span, anchor: usize, style: StructureStyle) -> Result<Open, Stop> {
        self.count(1, span)?;
        if self.stack.len() >= MAX_DEPTH {
            return self.too_deep(span);
        }
        let flow = style == StructureStyle::Flow;
        Ok(Open { start: span.start, anchor, flow, values: 1, depth: 0 })
    }

    fn close(&mut self, end: Span) {
        let Some(frame) = self.stack.pop() else { return };
        let (open, content) = match frame {
            Frame::Sequence { open, items } => (open, Content::Sequence(items)),
            Frame::Mapping { open, entries, .. } => {
                let entries = self.merged(entries);
                (open, Content::Mapping(Mapping::new(entries)))
            }
        };
        let last = match &content {
            Content::Sequence(items) => items.iter().map(|item| item.span.end).max(),
            Content::Mapping(mapping) => {
                mapping.iter().map(|entry| entry.value.span.end.max(entry.key_span.end)).max()
            }
            _ => None,
        };
        // Block collections end where the next token starts, lines below.
        let end = if open.flow { end.end } else { last.unwrap_or(open.start) };
        let node = Node { span: Span { start: open.start, end: end.max(open.start) }, content };
        if open.anchor != 0 {
            let anchor = Anchor { node: node.clone(), values: open.values, depth: open.depth + 1 };
            self.anchors.insert(open.anchor, anchor);
        }
        if self.wants_key() {
            let hint = if self.dialect == Dialect::Manifest && open.flow {
                "quote a value that starts with `{`; a file with `{{ }}` in it is a template, and belongs under `templates`"
            } else {
                "quote a value that starts with `{` or `[`; an expression is written `\"${{ … }}\"`"
            };
            let message = "a list or map stands where a key is expected";
            self.problem(codes::BAD_KEY, Span { start: open.start, end: open.start + 1 }, message, hint);
            if let Some(Frame::Mapping { key, .. }) = self.stack.last_mut() {
                *key = Some(Key::Refused);
            }
            return;
        }
        self.place(node, open.values, open.depth + 1);
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        let Some(anchor) = self.anchors.get(&id) else {
            let message = "the value contains itself";
            self.problem(
                codes::YAML_SYNTAX,
                span,
                message,
                "an alias may only name a value that is complete",
            );
            self.place(Node { span, content: Content::Null }, 1, 0);
            return Ok(());
        };
        let (values, depth) = (anchor.values, anchor.depth);
        let node = Node { span, content: anchor.node.content.clone() };
        self.aliased += values;
        if self.aliased > MAX_ALIASED_VALUES {
            let message = format!("aliases expand to more than {MAX_ALIASED_VALUES} values");
            return self.stop(
                codes::ALIAS_EXPANSION,
                span,
                message,
                "write the values out, or use fewer aliases",
            );
        }
        self.count(values, span)?;
        if self.stack.len() + depth > MAX_DEPTH {
            return self.too_deep(span);
        }
        if self.wants_key() {
            let key = if let Some(text) = node.as_str() {
                self.key(text, false, span)
            } else {
                self.problem(codes::BAD_KEY, span, "the alias of a key must name text", "write the key out");
                Key::Refused
            };
            if let Some(Frame::Mapping { key: slot, .. }) = self.stack.last_mut() {
                *slot = Some(key);
            }
            return Ok(());
        }
        self.place(node, values, depth);
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, node: Node, values: usize, depth: usize) {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        let (Frame::Sequence { open, .. } | Frame::Mapping { open, .. }) = frame;
        open.values += values;
        open.depth = open.depth.max(depth);
        match frame {
            Frame::Sequence { items, .. } => items.push(node),
            Frame::Mapping { entries, key, .. } => match key.take() {
                Some(Key::Named(name, key_span)) => {
                    entries.list.push(Entry { key: name, key_span, value: node });
                }
                Some(Key::Merge) => entries.merges.push(node),
                Some(Key::Refused) | None => {}
            },
        }
    }

    // --- limits and problems

    fn count(&mut self, values: usize, span: Span) -> Result<(), Stop> {
        self.values += values;
        let limit = self.dialect.max_values();
        if self.values > limit {
            let message = format!("the file has more than {limit} values");
            return self.stop(codes::TOO_MANY_VALUES, span, message, "split it into several files");
        }
        Ok(())
    }

    fn too_deep<T>(&mut self, span: Span) -> Result<T, Stop> {
        let message = format!("lists and maps are nested more than {MAX_DEPTH} levels deep");
        let start = Span { start: span.start, end: span.start + 1 };
        self.stop(
            codes::NESTED_TOO_DEEPLY,
            start,
            message,
            "nothing that Kubernetes or naksha reads is that deep",
        )
    }

    fn stop<T>(&mut self, code: Code, span: Span, message: String, hint: &str) -> Result<T, Stop> {
        self.problem(code, span, message, hint);
        Err(Stop)
    }

    fn syntax(&mut self, error: &ScanError) {
        let at = error.marker().byte_offset().unwrap_or_default();
        let span = Span { start: at, end: at };
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            let _: Result<(), Stop> = self.too_deep(span);
            return;
        }
        let place = self.lines.place(span);
        let line = place.line.as_ref().and_then(|line| line.text.as_deref()).unwrap_or_default();
        let is_template = self.dialect == Dialect::Manifest && (line.contains("{%") || line.contains("{{"));
        let hint = if is_template { Some(TEMPLATES) } else { syntax_hint(error.kind()) };
        let diagnostic = Diagnostic::new(codes::YAML_SYNTAX, syntax_message(error)).at(place);
        self.report(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }

    pub(super) fn problem(&mut self, code: Code, span: Span, message: impl Into<String>, hint: &str) {
        let diagnostic = Diagnostic::new(code, message).at(self.lines.place(span)).hint(hint);
        self.report(diagnostic);
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.problems += 1;
        if self.problems <= MAX_PROBLEMS {
            self.parsed.diagnostics.push(diagnostic);
        }
    }
}
