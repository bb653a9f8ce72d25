//! One case per rule of the planner.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use naksha_environments::environment::{Environment, Lifecycle, TargetRef};
use naksha_environments::object::{DesiredObject, Observation, mark_placeholder};
use naksha_environments::plan::{Payload, Plan, Preconditions, Shown, Verb};
use naksha_environments::quiet::{Memory, Quiet};
use naksha_environments::rendered::{Rendered, UnitState};
use naksha_environments::secret::{MarkKey, SecretRef};
use naksha_environments::unit::{ConflictPolicy, ImmutablePolicy};
use naksha_environments::workflow_change::Contexts;
use serde_json::{Value, json};

use super::world::{World, environment, graph, key, object, objects, owned, rendered, unit, unit_name};
use crate::plan::{PlanInput, diagnostics, objects_to_observe, plan, plan_between, split};

/// A plan in lines: what a reader of a test needs.
pub(super) fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for action in &plan.actions {
        let unit = action.unit.as_ref().map_or("-", |unit| unit.as_str());
        let mut line = format!("{unit}: {} {} ({:?})", action.verb.as_str(), action.subject, action.cause);
        if let Verb::Move { from } = &action.verb {
            write!(line, " from {from}").unwrap();
        }
        for change in action.changes.iter().filter(|_| action.verb != Verb::Create) {
            let side = |side: &Option<Shown>| match side {
                None => "-".to_owned(),
                Some(Shown::Value(value)) => value.to_string(),
                Some(Shown::Secret { reference, .. }) => {
                    format!("<{}>", reference.as_deref().unwrap_or_default())
                }
            };
            write!(line, "; {} {} {}", change.path, side(&change.before), side(&change.after)).unwrap();
        }
        for conflict in &action.conflicts {
            write!(line, "; {:?} {}", conflict.resolution, conflict.path).unwrap();
        }
        lines.push(line);
    }
    lines.extend(plan.unknown.iter().map(|(key, reason)| format!("unknown {key}: {reason}")));
    lines.extend(plan.kept.iter().map(|(key, reason)| format!("kept {key}: {reason}")));
    lines.extend(plan.drifted.iter().map(|(key, changes)| format!("drifted {key}: {}", changes.len())));
    lines.extend(plan.forget.iter().map(|key| format!("forget {key}")));
    lines.extend(plan.blocked.iter().map(|(unit, why)| format!("blocked {unit}: {why:?}")));
    lines
}

pub(super) fn web(replicas: u32) -> Arc<DesiredObject> {
    object("Deployment", "web", &json!({"spec": {"replicas": replicas, "selector": {"app": "web"}}}))
}

pub(super) fn one_unit(list: &[Arc<DesiredObject>]) -> Rendered {
    rendered(vec![unit("web", &[], objects(list))])
}

pub(super) fn applied(state: &Rendered) -> World {
    let mut world = World::default();
    world.apply(&world.plan(state, &environment()));
    assert_eq!(lines(&world.plan(state, &environment())), [""; 0]);
    world
}

#[test]
fn what_runs_once_and_is_gone_is_done() {
    let once = |run: &str| {
        let metadata =
            json!({"name": "migrate", "namespace": "naksha", "annotations": {"naksha.dev/run-once": "true"}});
        one_unit(&[object("Pod", "migrate", &json!({"metadata": metadata, "spec": {"image": run}}))])
    };
    let mut world = applied(&once("1"));
    let environment = environment();
    world.objects.remove(&key("Pod", "migrate"));
    assert_eq!(lines(&world.plan(&once("1"), &environment)), [""; 0]);
    assert_eq!(lines(&world.plan(&once("2"), &environment)), ["web: create Pod naksha/migrate (Change)"]);
    // Dropped, its entry goes.
    assert_eq!(lines(&world.plan(&one_unit(&[web(1)]), &environment))[1..], ["forget Pod naksha/migrate"]);
}

#[test]
fn create_update_and_delete() {
    let state = one_unit(&[web(1), object("ConfigMap", "web", &json!({"data": {"a": "1"}}))]);
    let first = World::default().plan(&state, &environment());
    assert_eq!(
        lines(&first),
        ["web: create ConfigMap naksha/web (Change)", "web: create apps/Deployment naksha/web (Change)"]
    );
    let world = applied(&state);
    assert_eq!(world.plan(&state, &environment()).unchanged, 2);
    let next = world.plan(&one_unit(&[web(2)]), &environment());
    assert_eq!(
        lines(&next),
        [
            "web: delete ConfigMap naksha/web (Change)",
            "web: update apps/Deployment naksha/web (Change); spec.replicas 1 2"
        ]
    );
}

