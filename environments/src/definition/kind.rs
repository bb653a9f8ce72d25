//! The kinds of definitions, their schemas, and where they may stand.

use std::fmt;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::v1alpha1::{
    ApprovalSpec, EnvironmentSpec, HealthRulesSpec, LockSpec, Metadata, PolicyContextSpec, PolicySpec,
    RepositorySpec, UnitSpec, WorkflowSpec,
};

/// The version of all our definitions.
pub const API_VERSION: &str = "naksha.dev/v1alpha1";

/// What a definition defines; written as its `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Repository,
    Environment,
    Unit,
    Workflow,
    PolicyContext,
    Policy,
    HealthRules,
    Lock,
    Approval,
}

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::Repository,
        Kind::Environment,
        Kind::Unit,
        Kind::Workflow,
        Kind::PolicyContext,
        Kind::Policy,
        Kind::HealthRules,
        Kind::Lock,
        Kind::Approval,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Repository => "Repository",
            Self::Environment => "Environment",
            Self::Unit => "Unit",
            Self::Workflow => "Workflow",
            Self::PolicyContext => "PolicyContext",
            Self::Policy => "Policy",
            Self::HealthRules => "HealthRules",
            Self::Lock => "Lock",
            Self::Approval => "Approval",
        }
    }

    /// Exactly as written in `kind`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// For sentences: "policy context".
    pub fn noun(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Environment => "environment",
            Self::Unit => "unit",
            Self::Workflow => "workflow",
            Self::PolicyContext => "policy context",
            Self::Policy => "policy",
            Self::HealthRules => "health rules",
            Self::Lock => "lock",
            Self::Approval => "approval",
        }
    }

    /// Locks and approvals are named by where they stand and what they say.
    pub(super) fn has_metadata(self) -> bool {
        !matches!(self, Self::Lock | Self::Approval)
    }

    /// Whether `spec` may be left out: everything in it has a default.
    fn spec_is_optional(self) -> bool {
        matches!(self, Self::Repository)
    }

    fn place(self) -> &'static str {
        match self {
            Self::Repository => "naksha.yaml",
            Self::Environment => "environments/<name>/environment.yaml",
            Self::Unit => "units/<name>/unit.yaml",
            Self::Workflow => "workflows/<name>.yaml",
            Self::PolicyContext => "contexts/<name>.yaml",
            Self::Policy => "policies/<name>.yaml",
            Self::HealthRules => "health/<name>.yaml",
            Self::Lock => "environments/<name>/lock.yaml",
            Self::Approval => "approvals/<plan id>.yaml",
        }
    }

    /// The JSON Schema of a document of this kind.
    pub(super) fn schema(self) -> &'static Value {
        static SCHEMAS: LazyLock<Vec<Value>> =
            LazyLock::new(|| Kind::ALL.into_iter().map(generate).collect());
        &SCHEMAS[self as usize]
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The words that `kind` may be.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    Kind::ALL.into_iter().map(Kind::as_str)
}

/// The JSON Schema of a kind; its name in any case. The same as `environments/schema/<kind>.json`.
pub fn schema(kind: &str) -> Option<Value> {
    let found = Kind::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(kind));
    found.map(|kind| kind.schema().clone())
}

fn generate(kind: Kind) -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let spec = match kind {
        Kind::Repository => subschema::<RepositorySpec>(&mut generator),
        Kind::Environment => subschema::<EnvironmentSpec>(&mut generator),
        Kind::Unit => subschema::<UnitSpec>(&mut generator),
        Kind::Workflow => subschema::<WorkflowSpec>(&mut generator),
        Kind::PolicyContext => subschema::<PolicyContextSpec>(&mut generator),
        Kind::Policy => subschema::<PolicySpec>(&mut generator),
        Kind::HealthRules => subschema::<HealthRulesSpec>(&mut generator),
        Kind::Lock => subschema::<LockSpec>(&mut generator),
        Kind::Approval => subschema::<ApprovalSpec>(&mut generator),
    };
    let mut properties = Map::new();
    properties.insert("apiVersion".to_owned(), json!({"const": API_VERSION}));
    properties.insert("kind".to_owned(), json!({"const": kind.as_str()}));
    let mut required = vec!["apiVersion", "kind"];
    if kind.has_metadata() {
        properties.insert("metadata".to_owned(), subschema::<Metadata>(&mut generator).into());
        required.push("metadata");
    }
    if !kind.spec_is_optional() {
        required.push("spec");
    }
    let description = spec.get("description").cloned().unwrap_or_default();
    properties.insert("spec".to_owned(), spec.into());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("https://naksha.dev/schema/v1alpha1/{}.json", kind.as_str().to_lowercase()),
        "title": format!("{kind} ({})", kind.place()),
        "description": description,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn subschema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.subschema_for::<T>();
    RecursiveTransform(tidy).transform(&mut schema);
    schema
}

/// What Rust types say and people do not need: a key without a value is an error, not `null`; bounds are
/// numbers, not formats.
fn tidy(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|word| word != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(options)) = object.get_mut("anyOf") {
        options.retain(|option| option.get("type") != Some(&json!("null")));
        if let [Value::Object(only)] = options.as_slice() {
            let only = only.clone();
            object.shift_remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    match object.get("format").and_then(Value::as_str) {
        Some("uint32") => {
            object.entry("maximum").or_insert(json!(u32::MAX));
            object.shift_remove("format");
        }
        Some("uint8" | "uint64" | "double") => {
            object.shift_remove("format");
        }
        _ => {}
    }
    // "Nothing" as a default says nothing.
    if object.get("default").is_some_and(|value| value.is_null() || value == &json!([])) {
        object.shift_remove("default");
    }
    if let Some(Value::String(description)) = object.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}
