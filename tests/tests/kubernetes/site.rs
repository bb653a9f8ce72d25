//! One environment of one installation on a cluster, for tests that mean it harm.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use naksha_tests::kubernetes::ControlPlane;
use naksha_tests::shop::REPOSITORY;
use naksha_tests::{DaemonProcess, Installation, must};
use reqwest::Method;
use serde_json::Value;

/// Environments of one name on one cluster would hear of each other's objects.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Site<'p> {
    pub(crate) plane: &'p ControlPlane,
    pub(crate) namespace: String,
    pub(crate) environment: String,
    pub(crate) installation: Installation,
    repository: String,
    kubeconfig: PathBuf,
}

/// A unit: its name, what it depends on, and its manifests.
pub(crate) type Unit<'u> = (&'u str, &'u [&'u str], String);

impl<'p> Site<'p> {
    /// With all rights, and nothing in between.
    pub(crate) fn new(plane: &'p ControlPlane) -> Self {
        Self::as_whom(plane, &must(plane.kubeconfig("admin")), "own_rights = true")
    }

    /// With all rights, through something that has this address.
    pub(crate) fn through(plane: &'p ControlPlane, url: &str) -> Self {
        Self::as_whom(plane, &must(plane.kubeconfig_through("admin", url)), "own_rights = true")
    }

    /// `as_whom`: as the daemon's configuration says it.
    pub(crate) fn as_whom(plane: &'p ControlPlane, kubeconfig: &Path, as_whom: &str) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (environment, namespace) = (format!("storm-{number}"), must(plane.fresh_namespace()));
        Self::named(plane, kubeconfig, as_whom, &format!("infra/{environment}"), namespace)
    }

    /// Another installation for the same environment.
    pub(crate) fn beside(&self) -> Self {
        let scope = format!("infra/{}", self.environment);
        Self::named(self.plane, &self.kubeconfig, "own_rights = true", &scope, self.namespace.clone())
    }

    /// Another repository with an environment of the same name, in another namespace.
    pub(crate) fn of_another_repository(&self, name: &str) -> Self {
        let (scope, namespace) = (format!("{name}/{}", self.environment), must(self.plane.fresh_namespace()));
        Self::named(self.plane, &self.kubeconfig, "own_rights = true", &scope, namespace)
    }

    fn named(
        plane: &'p ControlPlane,
        kubeconfig: &Path,
        as_whom: &str,
        scope: &str,
        namespace: String,
    ) -> Self {
        let (name, environment) = scope.split_once('/').expect("should be REPOSITORY/ENVIRONMENT");
        let (installation, environment) =
            (Installation::of(env!("CARGO_BIN_EXE_naksha-under-test"), name), environment.to_owned());
        installation.configure(&format!(
            "\n[clusters.test]\nkubeconfig = \"{}\"\n[clusters.test.environments.\"{scope}\"]\n{as_whom}\n",
            kubeconfig.display()
        ));
        let definition = REPOSITORY.replace("name: infra", &format!("name: {name}"));
        installation.repository.write("naksha.yaml", &definition);
        let (repository, kubeconfig) = (name.to_owned(), kubeconfig.to_owned());
        Self { plane, namespace, environment, installation, repository, kubeconfig }
    }

    /// Commits these units and no others.
    pub(crate) fn commit(&self, units: &[Unit<'_>]) -> String {
        let (environment, namespace) = (&self.environment, &self.namespace);
        let repository = &self.installation.repository;
        let names: Vec<&str> = units.iter().map(|(name, ..)| *name).collect();
        let definition = format!(
            "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {{name: {environment}}}
spec:
  target: {{kubernetes: {{cluster: test, namespace: {namespace}}}}}
  units: [{}]
",
            names.join(", ")
        );
        repository.write(&format!("environments/{environment}/environment.yaml"), &definition);
        for (name, depends_on, manifests) in units {
            let unit = format!(
                "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: {name}}}\nspec: {{manifests: [all.yaml], dependsOn: [{}]}}\n",
                depends_on.join(", ")
            );
            repository.write(&format!("units/{name}/unit.yaml"), &unit);
            repository.write(&format!("units/{name}/all.yaml"), manifests);
        }
        repository.commit("as wanted")
    }

    pub(crate) fn start(&self) -> DaemonProcess {
        self.installation.start()
    }

    /// Waits until what Git says now is applied.
    pub(crate) fn await_applied(&self, daemon: &DaemonProcess) -> Value {
        daemon.await_applied(&self.environment, &self.installation.repository.head())
    }

    /// The status, once its reasons have these words.
    pub(crate) fn await_told(&self, daemon: &DaemonProcess, words: &str) -> Value {
        daemon.await_status(&self.environment, words, |status| status["why"].to_string().contains(words))
    }

    pub(crate) fn config_maps_path(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.namespace)
    }

    /// The ConfigMaps of the environment.
    pub(crate) fn config_maps(&self) -> Vec<Value> {
        let path = format!(
            "{}?labelSelector=naksha.dev/environment%3D{}_{}",
            self.config_maps_path(),
            self.repository,
            self.environment
        );
        let list = must(self.plane.admin().get(&path));
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// How many of them say this.
    pub(crate) fn config_maps_with(&self, value: &str) -> usize {
        self.config_maps().iter().filter(|one| one["data"]["value"] == value).count()
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let answer = must(self.plane.admin().send(Method::GET, path, None));
        (answer.status == 200).then_some(answer.body)
    }

    /// As kubectl edit does.
    pub(crate) fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.get(path).expect("should be there");
        change(&mut object);
        let path = format!("{path}?fieldManager=kubectl-edit");
        let answer = must(self.plane.admin().send(Method::PUT, &path, Some(&object)));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// A number of the daemon's metrics.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        self.installation.metric(name)
    }
}

/// What a status says of a unit.
pub(crate) fn unit(status: &Value, name: &str) -> Value {
    let units = status["units"].as_array().into_iter().flatten();
    units.into_iter().find(|unit| unit["unit"] == name).cloned().unwrap_or_default()
}

pub(crate) fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value}}}\n")
}

/// Many, all with the same value.
pub(crate) fn config_maps(names: impl Iterator<Item = String>, value: &str) -> String {
    names.map(|name| config_map(&name, value)).collect::<Vec<_>>().join("---\n")
}

/// `many-0`, `many-1`, …
pub(crate) fn many(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("many-{number}"))
}