#[test]
fn an_immutable_field_needs_a_replacement() {
    let set =
        |service: &str| one_unit(&[object("StatefulSet", "db", &json!({"spec": {"serviceName": service}}))]);
    let world = applied(&set("a"));
    let mut fails = set("b");
    fails.units.values_mut().for_each(|unit| unit.immutable = ImmutablePolicy::Fail);
    let refused = world.plan(&fails, &environment());
    assert_eq!(
        lines(&refused),
        [
            r#"web: update apps/StatefulSet naksha/db (Change); spec.serviceName "a" "b"; Immutable spec.serviceName"#
        ]
    );
    assert_eq!(diagnostics(&refused, &fails)[0].code.id(), "NK0407");
    let next = world.plan(&set("b"), &environment());
    assert_eq!(
        lines(&next),
        [r#"web: replace apps/StatefulSet naksha/db (Change); spec.serviceName "a" "b""#]
    );
    assert!(next.actions[0].stateful);
}

#[test]
fn drift_is_healed_or_told() {
    let state = one_unit(&[web(1)]);
    let mut world = applied(&state);
    world.edit(&key("Deployment", "web"), |body| body["spec"]["replicas"] = json!(9));
    let healing = world.plan(&state, &environment());
    assert_eq!(lines(&healing), ["web: update apps/Deployment naksha/web (Drift); spec.replicas 9 1"]);
    let mut watching = environment();
    watching.sync.self_heal = false;
    let told = world.plan(&state, &watching);
    assert_eq!(lines(&told), ["drifted apps/Deployment naksha/web: 1"]);
    assert!(told.is_empty());
    let found = diagnostics(&told, &state);
    assert_eq!(found[0].code.id(), "NK0405");
    assert!(found[0].message.ends_with("in 1 field"), "{found:?}");
    world.objects.clear();
    assert_eq!(
        lines(&world.plan(&state, &environment())),
        ["web: create apps/Deployment naksha/web (Drift)"]
    );
    assert_eq!(world.plan(&state, &watching).drifted.len(), 1);
    // Git wants something new: the object is written whole, and what drifted is listed.
    let mut world = applied(&state);
    world.edit(&key("Deployment", "web"), |body| body["spec"]["selector"]["app"] = json!("x"));
    let both = world.plan(&one_unit(&[web(2)]), &watching);
    assert_eq!(
        lines(&both),
        [
            r#"web: replace apps/Deployment naksha/web (Change); spec.replicas 1 2; spec.selector.app "x" "web""#
        ]
    );
}

#[test]
fn adopting_names_conflicts() {
    let mut world = World::default();
    world.put(&web(5));
    let mut state = one_unit(&[web(2)]);
    let policies = [
        (ConflictPolicy::Refuse, "; spec.replicas 5 2; Refuse"),
        (ConflictPolicy::Take, "; spec.replicas 5 2; Take"),
        (ConflictPolicy::Leave, "; Leave"),
    ];
    for (policy, expected) in policies {
        state.units.values_mut().for_each(|unit| unit.conflicts = policy);
        let adoption = world.plan(&state, &environment());
        assert_eq!(
            lines(&adoption),
            [format!("web: adopt apps/Deployment naksha/web (Change){expected} spec.replicas")]
        );
        let mut world = world.clone();
        world.apply(&adoption);
        let again = world.plan(&state, &environment());
        assert_eq!(again.is_empty(), policy != ConflictPolicy::Refuse);
        let replicas = &world.objects[&key("Deployment", "web")].1["spec"]["replicas"];
        assert_eq!(replicas, if policy == ConflictPolicy::Take { 2 } else { 5 });
    }
}

#[test]
fn an_object_that_changes_units_moves() {
    let state = |a: &[Arc<DesiredObject>], b: &[Arc<DesiredObject>]| {
        rendered(vec![unit("a", &[], objects(a)), unit("b", &[], objects(b))])
    };
    let mut world = applied(&state(&[web(1)], &[]));
    let moved = state(&[], &[web(2)]);
    let plan = world.plan(&moved, &environment());
    assert_eq!(lines(&plan), ["b: move apps/Deployment naksha/web (Change) from a; spec.replicas 1 2"]);
    world.apply(&plan);
    assert!(world.plan(&moved, &environment()).is_empty());
    // The old owner is broken: whether it still wants the object is not known.
    let world = applied(&state(&[web(1)], &[]));
    let broken = UnitState::Broken { reason: "syntax".to_owned() };
    let unsure = rendered(vec![unit("a", &[], broken), unit("b", &[], objects(&[web(1)]))]);
    let plan = world.plan(&unsure, &environment());
    assert!(plan.is_empty());
    assert!(plan.unknown[&key("Deployment", "web")].contains("belongs to unit `a`"));
    // The new owner is blocked: the old one must not delete.
    let blocked = rendered(vec![
        unit("a", &[], objects(&[])),
        unit("b", &["c"], objects(&[web(1)])),
        unit("c", &[], UnitState::NotYet),
    ]);
    assert_eq!(
        lines(&world.plan(&blocked, &environment())),
        ["blocked b: DependsOn(\"c\")", "blocked c: NotYet"]
    );
}

#[test]
fn nothing_of_a_blocked_unit_is_planned() {
    let world = applied(&rendered(vec![unit("a", &[], objects(&[web(1)])), unit("b", &[], objects(&[]))]));
    for state in [
        UnitState::Broken { reason: "x".to_owned() },
        UnitState::Unsupported { source: "helm" },
        UnitState::NotYet,
    ] {
        let plan = world.plan(&rendered(vec![unit("a", &[], state)]), &environment());
        assert!(plan.is_empty() && plan.kept.is_empty() && plan.blocked.len() == 1, "{plan:?}");
    }
    let mut broken = rendered(vec![]);
    broken.broken = true;
    assert!(world.plan(&broken, &environment()).is_empty());
    let gone = world.plan(&rendered(vec![]), &environment());
    assert_eq!(lines(&gone), ["a: delete apps/Deployment naksha/web (Change)"]);
}

#[test]
fn deleting_needs_proof() {
    let mut world = applied(&one_unit(&[web(1)]));
    let empty = one_unit(&[]);
    let mut keeping = environment();
    keeping.sync.prune = false;
    let line = |world: &World, environment: &Environment| lines(&world.plan(&empty, environment)).join("\n");
    assert_eq!(line(&world, &keeping), "kept apps/Deployment naksha/web: the environment does not prune");
    let found = diagnostics(&world.plan(&empty, &keeping), &empty);
    assert_eq!(found[0].code.id(), "NK0404");
    let key = key("Deployment", "web");
    // Another object of the same name is not ours.
    world.objects.get_mut(&key).unwrap().0 = 99;
    assert_eq!(line(&world, &environment()), "forget apps/Deployment naksha/web");
    world.objects.clear();
    assert_eq!(line(&world, &environment()), "forget apps/Deployment naksha/web");
    world.unreadable.insert(key.clone());
    assert_eq!(line(&world, &environment()), "unknown apps/Deployment naksha/web: timeout");
    let mut world = applied(&one_unit(&[web(1)]));
    world.edit_owned(&key, |owned| owned.mark.as_mut().unwrap().uid = None);
    assert!(line(&world, &environment()).starts_with("kept apps/Deployment naksha/web: it has no uid"));
    world.edit_owned(&key, |owned| owned.mark = None);
    assert!(line(&world, &environment()).contains("never confirmed"));
}

#[test]
fn a_write_that_was_not_confirmed_is_settled_by_what_is_there() {
    let (state, web) = (one_unit(&[web(1)]), web(1));
    let mut world = World::default();
    let intent = owned(&unit_name("web"), &web, None, &web.body.value());
    world.inventory.own(web.key.clone(), intent.into());
    assert_eq!(
        lines(&world.plan(&state, &environment())),
        ["web: create apps/Deployment naksha/web (Change)"]
    );
    assert_eq!(lines(&world.plan(&one_unit(&[]), &environment())), ["forget apps/Deployment naksha/web"]);
    world.put(&web);
    let confirm = world.plan(&state, &environment());
    assert_eq!(lines(&confirm), ["web: update apps/Deployment naksha/web (Drift)"]);
    world.apply(&confirm);
    assert!(world.plan(&state, &environment()).is_empty());
    // What is there is not what was intended: it is somebody else's.
    world.edit_owned(&web.key, |owned| owned.mark = None);
    world.edit(&web.key, |body| body["spec"]["replicas"] = json!(7));
    let conflict = world.plan(&state, &environment());
    assert_eq!(
        lines(&conflict),
        ["web: adopt apps/Deployment naksha/web (Change); spec.replicas 7 1; Refuse spec.replicas"]
    );
    assert_eq!(diagnostics(&conflict, &state)[0].code.id(), "NK0402");
}

#[test]
fn a_lifecycle_ends_an_environment() {
    let state = rendered(vec![unit("a", &[], objects(&[web(1)])), unit("b", &["a"], objects(&[]))]);
    let mut world = applied(&state);
    let mut with_flow = state.clone();
    let flow = graph("ingest", &json!({"nodes": {"a": {"uses": "http"}}}));
    with_flow.workflows.insert(flow.name.clone(), flow);
    world.apply(&world.plan(&with_flow, &environment()));
    let mut ending = environment();
    ending.lifecycle = Lifecycle::Destroy;
    ending.sync.prune = false;
    let expected = ["a: delete apps/Deployment naksha/web (Change)", "-: delete Workflow ingest (Change)"];
    assert_eq!(lines(&world.plan(&with_flow, &ending)), expected);
    ending.lifecycle = Lifecycle::Disown;
    world.unreadable.insert(key("Deployment", "web"));
    let disown = world.plan(&with_flow, &ending);
    assert_eq!(
        lines(&disown),
        ["a: disown apps/Deployment naksha/web (Change)", "-: delete Workflow ingest (Change)"]
    );
    world.apply(&disown);
    assert!(world.inventory.is_empty() && world.objects.len() == 1);
    let mut broken = with_flow.clone();
    broken.broken = true;
    assert!(world.plan(&broken, &ending).is_empty());
}

#[test]
fn secrets_are_compared_without_being_seen() {
    let secret = |path: &str| {
        one_unit(&[object("Secret", "db", &json!({"data": {"URL": format!("ref:vault:kv/{path}#url")}}))])
    };
    let mut world = applied(&secret("a"));
    let changed = world.plan(&secret("b"), &environment());
    assert_eq!(
        lines(&changed),
        ["web: update Secret naksha/db (Change); data.URL <vault:kv/a#url> <vault:kv/b#url>"]
    );
    world.edit(&key("Secret", "db"), |body| body["data"]["URL"] = json!("mark:0123456789abcdef"));
    let drift = world.plan(&secret("a"), &environment());
    assert_eq!(lines(&drift), ["web: update Secret naksha/db (Drift); data.URL <> <vault:kv/a#url>"]);
    world.apply(&drift);
    assert!(world.plan(&secret("a"), &environment()).is_empty());
    // The source holds another value: that is rotation, whether the object was read or not.
    let reference = SecretRef::parse("vault:kv/a#url").unwrap();
    let sources = BTreeMap::from([(reference, MarkKey::new([1; 32]).mark(b"rotated"))]);
    let (state, environment) = (secret("a"), environment());
    let observation = world.observe(&state);
    let mut input = PlanInput::new(&state, &observation, &world.inventory, &environment);
    input.secrets = Some(&sources);
    let expected = ["web: rotate Secret naksha/db (Rotation); data.URL <vault:kv/a#url> <vault:kv/a#url>"];
    assert_eq!(lines(&plan(&input)), expected);
}

#[test]
fn a_secret_that_holds_what_its_source_holds_is_adopted_as_it_is() {
    let secret = object("Secret", "db", &json!({"data": {"URL": "ref:vault:kv/a#url"}}));
    let state = one_unit(&[secret]);
    let mut world = applied(&state);
    let mark = MarkKey::new([1; 32]).mark(b"the value");
    let key = key("Secret", "db");
    world.edit(&key, |body| body["data"]["URL"] = json!(mark_placeholder(&mark)));
    world.inventory.forget(&key);
    let (observation, environment) = (world.observe(&state), environment());
    let adopt = |source: &[u8]| {
        let reference = SecretRef::parse("vault:kv/a#url").unwrap();
        let sources = BTreeMap::from([(reference, MarkKey::new([1; 32]).mark(source))]);
        let input = PlanInput::new(&state, &observation, &world.inventory, &environment);
        plan(&PlanInput { secrets: Some(&sources), ..input })
    };
    assert_eq!(lines(&adopt(b"the value")), ["web: adopt Secret naksha/db (Change)"]);
    let conflicts = |plan: &Plan| plan.actions[0].conflicts.len();
    assert_eq!((conflicts(&adopt(b"the value")), conflicts(&adopt(b"another"))), (0, 1));
}

#[test]
fn workflows_are_registered_and_retired() {
    let state = |definition: Option<Value>| {
        let mut state = rendered(vec![]);
        if let Some(flow) = definition.map(|it| graph("ingest", &it)) {
            state.workflows.insert(flow.name.clone(), flow);
        }
        state
    };
    let (one, two) = (json!({"nodes": {"a": {"uses": "http"}}}), json!({"nodes": {"a": {"uses": "llm"}}}));
    let world = applied(&state(Some(one)));
    let update = world.plan(&state(Some(two)), &environment());
    assert_eq!(lines(&update), [r#"-: update Workflow ingest (Change); nodes.a.uses "http" "llm""#]);
    let Payload::Register { change, .. } = &update.actions[0].payload else { panic!("{update:?}") };
    assert_eq!(change.nodes.len(), 1);
    assert_eq!(lines(&world.plan(&state(None), &environment())), ["-: delete Workflow ingest (Change)"]);
    let mut broken = state(None);
    broken.broken_workflows.insert("ingest".parse().unwrap());
    assert!(world.plan(&broken, &environment()).is_empty());
}

#[test]
fn between_two_revisions_the_base_is_the_target() {
    let base = rendered(vec![
        unit("web", &[], objects(&[web(1), object("ConfigMap", "old", &json!({}))])),
        unit("sick", &[], UnitState::Broken { reason: "x".to_owned() }),
    ]);
    let head = rendered(vec![
        unit("web", &[], objects(&[web(2)])),
        unit("sick", &[], objects(&[object("ConfigMap", "healed", &json!({}))])),
    ]);
    let here = environment();
    let between = |base: Option<&Rendered>, head| {
        let base = base.map(|base| (base, &here));
        plan_between(base, head, &here, Contexts::default(), Preconditions::default())
    };
    let plan = between(Some(&base), &head);
    assert_eq!(
        lines(&plan),
        [
            "web: delete ConfigMap naksha/old (Change)",
            "web: update apps/Deployment naksha/web (Change); spec.replicas 1 2",
            "unknown ConfigMap naksha/healed: the base does not render unit `sick`",
        ]
    );
    assert_eq!(between(None, &head).actions.len(), 2);
    assert!(between(Some(&head), &head).is_empty());
    // Against a target that the base was applied to, the same actions have the same digests.
    let world = applied(&rendered(vec![unit(
        "web",
        &[],
        objects(&[web(1), object("ConfigMap", "old", &json!({}))]),
    )]));
    let live = world.plan(&rendered(vec![unit("web", &[], objects(&[web(2)]))]), &environment());
    assert_eq!(live.id, plan.id);
}

#[test]
fn what_the_base_alone_would_cause_is_told_apart() {
    let state = |replicas, data: &str| {
        one_unit(&[web(replicas), object("ConfigMap", "web", &json!({"data": {"a": data}}))])
    };
    let mut world = applied(&state(1, "1"));
    world.edit(&key("ConfigMap", "web"), |body| body["data"]["a"] = json!("drift"));
    let base = world.plan(&state(1, "1"), &environment());
    let head = world.plan(&state(2, "1"), &environment());
    let split = split(&head, &base);
    let kinds = |actions: &[&naksha_environments::plan::Action]| -> Vec<String> {
        actions.iter().map(|action| action.subject.to_string()).collect()
    };
    assert_eq!(kinds(&split.change), ["apps/Deployment naksha/web"]);
    assert_eq!(kinds(&split.base), ["ConfigMap naksha/web"]);
}

#[test]
fn silence_means_in_sync_only_where_a_mark_was_asked_about() {
    let world = applied(&one_unit(&[web(1)]));
    let (nothing, environment) = (Observation::default(), environment());
    let blind = |state: &Rendered| plan(&PlanInput::new(state, &nothing, &world.inventory, &environment));
    assert!(blind(&one_unit(&[web(1)])).is_empty());
    assert_eq!(lines(&blind(&one_unit(&[]))), ["web: delete apps/Deployment naksha/web (Change)"]);
    let state = one_unit(&[web(2)]);
    let blind = blind(&state);
    assert_eq!(lines(&blind), ["unknown apps/Deployment naksha/web: it was not observed"]);
    let findings = diagnostics(&blind, &state);
    assert_eq!(findings[0].code.id(), "NK0403");
    assert_eq!(findings[0].place.as_ref().unwrap().to_string(), "units/web.yaml:3:1");
    // A full read is asked for exactly where Git wants something new.
    let asked = |state: &Rendered| {
        let asked = objects_to_observe(state, &world.inventory, &Quiet::default());
        asked.iter().any(|(asked, mark)| *asked == key("Deployment", "web") && mark.is_some())
    };
    assert!(asked(&one_unit(&[web(1)])) && !asked(&state));
}

#[test]
fn a_unit_is_quiet_until_something_of_it_moves() {
    let state = rendered(vec![
        unit("web", &[], objects(&[web(1)])),
        unit("other", &[], objects(&[object("ConfigMap", "other", &json!({"data": {"a": "1"}}))])),
        unit("keys", &[], objects(&[object("Secret", "keys", &json!({"data": {"k": "ref:vault:kv/a#b"}}))])),
    ]);
    let (mut world, environment) = (applied(&state), environment());
    let mut memory = Memory::default();
    let quiet = |memory: &Memory, world: &World, state: &Rendered| {
        let quiet = memory.quiet(state, &Arc::new(world.inventory.clone()));
        ["web", "other", "keys"].map(|name| quiet.has(&unit_name(name)))
    };
    assert_eq!(quiet(&memory, &world, &state), [false; 3], "nobody looked yet");
    world.plan_with(&mut memory, &state, &environment);
    // What a secret holds may change at its source.
    assert_eq!(quiet(&memory, &world, &state), [true, true, false]);
    // Of a copy of the inventory that was written to, the units that were not are still the same.
    let plan = world.plan(&one_unit(&[web(2)]), &environment);
    let web_only =
        Plan { actions: plan.actions.into_iter().filter(|it| it.verb == Verb::Update).collect(), ..plan };
    world.apply(&web_only);
    assert_eq!(quiet(&memory, &world, &state), [false, true, false]);
    // Other objects, though they say the same.
    let mut again = state.clone();
    again
        .units
        .insert(unit_name("other"), unit("other", &[], objects(state.units[&unit_name("other")].objects())));
    assert_eq!(quiet(&memory, &world, &again), [false; 3]);
    // The target told of something: looked at until it is in order again.
    world.edit(&key("ConfigMap", "other"), |body| body["data"]["a"] = json!("2"));
    let plan = world.plan_with(&mut memory, &state, &environment);
    assert!(lines(&plan).iter().any(|line| line.starts_with("other: update ConfigMap naksha/other (Drift)")));
    assert_eq!(quiet(&memory, &world, &state), [false; 3]);
    memory.forget();
    assert_eq!(quiet(&memory, &world, &state), [false; 3]);
}

#[test]
fn what_is_in_another_target_is_made_anew_and_given_up_in_so_many_words() {
    let state = one_unit(&[web(1), object("ConfigMap", "old", &json!({"data": {"a": "1"}}))]);
    let mut world = applied(&state);
    world.inventory.place = Some("directory before".into());
    // Nobody's edit: that they are not here is not drift, whatever the environment does about drift.
    let mut environment = environment();
    environment.sync.self_heal = false;
    let moved: BTreeMap<_, _> = std::mem::take(&mut world.objects);
    let plan = world.plan(&one_unit(&[web(1)]), &environment);
    let expected =
        ["web: disown ConfigMap naksha/old (Change)", "web: create apps/Deployment naksha/web (Change)"];
    assert_eq!(lines(&plan), expected);
    environment.lifecycle = Lifecycle::Destroy;
    let plan = world.plan(&one_unit(&[web(1)]), &environment);
    let given_up =
        ["web: disown ConfigMap naksha/old (Change)", "web: disown apps/Deployment naksha/web (Change)"];
    assert_eq!(lines(&plan), given_up);
    // Moved with all that is in it.
    environment.lifecycle = Lifecycle::Active;
    world.objects = moved;
    assert!(world.plan(&state, &environment).is_empty());
    // On a laptop nobody knows what was moved by hand: what is shown is what happens without that.
    let mut there = environment.clone();
    there.target = TargetRef::Directory { path: "elsewhere".to_owned(), namespace: None };
    let plan = plan_between(
        Some((&state, &environment)),
        &state,
        &there,
        Contexts::default(),
        Preconditions::default(),
    );
    assert!(plan.actions.len() == 2 && plan.actions.iter().all(|action| action.verb == Verb::Create));
}
