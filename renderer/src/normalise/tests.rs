//! Documents in, objects and findings out.

use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::object::DesiredObject;
use naksha_environments::secret::MarkKey;
use naksha_environments::source::TreePath;
use naksha_environments::yaml::Lines;
use serde_json::Value;

use super::*;

fn normalise(text: &str) -> Output {
    let path = TreePath::parse("units/a/app.yaml").unwrap();
    let lines = Lines::new(&path, text);
    let mut out = Output::default();
    let key = MarkKey::new([7; 32]);
    Normaliser { default_namespace: "naksha", key: &key }.text(Origin::Manifest(&lines), &mut out);
    out
}

fn show(text: &str) -> String {
    let out = normalise(text);
    let objects = out.objects.iter().map(show_object);
    let findings = out.diagnostics.iter().map(show_finding);
    objects.chain(findings).collect::<Vec<_>>().join("\n")
}

fn show_object(object: &DesiredObject) -> String {
    let secrets: Vec<_> =
        object.secrets.iter().map(|(key, value)| format!("\n  secret {key}: {value:?}")).collect();
    let line = object.provenance.line;
    format!(
        "{} [line {line}, wave {}]\n  {}{}",
        object.key,
        object.wave,
        object.body.as_json(),
        secrets.concat()
    )
}

fn show_finding(finding: &Diagnostic) -> String {
    let place = finding.place.as_ref().map(Place::to_string).unwrap_or_default();
    let line = finding.place.as_ref().and_then(|place| place.line.as_ref()?.text.as_deref()).unwrap_or("-");
    let hint = finding.hint.as_deref().unwrap_or("-");
    format!(
        "{} {} {place} {}\n  line: {line}\n  hint: {hint}",
        finding.severity, finding.code, finding.message
    )
}

fn body(text: &str) -> Value {
    let out = normalise(text);
    assert_eq!(out.objects.len(), 1, "{:?}", out.diagnostics);
    out.objects[0].body.value()
}

#[test]
fn objects_get_their_namespace_and_wave() {
    insta::assert_snapshot!(show(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: naksha}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: other, annotations: {naksha.dev/wave: '7'}}\n\
         ---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:x', namespace: other}\n\
         ---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: {a: null}\nstatus: {b: 1}\n"
    ));
}

#[test]
fn lists_are_taken_apart() {
    insta::assert_snapshot!(show(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n\
         - apiVersion: v1\n  kind: ConfigMapList\n  items:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: b}\n"
    ));
}

#[test]
fn nulls_status_and_server_fields_are_left_out() {
    insta::assert_snapshot!(show(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  creationTimestamp: null\n  labels:\n    a: null\n    b: x\n\
         spec: {type: null, ports: [{port: 80, name: null}]}\nstatus: {loadBalancer: {}}\n\
         ---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: copied\n  uid: 1-2\n  resourceVersion: '7'\n  managedFields: []\n\
         \x20 annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{}'\n"
    ));
}

#[test]
fn amounts_and_variables_get_one_spelling() {
    let pod = body(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  template:\n    spec:\n      containers:\n\
         \x20     - name: c\n        env: [{name: A, value: ''}, {name: B, value: x}]\n\
         \x20       resources: {requests: {cpu: 0.5, memory: 1024Mi}, limits: {cpu: 1000m, memory: odd}}\n\
         \x20     volumes: [{name: v, emptyDir: {sizeLimit: 1024Ki}}]\n\
         \x20 volumeClaimTemplates: [{spec: {resources: {requests: {storage: 1024Gi}}}}]\n",
    );
    insta::assert_json_snapshot!(pod["spec"]);
    let quota = body(
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {pods: 1000, cpu: 2000m}}\n",
    );
    assert_eq!(quota["spec"]["hard"], serde_json::json!({"pods": "1k", "cpu": "2"}));
}

#[test]
fn secret_values_leave_the_body() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: aHVudGVyMg==, b: b2xk}\nstringData: {b: swordfish}\n";
    let shown = show(text);
    assert!(
        !shown.contains("hunter2") && !shown.contains("aHVudGVyMg") && !shown.contains("swordfish"),
        "{shown}"
    );
    insta::assert_snapshot!(shown);
    let object = &normalise(text).objects[0];
    let exposed: Vec<_> = object
        .secrets
        .values()
        .map(|value| match value {
            naksha_environments::object::SecretValue::Inline(secret) => secret.expose(),
            naksha_environments::object::SecretValue::Reference(_) => "reference",
        })
        .collect();
    assert_eq!(exposed, ["hunter2", "swordfish"]);
}

#[test]
fn what_is_no_object_is_reported_where_it_stands() {
    let cases = [
        "just text\n",
        "- a\n- b\n",
        "kind: Service\nmetadata: {name: x}\n",
        "apiVersion: v1\nmetadata: {name: x}\n",
        "apiVersion: v1\nkind: Service\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: 8080}\n",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: migrate-\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: Web_1}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: 1web}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: 'b.c'}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: 7}\n",
        "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a/b}\n",
        "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: x}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {naksha.dev/wave: first}}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {naksha.dev/wave: 7, b: yes}, labels: {c: 1.5}}\ndata: {port: 80}\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    metadata: {labels: {a: 1}}\n    spec:\n      containers:\n      - env:\n        - {name: PORT, value: 8080}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: not base64\n  b: /w==\n  c: 7\n",
    ];
    let shown: Vec<_> = cases.iter().map(|case| format!("{case}{}\n", show(case))).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn an_object_has_a_largest_size() {
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  x: {}\n",
        "y".repeat(MAX_OBJECT_BYTES)
    );
    let out = normalise(&text);
    assert!(out.objects.is_empty());
    assert_eq!(out.diagnostics[0].code.id(), "NK0347");
}

#[test]
fn pods_name_what_they_need() {
    let text = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n\
                \x20         serviceAccountName: sa\n          imagePullSecrets: [{name: pull}]\n          initContainers:\n\
                \x20         - envFrom: [{secretRef: {name: from}}, {configMapRef: {name: maybe, optional: true}}]\n          containers:\n\
                \x20         - env: [{name: A, valueFrom: {secretKeyRef: {name: key, key: k}}}, {name: B, valueFrom: {configMapKeyRef: {name: cm, key: k}}}]\n\
                \x20         volumes:\n          - {name: v, persistentVolumeClaim: {claimName: claim}}\n          - {name: w, projected: {sources: [{secret: {name: proj}}]}}\n\
                \x20         - {name: x, secret: {secretName: vol}}\n";
    let object = &normalise(text).objects[0];
    let found: Vec<_> =
        references(&object.key, &object.body.value()).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "ConfigMap naksha/cm",
            "PersistentVolumeClaim naksha/claim",
            "Secret naksha/from",
            "Secret naksha/key",
            "Secret naksha/proj",
            "Secret naksha/pull",
            "Secret naksha/vol",
            "ServiceAccount naksha/sa",
        ]
    );
}
