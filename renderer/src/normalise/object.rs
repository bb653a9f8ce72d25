//! One document to one object, or to several when it is a list.

use std::collections::BTreeMap;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::object::{Body, DesiredObject, KeyParts, ObjectKey, Provenance, SecretValue};
use naksha_environments::plan::FieldPath;
use naksha_environments::secret::MarkKey;
use naksha_environments::yaml::{Dialect, Node, parse_lines};
use serde_json::{Value, json};

use super::identity::{Identity, identify};
use super::origin::Origin;
use super::{clean, secrets, texts, wave};

/// Largest object, as JSON. etcd takes 1.5 MiB per write; the rest is for what the server adds.
pub const MAX_OBJECT_BYTES: usize = 1_500_000;
/// Lists inside of lists: kubectl writes none, two are bearable, and it bounds the recursion.
const MAX_LIST_DEPTH: usize = 3;

/// What normalising documents came to.
#[derive(Debug, Default)]
pub struct Output {
    pub objects: Vec<DesiredObject>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Turns documents into objects.
#[derive(Debug, Clone, Copy)]
pub struct Normaliser<'a> {
    /// For objects that name none and need one.
    pub default_namespace: &'a str,
    pub key: &'a MarkKey,
}

impl Normaliser<'_> {
    /// Every object of a text, and everything that is wrong with it.
    pub fn text(&self, origin: Origin<'_>, out: &mut Output) {
        let parsed = parse_lines(origin.text(), Dialect::Manifest);
        let rendered = matches!(origin, Origin::Template { .. });
        out.diagnostics.extend(
            parsed
                .diagnostics
                .into_iter()
                .map(|finding| if rendered { rendered_finding(origin, &finding) } else { finding }),
        );
        for document in &parsed.documents {
            self.document(&document.root, origin, 0, out);
        }
    }

    fn document(&self, root: &Node, origin: Origin<'_>, depth: usize, out: &mut Output) {
        if root.as_mapping().is_none() {
            let message = format!(
                "a manifest is a map with `apiVersion`, `kind` and `metadata`, and this is {}",
                root.describe()
            );
            out.diagnostics
                .push(Diagnostic::new(codes::OBJECT_NOT_A_MAP, message).at(origin.place(root.span)));
            return;
        }
        if let Some(items) = list_items(root).filter(|_| depth < MAX_LIST_DEPTH) {
            for item in items {
                self.document(item, origin, depth + 1, out);
            }
            return;
        }
        let before = out.diagnostics.iter().filter(|finding| finding.is_error()).count();
        let Some(identity) = identify(root, origin, self.default_namespace, &mut out.diagnostics) else {
            return;
        };
        for wrong in texts::wrong(&identity.key.group, &identity.key.kind, root) {
            let message = format!("{} must be a string, and is {}", wrong.name, wrong.node.describe());
            let finding =
                Diagnostic::new(codes::OBJECT_TEXT_EXPECTED, message).at(origin.place(wrong.node.span));
            out.diagnostics.push(finding.hint("put it in quotes"));
        }
        let object = self.object(root, origin, identity, &mut out.diagnostics);
        let errors = out.diagnostics.iter().filter(|finding| finding.is_error()).count();
        if errors == before {
            out.objects.extend(object);
        }
    }

    fn object(
        &self,
        root: &Node,
        origin: Origin<'_>,
        identity: Identity,
        found: &mut Vec<Diagnostic>,
    ) -> Option<DesiredObject> {
        let Identity { key, api_version } = identity;
        let wave = wave_of(&key, root, origin, found);
        let mut value = root.to_json();
        let dropped = clean::server_fields(&mut value);
        if !dropped.is_empty() {
            let fields: Vec<_> = dropped.iter().map(|field| format!("`{field}`")).collect();
            let message =
                format!("only the server sets {} of {}, and it is left out", fields.join(", "), key.short());
            let metadata = root.get("metadata").unwrap_or(root);
            found.push(Diagnostic::new(codes::SERVER_FIELDS, message).at(origin.place(metadata.span)));
        }
        clean::nulls_and_status(&key.group, &key.kind, &mut value);
        clean::spelling(&key.group, &key.kind, &mut value);
        set_namespace(&mut value, key.namespace.as_deref());
        let values = match (&*key.group, &*key.kind) {
            ("", "Secret") => self.secret_values(&mut value, root, origin, found)?,
            _ => BTreeMap::new(),
        };
        let body = Body::new(&value);
        let bytes = body.as_json().len() + secret_bytes(&values);
        if bytes > MAX_OBJECT_BYTES {
            let message =
                format!("{} has {bytes} bytes, and an object may have {MAX_OBJECT_BYTES}", key.short());
            found.push(Diagnostic::new(codes::OBJECT_TOO_LARGE, message).at(origin.place(root.span)));
            return None;
        }
        let provenance = origin.provenance(root.span);
        let api_version = api_version.as_str().into();
        Some(DesiredObject { key, api_version, body, secrets: values, wave, provenance })
    }

    fn secret_values(
        &self,
        value: &mut Value,
        root: &Node,
        origin: Origin<'_>,
        found: &mut Vec<Diagnostic>,
    ) -> Option<BTreeMap<String, SecretValue>> {
        match secrets::extract(value, self.key) {
            Ok(values) => Some(values),
            Err(wrong) => {
                found.extend(wrong.into_iter().map(|wrong| {
                    let path = FieldPath::default().key(wrong.field).key(&wrong.key);
                    let message =
                        format!("`{}` under `{}` cannot be read: {}", wrong.key, wrong.field, wrong.reason);
                    let place = origin.place(root.nearest(&path).span).without_text();
                    Diagnostic::new(codes::SECRET_DATA, message).at(place)
                }));
                None
            }
        }
    }
}

