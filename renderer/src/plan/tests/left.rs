//! What is left alone: by rule, by condition, and what the target makes of our own values.

use std::sync::Arc;

use naksha_environments::diagnostic::Place;
use naksha_environments::expression::Expression;
use naksha_environments::object::{FieldOwners, Managed, Observation, Observed};
use naksha_environments::plan::{FieldPath, LeftTo, Payload, Plan, PlanId, Shown};
use naksha_environments::quiet::{Memory, Quiet};
use naksha_environments::rendered::Rendered;
use naksha_environments::source::TreePath;
use naksha_environments::unit::IgnoreRule;
use serde_json::{Value, json};

use super::cases::{applied, lines, one_unit, web};
use super::managed::{deployment, live, replicas};
use super::world::{World, environment, key, object};
use crate::plan::{PlanInput, diagnostics, objects_to_compare, objects_to_observe, plan};

const SCALED: &str = "scaled by KEDA";

fn place(line: usize) -> Place {
    Place::at_line(&TreePath::parse("units/web/unit.yaml").unwrap(), line, 7)
}

/// About the replicas of Deployments, while `when` is true.
fn rule(when: Option<&str>) -> IgnoreRule {
    IgnoreRule {
        kinds: vec!["Deployment".to_owned()],
        names: vec![],
        fields: vec!["/spec/replicas".to_owned()],
        managers: vec![],
        when: when.map(|when| Expression::parse(when, Some(place(9))).unwrap()),
        reason: SCALED.to_owned(),
        place: place(7),
    }
}

fn with_rule(mut state: Rendered, rule: &IgnoreRule) -> Rendered {
    state.units.values_mut().for_each(|unit| unit.ignore = Arc::new([rule.clone()]));
    state
}

/// `spec.replicas 7 1 (scaled by KEDA)`
fn left(plan: &Plan) -> Vec<String> {
    let side = |side: &Option<Shown>| match side {
        Some(Shown::Value(value)) => value.to_string(),
        other => format!("{other:?}"),
    };
    let fields = plan.left.values().flat_map(|left| &left.fields);
    let line = |field: &naksha_environments::plan::LeftField| {
        let to = match &field.to {
            LeftTo::Rule { place, reason } => format!("{reason}, {place}"),
            other => format!("{other:?}"),
        };
        let change = &field.change;
        format!("{} {} {} ({to})", change.path, side(&change.before), side(&change.after))
    };
    fields.map(line).collect()
}

/// Scales what is there, with or without the annotation of a scaler.
fn scale(world: &mut World, replicas: u32, is_scaled: bool) {
    world.edit(&key("Deployment", "web"), |body| {
        body["spec"]["replicas"] = json!(replicas);
        body["metadata"].as_object_mut().unwrap().shift_remove("annotations");
        if is_scaled {
            body["metadata"]["annotations"] = json!({"scaler": "on"});
        }
    });
}

#[test]
fn ignored_fields_belong_to_somebody_else() {
    let state = |replicas| with_rule(one_unit(&[web(replicas)]), &rule(None));
    let mut world = applied(&state(1));
    scale(&mut world, 7, false);
    let next = world.plan(&state(1), &environment());
    assert_eq!((lines(&next).len(), next.unchanged), (0, 1));
    assert_eq!(left(&next), ["spec.replicas 7 1 (scaled by KEDA, units/web/unit.yaml:7:7)"]);
    assert_eq!(next.id, PlanId::of(&next.environment, &[]), "it is no part of the id");
    let changed = world.plan(&state(3), &environment());
    assert_eq!((lines(&changed).len(), changed.unchanged), (0, 1), "the new number is left out too");
    assert_eq!(left(&changed), ["spec.replicas 7 3 (scaled by KEDA, units/web/unit.yaml:7:7)"]);
}

#[test]
fn what_is_left_alone_beside_a_change_takes_part_in_no_digest() {
    let state = |label: &str| {
        let spec = json!({"replicas": 1, "selector": {"app": "web"}, "label": label});
        with_rule(one_unit(&[object("Deployment", "web", &json!({"spec": spec}))]), &rule(None))
    };
    let mut world = applied(&state("a"));
    let calm = world.plan(&state("b"), &environment());
    scale(&mut world, 7, false);
    let scaled = world.plan(&state("b"), &environment());
    assert_eq!((&calm.id, left(&calm).len(), left(&scaled).len()), (&scaled.id, 0, 1));
    let Payload::Write { leave, .. } = &scaled.actions[0].payload else { panic!("it is a write") };
    assert_eq!(*leave, [replicas()]);
}

