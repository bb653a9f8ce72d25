//! What the real server says no with, and what a write makes of it: every row of a table that others only remember.

use std::collections::BTreeMap;
use std::path::PathBuf;

use naksha_environments::ids::UnitName;
use naksha_environments::object::{Body, Mark, ObjectKey, Observed};
use naksha_environments::secret::MarkKey;
use naksha_executor::port::store::Scope;
use naksha_executor::port::target::{
    Question, Target as _, TargetError, Wanted, Write, WriteError, WriteMode,
};
use naksha_executor_kubernetes::{Access, ClusterTarget, Source};
use naksha_tests::kubernetes::{Asked, ControlPlane, Parts, Weather, Wire};
use naksha_tests::{await_true, must};
use reqwest::Method;
use serde_json::{Value, json};

use crate::vanish::{DEFINITIONS, define};

/// A target, and a namespace of its own.
struct Case {
    plane: &'static ControlPlane,
    namespace: String,
    target: ClusterTarget,
}

fn scope() -> Scope {
    "infra/answers".parse().expect("should be a scope")
}

async fn open(kubeconfig: PathBuf) -> ClusterTarget {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let source = Source::File { path: kubeconfig, context: None };
    let access = Access { cluster: "test".into(), source, identity: None, exec_plugins: false };
    ClusterTarget::open(&access, &scope(), MarkKey::new([7; 32])).await.expect("should open")
}

impl Case {
    async fn new(user: &str) -> Option<Self> {
        let plane = ControlPlane::shared(Parts::Nodes)?;
        let namespace = must(plane.fresh_namespace());
        Some(Self { plane, namespace, target: open(must(plane.kubeconfig(user))).await })
    }

    fn asked(&self, object: &Value, expect: Option<Mark>) -> Write {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, version) = (text(&object["kind"]), text(&object["apiVersion"]));
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap_or(&self.namespace);
        Write {
            key: ObjectKey::new(group, &kind, Some(namespace), &text(&metadata["name"])),
            scope: scope(),
            unit: UnitName::parse("web").expect("should be a name"),
            mode: expect.map_or(WriteMode::Create, |expect| WriteMode::Update { expect }),
            previous: None,
            body: Body::new(object),
            secrets: BTreeMap::new(),
            leave: Vec::new(),
        }
    }

    async fn write(&self, object: Value, expect: Option<Mark>) -> Result<Mark, WriteError> {
        self.target.write(&self.asked(&object, expect)).await.map(|written| written.mark)
    }

    async fn refused(&self, object: Value) -> WriteError {
        self.write(object, None).await.expect_err("should be refused")
    }

    fn path(&self, name: &str) -> String {
        format!("/api/v1/namespaces/{}/configmaps/{name}", self.namespace)
    }
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": value}})
}

fn deployment(spec: &Value) -> Value {
    let mut whole = json!({
        "replicas": 0,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.27", "env": [{"name": "PASSWORD", "value": "hunter2"}]}]},
        },
    });
    for (name, value) in spec.as_object().expect("should be an object") {
        whole[name] = value.clone();
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": whole})
}

#[tokio::test]
async fn a_conflict_names_field_and_manager_and_another_identity_is_another_object() {
    let Some(case) = Case::new("admin").await else { return };
    let mark = case.write(config_map("one", "ours"), None).await.expect("should be written");
    let exists = case.refused(config_map("one", "ours")).await;
    assert!(matches!(&exists, WriteError::Moved { reason, .. } if reason == "it exists already"), "{exists}");

    let mut object = must(case.plane.admin().get(&case.path("one")));
    object["data"]["a"] = json!("theirs");
    let path = case.path("one") + "?fieldManager=kubectl-edit";
    assert_eq!(must(case.plane.admin().send(Method::PUT, &path, Some(&object))).status, 200);
    let conflict =
        case.write(config_map("one", "more"), Some(mark.clone())).await.expect_err("should be in conflict");
    let words = "`data.a` is set by kubectl-edit";
    assert!(matches!(&conflict, WriteError::Moved { reason, .. } if reason == words), "{conflict}");

    must(case.plane.admin().delete(&case.path("one")));
    let gone =
        case.write(config_map("one", "ours"), Some(mark.clone())).await.expect_err("should not be made");
    assert!(matches!(gone, WriteError::Moved { .. }), "{gone}");
    let collection = format!("/api/v1/namespaces/{}/configmaps", case.namespace);
    must(case.plane.admin().create(&collection, &config_map("one", "another")));
    let another = case.write(config_map("one", "ours"), Some(mark)).await.expect_err("should not be written");
    assert!(matches!(another, WriteError::Moved { .. }), "{another}");
    assert_eq!(must(case.plane.admin().get(&case.path("one")))["data"]["a"], "another");
}

