//! What fails, what that stops, and what it does not.

use std::sync::Arc;
use std::time::Duration;

use naksha_environments::codes::apply as codes;
use naksha_environments::ids::Generation;
use naksha_environments::inventory::Owned;
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{Blocked, Conflict, FieldPath, Plan, Resolution};
use naksha_environments::status::UnitSync;
use serde_json::json;

use super::planner;
use super::world::{Desired, World, config, key, reference, secret, unit};
use crate::port::secrets::SecretError;
use crate::port::store::{ApplyOutcome, StepOutcome, Store};
use crate::port::target::{Removal, Target, TargetError, Wanted, WriteError};
use crate::realise::{Progress, RealiseOutcome, settle};

fn invalid(key: &ObjectKey) -> WriteError {
    WriteError::Invalid {
        key: key.clone(),
        field: Some("spec.x".to_owned()),
        reason: "unknown field".to_owned(),
    }
}

fn transient(key: &ObjectKey) -> WriteError {
    WriteError::Transient { key: key.clone(), reason: "too many requests".to_owned(), after: None }
}

fn outcomes(outcome: &RealiseOutcome) -> Vec<String> {
    let mut lines: Vec<_> = outcome
        .steps
        .iter()
        .map(|step| match &step.outcome {
            StepOutcome::Done => format!("{} done", step.subject),
            StepOutcome::Failed { reason } => format!("{} failed: {reason}", step.subject),
            StepOutcome::Skipped { reason } => format!("{} skipped: {reason}", step.subject),
        })
        .collect();
    lines.sort();
    lines
}

fn three_units() -> Desired {
    Desired::new()
        .unit("base", &[], vec![config("base-0", 0, "1"), config("base-5", 5, "1")])
        .unit("user", &["base"], vec![config("user-0", 0, "1")])
        .unit("other", &[], vec![config("other-0", 0, "1")])
        .workflow("w", "1")
}

