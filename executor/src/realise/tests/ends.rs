//! What runs once: its end is seen and kept, and decides when it is gone.

use std::sync::Arc;
use std::time::Duration;

use naksha_environments::codes::apply as codes;
use naksha_environments::object::{DesiredObject, Health};
use naksha_environments::run_once::RunEnd;
use serde_json::{Value, json};

use super::world::{Desired, World, config, key, object, unit};
use crate::port::store::ApplyOutcome;
use crate::realise::RealiseOutcome;

fn job(run: &str) -> DesiredObject {
    object("Job", "migrate", 0, &json!({"spec": {"ttlSecondsAfterFinished": 60, "run": run}}))
}

/// A migration that others wait for.
fn migrating(run: &str, page: &str) -> Desired {
    let web = vec![config("page", 0, page)];
    Desired::new().unit("migrate", &[], vec![job(run)]).unit("web", &["migrate"], web)
}

/// A cluster in which the Job begins to run when it is made.
fn world() -> Arc<World> {
    let world = World::new();
    world.target.begins_with(&key("Job", "migrate"), &json!({"active": 1}));
    Arc::new(world)
}

/// Its controller writes a status.
fn report(world: &World, status: Value) {
    let key = key("Job", "migrate");
    let mut stored = world.target.get(&key).expect("should exist");
    stored.object["status"] = status;
    world.target.put(&key, stored.uid, stored.object);
}

fn succeeded() -> Value {
    json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]})
}

fn failed() -> Value {
    let message = "Job has reached the specified backoff limit";
    let condition =
        json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": message});
    json!({"failed": 1, "conditions": [condition]})
}

fn kept(world: &World) -> Option<RunEnd> {
    world.store.known().get(&key("Job", "migrate"))?.end.clone()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    unreachable!("{what}");
}

type Applying = tokio::task::JoinHandle<Result<Option<RealiseOutcome>, String>>;

/// Begins to apply, until the Job runs and is waited for.
async fn begun(world: &Arc<World>, desired: Desired) -> Applying {
    let apply = tokio::spawn({
        let world = world.clone();
        async move { world.reconcile(desired.rendered()).await }
    });
    until("should wait", || world.told().iter().any(|told| told.starts_with("waiting for "))).await;
    apply
}

async fn outcome(apply: Applying) -> RealiseOutcome {
    apply.await.unwrap().unwrap().expect("should apply")
}

fn page(world: &World) -> Option<Value> {
    Some(world.target.contents().get(&key("ConfigMap", "page"))?["data"]["value"].clone())
}

#[tokio::test(start_paused = true)]
async fn what_succeeded_and_is_gone_holds_nobody_up_later() {
    let world = world();
    let apply = begun(&world, migrating("1", "1")).await;
    report(&world, succeeded());
    assert_eq!(outcome(apply).await.outcome, ApplyOutcome::Succeeded);
    assert_eq!(kept(&world), Some(RunEnd::Succeeded), "recorded with the wait");
    world.target.erase(&key("Job", "migrate"));
    let outcome = world.reconcile(migrating("1", "2").rendered()).await.unwrap().expect("should apply");
    assert_eq!(outcome.outcome, ApplyOutcome::Succeeded, "{:?}", outcome.waiting);
    assert_eq!(page(&world), Some(json!("2")));
}