#[tokio::test]
async fn an_unknown_field_and_a_key_twice_are_the_authors_errors_and_sent_once() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let gate = must(plane.gate());
    let target = open(must(plane.kubeconfig_through("admin", &gate.url()))).await;
    let case = Case { plane, namespace: must(plane.fresh_namespace()), target };
    let unknown = case.refused(deployment(&json!({"replicaz": 3}))).await;
    let WriteError::Invalid { reason, .. } = &unknown else { panic!("{unknown}") };
    assert!(reason.contains("replicaz"), "{reason}");
    let port = json!({"port": 80, "protocol": "TCP"});
    let twice = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"ports": [port.clone(), port]},
    });
    let twice = case.refused(twice).await;
    assert!(matches!(twice, WriteError::Invalid { .. }), "{twice}");
    // The server says 500 to these, which would be worth another try.
    let sent = gate.asked().iter().filter(|asked| asked.method == Method::PATCH).count();
    assert_eq!(sent, 2);
}

#[tokio::test]
async fn a_dry_run_that_was_taken_is_asked_again_only_when_something_moved() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let gate = must(plane.gate());
    let target = open(must(plane.kubeconfig_through("admin", &gate.url()))).await;
    let case = Case { plane, namespace: must(plane.fresh_namespace()), target };
    let is_trial = |asked: &&Asked| asked.path.contains("dryRun=All");
    let trials = || gate.asked().iter().filter(is_trial).count();
    for _ in 0..2 {
        let new = case.asked(&deployment(&json!({})), None);
        case.target.try_out(&new).await.expect("should be taken");
    }
    assert_eq!(trials(), 1, "what is new");

    case.write(deployment(&json!({})), None).await.expect("should be written");
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/web", case.namespace);
    // Its controller puts its own mark on a new one.
    await_true("its controller to be done", || {
        must(case.plane.admin().get(&path))["status"]["observedGeneration"] == 1
    });
    let key = case.asked(&deployment(&json!({})), None).key;
    let try_with = async |replicas: i64| {
        let question = Question::from(vec![Wanted { key: key.clone(), mark: None }]);
        let seen = case.target.observe(question).await.expect("should observe");
        let Some(Observed::Live(live)) = seen.objects.get(&key) else { panic!("{seen:?}") };
        let write = case.asked(&deployment(&json!({"replicas": replicas})), Some(live.expected()));
        case.target.try_out(&write).await
    };
    for (replicas, asked) in [(1, 2), (1, 2), (2, 3), (1, 3)] {
        try_with(replicas).await.expect("should be taken");
        assert_eq!(trials(), asked, "{replicas} replicas");
    }
    // Its controller writes too: until nobody was in between.
    let change = |part: &str, change: fn(&mut Value)| {
        await_true("a change by somebody else", || {
            let mut object = must(case.plane.admin().get(&path));
            change(&mut object);
            let path = format!("{path}{part}?fieldManager=other");
            must(case.plane.admin().send(Method::PUT, &path, Some(&object))).status == 200
        });
    };
    change("/status", |object| object["status"]["conditions"] = json!([{"type": "Odd", "status": "True"}]));
    try_with(1).await.expect("should be taken");
    assert_eq!(trials(), 3, "only the status moved");
    change("", |object| object["spec"]["paused"] = json!(true));
    try_with(1).await.expect("should be taken");
    assert_eq!(trials(), 4, "somebody changed it");
    for asked in [5, 6] {
        try_with(-1).await.expect_err("should be refused");
        assert_eq!(trials(), asked, "a refusal may be over");
    }
}