#[test]
fn a_rule_applies_while_its_condition_is_true() {
    let when = "has(live.metadata.annotations) && 'scaler' in live.metadata.annotations";
    let state = with_rule(one_unit(&[web(1)]), &rule(Some(when)));
    let mut world = applied(&state);
    scale(&mut world, 7, true);
    let next = world.plan(&state, &environment());
    assert_eq!((lines(&next).len(), left(&next).len()), (0, 1), "{next:?}");
    scale(&mut world, 7, false);
    let next = world.plan(&state, &environment());
    let healed = ["web: update apps/Deployment naksha/web (Drift); spec.replicas 7 1"];
    assert_eq!((lines(&next), left(&next).len()), (healed.map(str::to_owned).to_vec(), 0));
}

#[test]
fn a_condition_without_an_answer_leaves_nothing_alone_and_is_told() {
    let state = with_rule(one_unit(&[web(1)]), &rule(Some("'scaler' in live.metadata.annotations")));
    let mut world = applied(&state);
    scale(&mut world, 7, false);
    let next = world.plan(&state, &environment());
    assert_eq!(lines(&next), ["web: update apps/Deployment naksha/web (Drift); spec.replicas 7 1"]);
    let found = diagnostics(&next, &state);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.code.id(), found.place.clone()), ("NK0410", Some(place(9))));
    assert_eq!(
        found.message,
        "the ignore rule \"scaled by KEDA\" does not apply to `apps/Deployment naksha/web`: there is no `annotations`"
    );
    assert_eq!(found.hint.as_deref(), Some("test for it first: `has(….annotations)`"));
}

#[test]
fn what_a_condition_left_out_of_a_write_is_looked_at_again() {
    let state = |image: &str| {
        let spec = json!({"replicas": 1, "image": image});
        let wanted = one_unit(&[object("Deployment", "web", &json!({"spec": spec}))]);
        with_rule(wanted, &rule(Some("has(live.metadata.annotations.scaler)")))
    };
    let marks = |world: &World| -> Vec<bool> {
        let asked = objects_to_observe(&state("2"), &world.inventory, &Quiet::default());
        asked.iter().map(|(_, mark)| mark.is_some()).collect()
    };
    let mut world = applied(&state("1"));
    scale(&mut world, 7, true);
    world.apply(&world.plan(&state("2"), &environment()));
    assert_eq!(marks(&world), [false], "the replicas were left out of it");
    let (mut memory, wanted) = (Memory::default(), state("2"));
    for _ in 0..2 {
        let next = world.plan_with(&mut memory, &wanted, &environment());
        assert_eq!((lines(&next).len(), left(&next).len()), (0, 1), "{next:?}");
    }
    // Nothing of ours moves, and the condition is false.
    world.edit(&key("Deployment", "web"), |body| body["metadata"]["annotations"] = json!({}));
    let next = world.plan_with(&mut memory, &wanted, &environment());
    assert_eq!(
        lines(&next),
        ["web: update apps/Deployment naksha/web (Change); spec.replicas 7 1; Refuse spec.replicas"]
    );
    // Without a condition nothing but Git decides, and the mark is answer enough.
    let unconditional = with_rule(state("2"), &rule(None));
    let asked = objects_to_observe(&unconditional, &world.inventory, &Quiet::default());
    assert!(asked.iter().all(|(_, mark)| mark.is_some()));
}

#[test]
fn who_compares_sees_what_is_left_alone_in_objects_that_are_in_sync() {
    let config = object("ConfigMap", "web", &json!({"data": {"a": "1"}}));
    let state = with_rule(one_unit(&[web(1), config]), &rule(None));
    let world = applied(&state);
    let asked = objects_to_compare(&state, &world.inventory);
    let mut asked: Vec<(&str, bool)> = asked.iter().map(|(key, mark)| (&*key.kind, mark.is_some())).collect();
    asked.sort_unstable();
    assert_eq!(asked, [("ConfigMap", true), ("Deployment", false)]);
}

