//! What GitHub answers, and the words in which it refuses.

use serde_json::{Value, json};

/// An answer before its headers are complete.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// A refusal is an answer too.
pub(super) type Outcome = Result<Answer, Answer>;

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self::new(200, Some(body))
    }

    pub(super) fn created(body: Value) -> Self {
        Self::new(201, Some(body))
    }

    pub(super) fn nothing() -> Self {
        Self::new(204, None)
    }

    pub(super) fn new(status: u16, body: Option<Value>) -> Self {
        Self { status, body, headers: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// Git did not do what it was told: a mistake of the fake or of its test.
impl From<anyhow::Error> for Answer {
    fn from(error: anyhow::Error) -> Self {
        refusal(500, format!("the fake is broken: {error:#}"))
    }
}

/// In plain words.
pub(super) fn refusal(status: u16, message: impl Into<String>) -> Answer {
    let message: String = message.into();
    let body = json!({"message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()});
    Answer::new(status, Some(body))
}

/// Also where something is there, and not for the asker to see.
pub(super) fn not_found() -> Answer {
    refusal(404, "Not Found")
}

pub(super) fn not_for_integrations() -> Answer {
    refusal(403, "Resource not accessible by integration")
}

/// A field that is wrong by itself.
pub(super) fn invalid(resource: &str, field: &str, code: &str) -> Answer {
    failed(&json!({"resource": resource, "field": field, "code": code}))
}

/// A rule that is broken, in words.
pub(super) fn broken_rule(resource: &str, message: &str) -> Answer {
    failed(&json!({"resource": resource, "code": "custom", "message": message}))
}

fn failed(error: &Value) -> Answer {
    let mut answer = refusal(422, "Validation Failed");
    if let Some(body) = &mut answer.body {
        body["errors"] = json!([error]);
    }
    answer
}

pub(super) fn too_long(resource: &str, field: &str, most: usize) -> Answer {
    let message = format!("{field} is too long (maximum is {most} characters)");
    failed(&json!({"resource": resource, "code": "custom", "field": field, "message": message}))
}
