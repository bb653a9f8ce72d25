//! Three-way comparison and merging: tables of cases, and laws.

use std::fmt::Write as _;

use naksha_environments::diagnostic::Place;
use naksha_environments::digest::{Digest, canonical_json};
use naksha_environments::expression::Expression;
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Owned;
use naksha_environments::object::{Body, ObjectKey};
use naksha_environments::plan::{FieldPath, Shown};
use naksha_environments::secret::MarkKey;
use naksha_environments::source::TreePath;
use naksha_environments::unit::IgnoreRule;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Costs, Ignored, Sides, compare, merge, shown, translate_secrets, without};

fn check(kind: &str, desired: &Value, live: &Value, applied: &Value, expected: &[&str]) {
    let sides = Sides { desired, live: Some(live), applied: (!applied.is_null()).then_some(applied) };
    let found: Vec<String> = compare(kind, sides)
        .iter()
        .map(|diff| {
            let mut text_line = format!("{:?} {}:", diff.origin, diff.path);
            for side in [&diff.live, &diff.desired] {
                let text = side.as_ref().map_or_else(|| "-".to_owned(), canonical_json);
                write!(text_line, " {text}").unwrap();
            }
            text_line
        })
        .collect();
    assert_eq!(found, expected);
    let merged = merge(kind, Some(live), (!applied.is_null()).then_some(applied), desired, &[]);
    let again = Sides { desired, live: Some(&merged), applied: Some(desired) };
    assert_eq!(compare(kind, again), [], "after the merge to {merged}");
}

#[test]
fn each_field_tells_who_changed_it() {
    let desired = json!({"spec": {"a": 2, "b": 1, "c": 1, "d": 1}});
    let live = json!({"spec": {"a": 1, "b": 9, "c": 9, "e": 1, "stranger": 1}, "status": {"x": 1}});
    let applied = json!({"spec": {"a": 1, "b": 1, "e": 1}});
    let expected = [
        "Change spec.a: 1 2",
        "Drift spec.b: 9 1",
        "Conflict spec.c: 9 1",
        "Change spec.d: - 1",
        "Change spec.e: 1 -",
    ];
    check("X", &desired, &live, &applied, &expected);
}

#[test]
fn what_the_target_writes_is_never_compared() {
    let desired =
        json!({"metadata": {"name": "x", "resourceVersion": "1", "creationTimestamp": null}, "status": {}});
    let live = json!({"metadata": {"name": "x", "resourceVersion": "7", "uid": "u", "generation": 3}, "status": {"a": 1}});
    check("X", &desired, &live, &desired, &[]);
}

#[test]
fn containers_go_by_name_and_ports_by_number_and_protocol() {
    let desired = json!({"spec": {"containers": [
        {"name": "app", "image": "app:2", "ports": [{"containerPort": 80}], "args": ["-v", "2"]},
        {"name": "side", "image": "side:1"},
    ]}});
    let live = json!({"spec": {"containers": [
        {"name": "injected", "image": "mesh:1"},
        {"name": "app", "image": "app:1", "imagePullPolicy": "Always", "args": ["-v"],
         "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}]},
        {"name": "old", "image": "old:1", "tty": false},
    ]}});
    let applied = json!({"spec": {"containers": [
        {"name": "app", "image": "app:1", "ports": [{"containerPort": 80}], "args": ["-v"]},
        {"name": "old", "image": "old:1"},
    ]}});
    let expected = [
        r#"Change spec.containers[name=app].args: ["-v"] ["-v","2"]"#,
        r#"Change spec.containers[name=app].image: "app:1" "app:2""#,
        r#"Change spec.containers[name=old]: {"image":"old:1","name":"old","tty":false} -"#,
        r#"Change spec.containers[name=side].image: - "side:1""#,
    ];
    check("Deployment", &desired, &live, &applied, &expected);
    let merged = merge("Deployment", Some(&live), Some(&applied), &desired, &[]);
    let names: Vec<_> = merged["spec"]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["app", "side", "injected"]);
}