#[tokio::test(start_paused = true)]
async fn what_failed_and_is_gone_holds_others_up_until_it_is_changed() {
    let world = world();
    let apply = begun(&world, migrating("1", "1")).await;
    report(&world, failed());
    until("should be kept", || matches!(kept(&world), Some(RunEnd::Failed(_)))).await;
    world.target.erase(&key("Job", "migrate"));
    let first = outcome(apply).await;
    let words = "Job/migrate failed before it was removed: ";
    let health = &first.units[&unit("migrate")].health;
    assert!(matches!(health, Health::Degraded(said) if said.starts_with(words)), "{health:?}");
    // In every later pass just as in the one that saw it, and without waiting for what cannot come.
    for _ in 0..2 {
        let start = tokio::time::Instant::now();
        let later = world.reconcile(migrating("1", "2").rendered()).await.unwrap().expect("should apply");
        assert_eq!(later.units[&unit("migrate")].health, first.units[&unit("migrate")].health);
        assert!(
            matches!(&later.outcome, ApplyOutcome::Failed { reason } if reason.contains(words)),
            "{later:?}"
        );
        assert_eq!(later.diagnostics[0].code, codes::UNIT_NOT_HEALTHY);
        assert!(later.diagnostics[0].message.starts_with("unit `migrate` does not become healthy: "));
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
    assert_eq!((page(&world), world.target.get(&key("Job", "migrate"))), (None, None));
    // Another definition is another run.
    world.told.lock().unwrap().clear();
    let apply = begun(&world, migrating("2", "2")).await;
    assert_eq!(kept(&world), None, "how the one before ended says nothing of it");
    report(&world, succeeded());
    assert_eq!(outcome(apply).await.outcome, ApplyOutcome::Succeeded);
    assert_eq!((page(&world), kept(&world)), (Some(json!("2")), Some(RunEnd::Succeeded)));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_before_anybody_saw_its_end_is_unknown() {
    let world = world();
    let apply = begun(&world, migrating("1", "1")).await;
    world.target.erase(&key("Job", "migrate"));
    let unknown = Health::Unknown("Job/migrate is gone, and nobody saw its end".to_owned());
    assert_eq!(outcome(apply).await.units[&unit("migrate")].health, unknown);
    let later = world.reconcile(migrating("1", "2").rendered()).await.unwrap().expect("should apply");
    assert_eq!(later.units[&unit("migrate")].health, unknown);
    assert_eq!(page(&world), None);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_is_seen_to_end_while_others_are_waited_for() {
    let world = world();
    let set = object("StatefulSet", "postgres", 0, &json!({"spec": {"replicas": 1}}));
    world.target.begins_with(&key("StatefulSet", "postgres"), &json!({"replicas": 1}));
    let desired = Desired::new().unit("migrate", &[], vec![job("1")]).unit("postgres", &[], vec![set]).unit(
        "web",
        &["postgres"],
        vec![config("page", 0, "1")],
    );
    let apply = begun(&world, desired).await;
    report(&world, failed());
    until("should be kept", || matches!(kept(&world), Some(RunEnd::Failed(_)))).await;
    assert!(!apply.is_finished());
    apply.abort();
}

#[tokio::test(start_paused = true)]
async fn a_pass_with_nothing_to_do_keeps_an_end_once() {
    let world = world();
    let desired = Desired::new().unit("migrate", &[], vec![job("1")]);
    world.converge(desired.rendered()).await;
    assert_eq!(kept(&world), None, "it runs");
    report(&world, failed());
    assert!(world.reconcile(desired.rendered()).await.unwrap().is_none());
    assert!(matches!(kept(&world), Some(RunEnd::Failed(_))));
    let written = world.store.refreshed();
    for _ in 0..2 {
        assert!(world.reconcile(desired.rendered()).await.unwrap().is_none());
        world.target.erase(&key("Job", "migrate"));
    }
    assert!(world.reconcile(desired.rendered()).await.unwrap().is_none());
    assert_eq!(world.store.refreshed(), written, "nothing was new");
    assert!(matches!(kept(&world), Some(RunEnd::Failed(_))), "also when it is gone");
}

#[tokio::test(start_paused = true)]
async fn what_failed_and_is_taken_out_of_git_holds_nobody_up() {
    let world = world();
    let apply = begun(&world, migrating("1", "1")).await;
    report(&world, failed());
    until("should be kept", || matches!(kept(&world), Some(RunEnd::Failed(_)))).await;
    world.target.erase(&key("Job", "migrate"));
    outcome(apply).await;
    let without = Desired::new().unit("migrate", &[], Vec::new()).unit(
        "web",
        &["migrate"],
        vec![config("page", 0, "2")],
    );
    let outcome = world.reconcile(without.rendered()).await.unwrap().expect("should apply");
    assert_eq!(outcome.outcome, ApplyOutcome::Succeeded, "{:?}", outcome.waiting);
    assert_eq!((page(&world), kept(&world)), (Some(json!("2")), None));
}