/// What is there after we wrote `image: web:1`, and a webhook made `mirror/web:1` of it.
fn rewritten(spec: &Value, world: &World, moved: bool, owners: &[(&FieldPath, &str)]) -> Observed {
    let Observed::Live(mut seen) = live(&deployment(spec), owners, None) else { unreachable!("it is live") };
    let recorded = world.inventory[&key("Deployment", "web")].mark.clone().unwrap();
    seen.mark.uid = recorded.uid;
    if !moved {
        seen.mark.fingerprint = recorded.fingerprint;
    }
    let managed = seen.managed.take().unwrap();
    seen.managed = Some(Arc::new(Managed { by_us: true, ..Managed::clone(&managed) }));
    Observed::Live(seen)
}

fn observation(observed: Observed) -> Observation {
    Observation { objects: [(key("Deployment", "web"), observed)].into_iter().collect() }
}

#[test]
fn what_the_target_makes_of_our_own_value_is_no_change() {
    let state = |image: &str, tier: &str| {
        let spec = json!({"image": image, "tier": tier});
        one_unit(&[object("Deployment", "web", &json!({"spec": spec}))])
    };
    let world = applied(&state("web:1", "a"));
    let planned = |wanted: &Rendered, observed: Observed| {
        let observation = observation(observed);
        let plan = plan(&PlanInput::new(wanted, &observation, &world.inventory, &environment()));
        (lines(&plan), left(&plan))
    };
    let there = json!({"image": "mirror/web:1", "tier": "a"});
    let update = |changes: &str| vec![format!("web: update apps/Deployment naksha/web {changes}")];
    let left = vec![r#"spec.image "mirror/web:1" "web:1" (Target)"#.to_owned()];
    let same = planned(&state("web:1", "b"), rewritten(&there, &world, false, &[]));
    assert_eq!(same, (update(r#"(Change); spec.tier "a" "b""#), left.clone()));
    // Nothing else changed, and it was read for another reason.
    let same = planned(&state("web:1", "a"), rewritten(&there, &world, false, &[]));
    assert_eq!(same, (vec![], left));
    // Git wants another value: what becomes of that is not known.
    let other = planned(&state("web:2", "a"), rewritten(&there, &world, false, &[]));
    assert_eq!(other, (update(r#"(Change); spec.image "mirror/web:1" "web:2""#), vec![]));
    // Some field of ours moved, and which one the mark does not say.
    let there_too = json!({"image": "mirror/web:1", "tier": "x"});
    let moved = planned(&state("web:1", "a"), rewritten(&there_too, &world, true, &[]));
    assert_eq!(moved, (update(r#"(Drift); spec.image "mirror/web:1" "web:1"; spec.tier "x" "a""#), vec![]));
    // Somebody else says that it is theirs.
    let image = FieldPath::default().key("spec").key("image");
    let theirs = planned(&state("web:1", "a"), rewritten(&there, &world, false, &[(&image, "kubectl-edit")]));
    assert_eq!(theirs, (update(r#"(Drift); spec.image "mirror/web:1" "web:1""#), vec![]));
}

#[test]
fn an_autoscaler_and_a_manager_are_named() {
    let state = one_unit(&[object("Deployment", "web", &json!({"spec": {"replicas": 1}}))]);
    let world = applied(&state);
    let told = |state: &Rendered, manager: &str| {
        let spec = json!({"replicas": 7});
        let observed = rewritten(&spec, &world, true, &[(&replicas(), manager)]);
        let observation = observation(observed);
        left(&plan(&PlanInput::new(state, &observation, &world.inventory, &environment())))
    };
    assert_eq!(told(&state, FieldOwners::AUTOSCALER), ["spec.replicas 7 1 (Autoscaler)"]);
    let by_manager = IgnoreRule { fields: vec![], managers: vec!["keda".to_owned()], ..rule(None) };
    let by_manager = with_rule(state, &by_manager);
    let expected = ["spec.replicas 7 1 (scaled by KEDA, units/web/unit.yaml:7:7)"];
    assert_eq!(told(&by_manager, "keda (scale)"), expected);
    assert_eq!(told(&by_manager, "kubectl"), [""; 0]);
}