#[tokio::test(start_paused = true)]
async fn a_failed_unit_holds_up_what_depends_on_it_and_nobody_else() {
    let world = World::new();
    world.target.fail(&key("ConfigMap", "base-0"), [invalid(&key("ConfigMap", "base-0"))]);
    let outcome = world.reconcile(three_units().rendered()).await.unwrap().expect("should apply");
    insta::assert_snapshot!(outcomes(&outcome).join("\n"), @"
    ConfigMap ns/base-0 failed: `spec.x`: unknown field
    ConfigMap ns/base-5 skipped: ConfigMap ns/base-0 was not applied
    ConfigMap ns/other-0 done
    ConfigMap ns/user-0 skipped: waiting for base: it failed: ConfigMap ns/base-0 was not applied
    Workflow w skipped: waiting for base: it failed: ConfigMap ns/base-0 was not applied
    ");
    assert!(
        matches!(&outcome.outcome, ApplyOutcome::Failed { reason } if reason.contains("and 3 more")),
        "{:?}",
        outcome.outcome
    );
    assert!(matches!(outcome.units[&unit("base")].sync, UnitSync::Failed(_)));
    assert!(matches!(outcome.units[&unit("user")].sync, UnitSync::Waiting(_)));
    assert_eq!(outcome.units[&unit("other")].sync, UnitSync::Synced);
    let found: Vec<_> = outcome.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(found, [codes::OBJECT_INVALID, codes::UNIT_WAITS]);
    assert_eq!(world.store.recorded().len(), 5, "every step is recorded");
    // The next reconcile tries again, and the rest follows.
    world.converge(three_units().rendered()).await;
    assert_eq!(world.target.contents().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn transient_trouble_is_retried_and_given_up_in_the_end() {
    let world = World::new();
    let key = key("ConfigMap", "c");
    let desired = Desired::new().unit("a", &[], vec![config("c", 0, "1")]);
    world.target.fail(&key, (0..3).map(|_| transient(&key)));
    let outcome = world.reconcile(desired.rendered()).await.unwrap().expect("should apply");
    assert_eq!((outcome.outcome, outcome.steps[0].attempts), (ApplyOutcome::Succeeded, 4));

    let desired = Desired::new().unit("a", &[], vec![config("c", 0, "2")]);
    world.target.fail(&key, (0..99).map(|_| transient(&key)));
    let outcome = world.reconcile(desired.rendered()).await.unwrap().expect("should apply");
    assert_eq!(outcome.steps[0].outcome, StepOutcome::Failed { reason: "too many requests".to_owned() });
    assert_eq!(outcome.steps[0].attempts, crate::retry::WRITES.attempts);
    assert_eq!(outcome.diagnostics[0].code, codes::WRITE_GAVE_UP);
}

#[tokio::test(start_paused = true)]
async fn what_the_target_asks_for_is_waited() {
    let world = World::new();
    let key = key("ConfigMap", "c");
    let desired = Desired::new().unit("a", &[], vec![config("c", 0, "1")]);
    let busy = |secs| WriteError::Transient {
        key: key.clone(),
        reason: "busy".to_owned(),
        after: Some(Duration::from_secs(secs)),
    };
    world.target.fail(&key, [busy(20)]);
    let start = tokio::time::Instant::now();
    let outcome = world.reconcile(desired.rendered()).await.unwrap().expect("should apply");
    assert_eq!(outcome.outcome, ApplyOutcome::Succeeded);
    assert!(start.elapsed() >= Duration::from_secs(20));
    // But not for ever.
    world.target.fail(&key, [busy(3600)]);
    let desired = Desired::new().unit("a", &[], vec![config("c", 0, "2")]);
    let outcome = world.reconcile(desired.rendered()).await.unwrap().expect("should apply");
    assert!(matches!(outcome.outcome, ApplyOutcome::Failed { .. }));
}

#[tokio::test(start_paused = true)]
async fn secrets_are_resolved_late_and_their_absence_is_told() {
    let world = World::new();
    let desired = Desired::new().unit("a", &[], vec![secret("db", &["url"])]);
    world.vault.missing.lock().unwrap().push(reference("url"));
    let outcome = world.reconcile(desired.rendered()).await.unwrap().expect("should apply");
    assert_eq!(outcome.diagnostics[0].code, codes::SECRET_MISSING);
    assert!(
        outcome.diagnostics[0].message.contains("vault:kv/test#url"),
        "{}",
        outcome.diagnostics[0].message
    );
    assert!(world.target.contents().is_empty());
    world.vault.missing.lock().unwrap().clear();
    *world.vault.away.lock().unwrap() = 2;
    let outcome = world.reconcile(desired.rendered()).await.unwrap().expect("should apply");
    assert_eq!((outcome.outcome, outcome.steps[0].attempts), (ApplyOutcome::Succeeded, 3));
}

#[tokio::test(start_paused = true)]
async fn a_failed_deletion_stays_in_the_inventory() {
    let world = World::new();
    let before = Desired::new().unit("a", &[], vec![config("low", 0, "1"), config("high", 5, "1")]);
    world.converge(before.rendered()).await;
    let high = key("ConfigMap", "high");
    world
        .target
        .fail(&high, [WriteError::Blocked { key: high.clone(), reason: "a finalizer holds it".to_owned() }]);
    let after = Desired::new().unit("a", &[], Vec::new());
    let outcome = world.reconcile(after.rendered()).await.unwrap().expect("should apply");
    insta::assert_snapshot!(outcomes(&outcome).join("\n"), @"
    ConfigMap ns/high failed: a finalizer holds it
    ConfigMap ns/low skipped: what stands on it in unit a was not deleted
    ");
    assert_eq!(world.store.known().len(), 2);
    world.converge(after.rendered()).await;
    assert!(world.store.known().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_that_a_unit_that_failed_may_still_use() {
    let world = World::new();
    let before = Desired::new()
        .unit("base", &[], vec![config("base-old", 0, "1"), config("base", 0, "1")])
        .unit("user", &["base"], vec![config("user", 0, "1")])
        .unit("left", &[], vec![config("left", 0, "1")])
        .unit("alone", &[], vec![config("alone-old", 0, "1")]);
    world.converge(before.rendered()).await;
    world.target.fail(&key("ConfigMap", "user"), [invalid(&key("ConfigMap", "user"))]);
    let after = Desired::new()
        .unit("base", &[], vec![config("base", 0, "1")])
        .unit("user", &["base"], vec![config("user", 0, "2")])
        .unit("alone", &[], Vec::new());
    let outcome = world.reconcile(after.rendered()).await.unwrap().expect("should apply");
    insta::assert_snapshot!(outcomes(&outcome).join("\n"), @"
    ConfigMap ns/alone-old done
    ConfigMap ns/base-old skipped: unit user may still use it, and was not applied
    ConfigMap ns/left skipped: unit left may still be used: user was not applied
    ConfigMap ns/user failed: `spec.x`: unknown field
    ");
    world.converge(after.rendered()).await;
    assert_eq!(world.target.contents().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn deleting_needs_proof() {
    let world = World::new();
    let desired = Desired::new().unit("a", &[], vec![config("c", 0, "1")]);
    world.converge(desired.rendered()).await;
    let mut inventory = world.store.known();
    let wanted = Wanted { key: key("ConfigMap", "c"), mark: None };
    let observation = world.target.observe(vec![wanted].into()).await.expect("should observe");
    let empty = Desired::new().unit("a", &[], Vec::new());
    let plan = planner::plan(empty.rendered(), &inventory, &observation);
    // The plan says delete, but the inventory does not know the uid.
    let owned = Owned::clone(&inventory[&key("ConfigMap", "c")]);
    inventory.own(key("ConfigMap", "c"), Arc::new(Owned { mark: None, ..owned }));
    let outcome = world.apply(plan.clone(), &inventory).await.expect("should be recorded");
    assert_eq!(outcome.diagnostics[0].code, codes::NOT_PROVEN_OURS);
    inventory.forget(&key("ConfigMap", "c"));
    let outcome = world.apply(plan, &inventory).await.expect("should be recorded");
    assert_eq!(outcome.diagnostics[0].code, codes::NOT_PROVEN_OURS);
    assert_eq!(world.target.contents().len(), 1, "it is still there");
}

#[tokio::test(start_paused = true)]
async fn a_refused_conflict_is_not_written() {
    let world = World::new();
    let desired = Desired::new().unit("a", &[], vec![config("c", 0, "1")]);
    let inventory = world.store.known();
    let observation =
        world.target.observe(vec![Wanted { key: key("ConfigMap", "c"), mark: None }].into()).await.unwrap();
    let mut plan = planner::plan(desired.rendered(), &inventory, &observation);
    let path = FieldPath::default().key("spec").key("replicas");
    plan.actions[0].conflicts =
        vec![Conflict { path, manager: Some("autoscaler".to_owned()), resolution: Resolution::Refuse }];
    let outcome = world.apply(plan, &inventory).await.expect("should be recorded");
    assert_eq!(
        outcomes(&outcome),
        ["ConfigMap ns/c failed: `spec.replicas` is set by autoscaler, and the unit does not take it"]
    );
    assert!(world.target.contents().is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_the_environment_writes_nothing_more() {
    let world = World::new();
    let objects = (0..9).map(|number| config(&format!("c{number}"), number, "1")).collect();
    // One check before the apply, and one before each write.
    world.store.take_over_after(4);
    let error = world
        .reconcile(Desired::new().unit("a", &[], objects).rendered())
        .await
        .expect_err("should be fenced");
    assert_eq!(error, "cannot check the ownership of the environment");
    assert_eq!(world.target.log().len(), 3);
    assert!(world.store.outcomes().is_empty(), "the new owner reports");
}

#[tokio::test(start_paused = true)]
async fn units_that_wait_for_each_other_are_refused() {
    let world = World::new();
    let desired = Desired::new().unit("a", &["b"], vec![config("c", 0, "1")]).unit("b", &["a"], Vec::new());
    let error = world.reconcile(desired.rendered()).await.expect_err("should be refused");
    assert_eq!(error, "units wait for each other: a, b");
    assert!(world.store.known().is_empty(), "nothing began");
}

#[tokio::test(start_paused = true)]
async fn a_newer_revision_stops_before_the_next_step() {
    let mut world = World::new();
    let cancel = world.cancel.clone();
    world.watcher = Some(Box::new(move |progress| {
        if matches!(progress, Progress::StepEnded { subject, .. } if subject.to_string().ends_with("c2")) {
            cancel.cancel();
        }
    }));
    let objects = (0..9).map(|number| config(&format!("c{number}"), number, "1")).collect();
    let desired = Desired::new().unit("a", &[], objects).workflow("w", "1");
    let outcome = world.reconcile(desired.rendered()).await.unwrap().expect("should end well");
    assert_eq!(outcome.outcome, ApplyOutcome::Superseded);
    assert_eq!(world.store.outcomes(), [ApplyOutcome::Superseded]);
    assert_eq!(world.target.log().len(), 3);
    assert_eq!(outcome.steps.len(), 10);
    assert_eq!(world.store.recorded().len(), 3, "the end says it for the others");
    assert!(outcomes(&outcome)[9].ends_with("skipped: the apply was stopped before it"));
    assert!(world.store.check(&world.scope, Generation(1)).await.is_ok());
}

/// More objects than writes may run at a time, all of them in trouble.
#[tokio::test(start_paused = true)]
async fn waiting_for_another_try_holds_nobody_up() {
    let world = World::new();
    let objects: Vec<_> =
        (0..2 * crate::realise::MAX_WRITES_IN_FLIGHT).map(|n| config(&format!("a{n}"), 0, "1")).collect();
    for object in &objects {
        world.target.fail(&object.key, (0..9).map(|_| transient(&object.key)));
    }
    let desired = Desired::new().unit("a", &[], objects).unit("b", &[], vec![config("b", 0, "1")]);
    world.reconcile(desired.rendered()).await.unwrap().expect("should apply");
    let told = world.told();
    let at = |text: &str| told.iter().position(|told| told == text).expect("should be told");
    let given_up = told
        .iter()
        .position(|told| told.contains("failed: too many requests") && !told.contains("try"))
        .unwrap();
    assert!(at("create ConfigMap ns/b: done") < given_up);
}

/// One write or reference per way to fail, with the code that it is told under.
#[tokio::test(start_paused = true)]
async fn every_failure_has_its_code() {
    let object = key("ConfigMap", "c");
    let reason = || "because".to_owned();
    for (error, code) in [
        (WriteError::Moved { key: object.clone(), reason: reason() }, codes::OBJECT_MOVED),
        (WriteError::Blocked { key: object.clone(), reason: reason() }, codes::WRITE_BLOCKED),
        (WriteError::Invalid { key: object.clone(), field: None, reason: reason() }, codes::OBJECT_INVALID),
        (WriteError::Transient { key: object.clone(), reason: reason(), after: None }, codes::WRITE_GAVE_UP),
    ] {
        let world = World::new();
        world.target.fail(&object, (0..9).map(|_| error.clone()));
        let desired = Desired::new().unit("a", &[], vec![config("c", 0, "1")]);
        let outcome = world.reconcile(desired.rendered()).await.unwrap().expect("should apply");
        let found = &outcome.diagnostics[0];
        assert_eq!((found.code, found.hint.as_deref()), (code, Some(error.hint())));
        assert_eq!(found.unit, Some(unit("a")));
    }
    let name = reference("url");
    for (error, code) in [
        (SecretError::NotFound { reference: name.clone(), place: reason() }, codes::SECRET_MISSING),
        (SecretError::Denied { reference: name.clone(), reason: reason() }, codes::SECRET_DENIED),
        (SecretError::Unavailable { reference: name.clone(), reason: reason() }, codes::SECRET_UNAVAILABLE),
    ] {
        let world = World::new();
        *world.vault.refuses.lock().unwrap() = Some(error.clone());
        let desired = Desired::new().unit("a", &[], vec![secret("db", &["url"])]);
        let outcome = world.reconcile(desired.rendered()).await.unwrap().expect("should apply");
        assert_eq!((outcome.diagnostics[0].code, error.code()), (code, code));
    }
    let target = || "t".to_owned();
    for (error, code) in [
        (TargetError::Unreachable { target: target(), reason: reason() }, codes::TARGET_UNREACHABLE),
        (TargetError::Denied { target: target(), reason: reason() }, codes::TARGET_DENIED),
        (TargetError::Taken { target: target(), owner: reason() }, codes::TARGET_TAKEN),
    ] {
        assert_eq!(error.diagnostic().code, code);
    }
}

/// What was announced of a write that certainly did not happen is taken back.
#[tokio::test(start_paused = true)]
async fn a_refused_write_leaves_the_inventory_as_it_was() {
    let world = World::new();
    let desired = |data: serde_json::Value| {
        Desired::new().unit("a", &[], vec![super::world::object("ConfigMap", "c", 0, &json!({"data": data}))])
    };
    world.converge(desired(json!({"old": "1"})).rendered()).await;
    let before = world.store.known();
    let object = key("ConfigMap", "c");
    world.target.fail(&object, [invalid(&object)]);
    let after = desired(json!({"old": "1", "new": "1"}));
    world.reconcile(after.rendered()).await.unwrap().expect("should apply");
    assert_eq!(world.store.known(), before);
    // Deleted by somebody, and not to be made again.
    let mark = before[&object].mark.clone().expect("should be proven");
    world.target.remove(&Removal { key: object.clone(), expect: mark }).await.expect("should delete");
    world.target.fail(&object, [invalid(&object)]);
    world.reconcile(after.rendered()).await.unwrap().expect("should apply");
    assert_eq!(world.store.known(), before);
    // When it may have happened, both must stay possible.
    world.target.fail(&object, (0..9).map(|_| transient(&object)));
    world.reconcile(after.rendered()).await.unwrap().expect("should apply");
    assert_eq!(world.store.known()[&object].mark, None, "an intent");
    world.converge(after.rendered()).await;
    assert!(world.store.known()[&object].mark.is_some());
}

#[tokio::test]
async fn what_moves_into_a_blocked_unit_is_not_recorded_as_applied() {
    let world = World::new();
    let before = Desired::new().unit("a", &[], vec![config("c", 0, "1")]);
    world.converge(before.rendered()).await;
    let after = Desired::new().unit("a", &[], Vec::new()).unit("b", &[], vec![config("c", 0, "2")]);
    let wanted = Wanted { key: key("ConfigMap", "c"), mark: None };
    let observation = world.target.observe(vec![wanted].into()).await.expect("should observe");
    let mut plan = Plan::empty(&after.rendered().environment);
    plan.blocked.insert(unit("b"), Blocked::DependsOn(unit("x")));
    assert!(settle(&plan, after.rendered(), &observation, &world.store.known()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_another_target_is_an_intent_in_this_one() {
    let world = World::new();
    let state = Desired::new().unit("a", &[], vec![config("x", 0, "1"), config("y", 0, "1")]);
    world.converge(state.rendered()).await;
    let (x, y) = (key("ConfigMap", "x"), key("ConfigMap", "y"));
    world.store.move_to("directory before");
    for key in [&x, &y] {
        world.target.erase(key);
    }
    world.target.fail(&y, [invalid(&y)]);
    world.reconcile(state.rendered()).await.unwrap().expect("should apply");
    let known = world.store.known();
    assert_eq!(known.place.as_deref(), Some("directory out"));
    // What was not written here is not said to be here, so that nobody takes its absence for an edit.
    assert_eq!((known[&x].mark.is_some(), known[&y].mark.is_some()), (true, false));
}
