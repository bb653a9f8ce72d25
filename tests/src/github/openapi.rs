//! GitHub's published description of its API: what may be asked, and what an answer holds.
//!
//! Stricter than GitHub on purpose: an unknown parameter or field is a mistake here, while GitHub ignores it. Lengths are not
//! looked at: GitHub refuses those in words of its own ([`super::limits`]).

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, anyhow};
use jsonschema::{Draft, Registry, Validator};
use serde_json::{Value, json};

use super::schema::{COMPONENTS, closed, components};
use crate::must;
use crate::programs::Programs;

/// Beside the programs; made by `./tests/run`.
pub(super) const FILE: &str = "github-openapi.json";

/// What GitHub answers against its own description: a repository that was deleted has no fork of it any more.
const DEVIATIONS: [&str; 1] = ["/head/repo"];

static SHARED: OnceLock<Result<Description, String>> = OnceLock::new();

pub(super) struct Description {
    operations: Vec<Operation>,
    webhooks: BTreeMap<String, Value>,
    registry: &'static Registry<'static>,
    /// Compiled when they are first needed, by what they are of.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// One thing that may be asked.
pub(super) struct Operation {
    /// `pulls/create`
    pub(super) id: String,
    method: String,
    template: Vec<Segment>,
    queries: BTreeMap<String, Value>,
    body: Option<Value>,
    needs_body: bool,
    /// By status; nothing where no body is described.
    answers: BTreeMap<u16, Option<Value>>,
}

enum Segment {
    Literal(String),
    One {
        name: String,
        is_number: bool,
    },
    /// With slashes in it.
    Many(String),
}

/// Parts of a path by the names of their parameters.
pub(super) type Parts = BTreeMap<String, String>;

impl Description {
    /// Read once.
    pub(super) fn shared() -> &'static Self {
        let read = || Self::read().map_err(|error| format!("{error:#}"));
        must(SHARED.get_or_init(read).as_ref().map_err(|error| anyhow!("{error}")))
    }

    fn read() -> anyhow::Result<Self> {
        let programs = Programs::find(&[FILE])?;
        let text = fs::read(programs.path(FILE))?;
        let whole: Value = serde_json::from_slice(&text).context("cannot read GitHub's description")?;
        let mut operations = Vec::new();
        for (template, item) in whole["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if operation["operationId"].is_string() {
                    operations.push(Operation::read(&whole, template, method, operation));
                }
            }
        }
        // Of two that fit, the one that says more: `/issues/comments` is no number of an issue.
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.literals()));
        let webhooks = whole["x-webhooks"].as_object().into_iter().flatten();
        let webhooks = webhooks.map(|(name, item)| {
            (name.clone(), item["post"]["requestBody"]["content"]["application/json"]["schema"].clone())
        });
        let registry = Registry::new().draft(Draft::Draft202012).add(COMPONENTS, components(&whole))?;
        Ok(Self {
            operations,
            webhooks: webhooks.collect(),
            // As long as the process, like the description.
            registry: Box::leak(Box::new(registry.prepare()?)),
            validators: Mutex::default(),
        })
    }

    /// What is asked, and the parts of its path. The path's segments are still escaped.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<(&Operation, Parts)> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let ours = self.operations.iter().filter(|operation| operation.method == method);
        ours.into_iter().find_map(|operation| {
            let mut parts = Parts::new();
            matches(&operation.template, &segments, &mut parts).then_some((operation, parts))
        })
    }

    /// What is wrong with a request.
    pub(super) fn check_request(
        &self,
        operation: &Operation,
        query: &BTreeMap<String, String>,
        body: Option<&Value>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, text) in query {
            match operation.queries.get(name) {
                None => wrong.push(format!("there is no query parameter `{name}`")),
                Some(schema) => {
                    let value = typed(schema, text);
                    let of = format!("{}?{name}", operation.id);
                    wrong.extend(
                        self.check(&of, schema, &value).into_iter().map(|word| format!("{name}: {word}")),
                    );
                }
            }
        }
        match (&operation.body, body) {
            (Some(schema), Some(body)) => wrong.extend(self.check(&operation.id, schema, body)),
            (Some(_), None) if operation.needs_body => wrong.push("it needs a body".to_owned()),
            // Who deletes may send an empty object.
            (None, Some(body)) if body != &json!({}) => wrong.push("it takes no body".to_owned()),
            _ => {}
        }
        wrong
    }

    /// What is wrong with an answer.
    pub(super) fn check_answer(
        &self,
        operation: &Operation,
        status: u16,
        body: Option<&Value>,
    ) -> Vec<String> {
        let described = operation.answers.get(&status);
        let is_refusal = status >= 400;
        match (described, body) {
            (None, _) if is_refusal => Vec::new(),
            (None, _) => vec![format!("GitHub never answers {status}")],
            // Some refusals are described without their words.
            (Some(None), Some(_)) if !is_refusal => vec!["GitHub answers without a body".to_owned()],
            (Some(Some(_)), None) => vec!["GitHub answers with a body".to_owned()],
            // It sends one field more than it describes with each of them.
            (Some(Some(_)), Some(_)) if is_refusal => Vec::new(),
            (Some(Some(schema)), Some(body)) => {
                self.check(&format!("{} {status}", operation.id), schema, body)
            }
            _ => Vec::new(),
        }
    }

    /// What is wrong with the payload of a webhook, by its name in the description: `pull-request-opened`.
    pub(super) fn check_webhook(&self, name: &str, payload: &Value) -> Vec<String> {
        match self.webhooks.get(name) {
            Some(schema) => self.check(&format!("webhook {name}"), schema, payload),
            None => vec![format!("there is no webhook {name}")],
        }
    }

    fn check(&self, of: &str, schema: &Value, value: &Value) -> Vec<String> {
        let validator = {
            let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(validators.entry(of.to_owned()).or_insert_with(|| Arc::new(self.compile(of, schema))))
        };
        let errors = validator.iter_errors(value).filter(|error| {
            let place = error.instance_path().to_string();
            let is_known =
                DEVIATIONS.iter().any(|known| place.ends_with(known)) && error.instance().is_null();
            // Addresses that nobody gave are empty texts by default, and these are none.
            let is_no_address =
                error.instance().as_str() == Some("") && error.to_string().contains("\"uri\"");
            !is_known && !is_no_address
        });
        errors.map(|error| format!("{}: {}", error.instance_path(), cut(&error.to_string()))).collect()
    }

    fn compile(&self, of: &str, schema: &Value) -> Validator {
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_registry(self.registry)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true);
        options.build(&closed(schema)).unwrap_or_else(|error| panic!("the schema of {of}: {error}"))
    }
}

