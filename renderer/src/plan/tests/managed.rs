//! Objects of a target that keeps track of who set which field.

use std::sync::Arc;

use naksha_environments::object::{
    Body, FieldOwners, Health, Live, Managed, Mark, Observation, Observed, Uid,
};
use naksha_environments::plan::{FieldPath, Payload, Plan};
use serde_json::{Value, json};

use super::cases::{lines, one_unit};
use super::world::{World, environment, key, object};
use crate::plan::{PlanInput, plan};

pub(super) fn replicas() -> FieldPath {
    FieldPath::default().key("spec").key("replicas")
}

/// A live Deployment, what others own of it, and what was there before us.
pub(super) fn live(body: &Value, owners: &[(&FieldPath, &str)], inherited: Option<&Value>) -> Observed {
    let mut told = FieldOwners::default();
    for (path, manager) in owners {
        told.add((*path).clone(), (*manager).into());
    }
    let mark = Mark {
        uid: Some(Uid("uid-1".into())),
        version: "rv=1".into(),
        fingerprint: Body::new(body).digest(),
    };
    let managed = Managed {
        owners: told,
        by_us: false,
        signed: true,
        in_sight: "rv=1;whole=1".into(),
        refused: None,
        inherited: inherited.map(Body::new),
    };
    Observed::Live(Live {
        mark,
        body: Body::new(body),
        health: Health::Healthy,
        managed: Some(Arc::new(managed)),
    })
}

pub(super) fn deployment(spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "naksha"}, "spec": spec})
}

fn planned(world: &World, wanted: &Value, observed: Observed) -> Plan {
    let state = one_unit(&[object("Deployment", "web", &json!({"spec": wanted}))]);
    let observation = Observation { objects: [(key("Deployment", "web"), observed)].into_iter().collect() };
    plan(&PlanInput::new(&state, &observation, &world.inventory, &environment()))
}

#[test]
fn adopting_tells_what_goes_and_not_what_stays() {
    let there = deployment(&json!({
        "replicas": 2, "paused": true, "minReadySeconds": 5, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 4,
    }));
    let paused = FieldPath::default().key("spec").key("paused");
    let mut inherited = there.clone();
    inherited["spec"].as_object_mut().unwrap().shift_remove("paused");
    let observed = live(&there, &[(&paused, "kubectl-edit"), (&replicas(), "helm")], Some(&inherited));
    let plan = planned(&World::default(), &json!({"replicas": 3}), observed);
    assert_eq!(
        lines(&plan),
        [
            "web: adopt apps/Deployment naksha/web (Change); spec.minReadySeconds 5 -; spec.replicas 2 3; spec.revisionHistoryLimit 4 -"
        ],
        "no conflict with whom it is taken over from, and a default stays"
    );
}

#[test]
fn adopting_deletes_nothing_to_change_what_cannot_be_changed() {
    let there = deployment(&json!({"selector": {"app": "old"}}));
    let plan =
        planned(&World::default(), &json!({"selector": {"app": "new"}}), live(&there, &[], Some(&there)));
    // The units of these tests recreate what is theirs.
    assert_eq!(
        lines(&plan),
        [
            r#"web: adopt apps/Deployment naksha/web (Change); spec.selector.app "old" "new"; Immutable spec.selector.app"#
        ]
    );
}

#[test]
fn replicas_that_git_drops_are_handed_over() {
    let before = json!({"replicas": 5, "paused": true});
    let mut world = World::default();
    let state = one_unit(&[object("Deployment", "web", &json!({"spec": before}))]);
    world.apply(&world.plan(&state, &environment()));
    let uid = |observed: Observed| match observed {
        Observed::Live(mut live) => {
            live.mark.uid.clone_from(&world.inventory[&key("Deployment", "web")].mark.as_ref().unwrap().uid);
            Observed::Live(live)
        }
        other => other,
    };
    let plan = planned(&world, &json!({"paused": true}), uid(live(&deployment(&before), &[], None)));
    assert_eq!(
        lines(&plan),
        ["web: update apps/Deployment naksha/web (Change); HandOver spec.replicas"],
        "the value does not change"
    );
    let Payload::Write { leave, .. } = &plan.actions[0].payload else { panic!("it is a write") };
    assert_eq!(*leave, [replicas()]);
}

#[test]
fn what_an_autoscaler_sets_is_no_drift() {
    let wanted = json!({"replicas": 2});
    let mut world = World::default();
    let state = one_unit(&[object("Deployment", "web", &json!({"spec": wanted}))]);
    world.apply(&world.plan(&state, &environment()));
    let uid = world.inventory[&key("Deployment", "web")].mark.as_ref().unwrap().uid.clone();
    let scaled_by = |manager: &str| {
        let Observed::Live(mut scaled) =
            live(&deployment(&json!({"replicas": 7})), &[(&replicas(), manager)], None)
        else {
            unreachable!("it is live")
        };
        scaled.mark.uid.clone_from(&uid);
        lines(&planned(&world, &wanted, Observed::Live(scaled)))
    };
    assert_eq!(scaled_by(FieldOwners::AUTOSCALER), [""; 0]);
    assert_eq!(
        scaled_by("kubectl (scale)"),
        ["web: update apps/Deployment naksha/web (Drift); spec.replicas 7 2"]
    );
}
