//! The objects that are applied: as definitions for naksha, as bodies for the floor.

use std::fmt::Write as _;

use naksha_tests::Installation;
use serde_json::{Value, json};

/// ConfigMaps in a unit.
pub(super) const PER_UNIT: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 1000 units of a Deployment without replicas, ServiceAccount, Service and Ingress.
    Applications,
    /// 10,000 ConfigMaps of 2 KB, in 100 units.
    ConfigMaps,
    /// 50,000 of them, in 500 units: as many as an environment may have.
    ManyConfigMaps,
}

impl Kind {
    fn units(self) -> usize {
        match self {
            Self::Applications => 1000,
            Self::ConfigMaps => 100,
            Self::ManyConfigMaps => 500,
        }
    }

    pub(super) fn count(self) -> usize {
        match self {
            Self::Applications => 4000,
            Self::ConfigMaps | Self::ManyConfigMaps => self.units() * PER_UNIT,
        }
    }

    /// The address of some of the objects.
    pub(super) fn collection(self, namespace: &str) -> String {
        let plural = match self {
            Self::Applications => "serviceaccounts",
            Self::ConfigMaps | Self::ManyConfigMaps => "configmaps",
        };
        format!("/api/v1/namespaces/{namespace}/{plural}")
    }

    fn objects(self, unit: usize, namespace: &str, level: &str) -> Vec<Value> {
        match self {
            Self::Applications => application(unit, namespace, level),
            Self::ConfigMaps | Self::ManyConfigMaps => {
                let numbers = unit * PER_UNIT..(unit + 1) * PER_UNIT;
                numbers.map(|number| config(number, namespace, level)).collect()
            }
        }
    }
}

pub(super) fn config_map(number: usize) -> String {
    format!("config-{number}")
}

fn config(number: usize, namespace: &str, level: &str) -> Value {
    let text = "all work and no play makes jack a dull boy; ".repeat(45);
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": config_map(number), "namespace": namespace},
        "data": {"level": level, "text": text},
    })
}

fn application(unit: usize, namespace: &str, level: &str) -> Vec<Value> {
    let name = format!("app-{unit}");
    let metadata = json!({"name": name, "namespace": namespace, "labels": {"app": name, "level": level}});
    let container = json!({
        "name": "app",
        "image": "docker.io/library/nginx:1.29.3",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
    });
    let template = json!({
        "metadata": {"labels": {"app": name}},
        "spec": {"serviceAccountName": name, "containers": [container]},
    });
    let backend = json!({"service": {"name": name, "port": {"number": 80}}});
    let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        }}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template,
        }}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": {
            "rules": [{"host": format!("{name}.shop.example"), "http": {"paths": paths}}],
        }}),
    ]
}

/// Address and body of every object.
pub(super) fn bodies(kind: Kind, namespace: &str, level: &str) -> Vec<(String, Vec<u8>)> {
    let objects = (0..kind.units()).flat_map(|unit| kind.objects(unit, namespace, level));
    objects.map(|object| (address(&object), object.to_string().into_bytes())).collect()
}

fn address(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let plural = if kind == "Ingress" { "ingresses".to_owned() } else { format!("{}s", kind.to_lowercase()) };
    let metadata = &object["metadata"];
    format!("{root}/namespaces/{}/{plural}/{}", text(&metadata["namespace"]), text(&metadata["name"]))
}

/// An environment with this many units, in a namespace of its own.
pub(super) fn environment(name: &str, namespace: &str, units: usize) -> String {
    let mut text = format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec:\n  target: {{kubernetes: {{cluster: bench, namespace: {namespace}}}}}\n  units:"
    );
    if units == 0 {
        text.push_str(" []");
    }
    for unit in 0..units {
        write!(text, "\n    - app-{unit}").expect("should write to a string");
    }
    text + "\n"
}

/// Writes the definitions of everything. No manifest says a namespace: it is that of the environment.
pub(super) fn write(installation: &Installation, kind: Kind, level: &str) {
    let repository = &installation.repository;
    repository.write("environments/dev/environment.yaml", &environment("dev", "shop", kind.units()));
    for unit in 0..kind.units() {
        let definition = format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: app-{unit}}}\nspec: {{manifests: [app.yaml]}}\n"
        );
        repository.write(&format!("units/app-{unit}/unit.yaml"), &definition);
        let mut objects = kind.objects(unit, "", level);
        for object in &mut objects {
            object["metadata"].as_object_mut().expect("should have metadata").shift_remove("namespace");
        }
        // JSON is YAML.
        let documents: Vec<String> = objects.iter().map(|object| format!("---\n{object}\n")).collect();
        repository.write(&format!("units/app-{unit}/app.yaml"), &documents.concat());
    }
}

/// The same units in an environment beside it.
pub(super) fn write_twin(installation: &Installation, kind: Kind) {
    let environment = environment("twin", "twin", kind.units());
    installation.repository.write("environments/twin/environment.yaml", &environment);
}
