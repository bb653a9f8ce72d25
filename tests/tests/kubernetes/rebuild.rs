//! The database is lost, and the inventory is recovered from the cluster.

use std::fs;

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{DaemonProcess, Installation, must};
use reqwest::Method;
use serde_json::{Value, json};

use super::shop::installed;

const NAME: &str = "lost";
const UNIT: &str =
    "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: NAME}\nspec: {manifests: [all.yaml]}\n";

const SECRETS: &str = ", secrets: {login: {user: 'vault:kv/login#user'}}";

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: 'nginx:1.27', ports: [{containerPort: 80}], resources: {requests: {cpu: 1000m}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: lost-reader}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
";

const OLD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: old}\ndata: {a: '1'}\n";

struct Lost {
    plane: &'static ControlPlane,
    namespace: String,
    installation: Installation,
}

fn lost() -> Option<Lost> {
    let plane = ControlPlane::shared(Parts::Nodes)?;
    let kubeconfig = must(plane.kubeconfig("admin"));
    let (namespace, installation) = installed(plane, NAME, &kubeconfig, "own_rights = true", &["web", "old"]);
    installation
        .repository
        .write("units/web/unit.yaml", &UNIT.replace("NAME", "web").replace("]}", &format!("]{SECRETS}}}")))
        .write("units/web/all.yaml", WEB)
        .write("units/old/unit.yaml", &UNIT.replace("NAME", "old"))
        .write("units/old/all.yaml", OLD)
        .commit("start");
    installation.write_secret("kv/login/user", "ann");
    Some(Lost { plane, namespace, installation })
}

impl Lost {
    fn path(&self, root: &str, rest: &str) -> String {
        format!("{root}/namespaces/{}/{rest}", self.namespace)
    }

    fn get(&self, path: &str) -> Option<Value> {
        let answer = must(self.plane.admin().send(Method::GET, path, None));
        (answer.status == 200).then_some(answer.body)
    }

    /// The versions of everything that is ours: they move with each write.
    fn versions(&self) -> Vec<String> {
        let paths = [
            self.path("/apis/apps/v1", "deployments/web"),
            self.path("/api/v1", "services/web"),
            self.path("/api/v1", "secrets/login"),
            self.path("/api/v1", "configmaps/old"),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/lost-reader".to_owned(),
        ];
        let version = |path: &String| {
            let object = self.get(path).expect("should be there");
            // Status moves the version of a Deployment.
            let metadata = &object["metadata"];
            let number = if metadata["generation"].is_null() { "resourceVersion" } else { "generation" };
            format!("{path} {}", metadata[number])
        };
        paths.iter().map(version).collect()
    }

    fn rebuild(&self, arguments: &[&str]) -> Value {
        let all = [&["inventory", "rebuild", NAME, "--format", "json"], arguments].concat();
        self.installation.program.run(self.installation.root(), &all).expect_code(0).json()
    }

    fn lose_the_database(&self, daemon: DaemonProcess) -> DaemonProcess {
        daemon.kill();
        for entry in fs::read_dir(self.installation.root().join("state")).expect("should list the state") {
            let path = entry.expect("should list the state").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains(".db")) {
                fs::remove_file(path).expect("should remove the database");
            }
        }
        // With its database an installation loses its name. It would wait for a minute, until the one of before counts as silent.
        let lease = self.path("/apis/coordination.k8s.io/v1", &format!("leases/naksha-infra-{NAME}"));
        must(self.plane.admin().delete(&lease));
        self.installation.start()
    }
}

fn objects<'a>(rebuilt: &'a Value, list: &str, key: &str) -> Vec<&'a str> {
    rebuilt[list].as_array().expect("should be a list").iter().filter_map(|one| one[key].as_str()).collect()
}

#[test]
fn what_the_cluster_proves_is_ours_again_and_nothing_goes_without_a_word() {
    let Some(lost) = lost() else { return };
    let daemon = lost.installation.start();
    let repository = &lost.installation.repository;
    daemon.await_applied(NAME, &repository.head());

    // A copy by somebody, with everything that we put on it; and a label that somebody wrote.
    let mut copy = lost.get(&lost.path("/api/v1", "configmaps/old")).expect("should be there");
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        copy["metadata"].as_object_mut().expect("should have metadata").remove(field);
    }
    copy["metadata"]["name"] = json!("copy");
    let admin = lost.plane.admin();
    must(admin.create(&lost.path("/api/v1", "configmaps"), &copy));
    copy["metadata"]["name"] = json!("forged");
    copy["metadata"]["annotations"]["naksha.dev/owner"] =
        json!(format!("infra/{NAME}/old ConfigMap {}/forged", lost.namespace));
    must(admin.create(&lost.path("/api/v1", "configmaps"), &copy));
    let before = lost.versions();

    let daemon = lost.lose_the_database(daemon);
    let held = daemon.await_state(NAME, "held");
    assert!(held["why"].to_string().contains("takes over what exists"), "{held}");

    // First only told.
    let namespace = &lost.namespace;
    let rebuilt = lost.rebuild(&[]);
    let wanted = [
        format!("ConfigMap {namespace}/old"),
        format!("Secret {namespace}/login"),
        format!("Service {namespace}/web"),
        format!("apps/Deployment {namespace}/web"),
        "rbac.authorization.k8s.io/ClusterRole lost-reader".to_owned(),
    ];
    assert_eq!(objects(&rebuilt, "objects", "object"), wanted, "{rebuilt:#}");
    assert!(objects(&rebuilt, "objects", "state").iter().all(|state| *state == "as wanted"), "{rebuilt:#}");
    let left = [format!("ConfigMap {namespace}/copy"), format!("ConfigMap {namespace}/forged")];
    assert_eq!(objects(&rebuilt, "unproven", "what"), left, "{rebuilt:#}");
    assert_eq!(rebuilt["taken"], false);
    daemon.await_state(NAME, "held");

    // Meanwhile Git stopped listing a unit, and wants another image.
    repository.edit(&format!("environments/{NAME}/environment.yaml"), "units: [web, old]", "units: [web]");
    repository.commit("no old");
    // Taken before it hears of that, all of it would be compared with what Git wanted before, and known.
    daemon.await_status(NAME, "held at the new commit", |status| {
        status["state"] == "held" && status["control"] == repository.head()
    });
    let rebuilt = lost.rebuild(&["--yes"]);
    assert_eq!(rebuilt["objects"].as_array().map(Vec::len), Some(5), "{rebuilt:#}");
    let held = daemon.await_status(NAME, "held for what would go", |status| {
        status["state"] == "held" && status["why"].to_string().contains("guard-recovered")
    });
    let why = held["why"].to_string();
    assert!(why.contains(&format!("ConfigMap {namespace}/old")) && !why.contains("copy"), "{held}");
    assert_eq!(lost.versions(), before, "nothing was written");

    let plan = held["plan"].as_str().expect("should have a plan");
    let ack = ["ack", &plan[..12], "--reason", "it is not needed"];
    lost.installation.program.run(lost.installation.root(), &ack).expect_code(0);
    daemon.await_applied(NAME, &repository.head());
    assert_eq!(lost.get(&lost.path("/api/v1", "configmaps/old")), None);
    for stays in ["configmaps/copy", "configmaps/forged", "services/web"] {
        assert!(lost.get(&lost.path("/api/v1", stays)).is_some(), "{stays}");
    }
    let again = lost.rebuild(&[]);
    assert_eq!(
        (again["known"].clone(), objects(&again, "objects", "object").len()),
        (json!(4), 0),
        "{again:#}"
    );
}