#[test]
fn the_order_of_init_containers_counts_and_that_of_containers_does_not() {
    let list =
        |names: &[&str]| -> Value { names.iter().map(|name| json!({"name": name, "image": "x"})).collect() };
    let desired = json!({"spec": {"initContainers": list(&["a", "b"]), "containers": list(&["a", "b"])}});
    let live = json!({"spec": {"initContainers": list(&["b", "x", "a"]), "containers": list(&["b", "a"])}});
    check("Pod", &desired, &live, &desired, &[r#"Drift spec.initContainers: ["b","a"] ["a","b"]"#]);
}

#[test]
fn other_notations_are_no_change() {
    let desired = json!({"spec": {"replicas": 1.0, "x": null, "env": [],
        "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}}, "ports": [{"port": 80, "targetPort": "80"}]}});
    let live = json!({"spec": {"replicas": 1,
        "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}}, "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}});
    check("Service", &desired, &live, &Value::Null, &[]);
    let merged = merge("Service", Some(&live), None, &desired, &[]);
    assert_eq!(merged["spec"]["resources"], live["spec"]["resources"], "live notation stays");
}

#[test]
fn atomic_lists_are_compared_whole() {
    let subject = |name: &str| json!({"kind": "User", "name": name});
    let desired = json!({"subjects": [subject("a")]});
    let live = json!({"subjects": [subject("a"), subject("mallory")]});
    let expected = [format!(
        "Drift subjects: {} {}",
        canonical_json(&live["subjects"]),
        canonical_json(&desired["subjects"])
    )];
    check("RoleBinding", &desired, &live, &desired, &[&expected[0]]);
}

#[test]
fn finalizers_are_a_set() {
    let desired = json!({"metadata": {"finalizers": ["ours", "new"]}});
    let live = json!({"metadata": {"finalizers": ["theirs", "ours", "old"]}});
    let applied = json!({"metadata": {"finalizers": ["ours", "old"]}});
    let expected = [
        r#"Change metadata.finalizers[value=new]: - "new""#,
        r#"Change metadata.finalizers[value=old]: "old" -"#,
    ];
    check("X", &desired, &live, &applied, &expected);
    let merged = merge("X", Some(&live), Some(&applied), &desired, &[]);
    assert_eq!(merged["metadata"]["finalizers"], json!(["ours", "new", "theirs"]));
    let member = |text: &str| {
        FieldPath::default()
            .key("metadata")
            .key("finalizers")
            .with(naksha_environments::merge::shape::member(text))
    };
    let left = merge("X", Some(&live), Some(&applied), &desired, &[member("new"), member("old")]);
    assert_eq!(left["metadata"]["finalizers"], json!(["ours", "theirs", "old"]));
}

#[test]
fn a_field_of_another_type_is_replaced_whole() {
    let desired = json!({"spec": {"a": {"b": 1}, "c": 1, "emptyDir": {}}});
    let live = json!({"spec": {"a": 7, "c": {"d": 1}}});
    let expected =
        [r#"Change spec.a: 7 {"b":1}"#, r#"Change spec.c: {"d":1} 1"#, "Change spec.emptyDir: - {}"];
    check("X", &desired, &live, &json!({"spec": {"a": 7, "c": 2}}), &expected);
}

#[test]
fn a_map_that_we_give_up_keeps_what_others_put_into_it() {
    let desired = json!({"metadata": {"name": "x"}});
    let live = json!({"metadata": {"name": "x", "labels": {"ours": "1", "theirs": "2"}, "annotations": {"ours": "1"}}});
    let applied = json!({"metadata": {"name": "x", "labels": {"ours": "1"}, "annotations": {"ours": "1"}}});
    let expected = [r#"Change metadata.annotations.ours: "1" -"#, r#"Change metadata.labels.ours: "1" -"#];
    check("X", &desired, &live, &applied, &expected);
    let merged = merge("X", Some(&live), Some(&applied), &desired, &[]);
    assert_eq!(merged, json!({"metadata": {"name": "x", "labels": {"theirs": "2"}}}));
}

fn rule(fields: &[&str]) -> IgnoreRule {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    IgnoreRule {
        kinds: vec!["apps/Deployment".to_owned()],
        names: vec![],
        fields,
        managers: vec![],
        when: None,
        reason: "test".to_owned(),
        place: Place::at_line(&TreePath::parse("units/web/unit.yaml").unwrap(), 7, 7),
    }
}

#[test]
fn ignored_fields_are_left_alone() {
    let key = ObjectKey::new("apps", "Deployment", Some("naksha"), "web");
    let desired = json!({"spec": {"replicas": 2, "args": ["a"], "containers": [{"name": "app", "image": "1"}, {"name": "b", "image": "1"}]}});
    let live = json!({"spec": {"replicas": 5, "args": ["b"], "containers": [{"name": "app", "image": "2"}, {"name": "b", "image": "2"}]}});
    let rules = [rule(&[
        "/spec/replicas",
        "/spec/containers/0/image",
        "/spec/containers/b/image",
        "/spec/args/0",
        "/nope",
        "",
    ])];
    let leave = |key: &ObjectKey| -> Vec<FieldPath> {
        let ignored = Ignored::of(&rules, key, &desired, &live, &Costs::default());
        ignored.fields(&[&desired]).into_keys().collect()
    };
    let paths: Vec<_> = leave(&key).iter().map(ToString::to_string).collect();
    assert_eq!(
        paths,
        ["spec.args", "spec.containers[name=app].image", "spec.containers[name=b].image", "spec.replicas"]
    );
    assert_eq!(merge("Deployment", Some(&live), Some(&desired), &desired, &leave(&key)), live);
    let stripped = json!({"spec": {"containers": [{"name": "app"}, {"name": "b"}]}});
    assert_eq!(without(&desired, &leave(&key)), stripped);
    assert_eq!(leave(&ObjectKey::new("", "Service", None, "web")), []);
}

/// What comes of a rule with this condition for an object: it applies, it does not, or why that is not known.
fn judged(when: &str, key: &ObjectKey, desired: &Value, live: &Value, costs: &Costs) -> String {
    let when = Some(Expression::parse(when, None).unwrap());
    let rules = [IgnoreRule { when, kinds: vec![], ..rule(&["/spec/replicas"]) }];
    let ignored = Ignored::of(&rules, key, desired, live, costs);
    match ignored.unjudged.as_slice() {
        [] => (!ignored.fields(&[desired]).is_empty()).to_string(),
        [unjudged] => format!("{} {}: {}", unjudged.place, unjudged.reason, unjudged.why),
        more => panic!("one rule, one answer: {more:?}"),
    }
}

#[test]
fn a_condition_decides_by_both_versions() {
    let key = ObjectKey::new("apps", "Deployment", Some("naksha"), "web");
    let desired = json!({"metadata": {"name": "web"}, "spec": {"replicas": 2}});
    let live = json!({"metadata": {"name": "web", "annotations": {"scaler": "on"}}, "spec": {"replicas": 5}});
    let table = [
        ("'scaler' in live.metadata.annotations", "true"),
        ("has(live.metadata.annotations) && live.metadata.annotations.scaler == 'off'", "false"),
        ("live.spec.replicas > desired.spec.replicas", "true"),
        ("live.spec.paused", "units/web/unit.yaml:7:7 test: there is no `paused`"),
        ("live.spec.replicas == 'five'", "false"),
        ("live.spec.replicas", "units/web/unit.yaml:7:7 test: it gives neither true nor false"),
        (
            "live.spec.replicas.startsWith('a')",
            "units/web/unit.yaml:7:7 test: `startsWith` does not take int and string",
        ),
    ];
    for (when, expected) in table {
        assert_eq!(judged(when, &key, &desired, &live, &Costs::default()), expected, "{when}");
    }
}

#[test]
fn a_condition_sees_no_secret() {
    let key = ObjectKey::new("", "Secret", Some("naksha"), "db");
    let body = json!({
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary"}},
        "data": {"URL": "mark:canary"}, "stringData": {"a": "canary"},
        "spec": {"replicas": 1, "dsn": "postgres://app:canary@db/app"},
    });
    for (when, expected) in [
        ("'URL' in live.data && live.data.URL == '(secret)' && desired.stringData.a == '(secret)'", "true"),
        (
            "live.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'] == '(secret)'",
            "true",
        ),
        ("live.spec.dsn.contains('canary')", "false"),
    ] {
        assert_eq!(judged(when, &key, &body, &body, &Costs::default()), expected, "{when}");
    }
}

#[test]
fn a_condition_that_takes_too_much_is_asked_once() {
    let key = ObjectKey::new("apps", "Deployment", Some("naksha"), "web");
    let many: Vec<u32> = (0..1_500).collect();
    let body = json!({"spec": {"replicas": 1, "many": many}});
    let (when, costs) = ("live.spec.many.all(a, live.spec.many.all(b, a >= 0))", Costs::default());
    let first = judged(when, &key, &body, &body, &costs);
    assert!(first.contains("evaluation stopped: it takes more than"), "{first}");
    assert!(
        judged(when, &key, &body, &body, &costs).ends_with("it takes too much to ask it of every object")
    );
}

#[test]
fn secrets_read_as_the_references_they_came_from() {
    let marks = MarkKey::new([7; 32]);
    let mark = |value: &str| format!("mark:{}", marks.mark(value.as_bytes()).as_str());
    let applied = json!({"kind": "Secret", "data": {"URL": "ref:vault:kv/db#url", "PIN": mark("1234")}});
    let secrets = [("URL".to_owned(), marks.mark(b"postgres")), ("PIN".to_owned(), marks.mark(b"1234"))]
        .into_iter()
        .collect();
    let owned = Owned {
        unit: UnitName::parse("db").unwrap(),
        api_version: "v1".into(),
        desired: Digest::of_bytes(b""),
        applied: Body::new(&applied),
        mark: None,
        secrets,
        stateful: false,
        end: None,
    };
    let as_written = json!({"kind": "Secret", "data": {"URL": mark("postgres"), "PIN": mark("1234")}});
    assert_eq!(translate_secrets(as_written, &owned), applied);
    let changed = json!({"kind": "Secret", "data": {"URL": mark("hacked"), "PIN": mark("1234")}});
    let live = translate_secrets(changed, &owned);
    let sides = Sides { desired: &applied, live: Some(&live), applied: Some(&applied) };
    let found = compare("Secret", sides);
    assert_eq!(found.len(), 1);
    let key = ObjectKey::new("", "Secret", Some("naksha"), "db");
    let shown = |value: &Option<Value>| shown(&key, &found[0].path, value.as_ref().unwrap());
    assert_eq!(shown(&found[0].live), Shown::Secret { reference: None, mark: Some(marks.mark(b"hacked")) });
    let reference = Some("vault:kv/db#url".to_owned());
    assert_eq!(shown(&found[0].desired), Shown::Secret { reference, mark: None });
}

#[test]
fn plain_fields_with_secrets_in_them_are_masked() {
    let deployment = ObjectKey::new("apps", "Deployment", Some("naksha"), "web");
    let env = FieldPath::default()
        .key("spec")
        .with(naksha_environments::plan::Segment::Item(vec![("name".to_owned(), "DB_PASSWORD".to_owned())]))
        .key("value");
    assert_eq!(shown(&deployment, &env, &json!("hunter2")), Shown::Value(json!("(secret)")));
    assert_eq!(shown(&deployment, &env, &json!("$(OTHER)")), Shown::Value(json!("$(OTHER)")));
    let config = ObjectKey::new("", "ConfigMap", Some("naksha"), "web");
    let text = json!("url: postgres://a:hunter2@db/x");
    let path = FieldPath::default().key("data").key("app.yaml");
    assert_eq!(shown(&config, &path, &text), Shown::Value(json!("url: postgres://a:(secret)@db/x")));
    let secret = ObjectKey::new("", "Secret", Some("naksha"), "web");
    let typed = shown(&secret, &FieldPath::default().key("data"), &json!({"a": "hunter2"}));
    assert_eq!(typed, Shown::Secret { reference: None, mark: None });
    let copy = FieldPath::default()
        .key("metadata")
        .key("annotations")
        .key("kubectl.kubernetes.io/last-applied-configuration");
    assert!(matches!(shown(&config, &copy, &json!("hunter2")), Shown::Secret { .. }));
}

/// Small JSON objects with the shapes that matter: maps, list maps, sets, atomic lists.
fn objects() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(1)),
        Just(json!("1")),
        Just(json!("1000m")),
        Just(json!("x")),
        Just(json!(true)),
        Just(json!({})),
        Just(json!([])),
        Just(Value::Null)
    ];
    let item = (0..4_u8, scalar.clone())
        .prop_map(|(name, image)| json!({"name": format!("c{name}"), "image": image}));
    let port = (0..3_u8, 0..3_u8, scalar.clone()).prop_map(|(number, protocol, name)| match protocol {
        0 => json!({"port": number, "name": name}),
        1 => json!({"port": number, "protocol": "TCP"}),
        _ => json!({"port": number, "protocol": "UDP", "name": name}),
    });
    let leaf = prop_oneof![
        4 => scalar,
        1 => prop::collection::vec(item.clone(), 0..4).prop_map(Value::Array),
        1 => prop::collection::vec(port, 0..4).prop_map(Value::Array),
        1 => prop::collection::vec((0..4_u8).prop_map(|n| json!(format!("v{n}"))), 0..4).prop_map(Value::Array),
    ];
    let keys = prop::sample::select(vec![
        "metadata",
        "spec",
        "containers",
        "initContainers",
        "ports",
        "finalizers",
        "limits",
        "a",
        "b",
        "status",
        "subjects",
    ]);
    let map = |inner: BoxedStrategy<Value>| {
        prop::collection::btree_map(keys.clone(), inner, 0..5)
            .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Value>())
    };
    let inner = prop_oneof![2 => leaf.clone(), 1 => map(leaf.boxed())].boxed();
    let middle = prop_oneof![1 => inner.clone(), 1 => map(inner)].boxed();
    map(middle)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_differs_after_a_merge(desired in objects(), live in prop::option::of(objects()), applied in prop::option::of(objects())) {
        let merged = merge("X", live.as_ref(), applied.as_ref(), &desired, &[]);
        let sides = Sides { desired: &desired, live: Some(&merged), applied: Some(&desired) };
        prop_assert_eq!(compare("X", sides), vec![], "after the merge to {}", merged);
        let again = merge("X", Some(&merged), Some(&desired), &desired, &[]);
        prop_assert_eq!(again, merged);
    }

    #[test]
    fn what_differs_is_what_a_merge_changes(desired in objects(), live in objects(), applied in objects()) {
        let sides = Sides { desired: &desired, live: Some(&live), applied: Some(&applied) };
        let found = compare("X", sides);
        let leave: Vec<FieldPath> = found.iter().map(|diff| diff.path.clone()).collect();
        let merged = merge("X", Some(&live), Some(&applied), &desired, &leave);
        let left = compare("X", Sides { desired: &desired, live: Some(&merged), applied: Some(&applied) });
        prop_assert_eq!(left, found, "leaving every differing field changes nothing that counts");
    }

    #[test]
    fn strangers_fields_stay(desired in objects(), mut live in objects(), applied in objects()) {
        live["stranger"] = json!({"of": "ours"});
        let merged = merge("X", Some(&live), Some(&applied), &desired, &[]);
        prop_assert_eq!(&merged["stranger"], &live["stranger"]);
    }
}
