//! Killed at any point, the next plan converges: store and target are cut off before and after every single call,
//! and what is there in the end must be what an undisturbed apply leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use naksha_environments::ids::{UnitName, WorkflowName};
use naksha_environments::object::ObjectKey;
use serde_json::{Value, json};

use super::fuse::Cut;
use super::world::{Desired, World, config, object, secret};
use crate::port::target::OWNER_ANNOTATION;

/// What must not depend on where a process died.
#[derive(Debug, PartialEq)]
struct End {
    objects: BTreeMap<ObjectKey, Value>,
    /// Unit, applied body, whether it is proven, and its secrets' names.
    inventory: BTreeMap<ObjectKey, (UnitName, String, bool, Vec<String>)>,
    workflows: BTreeMap<WorkflowName, String>,
}

impl End {
    /// What differs, one line per object.
    fn assert_same(&self, expected: &Self, when: &str) {
        let keys: std::collections::BTreeSet<_> =
            self.objects.keys().chain(expected.objects.keys()).collect();
        for key in keys {
            assert_eq!(self.objects.get(key), expected.objects.get(key), "{key}, {when}");
        }
        for (key, entry) in &expected.inventory {
            assert_eq!(self.inventory.get(key), Some(entry), "inventory of {key}, {when}");
        }
        assert_eq!(self, expected, "{when}");
    }
}

fn end_of(world: &World) -> End {
    let known = world.store.known();
    let entry = |owned: &naksha_environments::inventory::Owned| {
        let secrets = owned.secrets.keys().cloned().collect();
        (owned.unit.clone(), owned.applied.as_json().to_owned(), owned.mark.is_some(), secrets)
    };
    let mut objects = world.target.contents();
    for object in objects.values_mut() {
        // A hint, put right with the next write: killed in a move that is then reverted, it is out of date.
        if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
            annotations.shift_remove(OWNER_ANNOTATION);
        }
    }
    End {
        objects,
        inventory: known.iter().map(|(key, owned)| (key.clone(), entry(owned))).collect(),
        workflows: known
            .workflows
            .into_iter()
            .map(|(name, version)| (name, version.graph.to_string()))
            .collect(),
    }
}

fn service(value: u32) -> naksha_environments::object::DesiredObject {
    object("Service", "fixed", 1, &json!({"spec": {"immutable": value}}))
}

fn before() -> Desired {
    let two = object("ConfigMap", "two", 0, &json!({"data": {"value": "1", "dropped": "later"}}));
    Desired::new()
        .unit("base", &[], vec![config("one", 0, "1"), two, config("moves", 0, "1"), service(1)])
        .unit("user", &["base"], vec![secret("db", &["url", "old"]), config("goes", 5, "1")])
        .unit("leaves", &["base"], vec![config("left-0", 0, "1"), config("left-5", 5, "1")])
        .workflow("stays", "1")
        .workflow("retires", "1")
}

fn after() -> Desired {
    let two = object("ConfigMap", "two", 0, &json!({"data": {"value": "2", "new": "1"}}));
    Desired::new()
        .unit("base", &[], vec![config("one", 0, "1"), two, service(2), config("fresh", 3, "1")])
        .unit(
            "user",
            &["base"],
            vec![secret("db", &["url", "new"]), config("moves", 0, "1"), secret("more", &["x"])],
        )
        .workflow("stays", "2")
        .workflow("arrives", "1")
}

/// Until nothing is left to do. The last apply has something to do in any case: entries of objects that are gone
/// are dropped with the next apply, not by one of their own.
async fn settle_down(world: &World, desired: &Desired) -> End {
    world.converge(desired.rendered()).await;
    world.converge(desired.clone().unit("nudge", &[], vec![config("nudge", 0, "1")]).rendered()).await;
    end_of(world)
}

/// How writes end: all at once, and are recorded together, or one by one, too far apart for that.
const PACES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(100)];

/// Where `before` is applied, and calls are counted from now on.
async fn world(pace: Duration) -> World {
    let world = World::new();
    world.target.slow_down(pace);
    world.converge(before().rendered()).await;
    world.fuse.set(None);
    world
}

async fn undisturbed(desired: &Desired) -> End {
    settle_down(&world(PACES[0]).await, desired).await
}

/// Applies `before`, dies during the apply of `after`, then converges to `finally`.
async fn interrupted(pace: Duration, cut: Cut, finally: &Desired) -> End {
    let world = world(pace).await;
    world.fuse.set(Some(cut));
    let result = world.reconcile(after().rendered()).await;
    assert!(result.is_err(), "{cut:?} ends the process");
    world.fuse.set(None);
    settle_down(&world, finally).await
}

async fn calls_of_an_apply(pace: Duration) -> usize {
    let world = world(pace).await;
    world.reconcile(after().rendered()).await.expect("should apply").expect("should have something to do");
    world.fuse.calls()
}

#[tokio::test(start_paused = true)]
async fn killed_anywhere_the_same_revision_converges() {
    let expected = undisturbed(&after()).await;
    for pace in PACES {
        let calls = calls_of_an_apply(pace).await;
        assert!(calls > 20, "the apply is long enough to be worth it: {calls}");
        for cut in (1..=calls).flat_map(|number| [Cut::Before(number), Cut::After(number)]) {
            let when = format!("{cut:?} of {calls} at {pace:?}");
            interrupted(pace, cut, &after()).await.assert_same(&expected, &when);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_anywhere_a_revert_converges() {
    let expected = undisturbed(&before()).await;
    for pace in PACES {
        let calls = calls_of_an_apply(pace).await;
        for cut in (1..=calls).flat_map(|number| [Cut::Before(number), Cut::After(number)]) {
            let when = format!("{cut:?} of {calls} at {pace:?}");
            interrupted(pace, cut, &before()).await.assert_same(&expected, &when);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_twice_it_still_converges() {
    let expected = undisturbed(&after()).await;
    let calls = calls_of_an_apply(PACES[0]).await;
    for number in 4..calls {
        let world = world(PACES[0]).await;
        for cut in [Cut::After(number), Cut::After(number / 2)] {
            world.fuse.set(Some(cut));
            // The second apply may have less to do than the cut allows.
            drop(world.reconcile(after().rendered()).await);
        }
        world.fuse.set(None);
        let when = format!("after {number} and {} calls", number / 2);
        settle_down(&world, &after()).await.assert_same(&expected, &when);
    }
}
