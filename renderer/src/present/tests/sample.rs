//! One plan with a bit of everything, made by the planner itself.

use std::sync::Arc;

use naksha_environments::codes::definition::UNKNOWN_KEY;
use naksha_environments::codes::plan as codes;
use naksha_environments::diagnostic::{Diagnostic, Place, Severity, Span};
use naksha_environments::digest::Digest;
use naksha_environments::ids::{NodeId, RuleName, UnitName};
use naksha_environments::object::DesiredObject;
use naksha_environments::plan::{Blocked, Plan, Preconditions, Subject};
use naksha_environments::rendered::Rendered;
use naksha_environments::source::TreePath;
use naksha_environments::unit::IgnoreRule;
use naksha_environments::verdict::{Admission, Finding, HoldKind, HoldReason, Standing, Verdict};
use naksha_environments::wire::PlanDocument;
use naksha_environments::workflow::{Node, WorkflowGraph};
use serde_json::{Value, json};

use crate::plan::tests::world::{World, environment, graph, key, object, objects, rendered, unit, unit_name};

fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

fn node(uses: &str, needs: &[&str]) -> Node {
    Node {
        uses: uses.to_owned(),
        needs: needs.iter().map(|id| NodeId::parse(id).unwrap()).collect(),
        with: Value::Null,
        when: None,
        for_each: None,
        until: None,
        max_iterations: None,
        max_parallel: None,
        retry: None,
        timeout: None,
        effect: None,
        place: Place::file(&path("workflows/ingest.yaml")),
    }
}

/// A graph whose nodes and JSON say the same.
fn flow(nodes: &[(&str, &str, &[&str])], extra: &Value) -> Arc<WorkflowGraph> {
    let mut definition = json!({"nodes": {}});
    for (id, uses, needs) in nodes {
        definition["nodes"][*id] = json!({"uses": uses, "needs": needs});
    }
    for (key, value) in extra.as_object().unwrap() {
        definition[key] = value.clone();
    }
    let mut made = (*graph("ingest", &definition)).clone();
    made.nodes =
        nodes.iter().map(|(id, uses, needs)| (NodeId::parse(id).unwrap(), node(uses, needs))).collect();
    Arc::new(made)
}

fn set(service: &str) -> Arc<DesiredObject> {
    object("StatefulSet", "postgres", &json!({"spec": {"serviceName": service, "replicas": 1}}))
}

fn secret(path: &str) -> Arc<DesiredObject> {
    object("Secret", "db", &json!({"data": {"URL": format!("ref:vault:kv/naksha/{path}#url")}}))
}

fn settings(level: &str) -> Arc<DesiredObject> {
    let text = format!("listen: 8080\nlog: {level}\ndatabase: postgres://app:hunter2@db/app\nworkers: 4\n");
    object("ConfigMap", "web", &json!({"data": {"app.yaml": text, "size": "1"}}))
}

/// Set by somebody else since, but for one key.
fn limits() -> Arc<DesiredObject> {
    object(
        "ConfigMap",
        "nats-limits",
        &json!({"data": {"connections": "10", "payload": "1MB", "streams": "5"}}),
    )
}

/// A rule about every ConfigMap.
fn left_to(line: usize, fields: &[&str], reason: &str) -> IgnoreRule {
    IgnoreRule {
        kinds: vec!["ConfigMap".to_owned()],
        names: vec![],
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        managers: vec![],
        when: None,
        reason: reason.to_owned(),
        place: Place::at_line(&path("units/nats/unit.yaml"), line, 7),
    }
}

fn with_rules(mut state: Rendered) -> Rendered {
    for (name, unit) in &mut state.units {
        unit.ignore = match name.as_str() {
            "nats" => Arc::new([
                left_to(7, &["/data/payload"], "tuned by the operator"),
                left_to(9, &["/data/connections"], "scaled by hand"),
            ]),
            "web" => Arc::new([left_to(7, &["/data/size"], "sized by the *operator*")]),
            _ => Arc::new([]),
        };
    }
    state
}

fn web() -> Arc<DesiredObject> {
    let containers = json!([{"name": "web", "image": "registry.example/web:1.4.0", "args": ["--serve"]}]);
    object(
        "Deployment",
        "web",
        &json!({"spec": {"replicas": 2, "template": {"spec": {"containers": containers}}}}),
    )
}

fn before() -> Rendered {
    let claim = object(
        "PersistentVolumeClaim",
        "data",
        &json!({"spec": {"resources": {"requests": {"storage": "8Gi"}}}}),
    );
    let drifting = object("ConfigMap", "nats", &json!({"data": {"max": "1"}}));
    let lost = object("ConfigMap", "lost", &json!({}));
    let mut state = rendered(vec![
        unit("postgres", &[], objects(&[set("pg"), secret("db"), claim])),
        unit("web", &["postgres"], objects(&[settings("debug"), lost])),
        unit("nats", &[], objects(&[drifting, limits()])),
    ]);
    let nodes: &[(&str, &str, &[&str])] =
        &[("fetch", "http", &[]), ("chunk", "split", &["fetch"]), ("store", "milvus.upsert", &["chunk"])];
    let graph = flow(nodes, &json!({"budget": {"run": {"usd": 0.5}}}));
    state.workflows.insert(graph.name.clone(), graph);
    with_rules(state)
}

