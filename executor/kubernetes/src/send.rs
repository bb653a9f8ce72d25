//! What is sent: the desired object with whose it is, and the values of secrets, in the notation that makes no conflict.

use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use naksha_environments::digest::Digest;
use naksha_environments::object::Mark;
use naksha_executor::live::with_values;
use naksha_executor::port::store::Scope;
use naksha_executor::port::target::{OWNER_ANNOTATION, Write, WriteError, WriteMode, owner_of};
use serde_json::{Map, Value};

use crate::fields::MANAGER;

/// Says to whose environment of which repository an object belongs, so that a watch tells of no others. A filter, never
/// proof. One label, because each field that is ours costs the server at every write.
pub(crate) const ENVIRONMENT_LABEL: &str = "naksha.dev/environment";
/// The most that a label's value takes (Kubernetes, "Labels and Selectors").
const MAX_LABEL: usize = 63;
/// Of a scope that does not fit, the beginning and so many digits of its digest.
const DIGITS: usize = 16;
/// No object has this version: who sends it makes an object, or fails where one is.
pub(crate) const NO_VERSION: &str = "1";
/// The content type of a server-side apply.
const APPLY: &str = "application/apply-patch+yaml";
/// An object as a whole.
pub(crate) const OBJECT: &str = "application/json";
/// What a server says of an object without saying what is in it.
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// What etcd takes, less some room for what the server adds. Clients of other tools stop at the same size.
const MAX_BYTES: usize = 1_500_000;

/// The body of a server-side apply.
pub(crate) fn body(write: &Write) -> Result<Value, WriteError> {
    let Write { key, scope, unit, mode, body, secrets, leave, previous: _ } = write;
    let invalid = |field: &str, reason: &str| WriteError::Invalid {
        key: key.clone(),
        field: Some(field.to_owned()),
        reason: reason.to_owned(),
    };
    let mut desired = naksha_environments::merge::without(&with_values(body, secrets), leave);
    let fields = desired.as_object_mut().ok_or_else(|| invalid("", "it is no object"))?;
    fields.shift_remove("status");
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let metadata = metadata.as_object_mut().ok_or_else(|| invalid("metadata", "it is no map"))?;
    for name in ["resourceVersion", "uid", "managedFields", "generation", "creationTimestamp", "selfLink"] {
        metadata.shift_remove(name);
    }
    let signs = [
        ("annotations", OWNER_ANNOTATION, owner_of(scope, unit, key)),
        ("labels", ENVIRONMENT_LABEL, label(scope)),
    ];
    for (part, name, value) in signs {
        let part_of = metadata.entry(part).or_insert_with(|| Value::Object(Map::new()));
        if part_of.is_null() {
            *part_of = Value::Object(Map::new());
        }
        let part_of =
            part_of.as_object_mut().ok_or_else(|| invalid(&format!("metadata.{part}"), "it is no map"))?;
        part_of.insert(name.to_owned(), Value::String(value));
    }
    match mode {
        WriteMode::Create => drop(metadata.insert("resourceVersion".to_owned(), NO_VERSION.into())),
        WriteMode::Update { expect } | WriteMode::Adopt { expect } => sign_uid(metadata, expect),
    }
    Ok(desired)
}

/// Selects what is labelled as the scope's, as part of a query.
pub(crate) fn selector(scope: &Scope) -> String {
    format!("labelSelector={ENVIRONMENT_LABEL}%3D{}", label(scope))
}

/// `REPOSITORY_ENVIRONMENT`: no name holds the sign in between.
pub(crate) fn label(scope: &Scope) -> String {
    let mut label = format!("{}_{}", scope.repository, scope.environment);
    if label.len() > MAX_LABEL {
        let digest = Digest::of_bytes(label.as_bytes()).hex();
        label.truncate(MAX_LABEL - DIGITS - 1);
        label.push('_');
        label.push_str(&digest[..DIGITS]);
    }
    label
}

/// With it a missing object is refused and not made, and one of another identity is not written.
fn sign_uid(metadata: &mut Map<String, Value>, expect: &Mark) {
    if let Some(uid) = &expect.uid {
        metadata.insert("uid".to_owned(), uid.0.as_ref().into());
    }
}

/// As [`body`], bound to a version: it must be just this.
pub(crate) fn bind(body: &mut Value, resource_version: &str) {
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), resource_version.into());
    }
}

/// How a body is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sending {
    /// It takes no field from anybody.
    Gently,
    ByForce,
    /// By force, and nothing is kept.
    DryRun,
    /// Nothing is kept, and no field taken from anybody.
    GentleDryRun,
}

/// A server-side apply of `body` to `path`. Of a dry run only the refusal is of interest, and little else is answered.
pub(crate) fn request(
    write: &Write,
    path: &str,
    body: &Value,
    sending: Sending,
) -> Result<Request<Vec<u8>>, WriteError> {
    let (how, accept) = match sending {
        Sending::Gently => ("", OBJECT),
        Sending::ByForce => ("&force=true", OBJECT),
        Sending::DryRun => ("&force=true&dryRun=All", METADATA),
        Sending::GentleDryRun => ("&dryRun=All", METADATA),
    };
    let request = Request::patch(format!("{path}?fieldManager={MANAGER}&fieldValidation=Strict{how}"))
        .header(CONTENT_TYPE, APPLY)
        .header(ACCEPT, accept)
        .body(text(write, body)?);
    Ok(request.expect("should be a request: its path is escaped"))
}

/// As text, unless it is larger than any server takes.
fn text(write: &Write, body: &Value) -> Result<Vec<u8>, WriteError> {
    let text = serde_json::to_vec(body).expect("should write a value of texts and numbers");
    if text.len() > MAX_BYTES {
        return Err(WriteError::Invalid {
            key: write.key.clone(),
            field: None,
            reason: format!("it has {} bytes, and no server takes more than {MAX_BYTES}", text.len()),
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_fits_and_means_one_scope() {
        let label = |scope: &str| label(&scope.parse().unwrap());
        assert_eq!(label("infra/dev"), "infra_dev");
        assert_ne!(label("a.b/c"), label("a/b.c"));
        let (one, two) = (format!("{}/a", "x".repeat(63)), format!("{}/b", "x".repeat(63)));
        assert_eq!(label(&one).len(), MAX_LABEL);
        assert_ne!(label(&one), label(&two));
    }
}
