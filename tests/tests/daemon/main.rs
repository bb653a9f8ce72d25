//! The daemon as its users meet it: real commits, the real program, real files.

mod acknowledging;
mod broken;
mod commit;
mod crash;
mod danger;
mod diff;
mod drift;
mod events;
mod failures;
mod history;
mod people;
mod promotion;
mod rebuild;
mod refusals;
mod repositories;
mod show;
mod shutdown;
mod tree;

use std::fs;

use naksha_tests::shop::{REPOSITORY, WEB};
use naksha_tests::{DaemonProcess, Installation};
use serde_json::Value;

const ENVIRONMENT: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: dev}
spec:
  target: {directory: out}
  variables: {replicas: 2}
  units: [web, settings]
";

/// An environment that dev is promoted to.
const STAGING: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: staging}
spec:
  promotesFrom: [dev]
  target: {directory: out}
  variables: {replicas: 2}
  units: [web, settings]
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

/// The same with its daemon, which has applied it.
fn running() -> (Installation, DaemonProcess) {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    (shop, daemon)
}

/// Amid an apply that waits for a unit which does not become healthy.
fn awaiting_health() -> (Installation, DaemonProcess) {
    let shop = shop();
    shop.repository.edit("units/settings/unit.yaml", "spec:", "spec:\n  dependsOn: [web]");
    let commit = shop.repository.commit("settings after web");
    let daemon = shop.start();
    daemon.await_applied("dev", &commit);
    let file = shop.target("dev").join(DEPLOYMENT_FILE);
    let text = fs::read_to_string(&file).expect("should read the object");
    fs::write(&file, format!("{text}status: {{replicas: 2, readyReplicas: 0}}\n"))
        .expect("should write the object");
    shop.repository.edit("units/settings/settings.yaml", "level: info", "level: debug");
    shop.repository.commit("debug");
    (shop, daemon)
}

/// What `naksha history` says about dev.
fn history_of(shop: &Installation) -> Value {
    shop.program.run(shop.root(), &["history", "dev", "--format", "json"]).expect_code(0).json()
}
