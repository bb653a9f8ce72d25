//! A small shop on a real cluster: a repository with one unit, an environment in a namespace of its own, a daemon.

use std::path::Path;
use std::sync::LazyLock;

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::shop::REPOSITORY;
use naksha_tests::{DaemonProcess, Installation, await_true, must};
use reqwest::Method;
use serde_json::Value;

const UNIT: &str =
    "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: web}\nspec: {manifests: [web.yaml]}\n";

/// Prefixed with a number each: environments of one name on one cluster would hear of each other's objects.
static INSTALLATIONS: LazyLock<std::sync::atomic::AtomicUsize> = LazyLock::new(Default::default);

pub(crate) struct Shop {
    pub(crate) plane: &'static ControlPlane,
    pub(crate) namespace: String,
    pub(crate) installation: Installation,
    pub(crate) environment: String,
}

pub(crate) fn manifests(image: &str, replicas: u32, level: &str) -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data: {{level: {level}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, labels: {{app: web}}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: {image}
          resources: {{requests: {{cpu: 1000m, memory: 1024Mi}}}}
          ports: [{{containerPort: 80}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}
"
    )
}

pub(crate) fn shop(parts: Parts) -> Option<Shop> {
    let plane = ControlPlane::shared(parts)?;
    let number = INSTALLATIONS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let kubeconfig = must(plane.kubeconfig("admin"));
    Some(shop_as(plane, &format!("dev-{number}"), &kubeconfig, "own_rights = true"))
}

/// `as_whom`: as the daemon's configuration says it.
pub(crate) fn shop_as(
    plane: &'static ControlPlane,
    environment: &str,
    kubeconfig: &Path,
    as_whom: &str,
) -> Shop {
    let (namespace, installation) = installed(plane, environment, kubeconfig, as_whom, &["web"]);
    installation
        .repository
        .write("units/web/unit.yaml", UNIT)
        .write("units/web/web.yaml", &manifests("nginx:1.27", 2, "info"))
        .commit("start");
    Shop { plane, namespace, installation, environment: environment.to_owned() }
}

/// A namespace of its own, and an installation with one environment that is applied there. Its units are still to be
/// written, and all of it to be committed.
pub(crate) fn installed(
    plane: &ControlPlane,
    environment: &str,
    kubeconfig: &Path,
    as_whom: &str,
    units: &[&str],
) -> (String, Installation) {
    let namespace = must(plane.fresh_namespace());
    let installation = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
    installation.configure(&format!(
        "\n[clusters.test]\nkubeconfig = \"{}\"\n[clusters.test.environments.\"infra/{environment}\"]\n{as_whom}\n",
        kubeconfig.display()
    ));
    let definition = format!(
        "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {{name: {environment}}}
spec:
  target: {{kubernetes: {{cluster: test, namespace: {namespace}}}}}
  units: [{}]
",
        units.join(", ")
    );
    installation
        .repository
        .write("naksha.yaml", REPOSITORY)
        .write(&format!("environments/{environment}/environment.yaml"), &definition);
    (namespace, installation)
}

impl Shop {
    pub(crate) fn running(&self) -> DaemonProcess {
        let daemon = self.installation.start();
        self.await_applied(&daemon);
        daemon
    }

    pub(crate) fn await_applied(&self, daemon: &DaemonProcess) -> Value {
        daemon.await_applied(&self.environment, &self.installation.repository.head())
    }

    pub(crate) fn path(&self, root: &str, rest: &str) -> String {
        format!("{root}/namespaces/{}/{rest}", self.namespace)
    }

    pub(crate) fn deployment(&self) -> String {
        self.path("/apis/apps/v1", "deployments/web")
    }

    pub(crate) fn settings(&self) -> String {
        self.path("/api/v1", "configmaps/settings")
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let answer = must(self.plane.admin().send(Method::GET, path, None));
        (answer.status == 200).then_some(answer.body)
    }

    /// As kubectl edit does.
    pub(crate) fn edit(&self, path: &str, change: impl Fn(&mut Value)) {
        self.edit_as("kubectl-edit", path, change);
    }

    pub(crate) fn edit_as(&self, manager: &str, path: &str, change: impl Fn(&mut Value)) {
        let to = format!("{path}?fieldManager={manager}");
        // A controller may write the status in between.
        await_true("the edit to be taken", || {
            let mut object = self.get(path).expect("should be there");
            change(&mut object);
            let answer = must(self.plane.admin().send(Method::PUT, &to, Some(&object)));
            assert!(matches!(answer.status, 200 | 409), "{}", answer.body);
            answer.status == 200
        });
    }

    /// As somebody else makes an object.
    pub(crate) fn create_as(&self, manager: &str, collection: &str, object: &Value) {
        let path = format!("{}?fieldManager={manager}", self.path_of(collection));
        let answer = must(self.plane.admin().send(Method::POST, &path, Some(object)));
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// `apps/v1 deployments` or `v1 configmaps`, in the shop's namespace.
    pub(crate) fn path_of(&self, collection: &str) -> String {
        let (version, rest) = collection.split_once(' ').expect("should be a version and a plural");
        let root = if version.contains('/') { "/apis" } else { "/api" };
        self.path(&format!("{root}/{version}"), rest)
    }

    /// Who owns which fields of an object, as the server keeps it.
    pub(crate) fn fields_of(&self, path: &str, manager: &str) -> Option<Value> {
        let object = self.get(path).expect("should be there");
        let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let entry =
            entries.into_iter().find(|entry| entry["manager"] == manager && entry["subresource"].is_null());
        entry.map(|entry| entry["fieldsV1"].clone())
    }

    pub(crate) fn naksha(&self, arguments: &[&str]) -> String {
        let printed = self.installation.program.run(self.installation.root(), arguments);
        printed.expect_code(0).out
    }

    pub(crate) fn replicas(&self) -> Value {
        self.get(&self.deployment()).expect("should be there")["spec"]["replicas"].clone()
    }
}
