//! `naksha demo --kubernetes`: the story runs on a real API server, and leaves nothing.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{await_true, must};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

static STORAGE: Once = Once::new();

/// A default class of storage, and volumes of it: each takes one claim.
fn with_storage(plane: &ControlPlane) {
    STORAGE.call_once(|| {
        let class = json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "demo", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "kubernetes.io/no-provisioner",
        });
        must(plane.admin().create("/apis/storage.k8s.io/v1/storageclasses", &class));
        for number in 0..24 {
            let volume = json!({
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": format!("demo-{number}")},
                "spec": {
                    "capacity": {"storage": "100Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": "demo",
                    "hostPath": {"path": "/demo"},
                },
            });
            must(plane.admin().create("/api/v1/persistentvolumes", &volume));
        }
    });
}

fn demo(kubeconfig: &Path, namespace: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_naksha-under-test"))
        .args(["demo", "--kubernetes", "test", "--namespace", namespace, "--kubeconfig"])
        .arg(kubeconfig)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("should start the demo")
}

fn ended(demo: Child) -> (Option<i32>, String) {
    let output = demo.wait_with_output().expect("should end");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn get(plane: &ControlPlane, path: &str) -> Option<Value> {
    let answer = must(plane.admin().send(Method::GET, path, None));
    (answer.status == 200).then_some(answer.body)
}

fn assert_nothing_is_left(plane: &ControlPlane, namespace: &str) {
    assert_eq!(get(plane, &format!("/api/v1/namespaces/{namespace}")), None);
    for kinds in ["rbac.authorization.k8s.io/v1/clusterrolebindings", "scheduling.k8s.io/v1/priorityclasses"]
    {
        let path = format!("/apis/{kinds}?labelSelector=naksha.dev/environment%3Dnaksha-infra_{namespace}");
        assert_eq!(must(plane.admin().get(&path))["items"], json!([]), "{kinds}");
    }
}

#[test]
fn the_story_runs_and_leaves_nothing() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    with_storage(plane);
    let (code, text) = ended(demo(&must(plane.kubeconfig("admin")), "demo-told"));
    assert_eq!(code, Some(0), "{text}");
    for words in [
        "all nine units of the reference product take part",
        "6. Goodbye",
        "`metadata.labels.naksha.example/reviewed` was set by `kubectl-edit`",
        "guard-stateful",
        "Nothing of it is left on the cluster",
    ] {
        let quoted = words.replace("labels.naksha.example/reviewed", "labels[\"naksha.example/reviewed\"]");
        assert!(text.contains(words) || text.contains(&quoted), "{words}: {text}");
    }
    assert_nothing_is_left(plane, "demo-told");
}

#[test]
fn ctrl_c_leaves_nothing() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    with_storage(plane);
    let demo = demo(&must(plane.kubeconfig("admin")), "demo-cut-short");
    await_true("the demo to be at work", || {
        get(plane, "/api/v1/namespaces/demo-cut-short/services")
            .is_some_and(|list| list["items"] != json!([]))
    });
    must(kill_process(Pid::from_child(&demo), Signal::INT).map_err(Into::into));
    let (code, text) = ended(demo);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("it was interrupted"), "{text}");
    assert!(
        text.contains("Removed what the story left") && text.contains("Namespace demo-cut-short"),
        "{text}"
    );
    assert_nothing_is_left(plane, "demo-cut-short");
}

#[test]
fn a_namespace_of_somebody_is_refused() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    with_storage(plane);
    let namespace = must(plane.fresh_namespace());
    let (code, text) = ended(demo(&must(plane.kubeconfig("admin")), &namespace));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("exists already"), "{text}");
    assert!(get(plane, &format!("/api/v1/namespaces/{namespace}")).is_some());
}