#[tokio::test]
async fn what_is_invalid_is_told_with_its_field_and_nothing_of_the_object() {
    let Some(case) = Case::new("admin").await else { return };
    let negative = case.refused(deployment(&json!({"revisionHistoryLimit": -1}))).await;
    let WriteError::Invalid { field, reason, .. } = &negative else { panic!("{negative}") };
    assert_eq!(field.as_deref(), Some("spec.revisionHistoryLimit"));
    assert!(reason.contains("greater than or equal to 0"), "{reason}");

    let mark = case.write(deployment(&json!({})), None).await.expect("should be written");
    let selector = deployment(&json!({
        "selector": {"matchLabels": {"app": "other"}},
        "template": {
            "metadata": {"labels": {"app": "other"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.27", "env": [{"name": "PASSWORD", "value": "hunter2"}]}]},
        },
    }));
    let immutable = case.write(selector, Some(mark)).await.expect_err("should be refused");
    // The object is right in itself: it is planned again, now with what is known of the field.
    let WriteError::Moved { reason, .. } = &immutable else { panic!("{immutable}") };
    assert_eq!(reason, "a field cannot be changed in place");
    assert!(!immutable.to_string().contains("hunter2"), "{immutable}");

    let large = case.refused(config_map("large", &"x".repeat(1_200_000))).await;
    let WriteError::Invalid { reason, .. } = &large else { panic!("{large}") };
    assert!(reason.len() < 500, "{reason}");
    let mut annotated = config_map("annotated", "one");
    annotated["metadata"]["annotations"] = json!({"a": "x".repeat(300_000)});
    let annotated = case.refused(annotated).await;
    assert!(matches!(annotated, WriteError::Invalid { .. }), "{annotated}");
}

#[tokio::test]
async fn a_policy_of_the_cluster_is_named() {
    let Some(case) = Case::new("admin").await else { return };
    let group = "/apis/admissionregistration.k8s.io/v1";
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": case.namespace}});
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "no-secrets-here"},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": selector,
                "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}],
            },
            "validations": [{"expression": "object.data.a != 'hunter2'", "message": "that is a password"}],
        },
    });
    must(case.plane.admin().create(&format!("{group}/validatingadmissionpolicies"), &policy));
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "no-secrets-here"},
        "spec": {"policyName": "no-secrets-here", "validationActions": ["Deny"]},
    });
    must(case.plane.admin().create(&format!("{group}/validatingadmissionpolicybindings"), &binding));
    // It holds once the server has taken it up.
    let probe = config_map("probe", "hunter2");
    let path = format!("/api/v1/namespaces/{}/configmaps?dryRun=All", case.namespace);
    await_true("the policy to hold", || {
        must(case.plane.admin().send(Method::POST, &path, Some(&probe))).status == 422
    });
    let refused = case.refused(probe).await;
    let WriteError::Invalid { field: None, reason, .. } = &refused else { panic!("{refused}") };
    assert!(reason.contains("no-secrets-here") && reason.contains("that is a password"), "{reason}");
}

