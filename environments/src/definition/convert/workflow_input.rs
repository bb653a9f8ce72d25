//! The input of a workflow: its schema, and whether triggers can fill it.

use serde_json::{Map, Value};

use crate::codes::definition as codes;
use crate::definition::reading::{At, Reading};
use crate::definition::v1alpha1::TriggerSpec;
use crate::diagnostic::{Diagnostic, Place};
use crate::expression::Text;
use crate::workflow::Trigger;

/// Names that a trigger's input may start with.
const TRIGGER_ROOTS: [&str; 3] = ["event", "environment", "variables"];

/// A workflow's input schema, and what is known of it.
pub(super) struct Input {
    pub schema: Value,
    /// Its properties, when no others may be given.
    properties: Option<Map<String, Value>>,
    required: Vec<String>,
}

impl Input {
    pub(super) fn check(reading: &mut Reading<'_>, schema: Value, at: At<'_>) -> Self {
        if let Err(error) = jsonschema::meta::validate(&schema) {
            let path = error.instance_path().to_string();
            let place = path.split('/').skip(1).fold(at, |at, part| match part.parse() {
                Ok(index) if at.node().is_some_and(|node| node.as_sequence().is_some()) => at.item(index),
                _ => at.key(part),
            });
            let message = match path.as_str() {
                "" => "the input is no JSON Schema".to_owned(),
                path => format!("the input is no JSON Schema: what stands at `{path}` means nothing"),
            };
            let hint = "write it as `{type: object, properties: {url: {type: string}}, required: [url]}`";
            reading.problem(codes::INVALID_INPUT_SCHEMA, place, message, hint);
        }
        let properties = schema.get("properties").and_then(Value::as_object).cloned();
        let open = schema.get("additionalProperties").is_some_and(|others| others != &Value::Bool(false));
        let has_default = |name: &&str| {
            properties
                .as_ref()
                .is_some_and(|all| all.get(*name).is_some_and(|own| own.get("default").is_some()))
        };
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let required =
            required.filter_map(Value::as_str).filter(|name| !has_default(name)).map(str::to_owned).collect();
        Self { properties: properties.filter(|_| !open), required, schema }
    }

    /// `input.url` must be one of the properties.
    pub(super) fn check_read(&self, reading: &mut Reading<'_>, path: &[String], place: &Place) {
        let (Some(name), Some(properties)) = (path.get(1), &self.properties) else { return };
        if !properties.contains_key(name) {
            let message = format!("the workflow's input has no `{name}`");
            let hint = match reading.near(name, properties.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `input.{near}`?"),
                None => format!("declare it: `input: {{properties: {{{name}: {{type: string}}}}}}`"),
            };
            reading.found.push(Diagnostic::new(codes::UNKNOWN_INPUT, message).at(place.clone()).hint(hint));
        }
    }

    /// A trigger's input against the schema. Values of expressions are known only when it fires.
    fn check_filled(&self, reading: &mut Reading<'_>, given: &Map<String, Value>, at: At<'_>) {
        for name in self.required.iter().filter(|name| !given.contains_key(*name)) {
            let message = format!("the trigger gives no `{name}`, and the workflow's input requires it");
            let hint = format!("add it: `input: {{{name}: …}}`");
            reading.key_problem(codes::TRIGGER_INPUT, at, message, hint);
        }
        let Some(properties) = &self.properties else { return };
        for (name, value) in given {
            let own = at.key("input").key(name);
            let Some(schema) = properties.get(name) else {
                let message = format!("the workflow's input has no `{name}`");
                let hint = match reading.near(name, properties.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "remove it, or declare it in the workflow's `input`".to_owned(),
                };
                reading.key_problem(codes::UNKNOWN_INPUT, own, message, hint);
                continue;
            };
            if holds_expression(value) {
                continue;
            }
            if let Ok(validator) = jsonschema::validator_for(schema)
                && let Err(error) = validator.validate(value)
            {
                let message =
                    format!("the trigger's `{name}` does not fit the workflow's input: {}", error.masked());
                reading.problem(codes::TRIGGER_INPUT, own, message, "change the value, or the schema");
            }
        }
    }
}

fn holds_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => Text::may_hold_expression(text),
        Value::Array(items) => items.iter().any(holds_expression),
        Value::Object(map) => map.values().any(holds_expression),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(super) fn trigger(
    reading: &mut Reading<'_>,
    spec: &TriggerSpec,
    input: &Input,
    at: At<'_>,
) -> Option<Trigger> {
    let TriggerSpec { cron, time_zone, nats, dedupe, http, merge, input: given } = spec;
    reading.texts(at.key("input"), &mut |reading, expression, read, place| {
        reading.known_root(expression, read, &place, &TRIGGER_ROOTS);
    });
    let count = ["cron", "nats", "http", "merge"].iter().filter(|word| at.key(word).exists()).count();
    let is_read = cron.is_some() || nats.is_some() || http.is_some() || merge.is_some();
    if count == 1 && !is_read {
        // Of the wrong type, which was reported.
        return None;
    }
    if count != 1 {
        let message = format!("a trigger is exactly one thing, and here are {count}");
        let hint =
            "write one of `cron: …`, `nats: …`, `http: {…}`, `merge: {…}`; several triggers are a list";
        reading.problem(codes::NOT_EXACTLY_ONE, at, message, hint);
        return None;
    }
    for (word, fits) in [("timeZone", cron.is_some()), ("dedupe", nats.is_some())] {
        if at.key(word).exists() && !fits {
            let belongs = if word == "dedupe" { "nats" } else { "cron" };
            let message = format!("`{word}` belongs to `{belongs}`");
            reading.key_problem(codes::CONFLICTING_KEYS, at.key(word), message, format!("remove `{word}`"));
        }
    }
    // Without an input of its own, a request's body is the input.
    if http.is_none() || !given.is_empty() {
        input.check_filled(reading, given, at);
    }
    let given = Value::Object(given.clone());
    if let Some(schedule) = cron {
        let schedule = reading.schedule(schedule, at.key("cron"));
        let time_zone = reading.time_zone(time_zone.as_deref(), at.key("timeZone"));
        return Some(Trigger::Cron { schedule: schedule?, time_zone: time_zone?, input: given });
    }
    if let Some(subject) = nats {
        let own = at.key("dedupe");
        let dedupe = dedupe.as_ref().and_then(|text| reading.expression(&text.0, own));
        if let Some(dedupe) = &dedupe {
            reading.visit_expression(dedupe, own, &mut |reading, expression, read, place| {
                reading.known_root(expression, read, &place, &TRIGGER_ROOTS);
            });
        }
        let fine = !subject.is_empty()
            && !subject.contains(char::is_whitespace)
            && !subject.split('.').any(str::is_empty);
        if !fine {
            let message = format!("`{subject}` is no subject");
            reading.problem(
                codes::INVALID_NAME,
                at.key("nats"),
                message,
                "write words with dots between: `files.created`",
            );
        }
        return Some(Trigger::Nats { subject: subject.clone(), dedupe, input: given });
    }
    let kind = if http.is_some() { "http" } else { "merge" };
    let settings = at.node().map(crate::yaml::Node::to_json).unwrap_or_default();
    Some(Trigger::Other { kind: kind.to_owned(), settings })
}
