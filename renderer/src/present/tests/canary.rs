//! A secret put into every input is in no output.

use std::sync::Arc;

use naksha_environments::codes::plan as codes;
use naksha_environments::diagnostic::{Diagnostic, Place, Severity, Span};
use naksha_environments::digest::Digest;
use naksha_environments::ids::RuleName;
use naksha_environments::object::{Body, Observed};
use naksha_environments::plan::{Blocked, Plan};
use naksha_environments::rendered::UnitState;
use naksha_environments::secret::MarkKey;
use naksha_environments::source::TreePath;
use naksha_environments::verdict::{
    Acknowledgement, Admission, Finding, HoldKind, HoldReason, Standing, Verdict,
};
use naksha_environments::wire::PlanDocument;
use serde_json::json;

use crate::plan::tests::world::{World, environment, graph, key, object, objects, rendered, unit, unit_name};
use crate::plan::{PlanInput, diagnostics, plan};
use crate::present::{Style, markdown, text};

const CANARY: &str = "Tr0ub4dor-canary";

/// A plan into which the canary flew by every door.
fn poisoned() -> Plan {
    let url = format!("postgres://app:{CANARY}@db/app");
    let mark = MarkKey::new([9; 32]).mark(CANARY.as_bytes());
    let mut secret = (*object("Secret", "inline", &json!({}))).clone();
    let body = json!({"kind": "Secret", "data": {"PIN": format!("mark:{}", mark.as_str())}, "stringData": {"x": CANARY}});
    secret.body = Body::new(&body);
    let env = json!([
        {"name": "DB_PASSWORD", "value": CANARY},
        {"name": "DATABASE_URL", "value": url},
        {"name": "TOKEN", "value": CANARY},
    ]);
    let new = object(
        "Deployment",
        "web",
        &json!({"spec": {"containers": [{"name": "web", "env": env}], "token": CANARY}}),
    );
    let config = object(
        "ConfigMap",
        "web",
        &json!({"data": {"app.yaml": format!("a: 1\npassword: {CANARY}\nurl: {url}\n"), "apiKey": CANARY}}),
    );
    let gone = object("ConfigMap", "gone", &json!({"data": {"password": CANARY}}));
    let start = rendered(vec![unit("web", &[], objects(std::slice::from_ref(&gone)))]);
    let mut world = World::default();
    world.apply(&world.plan(&start, &environment()));
    let copy = json!({"kubectl.kubernetes.io/last-applied-configuration": format!("{{\"data\":{{\"x\":\"{CANARY}\"}}}}")});
    let copied =
        object("Deployment", "copied", &json!({"metadata": {"name": "copied", "annotations": copy}}));
    let broken = UnitState::Broken { reason: format!("cannot read {url}") };
    let mut state = rendered(vec![
        unit("web", &[], objects(&[new, config, gone, Arc::new(secret), copied])),
        unit("sick", &[], broken),
    ]);
    let definition = json!({
        "nodes": {"call": {"uses": "http", "with": {"url": url, "token": CANARY, "headers": {"Authorization": format!("Bearer {CANARY}-{CANARY}")}}}},
        "triggers": [{"webhook": {"secret": CANARY}}],
    });
    let graph = graph("ingest", &definition);
    state.workflows.insert(graph.name.clone(), graph);
    world.edit(&key("ConfigMap", "gone"), |body| body["data"]["password"] = json!(format!("{CANARY}-2")));
    let mut observation = world.observe(&state);
    observation
        .objects
        .insert(key("ConfigMap", "web"), Observed::Unknown { reason: format!("dial {url}: timeout") });
    let environment = environment();
    let mut made = plan(&PlanInput::new(&state, &observation, &world.inventory, &environment));
    made.blocked.insert(unit_name("other"), Blocked::Broken(format!("password={CANARY}")));
    made.kept.insert(key("ConfigMap", "kept"), format!("token={CANARY}"));
    made
}

fn outputs() -> Vec<String> {
    let plan = poisoned();
    let path = TreePath::parse("units/web/values.yaml").unwrap();
    let line = format!("password: {CANARY}\n");
    let place = Place::in_text(&path, &line, Span { start: 0, end: 8 });
    let message = format!("a password: {CANARY} stands here");
    let finding = Finding {
        severity: Severity::Error,
        rule: RuleName::parse("cleartext-secret").unwrap(),
        unit: None,
        subject: None,
        field: None,
        place: Some(place.clone()),
        message: message.clone(),
        fix: Some(format!("remove postgres://x:{CANARY}@db")),
        standing: Standing::New,
    };
    let hold =
        HoldReason { kind: HoldKind::Policy, message: message.clone(), lift: format!("password={CANARY}") };
    let found = Diagnostic::new(codes::DRIFT, message.clone())
        .at(place.clone())
        .hint(message.clone())
        .note(Some(place), message);
    let document = PlanDocument::of(&plan)
        .with_verdict(&Verdict { findings: vec![finding], known: [].into(), policies: Digest::of_bytes(b"") })
        .with_acknowledgements(&[Acknowledgement {
            plan: plan.id.clone(),
            by: "ada".to_owned(),
            reason: format!("password={CANARY}"),
            at: None,
            expires: None,
            source: "socket".to_owned(),
        }])
        .with_admission(&Admission::of(Arc::new(plan.clone()), vec![hold], None))
        .with_diagnostics(&[found]);
    vec![
        serde_json::to_string_pretty(&document).unwrap(),
        text(&document, Style::new(false)),
        text(&document, Style::new(true).width(400)),
        markdown(&[document], 1_000_000),
        format!("{:?}", plan.actions.iter().map(|action| &action.changes).collect::<Vec<_>>()),
    ]
}

#[test]
fn no_output_has_the_canary() {
    for output in outputs() {
        let at = output.find(CANARY).map(|at| &output[at.saturating_sub(200)..(at + 40).min(output.len())]);
        assert_eq!(at, None);
        assert!(output.contains("ingest") || output.contains("Secret"), "it says something: {output}");
    }
}

#[test]
fn marks_do_not_leave_either() {
    let mark = MarkKey::new([9; 32]).mark(CANARY.as_bytes());
    for output in &outputs()[..4] {
        assert!(!output.contains(mark.as_str()));
    }
}

#[test]
fn findings_of_the_planner_are_masked_in_documents() {
    let plan = poisoned();
    let found = diagnostics(&plan, &rendered(vec![]));
    let document = PlanDocument::of(&plan).with_diagnostics(&found);
    assert!(!serde_json::to_string(&document).unwrap().contains(CANARY));
}
