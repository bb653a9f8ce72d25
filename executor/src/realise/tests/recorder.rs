//! What is recorded together, and for how long nobody is asked whose the environment is.

use std::time::Duration;

use tokio::time::Instant;

use super::world::{Desired, World, config};

fn objects(count: u32) -> Desired {
    let objects = (0..count).map(|number| config(&format!("c{number}"), 0, "1")).collect();
    Desired::new().unit("a", &[], objects)
}

#[tokio::test(start_paused = true)]
async fn steps_that_end_together_are_recorded_together() {
    let (world, begun) = (World::new(), Instant::now());
    world.reconcile(objects(9).rendered()).await.expect("should apply");
    assert_eq!(world.store.recordings(), [9]);
    assert_eq!(world.store.recorded().len(), 9);
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody else was at work");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_the_others() {
    let world = World::new();
    world.target.slow_down(Duration::from_millis(100));
    world.reconcile(objects(9).rendered()).await.expect("should apply");
    assert_eq!(world.store.recordings(), [1; 9]);
}

#[tokio::test(start_paused = true)]
async fn the_store_says_for_how_long_it_need_not_be_asked() {
    for (left, asked) in [(Duration::ZERO, 10), (Duration::from_secs(30), 2)] {
        let world = World::new();
        world.store.lease_lasts(left);
        world.reconcile(objects(9).rendered()).await.expect("should apply");
        // Once before the apply; then before each write, or before the first of them.
        assert_eq!(world.store.asked(), asked, "{left:?}");
    }
}
