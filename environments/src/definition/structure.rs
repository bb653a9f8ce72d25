//! A document against the schema of its kind: every unknown key, missing key and wrong type, each in its place.
//!
//! A small walker over the generated schemas instead of a validator, because it can say exactly what is wrong:
//! it knows that our alternatives differ by type or by constant, and it goes on with what is sound. What it
//! returns is the value without the parts that it reported, so that the meaning of the rest can be checked too.

use serde_json::{Map, Number, Value};

use super::instead::{instead, quoting};
use super::reading::{MAX_SUGGESTIONS, quoted};
use super::v1alpha1::READ_ELSEWHERE;
use crate::codes::definition as codes;
use crate::diagnostic::{Diagnostic, Place, Span, did_you_mean};
use crate::yaml::{Content, Entry, Lines, Mapping, Node, is_ambiguous};

/// The sound part of a document, and everything that does not fit its schema. Nothing is sound when what is
/// needed lacks.
pub(super) fn check(root: &Node, schema: &Value, lines: &Lines<'_>) -> Checked {
    let (path, found, settled) = (Vec::new(), Vec::new(), Vec::new());
    let mut walker = Walker { lines, path, found, settled, suggestions: MAX_SUGGESTIONS };
    let start = Span { start: root.span.start, end: root.span.start };
    let value = walker.value(root, schema, start);
    Checked { value, found: walker.found, settled: walker.settled }
}

/// What came of it.
pub(super) struct Checked {
    pub(super) value: Option<Value>,
    pub(super) found: Vec<Diagnostic>,
    pub(super) settled: Vec<Settled>,
}

/// A word that readers of YAML disagree about, where the schema says what is wanted: what to write. Absent: another
/// finding about the same place says it.
pub(super) struct Settled {
    pub(super) place: Place,
    pub(super) hint: Option<String>,
}

struct Walker<'a> {
    lines: &'a Lines<'a>,
    /// Keys and positions down to here: `spec`, `units`, `[2]`.
    path: Vec<String>,
    found: Vec<Diagnostic>,
    settled: Vec<Settled>,
    /// "Did you mean" that may still be asked.
    suggestions: usize,
}

