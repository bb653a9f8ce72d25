//! Every command of a laptop, through the program: good input, bad input, exit codes, JSON. One file per command.
//!
//! Exit codes: 0 fine, 1 findings or changes that were asked about, 2 it could not be done.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed expectation ends a test")]

mod check;
mod completion;
mod config;
mod daemon;
mod doctor;
mod every;
mod explain;
mod health;
mod init;
mod plan;
mod policy;
mod promote;
mod render;
mod schema;
mod terminal;

use std::path::Path;

use naksha_tests::program::Printed;
use naksha_tests::shop::{REPOSITORY, WEB};
use naksha_tests::{Installation, Repository};

/// Stands wherever a secret could; it may be in no output.
const CANARY: &str = "c4n4ry-s3cr3t-v4lu3";
/// The same in base64, as a Secret has it; without the end, which depends on what follows.
const CANARY_ENCODED: &str = "YzRuNHJ5LXMzY3IzdC12NGx1M";

const DEV: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: dev}
spec:
  target: {directory: out, namespace: shop}
  variables: {replicas: 2, level: info}
  units: [web, settings]
";

const STAGING: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: staging}
spec:
  promotesFrom: [dev]
  target: {directory: out, namespace: shop}
  variables: {replicas: 3, level: warn}
  units: [web, settings]
";

const WEB_TEMPLATE: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ variables.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      securityContext: {runAsNonRoot: true}
      containers:
        - name: web
          image: \"docker.io/library/nginx:1.29.3\"
          resources: {requests: {cpu: 50m, memory: 64Mi}}
          securityContext: {allowPrivilegeEscalation: false}
";

const SETTINGS: &str = "apiVersion: naksha.dev/v1alpha1
kind: Unit
metadata: {name: settings}
spec:
  templates: [settings.yaml.tera]
";

const SETTINGS_TEMPLATE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {level: \"{{ variables.level }}\", mode: plain}
";

/// A repository with two environments and two units, not committed.
fn files() -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
    installation
        .repository
        .write("naksha.yaml", REPOSITORY)
        .write("environments/dev/environment.yaml", DEV)
        .write("environments/staging/environment.yaml", STAGING)
        .write("units/web/unit.yaml", WEB)
        .write("units/web/web.yaml.tera", WEB_TEMPLATE)
        .write("units/settings/unit.yaml", SETTINGS)
        .write("units/settings/settings.yaml.tera", SETTINGS_TEMPLATE);
    installation
}

/// The same, committed.
fn shop() -> Installation {
    let shop = files();
    shop.repository.commit("start");
    shop
}

/// Lets the daemon watch another repository too; it runs `dev` there.
fn watch(shop: &Installation, name: &str, folder: &Path) {
    let url = folder.display();
    shop.configure(&format!("[[repository]]\nname = \"{name}\"\nurl = \"{url}\"\nonly = [\"dev\"]\n"));
}

/// As [`watch`], a repository with other commits than this one.
fn watch_another(shop: &Installation, name: &str) -> Repository {
    let another = Repository::init(&shop.root().join(name));
    another
        .write("naksha.yaml", REPOSITORY)
        .write("environments/dev/environment.yaml", &DEV.replace("[web, settings]", "[]"))
        .commit("another start");
    watch(shop, name, another.folder());
    another
}

/// Runs a command in the repository.
fn run(shop: &Installation, arguments: &[&str]) -> Printed {
    shop.program.run(shop.repository.folder(), arguments)
}

/// The command cannot be done, and says why: on standard error, and nothing else.
fn refused(shop: &Installation, arguments: &[&str], why: &str) {
    let printed = run(shop, arguments).expect_code(2);
    assert!(printed.err.contains(why), "{arguments:?} says: {}", printed.err);
    assert_eq!(printed.out, "", "{arguments:?}");
}
