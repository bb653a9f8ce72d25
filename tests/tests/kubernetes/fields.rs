//! What naksha knows of fields without a server is what a server says of itself.

use std::collections::{BTreeMap, BTreeSet};

use naksha_environments::kubernetes::FIELDS;
use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::must;
use serde_json::Value;

/// The types of one OpenAPI document, as lines of the table.
struct Document<'a> {
    schemas: &'a Value,
    types: BTreeMap<String, String>,
}

impl Document<'_> {
    fn visit(&mut self, name: &str) {
        let own = short(name).to_owned();
        if self.types.contains_key(&own) {
            return;
        }
        self.types.insert(own.clone(), String::new());
        let properties = self.schemas[name]["properties"].as_object().cloned().unwrap_or_default();
        let mut fields: Vec<String> = Vec::new();
        for (field, schema) in properties.into_iter().collect::<BTreeMap<_, _>>() {
            fields.push(match self.shape(&schema) {
                Some((of, suffix)) => {
                    self.visit(&of);
                    format!("{field}={}{suffix}", short(&of))
                }
                None => field,
            });
        }
        self.types.insert(own, fields.join(" "));
    }

    /// The type of a field whose own fields are known, and whether there are many of it.
    fn shape(&self, schema: &Value) -> Option<(String, &'static str)> {
        if let Some(of) = reference(schema) {
            return self.schemas[&of]["properties"].is_object().then_some((of, ""));
        }
        let many = [("items", "[]"), ("additionalProperties", "{}")];
        let (of, suffix) = many.iter().find(|(of, _)| schema[of].is_object())?;
        let (of, "") = self.shape(&schema[of])? else { return None };
        Some((of, suffix))
    }
}

fn reference(schema: &Value) -> Option<String> {
    let one = schema["allOf"].as_array().filter(|all| all.len() == 1).map(|all| &all[0]);
    let text = one.unwrap_or(schema)["$ref"].as_str()?;
    text.rsplit('/').next().map(str::to_owned)
}

fn short(name: &str) -> &str {
    let packages = [
        "io.k8s.api.",
        "io.k8s.apimachinery.pkg.",
        "io.k8s.kube-aggregator.pkg.",
        "io.k8s.apiextensions-apiserver.pkg.",
    ];
    packages.iter().find_map(|package| name.strip_prefix(package)).unwrap_or(name)
}

#[test]
fn the_table_of_fields_is_what_a_server_says() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let known: BTreeSet<&str> = FIELDS.lines().collect();
    let kinds: BTreeSet<String> =
        naksha_environments::kubernetes::kinds().map(|(group, kind)| format!("{group} {kind}")).collect();
    let index = must(plane.admin().get("/openapi/v3"));
    let (mut seen, mut missing) = (0, Vec::new());
    for (path, at) in index["paths"].as_object().expect("should list documents") {
        let Some((group, version)) = group_version(path) else { continue };
        let document =
            must(plane.admin().get(at["serverRelativeURL"].as_str().expect("should be an address")));
        let mut types = Document { schemas: &document["components"]["schemas"], types: BTreeMap::new() };
        for (name, schema) in types.schemas.as_object().into_iter().flatten() {
            for of in schema["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
                let kind = of["kind"].as_str().unwrap_or_default();
                if of["group"] != group
                    || of["version"] != version
                    || !kinds.contains(&format!("{group} {kind}"))
                {
                    continue;
                }
                types.visit(name);
                let api_version =
                    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
                let line = format!("{api_version} {kind} {}", short(name));
                seen += 1;
                if !known.contains(line.as_str()) {
                    missing.push(line);
                }
            }
        }
        let lines = types.types.iter().map(|(name, fields)| format!("{name}: {fields}"));
        missing.extend(lines.filter(|line| !known.contains(line.as_str())));
    }
    assert!(seen > 50, "{seen} kinds");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Of the server's own groups: those of custom kinds come and go with other tests.
fn group_version(path: &str) -> Option<(&str, &str)> {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["api", version] => Some(("", version)),
        ["apis", group, version] if naksha_environments::kubernetes::is_built_in(group) => {
            Some((group, version))
        }
        _ => None,
    }
}