impl Operation {
    fn read(whole: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let resolve = |value: &Value| match value["$ref"].as_str() {
            Some(at) => whole.pointer(at.trim_start_matches('#')).cloned().unwrap_or_default(),
            None => value.clone(),
        };
        let schema = |content: &Value| content["content"]["application/json"].get("schema").cloned();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let parameters = operation["parameters"].as_array().into_iter().flatten().map(resolve);
        let parameters: Vec<Value> = parameters.collect();
        let of_kind = |kind: &'static str| parameters.iter().filter(move |one| one["in"] == kind);
        let segment = |segment: &str| {
            let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                return Segment::Literal(segment.to_owned());
            };
            let described = of_kind("path").find(|parameter| parameter["name"] == name);
            if described.is_some_and(|parameter| parameter["x-multi-segment"] == true) {
                return Segment::Many(name.to_owned());
            }
            let is_number = described.is_some_and(|parameter| parameter["schema"]["type"] == "integer");
            Segment::One { name: name.to_owned(), is_number }
        };
        let answers = operation["responses"].as_object().into_iter().flatten();
        let answers = answers.filter_map(|(status, answer)| {
            let answer = resolve(answer);
            Some((status.parse().ok()?, schema(&answer)))
        });
        Self {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            template: path.trim_start_matches('/').split('/').map(segment).collect(),
            queries: of_kind("query").map(|one| (text(&one["name"]), one["schema"].clone())).collect(),
            body: schema(&operation["requestBody"]),
            needs_body: operation["requestBody"]["required"] == true,
            answers: answers.collect(),
        }
    }

    fn literals(&self) -> usize {
        self.template.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count()
    }
}

fn matches(template: &[Segment], segments: &[&str], parts: &mut Parts) -> bool {
    let Some((first, rest)) = template.split_first() else { return segments.is_empty() };
    match first {
        Segment::Literal(text) => {
            segments.first().is_some_and(|segment| unescaped(segment) == *text)
                && matches(rest, &segments[1..], parts)
        }
        Segment::One { name, is_number } => {
            let Some(segment) = segments.first().map(|segment| unescaped(segment)) else { return false };
            let fits = !segment.is_empty() && (!is_number || segment.parse::<u64>().is_ok());
            parts.insert(name.clone(), segment);
            fits && matches(rest, &segments[1..], parts)
        }
        Segment::Many(name) => (1..=segments.len()).any(|taken| {
            parts.insert(name.clone(), unescaped(&segments[..taken].join("/")));
            !segments[0].is_empty() && matches(rest, &segments[taken..], parts)
        }),
    }
}

/// Without its escapes; what is none stands as it is.
pub(super) fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.filter(|_| bytes[at] == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn typed(schema: &Value, text: &str) -> Value {
    let number = || text.parse::<i64>().ok().map(Value::from);
    let number = if schema["type"] == "integer" { number() } else { None };
    number.unwrap_or_else(|| Value::from(text))
}

/// The end of a long instance tells nobody anything.
fn cut(words: &str) -> String {
    if words.len() < 600 {
        return words.to_owned();
    }
    let (start, end): (String, Vec<char>) = (words.chars().take(200).collect(), words.chars().collect());
    format!("{start} … {}", end[end.len().saturating_sub(300)..].iter().collect::<String>())
}

#[cfg(test)]
mod tests;
