//! Waiting for health, and saying so.

use std::sync::Arc;
use std::time::Duration;

use naksha_environments::codes::apply as codes;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::{DesiredObject, Health, ObjectKey, Observation, Observed};
use naksha_environments::plan::Subject;
use naksha_environments::status::UnitSync;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::planner;
use super::world::{Desired, World, config, key, object, unit};
use crate::port::store::{ApplyOutcome, StepOutcome, Store as _};
use crate::port::target::{Target as _, Wanted};
use crate::realise::{Progress, RealiseOutcome};

fn postgres() -> DesiredObject {
    object("StatefulSet", "postgres", 0, &json!({"spec": {"replicas": 2}}))
}

fn desired(page: &str) -> Desired {
    Desired::new()
        .unit("postgres", &[], vec![postgres()])
        .unit("web", &["postgres"], vec![config("page", 0, page)])
        .unit("other", &[], vec![config("other", 0, page)])
}

/// Its controller writes a status.
fn report(world: &World, ready: u32) {
    let key = key("StatefulSet", "postgres");
    let mut stored = world.target.get(&key).expect("should exist");
    stored.object["status"] = json!({"readyReplicas": ready});
    world.target.put(&key, stored.uid, stored.object);
}

async fn applied() -> World {
    let world = World::new();
    world.converge(desired("1").rendered()).await;
    report(&world, 1);
    world.told.lock().unwrap().clear();
    world
}

