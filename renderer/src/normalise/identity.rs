//! Who an object is: group, kind, namespace and name, each checked before anything else is read.

use naksha_environments::codes::{Code, render as codes};
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::kubernetes::{Misfit, MisfitField, is_built_in, is_cluster_scoped, misfit};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::FieldPath;
use naksha_environments::yaml::Node;

use super::origin::Origin;

/// Our own definitions; they are no objects of a cluster.
const DEFINITIONS: &str = "naksha.dev";
/// Longest name of an object, and longest label (RFC 1123).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

pub(super) struct Identity {
    pub(super) key: ObjectKey,
    pub(super) api_version: String,
}

/// Reads who a document is; `None` when that cannot be told.
pub(super) fn identify(
    root: &Node,
    origin: Origin<'_>,
    default_namespace: &str,
    found: &mut Vec<Diagnostic>,
) -> Option<Identity> {
    let before = found.len();
    let mut reader = Reader { root, origin, found };
    let (api_version, kind) = (reader.required(&["apiVersion"]), reader.required(&["kind"]));
    let name = reader.required(&["metadata", "name"]);
    let (api_version, kind) = (api_version?, kind?);
    let (group, _version) = api_version.split_once('/').unwrap_or(("", api_version));
    if group == DEFINITIONS {
        let message = format!("`{kind}` is a definition of naksha, and stands among the manifests of a unit");
        let hint = "move it out of the files that the unit lists";
        reader.report(codes::OBJECT_IS_DEFINITION, &["apiVersion"], message, Some(hint));
        return None;
    }
    if let Some(Misfit { field, message, hint }) = misfit(api_version, kind) {
        let field = match field {
            MisfitField::ApiVersion => "apiVersion",
            MisfitField::Kind => "kind",
        };
        reader.report(codes::UNKNOWN_OBJECT_KIND, &[field], message, Some(&hint));
    }
    let name = name?;
    if let Err(reason) = check_name(group, kind, name) {
        let message = format!("name `{name}` is refused: {reason}");
        reader.report(codes::OBJECT_INVALID_NAME, &["metadata", "name"], message, None);
    }
    let written = reader.namespace();
    if reader.found[before..].iter().any(Diagnostic::is_error) {
        return None;
    }
    let cluster_scoped = is_cluster_scoped(group, kind);
    if let Some(namespace) = written.filter(|_| cluster_scoped) {
        let message = format!("`{kind}` has no namespace, and `{namespace}` is left out");
        reader.report(codes::NAMESPACE_ON_CLUSTER_SCOPE, &["metadata", "namespace"], message, None);
    }
    let namespace = (!cluster_scoped).then(|| written.unwrap_or(default_namespace));
    Some(Identity { key: ObjectKey::new(group, kind, namespace, name), api_version: api_version.to_owned() })
}

/// Reads fields of a document, and reports those that it cannot read.
struct Reader<'a, 'f> {
    root: &'a Node,
    origin: Origin<'a>,
    found: &'f mut Vec<Diagnostic>,
}

impl<'a> Reader<'a, '_> {
    fn report(&mut self, code: Code, path: &[&str], message: String, hint: Option<&str>) {
        let path = path.iter().fold(FieldPath::default(), |path, part| path.key(part));
        let place = self.origin.place(self.root.nearest(&path).span);
        let finding = Diagnostic::new(code, message).at(place);
        self.found.push(match hint {
            Some(hint) => finding.hint(hint),
            None => finding,
        });
    }

    /// The text of a field that must be there.
    fn required(&mut self, path: &[&str]) -> Option<&'a str> {
        let node = self.root.find(path);
        let text = node.and_then(Node::as_str).filter(|text| !text.is_empty());
        if text.is_some() {
            return text;
        }
        let generated = ["metadata", "generateName"];
        if path == ["metadata", "name"] && self.root.find(&generated).is_some() {
            let message = "`generateName` makes another object on every apply".to_owned();
            self.report(codes::OBJECT_GENERATED_NAME, &generated, message, Some("give it a fixed `name`"));
            return None;
        }
        let field = path.join(".");
        let message = match node.filter(|node| !node.is_null() && node.as_str().is_none()) {
            Some(node) => format!("`{field}` must be a string, and is {}", node.describe()),
            None => format!("the object has no `{field}`"),
        };
        self.report(codes::OBJECT_FIELD_MISSING, path, message, None);
        None
    }

    /// The namespace, when one is written and may be one.
    fn namespace(&mut self) -> Option<&'a str> {
        let path = ["metadata", "namespace"];
        let node = self.root.find(&path).filter(|node| !node.is_null())?;
        let Some(text) = node.as_str() else {
            let message = format!("`metadata.namespace` must be a string, and is {}", node.describe());
            self.report(codes::OBJECT_INVALID_NAME, &path, message, None);
            return None;
        };
        if let Err(reason) = check_label(text) {
            let message = format!("namespace `{text}` is refused: {reason}");
            self.report(codes::OBJECT_INVALID_NAME, &path, message, None);
            return None;
        }
        Some(text)
    }
}

/// The rules of the API server for names: those of DNS, stricter for a few kinds, laxer where it does not check.
fn check_name(group: &str, kind: &str, name: &str) -> Result<(), &'static str> {
    if name.len() > MAX_NAME {
        return Err("it is longer than 253 characters");
    }
    match (group, kind) {
        ("", "Namespace") => check_label(name),
        ("", "Service") if name.starts_with(|c: char| c.is_ascii_digit()) => {
            Err("it must start with a letter")
        }
        ("", "Service") => check_label(name),
        ("rbac.authorization.k8s.io", _) => check_segment(name),
        (group, _) if !is_built_in(group) => check_segment(name),
        _ => name.split('.').try_for_each(|part| check_dns(part)),
    }
}

fn check_label(name: &str) -> Result<(), &'static str> {
    if name.len() > MAX_LABEL { Err("it is longer than 63 characters") } else { check_dns(name) }
}

fn check_dns(part: &str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if part.is_empty() {
        return Err("a part of it is empty");
    }
    if !part.chars().all(|c| plain(c) || c == '-') {
        return Err("use lower-case letters, digits, `-` and `.`");
    }
    if !part.starts_with(plain) || !part.ends_with(plain) {
        return Err("its parts must start and end with a letter or digit");
    }
    Ok(())
}

/// What any name must be, because it is part of a path.
fn check_segment(name: &str) -> Result<(), &'static str> {
    match name {
        "." | ".." => Err("`.` and `..` are no names"),
        name if name.contains(['/', '%']) => Err("`/` and `%` are not allowed"),
        name if name.chars().any(char::is_control) => Err("it has control characters"),
        _ => Ok(()),
    }
}