#[tokio::test]
async fn rights_quotas_and_namespaces_block() {
    let Some(case) = Case::new("ann").await else { return };
    let forbidden = case.refused(config_map("one", "one")).await;
    assert!(
        matches!(&forbidden, WriteError::Blocked { reason, .. } if reason.contains("cannot patch")),
        "{forbidden}"
    );

    let Some(case) = Case::new("admin").await else { return };
    let quotas = format!("/api/v1/namespaces/{}/resourcequotas", case.namespace);
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"services": "0"}}});
    must(case.plane.admin().create(&quotas, &quota));
    await_true("the quota to hold", || {
        !must(case.plane.admin().get(&format!("{quotas}/few")))["status"]["hard"].is_null()
    });
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}});
    let over = case.refused(service).await;
    assert!(
        matches!(&over, WriteError::Blocked { reason, .. } if reason.starts_with("exceeded quota: few")),
        "{over}"
    );

    let mut nowhere = config_map("one", "one");
    nowhere["metadata"]["namespace"] = json!("nowhere");
    let nowhere = case.refused(nowhere).await;
    let words = "namespace `nowhere` does not exist";
    assert!(matches!(&nowhere, WriteError::Blocked { reason, .. } if reason == words), "{nowhere}");

    let mut keeper = config_map("keeper", "one");
    keeper["metadata"]["finalizers"] = json!(["answers.test/keeps"]);
    must(case.plane.admin().create(&format!("/api/v1/namespaces/{}/configmaps", case.namespace), &keeper));
    must(case.plane.admin().delete(&format!("/api/v1/namespaces/{}", case.namespace)));
    let leaving = case.refused(config_map("one", "one")).await;
    let words = "its namespace is being deleted";
    assert!(matches!(&leaving, WriteError::Blocked { reason, .. } if reason == words), "{leaving}");
    let mut keeper = must(case.plane.admin().get(&case.path("keeper")));
    keeper["metadata"]["finalizers"] = json!([]);
    must(case.plane.admin().send(Method::PUT, &case.path("keeper"), Some(&keeper)));
}

#[tokio::test]
async fn a_kind_that_is_not_served_may_be_in_a_moment() {
    let Some(case) = Case::new("admin").await else { return };
    let group = "answers.storm.test";
    let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": "one"}});
    let words = format!("the server does not serve {group}/Widget");
    let unknown = case.refused(widget.clone()).await;
    assert!(matches!(&unknown, WriteError::Transient { reason, .. } if *reason == words), "{unknown}");

    define(case.plane, group);
    // What was discovered is believed for a second.
    let mut written = case.write(widget.clone(), None).await;
    while matches!(written, Err(WriteError::Transient { .. })) {
        written = case.write(widget.clone(), None).await;
    }
    let mark = written.expect("should be written");
    must(case.plane.admin().delete(&format!("{DEFINITIONS}/widgets.{group}")));
    await_true("the kind to be gone", || {
        must(case.plane.admin().send(Method::GET, &format!("/apis/{group}/v1/widgets"), None)).status == 404
    });
    // What is known of the server is older than that, so that it is the server who says so: 404, and no word of JSON.
    let gone = case.write(widget, Some(mark)).await.expect_err("should not be served");
    assert!(matches!(&gone, WriteError::Transient { reason, .. } if *reason == words), "{gone}");
}

#[tokio::test]
async fn who_is_refused_and_who_gets_no_answer_is_told_apart() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let observe = async |target: &ClusterTarget| {
        target.observe(Question::default()).await.expect_err("should not be observed")
    };
    let folder = tempfile::tempdir().expect("should make a folder");
    let file = folder.path().join("kubeconfig");
    let text = std::fs::read_to_string(must(plane.kubeconfig("ann"))).expect("should be readable");
    let token =
        text.lines().find_map(|line| line.trim().strip_prefix("token: ")).expect("should have a token");
    std::fs::write(&file, text.replace(token, "never-a-token")).expect("should write");
    let denied = observe(&open(file).await).await;
    assert!(
        matches!(&denied, TargetError::Denied { reason, .. } if reason.contains("expired, revoked or wrong")),
        "{denied}"
    );

    let wire: Wire = must(plane.wire());
    wire.set(Weather::Cut);
    let target = open(must(plane.kubeconfig_through("ann", &wire.url()))).await;
    let cut = observe(&target).await;
    assert!(matches!(cut, TargetError::Unreachable { .. }), "{cut}");
    wire.set(Weather::Fair);
    target.observe(Question::default()).await.expect("should be observed once it answers");
}
