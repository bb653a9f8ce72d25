//! A target that goes away amid an apply: the rest is left for the next one, and not tried object by object.

use std::sync::Arc;
use std::time::Duration;

use naksha_environments::codes::apply as codes;
use tokio::time::Instant;

use super::world::{Desired, World, config, key};
use crate::port::store::{ApplyOutcome, StepOutcome};
use crate::port::target::WriteError;

const OBJECTS: usize = 300;

fn name(number: usize) -> String {
    format!("many-{number}")
}

fn many() -> Desired {
    Desired::new().unit("web", &[], (0..OBJECTS).map(|number| config(&name(number), 0, "1")).collect())
}

/// Every first try fails, so that there is a moment to act in.
fn world() -> Arc<World> {
    let world = World::new();
    for number in 0..OBJECTS {
        let key = key("ConfigMap", &name(number));
        let reason = "no answer".to_owned();
        world.target.fail(&key, [WriteError::Transient { key: key.clone(), reason, after: None }]);
    }
    Arc::new(world)
}

#[tokio::test(start_paused = true)]
async fn nothing_further_is_tried_once_the_target_is_lost() {
    let world = world();
    let apply = tokio::spawn({
        let world = world.clone();
        async move { world.reconcile(many().rendered()).await }
    });
    while !world.told().iter().any(|told| told.contains("try 1 failed")) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let begun = Instant::now();
    world.target.cut_off(true);
    let outcome = apply.await.unwrap().unwrap().expect("should end");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(matches!(outcome.outcome, ApplyOutcome::Failed { .. }), "{:?}", outcome.outcome);
    let count =
        |fits: fn(&StepOutcome) -> bool| outcome.steps.iter().filter(|step| fits(&step.outcome)).count();
    let failed = count(|outcome| matches!(outcome, StepOutcome::Failed { .. }));
    let skipped = count(|outcome| matches!(outcome, StepOutcome::Skipped { .. }));
    assert!(failed >= 1 && failed + skipped == OBJECTS, "{failed} failed, {skipped} skipped");
    assert!(skipped > OBJECTS / 2, "{skipped} skipped");
    assert_eq!(outcome.diagnostics[0].code, codes::WRITE_GAVE_UP);

    // It is back, and the next apply does the rest.
    world.target.cut_off(false);
    world.converge(many().rendered()).await;
    assert_eq!(world.target.contents().len(), OBJECTS);
}

#[tokio::test(start_paused = true)]
async fn objects_that_fail_by_themselves_stop_nobody() {
    let world = World::new();
    for number in 0..OBJECTS / 2 {
        let key = key("ConfigMap", &name(number));
        let trouble = WriteError::Transient { key: key.clone(), reason: "not now".to_owned(), after: None };
        world.target.fail(&key, std::iter::repeat_n(trouble, 10));
    }
    let outcome = world.reconcile(many().rendered()).await.unwrap().expect("should apply");
    let done = outcome.steps.iter().filter(|step| step.outcome == StepOutcome::Done).count();
    assert_eq!(done, OBJECTS / 2);
}
