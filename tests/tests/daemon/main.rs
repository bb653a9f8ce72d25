//! The daemon as its users meet it: real commits, the real program, real files.

mod commit;
mod crash;
mod danger;
mod drift;
mod failures;
mod history;
mod promotion;
mod shutdown;

use naksha_tests::Installation;

const ENVIRONMENT: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: dev}
spec:
  target: {directory: out}
  variables: {replicas: 2}
  units: [web, settings]
";

const REPOSITORY: &str = "apiVersion: naksha.dev/v1alpha1
kind: Repository
metadata: {name: infra}
spec:
  trunk: main
";

const WEB: &str = "apiVersion: naksha.dev/v1alpha1
kind: Unit
metadata: {name: web}
spec:
  templates: [web.yaml.tera]
";

const WEB_TEMPLATE: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: {{ variables.replicas }}
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: docker.io/library/nginx:1.29.3
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}}
";

const SETTINGS: &str = "apiVersion: naksha.dev/v1alpha1
kind: Unit
metadata: {name: settings}
spec:
  manifests: [settings.yaml]
";

const SETTINGS_MANIFEST: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: shop
data:
  level: info
";

const DEPLOYMENT_FILE: &str = "shop/deployment.apps/web.yaml";
const SETTINGS_FILE: &str = "shop/configmap/settings.yaml";

/// An installation with a small repository, committed.
fn shop() -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
    installation
        .repository
        .write("naksha.yaml", REPOSITORY)
        .write("environments/dev/environment.yaml", ENVIRONMENT)
        .write("units/web/unit.yaml", WEB)
        .write("units/web/web.yaml.tera", WEB_TEMPLATE)
        .write("units/settings/unit.yaml", SETTINGS)
        .write("units/settings/settings.yaml", SETTINGS_MANIFEST)
        .commit("start");
    installation
}
