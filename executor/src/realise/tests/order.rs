//! What happens before what.

use serde_json::json;

use super::world::{Desired, World, config, key, object, secret};
use crate::port::store::ApplyOutcome;

#[tokio::test(start_paused = true)]
async fn an_apply_tells_its_story() {
    let world = World::new();
    let before = Desired::new()
        .unit("postgres", &[], vec![config("old", 0, "1"), config("settings", 0, "1")])
        .unit("web", &["postgres"], vec![config("page", 0, "1")]);
    world.converge(before.rendered()).await;
    world.told.lock().unwrap().clear();
    world.target.clear_log();
    let after = Desired::new()
        .unit(
            "postgres",
            &[],
            vec![config("settings", 0, "2"), secret("db", &["url"]), config("late", 5, "1")],
        )
        .unit("web", &["postgres"], vec![config("page", 0, "2")])
        .workflow("ingest", "1");
    let outcome = world.reconcile(after.rendered()).await.unwrap().expect("should have something to do");
    assert_eq!(outcome.outcome, ApplyOutcome::Succeeded);
    insta::assert_snapshot!(world.told().join("\n"));
    assert_eq!(
        world.target.log(),
        [
            "write ConfigMap/settings",
            "write Secret/db",
            "write ConfigMap/late",
            "write ConfigMap/page",
            "remove ConfigMap/old"
        ]
    );
    assert!(outcome.waiting.is_empty() && outcome.diagnostics.is_empty());
    assert_eq!(world.reconcile(after.rendered()).await, Ok(None), "nothing is left to do");
    // What was resolved is in the target alone.
    let stored = world.target.get(&key("Secret", "db")).expect("should exist");
    assert_eq!(stored.object["data"]["url"], "Y2FuYXJ5LXVybA==");
    let kept = format!("{:?} {:?}", world.store.known(), world.store.recorded());
    let bodies: Vec<_> =
        world.store.known().iter().map(|(_, owned)| owned.applied.as_json().to_owned()).collect();
    assert!(
        !kept.contains("canary")
            && !bodies.concat().contains("canary")
            && !bodies.concat().contains("Y2FuYXJ5")
    );
}

#[tokio::test(start_paused = true)]
async fn deletions_go_backwards_through_units_and_waves() {
    let world = World::new();
    let all = |name: &str| vec![config(&format!("{name}-0"), 0, "1"), config(&format!("{name}-9"), 9, "1")];
    let before = Desired::new()
        .unit("base", &[], all("base"))
        .unit("middle", &["base"], all("middle"))
        .unit("top", &["middle"], all("top"))
        .unit("gone", &["top"], all("gone"));
    world.converge(before.rendered()).await;
    world.target.clear_log();
    let after = Desired::new().unit("base", &[], Vec::new()).unit("middle", &["base"], Vec::new()).unit(
        "top",
        &["middle"],
        Vec::new(),
    );
    world.converge(after.rendered()).await;
    let removed = |name: &str| [format!("remove ConfigMap/{name}-9"), format!("remove ConfigMap/{name}-0")];
    assert_eq!(world.target.log(), ["gone", "top", "middle", "base"].map(removed).concat());
    assert!(world.store.known().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_moved_object_is_neither_deleted_nor_created() {
    let world = World::new();
    let before = Desired::new().unit("a", &[], vec![config("c", 0, "1")]).unit("b", &[], Vec::new());
    world.converge(before.rendered()).await;
    let uid = world.target.get(&key("ConfigMap", "c")).expect("should exist").uid;
    world.target.clear_log();
    let after = Desired::new().unit("a", &[], Vec::new()).unit("b", &[], vec![config("c", 0, "1")]);
    world.converge(after.rendered()).await;
    assert_eq!(world.target.log(), ["write ConfigMap/c"]);
    assert_eq!(world.target.get(&key("ConfigMap", "c")).expect("should exist").uid, uid);
    assert_eq!(world.store.known()[&key("ConfigMap", "c")].unit.as_str(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_recorded_as_two_steps() {
    let world = World::new();
    let immutable = |value: u32| object("Service", "s", 0, &json!({"spec": {"immutable": value}}));
    world.converge(Desired::new().unit("a", &[], vec![immutable(1)]).rendered()).await;
    let before = world.target.get(&key("Service", "s")).expect("should exist").uid;
    world.target.clear_log();
    world.converge(Desired::new().unit("a", &[], vec![immutable(2)]).rendered()).await;
    assert_eq!(world.target.log(), ["remove Service/s", "write Service/s"]);
    assert_ne!(world.target.get(&key("Service", "s")).expect("should exist").uid, before);
    let verbs: Vec<_> = world.store.recorded().iter().map(|step| step.verb.clone()).collect();
    assert_eq!(verbs, ["create", "delete", "create"]);
}

#[tokio::test(start_paused = true)]
async fn workflows_retire_and_entries_are_forgotten() {
    let world = World::new();
    let before =
        Desired::new().unit("a", &[], vec![config("x", 0, "1"), config("y", 0, "1")]).workflow("w", "1");
    world.converge(before.rendered()).await;
    assert_eq!(world.store.known().workflows.len(), 1);
    // Gone by itself, and wanted by nobody any more.
    let removal = crate::port::target::Removal {
        key: key("ConfigMap", "x"),
        expect: world.store.known()[&key("ConfigMap", "x")].mark.clone().expect("should be proven"),
    };
    crate::port::target::Target::remove(&world.target, &removal).await.expect("should delete");
    world.converge(Desired::new().unit("a", &[], vec![config("y", 0, "1")]).rendered()).await;
    assert!(world.store.known().workflows.is_empty());
    assert_eq!(world.store.known().len(), 1);
}
