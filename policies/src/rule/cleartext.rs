//! cleartext-secret: secrets written into objects, variables, values files and workflow graphs.
//!
//! Messages name what kind of secret stands where, never any part of it; source lines are not shown.

use std::collections::BTreeMap;

use naksha_environments::diagnostic::Place;
use naksha_environments::expression::Bindings;
use naksha_environments::ids::UnitName;
use naksha_environments::plan::{FieldPath, Segment, Subject};
use naksha_environments::rendered::Rendered;
use naksha_environments::source::{SourceTree, TreePath};
use naksha_environments::unit::{Unit, UnitSource};
use naksha_environments::variables::{Layer, Variables};
use naksha_environments::workflow::WorkflowGraph;
use naksha_environments::yaml::{self, Dialect, Lines, Node};
use serde_json::{Value, json};

use crate::cache::FindingCache;
use crate::found::{Found, Located, named, path};
use crate::pod::{items, text};
use crate::rule::object::Object;
use crate::rule::shape::{self, Shape};
use crate::sources::Sources;

const RULE: &str = "cleartext-secret";

/// Files that belong to nothing and are looked into, per plan: a folder of somebody else's YAML must not slow it down.
const MAX_UNCLAIMED_FILES: usize = 200;
/// Largest of those that is read. Values files have a few KiB.
const MAX_UNCLAIMED_BYTES: u64 = 256 * 1024;

/// Keys of Secrets that are public by nature.
const PUBLIC_KEYS: &[&str] = &["tls.crt", "ca.crt", "ca-bundle.crt", "service-ca.crt"];

fn finding(field: FieldPath, what: &str, shape: Shape) -> Found {
    Found::new(RULE, field, format!("{what} holds {} in clear", shape.words())).secret()
}

pub(super) fn in_object(object: &Object<'_>, found: &mut Vec<Found>) {
    let core = object.key.group.is_empty();
    match &*object.key.kind {
        "Secret" if core => in_secret(object.body, found),
        "ConfigMap" if core => in_config_map(object.body, found),
        _ => in_fields(object, found),
    }
}

/// The values were taken out; where one was written in the repository a mark stands.
fn in_secret(body: &Value, found: &mut Vec<Found>) {
    let data = body.get("data").and_then(Value::as_object);
    for (key, value) in data.into_iter().flatten() {
        let inline = value.as_str().is_some_and(|value| value.starts_with("mark:"));
        if inline && !PUBLIC_KEYS.contains(&key.as_str()) {
            let message = format!("key `{key}` is written in clear in the repository");
            found.push(Found::new(RULE, path(&["data"]).key(key), message).secret());
        }
    }
}

fn in_config_map(body: &Value, found: &mut Vec<Found>) {
    let data = body.get("data").and_then(Value::as_object);
    for (key, value) in data.into_iter().flatten() {
        let Some(value) = value.as_str() else { continue };
        let shape =
            if value.trim_end().contains('\n') { shape::in_lines(value) } else { shape::behind(key, value) };
        if let Some(shape) = shape {
            found.push(finding(path(&["data"]).key(key), &format!("key `{key}`"), shape));
        }
    }
}

/// Environment variables by their names; everything else by its shape.
fn in_fields(object: &Object<'_>, found: &mut Vec<Found>) {
    let mut variables = Vec::new();
    for container in object.pod.iter().flat_map(crate::pod::Pod::containers) {
        for (index, variable) in items(container.value, "env").enumerate() {
            let (Some(name), Some(value)) = (text(variable, "name"), text(variable, "value")) else {
                continue;
            };
            if let Some(shape) = shape::behind(name, value) {
                let field = named(&container.path.key("env"), Some(name), index).key("value");
                let what = format!("variable `{name}` of {}", container.words());
                found.push(finding(field.clone(), &what, shape));
                variables.push(field);
            }
        }
    }
    walk(object.body, &FieldPath::default(), &mut |field, _, value| {
        let shape = shape::in_text(value).filter(|_| !variables.contains(field));
        if let Some(shape) = shape {
            found.push(finding(field.clone(), &format!("`{field}`"), shape));
        }
    });
}

