//! `health/*.yaml`.
//!
//! What stands in the rule of a kind is described here for editors, and read by who judges by it.

#![expect(dead_code, reason = "schemas are made of these types, and nothing else")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

/// Marks what is not checked with the definition, because who reads it says more of it.
pub(in crate::definition) const READ_ELSEWHERE: &str = "x-read-elsewhere";

/// What the statuses of kinds say about health. These rules win over the shipped ones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct HealthRulesSpec {
    /// The API group, or several; `""` is the core group, `*.example.com` are all that end so.
    pub group: Groups,
    /// The rule of each kind. Several names are divided by commas; `*` is every other kind of the group.
    pub kinds: BTreeMap<String, KindRule>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(in crate::definition) enum Groups {
    One(String),
    Several(Vec<String>),
}

/// The rule of one kind.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::definition) struct KindRule(Value);

impl JsonSchema for KindRule {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "KindRule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let texts = || json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]});
        let word = || json!({"enum": ["Healthy", "Progressing", "Degraded", "Suspended", "Unknown"]});
        let described = |text: &str, schema: Value| {
            let mut schema = schema;
            schema["description"] = text.into();
            schema
        };
        let mut state = tests();
        state["name"] = described("Its name, as judgements show it.", json!({"type": "string"}));
        state["health"] = word();
        state["message"] = described(
            "What to say; `{status.readyReplicas ?? 0}` and `{condition}` are filled in.",
            json!({"type": "string"}),
        );
        json_schema!({
            (READ_ELSEWHERE): true,
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "data": {"const": true, "description": "It is healthy by being there. Stands alone."},
                "conventions": {"const": true, "description": "It is judged by the API conventions. Stands alone."},
                "observedGeneration": {
                    "type": "string",
                    "description": "`required`, `ignored`, or the path of the field where it stands.",
                },
                "suspended": {
                    "anyOf": [{"type": "string"}, {"type": "object", "properties": tests()}],
                    "description": "When somebody has suspended it: CEL, or a test.",
                },
                "states": {
                    "description": "The first that fits decides.",
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "health"],
                        "additionalProperties": false,
                        "properties": state,
                    },
                },
                "phase": {
                    "description": "A word in the status, and what each word means.",
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "at": {"type": "string"},
                        "healthy": texts(),
                        "progressing": texts(),
                        "degraded": texts(),
                        "suspended": texts(),
                        "message": texts(),
                    },
                },
                "ready": {
                    "description": "Conditions that must all be true.",
                    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {
                        "type": "object",
                        "required": ["conditions"],
                        "additionalProperties": false,
                        "properties": {
                            "conditions": texts(),
                            "failed": texts(),
                            "working": texts(),
                            "notReady": word(),
                            "broken": texts(),
                            "waiting": texts(),
                        },
                    }],
                },
                "otherwise": word(),
            },
        })
    }
}

/// What a state, or a test in it, may ask.
fn tests() -> Value {
    let many = |what: &Value| json!({"anyOf": [what, {"type": "array", "items": what}]});
    let (text, test) = (json!({"type": "string"}), json!({"type": "object"}));
    json!({
        "condition": many(&json!({
            "type": "object",
            "required": ["type"],
            "additionalProperties": false,
            "properties": {
                "type": many(&text),
                "status": {"description": "`\"True\"`, `\"False\"`, `Unknown`, or several."},
                "reason": many(&text),
                "notReason": many(&text),
                "at": text,
            },
        })),
        "fields": {"type": "object", "description": "What stands at each path: a value, several, `{present: true}`, `{not: […]}`."},
        "compare": many(&text),
        "some": many(&test),
        "every": many(&test),
        "not": test,
        "any": {"type": "array", "items": test},
        "when": {"type": "string", "description": "CEL over `object`."},
    })
}
