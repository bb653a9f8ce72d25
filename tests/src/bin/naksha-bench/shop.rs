//! Generated repositories: any number of units with four objects each, three environments.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use naksha_tests::Installation;

/// Objects of one generated unit: Deployment, ServiceAccount, Service, ConfigMap.
pub(crate) const OBJECTS_PER_UNIT: usize = 4;

/// The program beside this one.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("naksha-under-test");
    anyhow::ensure!(
        beside.is_file(),
        "{} is missing; build with `cargo build --release -p naksha-tests`",
        beside.display()
    );
    Ok(beside)
}

/// An installation with a committed repository of `units` units, half templates and half plain manifests.
pub(crate) fn installation(units: usize) -> anyhow::Result<Installation> {
    let program = program()?;
    let installation = Installation::new(program.to_str().context("the path is UTF-8")?);
    let repository = &installation.repository;
    repository.write(
        "naksha.yaml",
        "apiVersion: naksha.dev/v1alpha1\nkind: Repository\nmetadata: {name: infra}\nspec: {trunk: main}\n",
    );
    for environment in ["dev", "staging", "prod"] {
        repository.write(
            &format!("environments/{environment}/environment.yaml"),
            &environment_yaml(environment, units),
        );
    }
    for unit in 0..units {
        let (source, file) = if is_template(unit) {
            ("templates: [app.yaml.tera]", "app.yaml.tera")
        } else {
            ("manifests: [app.yaml]", "app.yaml")
        };
        let definition = format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: app-{unit}}}\nspec:\n  {source}\n  variables: {{image: \"docker.io/library/nginx:1.29.3\"}}\n"
        );
        repository.write(&format!("units/app-{unit}/unit.yaml"), &definition);
        repository.write(&format!("units/app-{unit}/{file}"), &objects_yaml(unit, "info"));
    }
    repository.commit("generated");
    Ok(installation)
}

pub(crate) fn is_template(unit: usize) -> bool {
    unit.is_multiple_of(2)
}

/// Where the objects of a unit are written.
pub(crate) fn source_path(unit: usize) -> String {
    let file = if is_template(unit) { "app.yaml.tera" } else { "app.yaml" };
    format!("units/app-{unit}/{file}")
}

fn environment_yaml(name: &str, units: usize) -> String {
    let mut text = format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec:\n  target: {{directory: out}}\n  variables: {{replicas: 2}}\n  units:\n"
    );
    for unit in 0..units {
        writeln!(text, "    - app-{unit}").expect("should write to a string");
    }
    text
}

/// The four objects of a unit; `level` is what a change changes.
pub(crate) fn objects_yaml(unit: usize, level: &str) -> String {
    let (replicas, image) = if is_template(unit) {
        ("{{ variables.replicas }}", "{{ variables.image }}")
    } else {
        ("2", "docker.io/library/nginx:1.29.3")
    };
    format!(
        r"apiVersion: v1
kind: ServiceAccount
metadata: {{name: app-{unit}, namespace: shop}}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: app-{unit}, namespace: shop}}
data:
  level: {level}
  greeting: hello from application {unit}
---
apiVersion: v1
kind: Service
metadata: {{name: app-{unit}, namespace: shop}}
spec:
  selector: {{app: app-{unit}}}
  ports:
    - {{name: http, port: 80, targetPort: http, protocol: TCP}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{unit}
  namespace: shop
  labels: {{app: app-{unit}}}
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{app: app-{unit}}}
  template:
    metadata:
      labels: {{app: app-{unit}}}
    spec:
      serviceAccountName: app-{unit}
      containers:
        - name: app
          image: {image}
          envFrom:
            - configMapRef: {{name: app-{unit}}}
          ports:
            - {{name: http, containerPort: 8080, protocol: TCP}}
          readinessProbe: {{httpGet: {{path: /, port: http}}}}
          livenessProbe: {{tcpSocket: {{port: http}}}}
          resources:
            requests: {{cpu: 50m, memory: 64Mi}}
            limits: {{memory: 128Mi}}
"
    )
}