/// Every text of a tree, with its path and the key it stands behind.
fn walk(value: &Value, at: &FieldPath, visit: &mut impl FnMut(&FieldPath, &str, &str)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let field = at.key(key);
                match value {
                    Value::String(text) => visit(&field, key, text),
                    value => walk(value, &field, visit),
                }
            }
        }
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                let field = named(at, item.get("name").and_then(Value::as_str), index);
                match item {
                    Value::String(text) => visit(&field, "", text),
                    item => walk(item, &field, visit),
                }
            }
        }
        Value::String(text) => visit(at, "", text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What was found in the variables of one unit, with what tells that it is the same elsewhere.
pub(crate) type InVariables = Vec<(Identity, Located)>;

/// The owner, the field, and where it is written.
type Identity = (Option<UnitName>, FieldPath, Option<String>);

/// Variables of every unit, each layer's once. What was found in a unit is found again as long as it has the very same.
pub(crate) fn in_variables(rendered: &Rendered, cache: &FindingCache) -> Vec<Located> {
    let mut found: BTreeMap<Identity, Located> = BTreeMap::new();
    for (unit, made) in &rendered.units {
        let in_unit = cache.in_variables(unit, &made.variables, || in_unit(unit, &made.variables));
        for (identity, located) in in_unit.iter() {
            found.entry(identity.clone()).or_insert_with(|| located.clone());
        }
    }
    found.into_values().collect()
}

fn in_unit(unit: &UnitName, variables: &Variables) -> InVariables {
    let mut found = InVariables::new();
    for (name, variable) in &variables.0 {
        let Some((layer, place)) = variable.origins.last() else { continue };
        let mut visit = |field: &FieldPath, key: &str, value: &str| {
            if let Some(shape) = shape::behind(key, value) {
                let made = finding(field.clone(), &format!("variable `{name}`"), shape);
                let place = place.clone().map(Place::without_text);
                let owner = match *layer {
                    Layer::Repository | Layer::Environment => None,
                    Layer::Unit | Layer::EnvironmentUnit => Some(unit.clone()),
                };
                let at = place.as_ref().map(ToString::to_string);
                let located = Located { unit: owner.clone(), subject: None, place, found: made };
                found.push(((owner, field.clone(), at), located));
            }
        };
        let field = || path(&["variables", name]);
        match &variable.value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            // Nearly all of them, and nearly all are innocent: they cost no path.
            Value::String(text) if shape::behind(name, text).is_none() => {}
            Value::String(text) => visit(&field(), name, text),
            nested => walk(nested, &field(), &mut visit),
        }
    }
    found
}

/// Files that units list as values, also units that nobody can apply; and, as warnings, files that belong to nothing.
pub(crate) fn in_values_files(sources: Sources<'_>, rendered: &Rendered) -> Vec<Located> {
    let Sources { definitions, tree } = sources;
    let mut found = Vec::new();
    for name in rendered.units.keys() {
        let unit = definitions.units.get(name).or_else(|| definitions.flawed_units.get(name));
        for file in unit.into_iter().flat_map(|unit| values_files(unit, rendered)) {
            in_file(tree, &file, yaml::limits::MAX_MANIFEST_BYTES as u64, &mut |place, made| {
                found.push(Located { unit: Some(name.clone()), subject: None, place, found: made });
            });
        }
    }
    for file in definitions.unclaimed.iter().take(MAX_UNCLAIMED_FILES) {
        in_file(tree, file, MAX_UNCLAIMED_BYTES, &mut |place, made| {
            // It is in the repository, and in nothing that this environment applies.
            let made = Found { at_most_warning: true, ..made };
            found.push(Located { unit: None, subject: None, place, found: made });
        });
    }
    found
}

fn in_file(tree: &SourceTree, file: &TreePath, limit: u64, visit: &mut impl FnMut(Option<Place>, Found)) {
    // A file that is missing or broken is a diagnostic of its unit.
    let Ok(text) = tree.read_text(file, limit) else { return };
    let lines = Lines::new(file, &text);
    for document in yaml::parse_lines(&lines, Dialect::Manifest).documents {
        in_values(&document.root, &FieldPath::default(), None, &mut |field, shape, node| {
            let place = Some(lines.place(node.span).without_text());
            visit(place, finding(field.clone(), &format!("`{field}`"), shape));
        });
    }
}

fn values_files(unit: &Unit, rendered: &Rendered) -> Vec<TreePath> {
    let UnitSource::Helm(helm) = &unit.source else { return Vec::new() };
    let bindings = Bindings::new().with("environment", json!({"name": rendered.environment.as_str()}));
    let names = helm.values.iter().filter_map(|values| values.file.evaluate(&bindings).ok());
    names.filter_map(|name| TreePath::resolve(unit.folder.as_ref(), name.as_str()?).ok()).collect()
}

/// `beside`: the key that the node stands behind, and the texts of its mapping.
fn in_values(
    node: &Node,
    at: &FieldPath,
    beside: Option<(&str, &[(&str, &str)])>,
    visit: &mut impl FnMut(&FieldPath, Shape, &Node),
) {
    if let Some(mapping) = node.as_mapping() {
        let texts = mapping.iter().filter_map(|entry| Some((&*entry.key, entry.value.as_str()?)));
        let texts: Vec<_> = texts.collect();
        for entry in mapping {
            in_values(&entry.value, &at.key(&entry.key), Some((&*entry.key, &texts)), visit);
        }
    } else if let Some(list) = node.as_sequence() {
        for (index, item) in list.iter().enumerate() {
            in_values(item, &at.with(Segment::Index(index)), None, visit);
        }
    } else if let Value::String(text) = node.to_json() {
        let shape = match beside {
            _ if text.contains('\n') => shape::in_lines(&text),
            Some((key, texts)) => shape::beside(texts, key, &text),
            None => shape::in_text(&text),
        };
        if let Some(shape) = shape {
            visit(at, shape, node);
        }
    }
}

/// What the nodes of a graph are given.
pub(crate) fn in_workflow(graph: &WorkflowGraph) -> Vec<Located> {
    let mut found = Vec::new();
    for (id, node) in &graph.nodes {
        let base = path(&["nodes", id.as_str(), "with"]);
        walk(&node.with, &base, &mut |field, key, value| {
            if let Some(shape) = shape::behind(key, value) {
                found.push(Located {
                    unit: None,
                    subject: Some(Subject::Workflow(graph.name.clone())),
                    place: Some(node.place.clone().without_text()),
                    found: finding(field.clone(), &format!("node `{id}`"), shape),
                });
            }
        });
    }
    found
}
