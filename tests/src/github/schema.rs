//! Schemas of OpenAPI 3.0 as JSON Schema, closed: where properties are listed, no others may be.
//!
//! A schema that is one of several which describe the same object together stays open, since each of them knows only its own
//! properties; what encloses them is closed over all of them (`unevaluatedProperties`).

use serde_json::{Map, Value, json};

/// Where the components are, to references.
pub(super) const COMPONENTS: &str = "urn:github:components";

/// Every component twice: closed, and open at its top.
pub(super) fn components(whole: &Value) -> Value {
    let schemas = whole["components"]["schemas"].as_object();
    let all = |open: bool| {
        let schemas = schemas.into_iter().flatten();
        let schemas = schemas.map(|(name, schema)| (name.clone(), convert(schema, open)));
        Value::Object(schemas.collect())
    };
    json!({"closed": all(false), "open": all(true)})
}

pub(super) fn closed(schema: &Value) -> Value {
    convert(schema, false)
}

fn convert(schema: &Value, open: bool) -> Value {
    let Some(schema) = schema.as_object() else { return schema.clone() };
    if let Some(at) = schema.get("$ref").and_then(Value::as_str) {
        let name = at.rsplit('/').next().unwrap_or_default();
        let kind = if open { "open" } else { "closed" };
        return json!({"$ref": format!("{COMPONENTS}#/{kind}/{name}")});
    }
    let lists = schema.contains_key("properties");
    // Parts of one object: what closes them is around them.
    let part_is_open = open || lists || schema.contains_key("allOf");
    let mut made = Map::new();
    for (name, value) in schema {
        let converted = match name.as_str() {
            "nullable" | "maxLength" | "maxItems" | "readOnly" | "discriminator" => continue,
            // Some of GitHub's are lists of what a person may write, not of what is sent.
            "additionalProperties" if value.is_boolean() && open => continue,
            "properties" => {
                let all = value.as_object().into_iter().flatten();
                Value::Object(all.map(|(name, schema)| (name.clone(), convert(schema, false))).collect())
            }
            "items" | "additionalProperties" | "not" => convert(value, false),
            "allOf" | "anyOf" | "oneOf" => {
                let all = value.as_array().into_iter().flatten();
                all.map(|schema| convert(schema, part_is_open)).collect()
            }
            _ => value.clone(),
        };
        made.insert(name.clone(), converted);
    }
    let is_listed = lists || schema.contains_key("allOf");
    if is_listed && !open && !schema.contains_key("additionalProperties") {
        made.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    if schema.get("nullable") == Some(&json!(true)) { or_null(made) } else { Value::Object(made) }
}

fn or_null(mut made: Map<String, Value>) -> Value {
    let is_plain = !["allOf", "anyOf", "oneOf"].iter().any(|several| made.contains_key(*several));
    let Some(kind) = made.get("type").filter(|kind| is_plain && kind.is_string()).cloned() else {
        return json!({"anyOf": [made, {"type": "null"}]});
    };
    made.insert("type".to_owned(), json!([kind, "null"]));
    if let Some(values) = made.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    Value::Object(made)
}