fn after() -> Rendered {
    let drifting = object("ConfigMap", "nats", &json!({"data": {"max": "1"}}));
    let lost = object("ConfigMap", "lost", &json!({"data": {"new": "1"}}));
    let mut state = rendered(vec![
        unit("postgres", &[], objects(&[set("postgres"), secret("database")])),
        unit("web", &["postgres"], objects(&[settings("info"), web(), lost])),
        unit("nats", &[], objects(&[drifting, limits()])),
    ]);
    let nodes: &[(&str, &str, &[&str])] =
        &[("fetch", "http", &[]), ("embed", "embedding", &["fetch"]), ("store", "milvus.upsert", &["embed"])];
    let graph = flow(nodes, &json!({"budget": {"run": {"usd": 1.0}}, "triggers": [{"cron": "0 * * * *"}]}));
    state.workflows.insert(graph.name.clone(), graph);
    with_rules(state)
}

pub(super) fn plans() -> (Plan, Plan) {
    let mut world = World::default();
    world.apply(&world.plan(&before(), &environment()));
    world.edit(&key("ConfigMap", "nats"), |body| body["data"]["max"] = json!("9"));
    world.edit(&key("ConfigMap", "nats-limits"), |body| {
        body["data"]["payload"] = json!("8MB");
        body["data"].as_object_mut().unwrap().shift_remove("connections");
    });
    world.edit(&key("ConfigMap", "web"), |body| body["data"]["size"] = json!("3"));
    world.unreadable.insert(key("ConfigMap", "lost"));
    let mut head = world.plan(&after(), &environment());
    // Beside a deletion, which a unit without a driver would keep the planner from.
    head.blocked.insert(UnitName::parse("monitoring").unwrap(), Blocked::Unsupported("helm"));
    head.preconditions = Preconditions { planner: "0.1.0".to_owned(), ..Preconditions::default() };
    (head, world.plan(&before(), &environment()))
}

pub(super) fn diagnostics() -> Vec<Diagnostic> {
    let text = "kind: Unit\nspec:\n\tdependson: [postgres] # password=hunter2\n";
    let start = text.find("dependson").unwrap();
    let place =
        Place::in_text(&path("units/web/unit.yaml"), text, Span { start, end: start + "dependson".len() });
    let other = Place::at_line(&path("units/nats/unit.yaml"), 12, 1);
    vec![
        Diagnostic::new(UNKNOWN_KEY, "unknown key `dependson`")
            .at(place)
            .hint("did you mean `dependsOn`?")
            .note(Some(other), "it is written right here"),
        Diagnostic::new(codes::DRIFT, "something without a place"),
    ]
}

pub(super) fn verdict(plan: &Plan) -> Verdict {
    let subject = |name: &str| {
        let find = |action: &&naksha_environments::plan::Action| action.subject.to_string().ends_with(name);
        plan.actions.iter().find(find).map(|action| action.subject.clone())
    };
    let finding = |severity, rule: &str, subject: Option<Subject>, standing, message: &str| Finding {
        severity,
        rule: RuleName::parse(rule).unwrap(),
        unit: Some(unit_name("postgres")),
        subject,
        field: None,
        place: None,
        message: message.to_owned(),
        fix: None,
        standing,
    };
    let mut guard = finding(
        Severity::Error,
        "guard-stateful",
        subject("naksha/postgres"),
        Standing::NeedsAcknowledgement,
        "replacing it deletes what is in it",
    );
    guard.fix = Some("keep `serviceName`, or acknowledge the plan".to_owned());
    guard.place = Some(Place::at_line(&path("units/postgres/set.yaml"), 9, 3));
    let mut image = finding(
        Severity::Warning,
        "image-no-digest",
        subject("naksha/web"),
        Standing::New,
        "image `registry.example/web:1.4.0` has no digest",
    );
    image.field = Some("spec.template.spec.containers[name=web].image".to_owned());
    let waived = Standing::Waived { reason: "moves to Vault in May".to_owned() };
    let old = finding(Severity::Error, "cleartext-secret", None, waived, "a password stands in `app.yaml`");
    let known = [("image-no-digest".parse().unwrap(), 3)].into();
    Verdict { findings: vec![guard, image, old], known, policies: Digest::of_bytes(b"policies") }
}

pub(super) fn document() -> PlanDocument {
    let (head, base) = plans();
    let lift = format!("naksha ack {} --reason …", head.id.short());
    let hold = HoldReason {
        kind: HoldKind::Guard,
        message: "it replaces 1 object that holds data".to_owned(),
        lift,
    };
    let verdict = verdict(&head);
    let admission = Admission::of(Arc::new(head.clone()), vec![hold], Some(Arc::new(base.clone())));
    PlanDocument::of(&head)
        .with_base(&base)
        .with_verdict(&verdict)
        .with_admission(&admission)
        .with_diagnostics(&diagnostics())
}
