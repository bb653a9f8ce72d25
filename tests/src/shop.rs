//! Definitions that every small repository of the tests has.

/// `naksha.yaml`
pub const REPOSITORY: &str = "apiVersion: naksha.dev/v1alpha1
kind: Repository
metadata: {name: infra}
spec:
  trunk: main
";

/// `units/web/unit.yaml`; its template `web.yaml.tera` is the test's own.
pub const WEB: &str = "apiVersion: naksha.dev/v1alpha1
kind: Unit
metadata: {name: web}
spec:
  templates: [web.yaml.tera]
";