#[tokio::test(start_paused = true)]
async fn a_unit_starts_when_what_it_needs_is_healthy() {
    let world = Arc::new(applied().await);
    let apply = tokio::spawn({
        let world = world.clone();
        async move { world.reconcile(desired("2").rendered()).await }
    });
    let waits = "waiting for postgres: 1 of 2 replicas ready";
    while !world.told().iter().any(|told| told == waits) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.target.contents()[&key("ConfigMap", "page")]["data"]["value"], "1");
    assert_eq!(world.target.contents()[&key("ConfigMap", "other")]["data"]["value"], "2", "others go on");
    report(&world, 2);
    let outcome = apply.await.unwrap().unwrap().expect("should apply");
    assert_eq!(outcome.outcome, ApplyOutcome::Succeeded);
    assert!(outcome.waiting.is_empty(), "{:?}", outcome.waiting);
    assert_eq!(world.told().iter().filter(|told| *told == waits).count(), 1, "said once: {:?}", world.told());
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_and_says_for_what() {
    let mut world = applied().await;
    world.inventory_timeout = Duration::from_secs(30);
    let outcome = world.reconcile(desired("2").rendered()).await.unwrap().expect("should apply");
    assert_eq!(
        outcome.outcome,
        ApplyOutcome::Failed { reason: "waiting for postgres: 1 of 2 replicas ready".to_owned() }
    );
    let waiting: Vec<_> = outcome.waiting.iter().map(ToString::to_string).collect();
    assert_eq!(waiting, ["waiting for postgres: 1 of 2 replicas ready"]);
    assert_eq!(outcome.units[&unit("web")].sync, UnitSync::Waiting(waiting[0].clone()));
    assert_eq!(
        outcome.units[&unit("postgres")].health,
        Health::Progressing("1 of 2 replicas ready".to_owned())
    );
    assert_eq!(outcome.units[&unit("other")].sync, UnitSync::Synced);
    let found: Vec<_> =
        outcome.diagnostics.iter().map(|found| (found.code, found.message.as_str())).collect();
    assert_eq!(
        found,
        [
            (codes::UNIT_NOT_HEALTHY, "unit `postgres` is not healthy after 30 s: 1 of 2 replicas ready"),
            (codes::UNIT_WAITS, "unit `web` is waiting for postgres: 1 of 2 replicas ready"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_lasts_says_why_and_asks_rarely() {
    let mut world = applied().await;
    world.inventory_timeout = Duration::from_secs(60);
    let why = "pod postgres-1: it cannot be scheduled: 0/1 nodes are available";
    world.target.say_why(&key("StatefulSet", "postgres"), why);
    let outcome = world.reconcile(desired("2").rendered()).await.unwrap().expect("should apply");
    let reason = format!("waiting for postgres: 1 of 2 replicas ready; {why}");
    assert_eq!(outcome.outcome, ApplyOutcome::Failed { reason: reason.clone() });
    let told = world.told();
    let told: Vec<_> = told.iter().filter(|told| told.starts_with("waiting for postgres: 1 of 2")).collect();
    assert_eq!(
        told,
        ["waiting for postgres: 1 of 2 replicas ready", &reason],
        "first without, then with why"
    );
    let message = format!("unit `postgres` is not healthy after 60 s: 1 of 2 replicas ready; {why}");
    assert_eq!(outcome.diagnostics[0].message, message);
    // Every five seconds of a minute, and at its end.
    assert!((10..=14).contains(&world.target.asked_why()), "{}", world.target.asked_why());
}

#[tokio::test(start_paused = true)]
async fn what_is_healthy_soon_is_not_asked_about() {
    let world = Arc::new(applied().await);
    world.target.say_why(&key("StatefulSet", "postgres"), "no reason");
    let apply = tokio::spawn({
        let world = world.clone();
        async move { world.reconcile(desired("2").rendered()).await }
    });
    while !world.told().iter().any(|told| told.starts_with("waiting for postgres: 1 of 2")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    report(&world, 2);
    let outcome = apply.await.unwrap().unwrap().expect("should apply");
    assert_eq!(outcome.outcome, ApplyOutcome::Succeeded);
    assert_eq!(world.target.asked_why(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_newer_revision_ends_the_waiting_at_once() {
    let mut world = applied().await;
    let cancel = world.cancel.clone();
    world.watcher = Some(Box::new(move |progress| {
        if matches!(progress, Progress::Waiting { reason, .. } if reason.contains("1 of 2")) {
            cancel.cancel();
        }
    }));
    let start = tokio::time::Instant::now();
    let outcome = world.reconcile(desired("2").rendered()).await.unwrap().expect("should end well");
    assert_eq!(outcome.outcome, ApplyOutcome::Superseded);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let skipped =
        outcome.steps.iter().filter(|step| matches!(step.outcome, StepOutcome::Skipped { .. })).count();
    assert_eq!(skipped, 1, "the page waits, the rest was done: {:?}", outcome.steps);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_be_read_is_not_healthy() {
    let mut world = applied().await;
    world.inventory_timeout = Duration::from_secs(10);
    // Nothing but waiting is left when the target goes away.
    report(&world, 0);
    let world = Arc::new(world);
    let apply = tokio::spawn({
        let world = world.clone();
        async move { world.reconcile(desired("2").rendered()).await }
    });
    while !world.told().iter().any(|told| told.contains("0 of 2")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.target.cut_off(true);
    let outcome = apply.await.unwrap().unwrap().expect("should end");
    let waiting: Vec<_> = outcome.waiting.iter().map(ToString::to_string).collect();
    assert_eq!(waiting, ["waiting for postgres: target fake is unreachable: no answer"]);
}

#[tokio::test(start_paused = true)]
async fn chains_wait_through_units_without_changes() {
    let mut world = World::new();
    let chain = |page: &str| {
        Desired::new()
            .unit("postgres", &[], vec![postgres()])
            .unit("api", &["postgres"], vec![config("api", 0, "1")])
            .unit("web", &["api"], vec![config("page", 0, page)])
    };
    world.converge(chain("1").rendered()).await;
    report(&world, 1);
    world.inventory_timeout = Duration::from_secs(10);
    let outcome = world.reconcile(chain("2").rendered()).await.unwrap().expect("should apply");
    let expected = "waiting for api: it is waiting for postgres: 1 of 2 replicas ready itself";
    assert_eq!(outcome.steps[0].outcome, StepOutcome::Skipped { reason: expected.to_owned() });
}

#[tokio::test(start_paused = true)]
async fn later_waves_wait_for_what_they_cannot_be_written_without() {
    let world = Arc::new(World::new());
    let namespace = |status: Value| object("Namespace", "ns", -9, &json!({"spec": status}));
    let desired = Desired::new().unit("a", &[], vec![namespace(json!({})), config("c", 0, "1")]);
    world.converge(desired.rendered()).await;
    let key = key("Namespace", "ns");
    let mut stored = world.target.get(&key).expect("should exist");
    stored.object["status"] = json!({"phase": "Terminating"});
    world.target.put(&key, stored.uid, stored.object.clone());
    let desired = Desired::new().unit("a", &[], vec![namespace(json!({"x": 1})), config("c", 0, "2")]);
    let apply = tokio::spawn({
        let world = world.clone();
        async move { world.reconcile(desired.rendered()).await }
    });
    while !world.told().iter().any(|told| told.starts_with("waiting for a: ")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut stored = world.target.get(&key).expect("should exist");
    stored.object["status"] = json!({"phase": "Active"});
    world.target.put(&key, stored.uid, stored.object);
    let outcome = apply.await.unwrap().unwrap().expect("should apply");
    assert_eq!(outcome.outcome, ApplyOutcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_while_it_is_waited_for_is_not_waited_for() {
    let mut world = applied().await;
    world.inventory_timeout = Duration::from_secs(600);
    let world = Arc::new(world);
    let apply = tokio::spawn({
        let world = world.clone();
        async move { world.reconcile(desired("2").rendered()).await }
    });
    while !world.told().iter().any(|told| told.contains("1 of 2")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let start = Instant::now();
    world.target.erase(&key("StatefulSet", "postgres"));
    let outcome = apply.await.unwrap().unwrap().expect("should end");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let waiting: Vec<_> = outcome.waiting.iter().map(ToString::to_string).collect();
    assert_eq!(waiting, ["waiting for postgres: StatefulSet/postgres is missing"]);
    // The next pass makes it again.
    world.reconcile(desired("2").rendered()).await.unwrap();
    assert!(world.target.get(&key("StatefulSet", "postgres")).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_what_cannot_be_seen_does_not_start() {
    let world = World::new();
    let desired = Desired::new().unit("migrate", &[], vec![config("migrate", 0, "1")]).unit(
        "web",
        &["migrate"],
        vec![config("page", 0, "1")],
    );
    let inventory = Inventory::default();
    let unknown = Observed::Unknown { reason: "configmaps is forbidden".to_owned() };
    let observation = Observation {
        objects: [(key("ConfigMap", "migrate"), unknown), (key("ConfigMap", "page"), Observed::Absent)]
            .into_iter()
            .collect(),
    };
    let plan = planner::plan(desired.rendered(), &inventory, &observation);
    assert_eq!(plan.actions.len(), 1, "the page alone");
    let start = Instant::now();
    let outcome = world.apply(plan, &inventory).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "waiting helps nobody");
    let why = "waiting for migrate: ConfigMap ns/migrate is unknown: configmaps is forbidden";
    assert_eq!(outcome.outcome, ApplyOutcome::Failed { reason: why.to_owned() });
    assert!(world.target.contents().is_empty());
}

/// An apply that waits for postgres, while others are healed.
async fn waits_and_heals() -> (Arc<World>, tokio::task::JoinHandle<Option<RealiseOutcome>>) {
    let mut world = applied().await;
    world.inventory_timeout = Duration::from_secs(600);
    world.heals = true;
    let world = Arc::new(world);
    let apply = tokio::spawn({
        let world = world.clone();
        async move { world.reconcile(desired("2").rendered()).await.expect("should reconcile") }
    });
    while !world.told().iter().any(|told| told.contains("1 of 2")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (world, apply)
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_while_others_are_waited_for_is_made_again_soon() {
    let (world, apply) = waits_and_heals().await;
    let start = Instant::now();
    // Applied a moment ago by the same apply.
    world.target.erase(&key("ConfigMap", "other"));
    let outcome = apply.await.unwrap().expect("should apply");
    assert_eq!(outcome.outcome, ApplyOutcome::Superseded);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());

    let again = tokio::spawn({
        let world = world.clone();
        async move { world.reconcile(desired("2").rendered()).await.expect("should reconcile") }
    });
    while world.target.get(&key("ConfigMap", "other")).is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.target.contents()[&key("ConfigMap", "page")]["data"]["value"], "1", "it still waits");
    report(&world, 2);
    assert_eq!(again.await.unwrap().expect("should apply").outcome, ApplyOutcome::Succeeded);
    assert_eq!(world.target.contents()[&key("ConfigMap", "page")]["data"]["value"], "2");
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_may_stir_as_it_likes() {
    let (world, apply) = waits_and_heals().await;
    for _ in 0..10 {
        report(&world, 0);
        tokio::time::sleep(Duration::from_secs(1)).await;
        report(&world, 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    report(&world, 2);
    assert_eq!(apply.await.unwrap().expect("should apply").outcome, ApplyOutcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn what_the_plan_left_alone_disturbs_nobody() {
    let mut world = applied().await;
    let (other, page) = (key("ConfigMap", "other"), key("ConfigMap", "page"));
    world.heals = true;
    // Somebody else's, and known when the plan is made that leaves it alone.
    let stored = world.target.get(&other).expect("should exist");
    let mut object = stored.object.clone();
    object["data"]["value"] = json!("hand");
    world.target.put(&other, stored.uid, object);
    let desired = Desired::new().unit("postgres", &[], vec![postgres()]).unit(
        "web",
        &["postgres"],
        vec![config("page", 0, "2")],
    );
    let inventory = world.store.inventory(&world.scope).await.unwrap();
    let wanted = |key: &ObjectKey| {
        let mark = inventory.get(key).and_then(|owned| owned.mark.clone());
        Wanted { key: key.clone(), mark }
    };
    let wanted = [&other, &page, &key("StatefulSet", "postgres")].map(wanted).to_vec();
    let known = world.target.observe(wanted.into()).await.unwrap();
    let mut plan = planner::plan(desired.rendered(), &inventory, &known);
    plan.actions.retain(|action| action.subject != Subject::Object(other.clone()));
    let world = Arc::new(world);
    let apply = tokio::spawn({
        let (world, inventory) = (world.clone(), Inventory::clone(&inventory));
        async move { world.apply_knowing(plan, &inventory, Some(&known)).await }
    });
    while !world.told().iter().any(|told| told.contains("1 of 2")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    report(&world, 0);
    tokio::time::sleep(Duration::from_secs(10)).await;
    report(&world, 2);
    assert_eq!(apply.await.unwrap().unwrap().outcome, ApplyOutcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn whoever_disturbs_a_wait_does_not_make_it_longer() {
    let (world, apply) = waits_and_heals().await;
    tokio::time::sleep(Duration::from_secs(400)).await;
    world.target.erase(&key("ConfigMap", "other"));
    let outcome = apply.await.unwrap().expect("should apply");
    assert_eq!(outcome.outcome, ApplyOutcome::Superseded);
    let mut world = Arc::into_inner(world).expect("should be ours alone");
    world.waits = outcome.waits;
    let start = Instant::now();
    let outcome = world.reconcile(desired("2").rendered()).await.unwrap().expect("should apply");
    assert!(matches!(outcome.outcome, ApplyOutcome::Failed { .. }), "{:?}", outcome.outcome);
    let took = start.elapsed();
    assert!(took > Duration::from_secs(150) && took < Duration::from_secs(250), "{took:?}");
}