/// The Secret that a unit's definition asks for.
pub(crate) fn secret_object(
    name: &str,
    namespace: &str,
    values: BTreeMap<String, SecretValue>,
    provenance: Provenance,
    key: &MarkKey,
) -> DesiredObject {
    let body = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "data": secrets::placeholders(&values, key),
    });
    let object = ObjectKey::new("", "Secret", Some(namespace), name);
    let wave = wave::of_kind("", "Secret");
    DesiredObject {
        key: object,
        api_version: "v1".into(),
        body: Body::new(&body),
        secrets: values,
        wave,
        provenance,
    }
}

/// The same object of a custom kind that turned out to have no namespace.
pub(crate) fn without_namespace(object: &DesiredObject) -> DesiredObject {
    let mut value = object.body.value();
    set_namespace(&mut value, None);
    let key = ObjectKey::from(KeyParts { namespace: None, ..KeyParts::clone(&object.key) });
    DesiredObject { key, body: Body::new(&value), ..object.clone() }
}

fn set_namespace(value: &mut Value, namespace: Option<&str>) {
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        match namespace {
            Some(namespace) => {
                metadata.insert("namespace".to_owned(), namespace.into());
            }
            None => {
                metadata.shift_remove("namespace");
            }
        }
    }
}

/// The items of a `List`, `ConfigMapList` and so on.
fn list_items(root: &Node) -> Option<&[Node]> {
    root.get("kind").and_then(Node::as_str).filter(|kind| kind.ends_with("List"))?;
    root.get("items")?.as_sequence()
}

fn wave_of(key: &ObjectKey, root: &Node, origin: Origin<'_>, found: &mut Vec<Diagnostic>) -> i32 {
    let of_kind = wave::of_kind(&key.group, &key.kind);
    let Some(node) = root.find(&["metadata", "annotations", wave::WAVE_ANNOTATION]) else { return of_kind };
    // What is no string was reported with the other annotations.
    let Some(text) = node.as_str() else { return of_kind };
    wave::parse(text).unwrap_or_else(|| {
        let limit = wave::MAX_WAVE;
        let message =
            format!("wave `{text}` of {} is not a whole number from -{limit} to {limit}", key.short());
        found.push(Diagnostic::new(codes::OBJECT_WAVE, message).at(origin.place(node.span)));
        of_kind
    })
}

fn secret_bytes(values: &BTreeMap<String, SecretValue>) -> usize {
    let length = |value: &SecretValue| match value {
        // As base64.
        SecretValue::Inline(secret) => secret.expose().len().div_ceil(3) * 4,
        SecretValue::Reference(_) => 0,
    };
    values.values().map(length).sum()
}

/// A finding about rendered YAML: at the template's line, and said to be about what it made.
fn rendered_finding(origin: Origin<'_>, finding: &Diagnostic) -> Diagnostic {
    let message = format!("what the template makes is not valid: {}", finding.message);
    let severity = finding.severity;
    let moved = origin.moved(Diagnostic { code: codes::RENDERED_YAML, message, ..finding.clone() });
    Diagnostic { severity, ..moved }
}
