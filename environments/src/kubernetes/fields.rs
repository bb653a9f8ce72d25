//! Which fields objects of Kubernetes' own kinds have, and what is wrong with those that they do not have.
//!
//! `fields.txt` is what a Kubernetes 1.37 says of itself in its OpenAPI documents, without descriptions; the tests that have a
//! server compare the two. A kind or version that is not in it is not judged, nor is what lies beneath a field of free form.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::diagnostic::did_you_mean;
use crate::plan::{FieldPath, Segment};

/// Kinds first, `apps/v1 Deployment TYPE`; then a line per type, `TYPE: replicas spec=TYPE items=TYPE[] byName=TYPE{}`.
pub const TABLE: &str = include_str!("fields.txt");

/// A field that the kind does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    pub path: FieldPath,
    pub name: String,
    /// One that it has, and that may be meant.
    pub near: Option<&'static str>,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Leaf,
    One(&'static str),
    List(&'static str),
    Map(&'static str),
}

/// Fields of one type, by name.
type Fields = Vec<(&'static str, Shape)>;

struct Table {
    kinds: HashMap<(&'static str, &'static str), &'static str>,
    types: HashMap<&'static str, Fields>,
}

static READ: LazyLock<Table> = LazyLock::new(|| Table::read(TABLE));

impl Table {
    fn read(text: &'static str) -> Self {
        let (mut kinds, mut types) = (HashMap::new(), HashMap::new());
        for line in text.lines() {
            if let Some((name, fields)) = line.split_once(": ") {
                types.insert(name, fields.split(' ').map(field).collect());
            } else if let [version, kind, name] = line.split(' ').collect::<Vec<_>>()[..] {
                kinds.insert((version, kind), name);
            }
        }
        Self { kinds, types }
    }
}

fn field(text: &'static str) -> (&'static str, Shape) {
    let Some((name, of)) = text.split_once('=') else { return (text, Shape::Leaf) };
    let shape = match (of.strip_suffix("[]"), of.strip_suffix("{}")) {
        (Some(of), _) => Shape::List(of),
        (_, Some(of)) => Shape::Map(of),
        (None, None) => Shape::One(of),
    };
    (name, shape)
}

/// The fields of an object that its kind does not have, outermost only. Nulls are left out: they are not sent.
pub fn unknown_fields(body: &Value) -> Vec<UnknownField> {
    let text = |name| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut unknown = Vec::new();
    if let Some(of) = READ.kinds.get(&(text("apiVersion"), text("kind"))) {
        look(of, body, &FieldPath(Vec::new()), &mut unknown);
    }
    unknown
}

fn look(of: &str, value: &Value, at: &FieldPath, unknown: &mut Vec<UnknownField>) {
    let (Some(fields), Some(object)) = (READ.types.get(of), value.as_object()) else { return };
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        let Some((_, shape)) = fields.iter().find(|(known, _)| known == name) else {
            let near = did_you_mean(name, fields.iter().map(|(known, _)| *known));
            unknown.push(UnknownField { path: at.key(name), name: name.clone(), near });
            continue;
        };
        let path = at.key(name);
        match shape {
            Shape::Leaf => {}
            Shape::One(of) => look(of, value, &path, unknown),
            Shape::List(of) => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    look(of, item, &path.with(item_of(item, index)), unknown);
                }
            }
            Shape::Map(of) => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    look(of, item, &path.key(key), unknown);
                }
            }
        }
    }
}

/// By its name where it has one, so that findings follow it.
fn item_of(item: &Value, index: usize) -> Segment {
    match item.get("name").and_then(Value::as_str) {
        Some(name) => Segment::Item(vec![("name".to_owned(), name.to_owned())]),
        None => Segment::Index(index),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(body: &Value) -> Vec<String> {
        let told = |found: UnknownField| format!("{} {}", found.path, found.near.unwrap_or("-"));
        unknown_fields(body).into_iter().map(told).collect()
    }

    #[test]
    fn what_a_kind_does_not_have_is_told_with_what_it_has() {
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "lables": {}},
            "spec": {"replica": 2, "paused": null, "selector": {"matchLabels": {"any": "thing"}}, "template": {"spec": {
                "containers": [{"name": "web", "enviroment": [], "resources": {"limits": {"example.com/gpu": 1}}}],
                "nodeSelector": {"whatever": "it is"},
            }}},
            "status": {"replicas": 1},
        });
        assert_eq!(
            check(&deployment),
            [
                "metadata.lables labels",
                "spec.replica replicas",
                "spec.template.spec.containers[name=web].enviroment -",
            ]
        );
    }

    #[test]
    fn what_is_free_in_form_or_not_known_is_not_judged() {
        assert_eq!(
            check(&json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"any": "thing"}})),
            [""; 0]
        );
        assert_eq!(check(&json!({"apiVersion": "v1", "kind": "ConfigMap", "dta": {}})), ["dta data"]);
        assert_eq!(
            check(&json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "x": 1})),
            [""; 0]
        );
        assert_eq!(check(&json!({"apiVersion": "apps/v9", "kind": "Deployment", "x": 1})), [""; 0]);
        assert_eq!(check(&json!({"apiVersion": "v1", "kind": "Service", "spec": "a text"})), [""; 0]);
        let schema = json!({"properties": {"size": {"type": "integer", "minimun": 1}}, "x-any": 1});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]}});
        assert_eq!(
            check(&definition),
            [
                "spec.versions[name=v1].schema.openAPIV3Schema.properties.size.minimun minimum",
                "spec.versions[name=v1].schema.openAPIV3Schema.x-any -",
            ]
        );
    }

    #[test]
    fn the_table_is_whole() {
        let table = &*READ;
        assert!(table.kinds.len() > 60, "{}", table.kinds.len());
        for of in table.kinds.values() {
            assert!(table.types.contains_key(of), "{of}");
        }
        for (_, shape) in table.types.values().flatten() {
            if let Shape::One(of) | Shape::List(of) | Shape::Map(of) = shape {
                assert!(table.types.contains_key(of), "{of}");
            }
        }
    }
}