impl Walker<'_> {
    /// `owner`: the key whose value this is, for pointing at what lacks.
    fn value(&mut self, node: &Node, schema: &Value, owner: Span) -> Option<Value> {
        let Some(schema) = schema.as_object() else { return Some(node.to_json()) };
        if schema.contains_key(READ_ELSEWHERE) {
            return Some(node.to_json());
        }
        if let Some(options) = alternatives(schema) {
            return self.alternative(node, options, owner);
        }
        if let Some(constant) = schema.get("const") {
            return self.one_of(node, std::slice::from_ref(constant), owner);
        }
        if let Some(Value::Array(words)) = schema.get("enum") {
            return self.one_of(node, words, owner);
        }
        let Some(wanted) = schema.get("type").and_then(Value::as_str) else { return Some(node.to_json()) };
        if let (Content::String(text), "string") = (&node.content, wanted) {
            self.settle(node, quoting(text, schema));
        }
        match (&node.content, wanted) {
            (Content::Mapping(mapping), "object") => self.object(mapping, schema, owner),
            (Content::Sequence(items), "array") => self.list(items, schema),
            (Content::Number(number), "integer" | "number") => self.number(number, node, schema, owner),
            (Content::String(_), "string") | (Content::Bool(_), "boolean") => Some(node.to_json()),
            _ => self.wrong_type(node, describe(wanted), schema, owner),
        }
    }

    /// Says what to write for a word that readers of YAML disagree about.
    fn settle(&mut self, node: &Node, hint: Option<String>) {
        let is_plain = |text: &str| self.lines.slice(node.span) == text && is_ambiguous(text);
        if node.as_str().is_some_and(is_plain) {
            let place = self.lines.place(node.span);
            self.settled.push(Settled { place, hint });
        }
    }

    fn object(&mut self, mapping: &Mapping, schema: &Map<String, Value>, owner: Span) -> Option<Value> {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let others = schema.get("additionalProperties");
        let mut out = Map::new();
        for entry in mapping {
            let own = properties.get(&*entry.key).or(others);
            match own {
                None if properties.is_empty() => {
                    out.insert(entry.key.to_string(), entry.value.to_json());
                }
                None | Some(Value::Bool(false)) => self.unknown_key(entry, properties),
                Some(own) => {
                    self.path.push(entry.key.to_string());
                    if let Some(value) = self.value(&entry.value, own, entry.key_span) {
                        out.insert(entry.key.to_string(), value);
                    }
                    self.path.pop();
                }
            }
        }
        let required =
            schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut complete = true;
        for key in required.iter().filter_map(Value::as_str) {
            if mapping.get(key).is_none() {
                self.missing_key(key, properties.get(key), owner);
            }
            complete &= out.contains_key(key);
        }
        complete.then_some(Value::Object(out))
    }

    fn list(&mut self, items: &[Node], schema: &Map<String, Value>) -> Option<Value> {
        let Some(own) = schema.get("items") else {
            return Some(Value::Array(items.iter().map(Node::to_json).collect()));
        };
        let mut out = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            self.path.push(format!("[{index}]"));
            out.push(self.value(item, own, item.span));
            self.path.pop();
        }
        // Positions must stay those of the text, so a list with a bad item is no list.
        out.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
    }

    fn number(
        &mut self,
        number: &Number,
        node: &Node,
        schema: &Map<String, Value>,
        owner: Span,
    ) -> Option<Value> {
        if number.is_f64() && schema.get("type").is_some_and(|word| word == "integer") {
            return self.wrong_type(node, "a whole number", schema, owner);
        }
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let (least, most) = (bound("minimum"), bound("maximum"));
        let value = number.as_f64().unwrap_or_default();
        if least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most) {
            return Some(Value::Number(number.clone()));
        }
        // What fits into the program is no limit that anybody set.
        let range = match (least, most.filter(|most| *most < f64::from(u32::MAX))) {
            (Some(least), Some(most)) => format!("between {least} and {most}"),
            (Some(least), None) => format!("{least} or more"),
            (None, limit) => format!("{} or less", limit.or(most).unwrap_or_default()),
        };
        let message = format!("{} is {number}, and it must be {range}", self.here());
        self.found.push(Diagnostic::new(codes::NUMBER_OUT_OF_RANGE, message).at(self.lines.place(node.span)));
        None
    }

    fn alternative(&mut self, node: &Node, options: &[Value], owner: Span) -> Option<Value> {
        let constants: Option<Vec<Value>> =
            options.iter().map(|option| option.get("const").cloned()).collect();
        if let Some(constants) = constants {
            return self.one_of(node, &constants, owner);
        }
        let word = type_word(node);
        if let Some(option) = options.iter().find(|option| option.get("type").is_some_and(|own| own == word))
        {
            return self.value(node, option, owner);
        }
        let words = options.iter().filter_map(|option| option.get("type")?.as_str()).map(describe);
        let wanted = words.collect::<Vec<_>>().join(" or ");
        self.wrong_type(node, &wanted, &Map::new(), owner)
    }

    fn one_of(&mut self, node: &Node, words: &[Value], owner: Span) -> Option<Value> {
        let value = node.to_json();
        if words.contains(&value) {
            self.settle(node, node.as_str().map(|text| format!("quote it: `\"{text}\"`")));
            return Some(value);
        }
        let names: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        let Some(given) = node.as_str() else {
            let wanted = format!("one of {}", quoted(&names));
            self.wrong_type(node, &wanted, &Map::new(), owner);
            // YAML 1.1 reads `off` as false, and so do people.
            if node.content == Content::Bool(false)
                && names.contains(&"off")
                && let Some(found) = self.found.last_mut()
            {
                found.hint = Some("write `\"off\"`".to_owned());
            }
            return None;
        };
        self.settle(node, None);
        let message = format!("{} cannot be `{given}`", self.here());
        let hint = match self.near(given, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it is one of {}", quoted(&names)),
        };
        self.found
            .push(Diagnostic::new(codes::UNKNOWN_VALUE, message).at(self.lines.place(node.span)).hint(hint));
        None
    }

    /// `schema`: of the one type that is wanted; empty where there are several.
    fn wrong_type(
        &mut self,
        node: &Node,
        wanted: &str,
        schema: &Map<String, Value>,
        owner: Span,
    ) -> Option<Value> {
        let message = format!("{} must be {wanted}, and is {}", self.here(), described(node));
        let hint = instead(node, schema, self.lines.slice(node.span));
        self.settle(node, None);
        // A value that is not there has no place of its own.
        let span = if node.is_null() { owner } else { first_line(node, self.lines) };
        let diagnostic = Diagnostic::new(codes::WRONG_TYPE, message).at(self.lines.place(span));
        self.found.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
        None
    }

    fn unknown_key(&mut self, entry: &Entry, properties: &Map<String, Value>) {
        let message = format!("unknown key `{}` in {}", entry.key, self.here());
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        let hint = match self.near(&entry.key, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys: {}", quoted(&known)),
        };
        let place = self.lines.place(entry.key_span);
        self.found.push(Diagnostic::new(codes::UNKNOWN_KEY, message).at(place).hint(hint));
    }

    fn missing_key(&mut self, key: &str, schema: Option<&Value>, owner: Span) {
        let message = format!("{} lacks the key `{key}`", self.here());
        let about = |word: &str| schema.and_then(|schema| schema.get(word));
        let hint = if let Some(constant) = about("const").and_then(Value::as_str) {
            format!("add `{key}: {constant}`")
        } else if let Some(example) = about("examples").and_then(|examples| examples.get(0)?.as_str()) {
            format!("add `{key}`, for example `{key}: {example}`")
        } else if let Some(description) = about("description").and_then(Value::as_str) {
            let first = description.split_inclusive(['.', ':']).next().unwrap_or(description);
            format!("add it: {}", lower_first(first.trim_end_matches(['.', ':'])))
        } else {
            format!("add `{key}: …`")
        };
        let place = self.lines.place(owner);
        self.found.push(Diagnostic::new(codes::MISSING_KEY, message).at(place).hint(hint));
    }

    fn near<'n>(&mut self, given: &str, names: &[&'n str]) -> Option<&'n str> {
        self.suggestions = self.suggestions.checked_sub(1)?;
        did_you_mean(given, names.iter().copied())
    }

    /// Where we are, for sentences: `` `spec.units[2]` ``.
    fn here(&self) -> String {
        if self.path.is_empty() {
            return "the definition".to_owned();
        }
        let mut text = String::new();
        for part in &self.path {
            if !text.is_empty() && !part.starts_with('[') {
                text.push('.');
            }
            text.push_str(part);
        }
        format!("`{text}`")
    }
}

/// A number that is no whole one says so: `3.5` is a number, where a whole number is wanted.
fn described(node: &Node) -> &'static str {
    match &node.content {
        Content::Number(number) if number.is_f64() => "a number with a fraction",
        _ => node.describe(),
    }
}

fn alternatives(schema: &Map<String, Value>) -> Option<&[Value]> {
    let options = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    options.as_array().map(Vec::as_slice)
}

fn type_word(node: &Node) -> &'static str {
    match &node.content {
        Content::Null => "null",
        Content::Bool(_) => "boolean",
        Content::Number(number) if number.is_f64() => "number",
        Content::Number(_) => "integer",
        Content::String(_) => "string",
        Content::Sequence(_) => "array",
        Content::Mapping(_) => "object",
    }
}

fn describe(word: &str) -> &'static str {
    match word {
        "object" => "a map",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    }
}

/// The start of a value that spans several lines.
fn first_line(node: &Node, lines: &Lines<'_>) -> Span {
    let length = lines.slice(node.span).find('\n').unwrap_or(node.span.end - node.span.start);
    Span { start: node.span.start, end: node.span.start + length }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
