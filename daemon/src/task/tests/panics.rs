//! A loop that panics does not die: it says so, and goes on.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use naksha_environments::secret::{Secret, SecretRef};
use naksha_environments::status::State;
use naksha_executor::port::secrets::{SecretError, SecretSource};
use naksha_executor::port::store::ApplyOutcome;

use super::world::{World, said};
use crate::metrics::TaskLabels;

/// A source with a bug that shows at some of the first questions: every pass asks it, and every write of a secret.
#[derive(Debug)]
struct Buggy {
    asked: AtomicU32,
    bugs: Range<u32>,
}

impl Buggy {
    fn at(bugs: Range<u32>) -> Arc<Self> {
        Arc::new(Self { asked: AtomicU32::new(0), bugs })
    }
}

#[async_trait]
impl SecretSource for Buggy {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret, SecretError> {
        assert!(!self.bugs.contains(&self.asked.fetch_add(1, Ordering::SeqCst)), "a bug in an adapter");
        Ok(Secret::new("open sesame"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_environment_whose_loop_panics_says_so_and_goes_on() {
    let world = World::new(Buggy::at(0..2)).await;
    let dev = world.start().await;
    let status = said(&dev, |status| status.why.iter().any(|why| why.contains("NK0906"))).await;
    assert_eq!(status.state.word(), "unknown");
    assert!(status.why[0].contains("a bug in an adapter"), "{status:?}");
    let status = said(&dev, |status| status.state == State::Synced).await;
    assert_eq!(status.objects, 2, "{status:?}");
    let labels = TaskLabels { task: "environment infra/dev".to_owned() };
    assert_eq!(world.shared.metrics.task_panics.get_or_create(&labels).get(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_a_panic_ended_does_not_run_for_ever() {
    // The first pass asks once, its apply panics; later passes panic before they apply anything.
    let world = World::new(Buggy::at(1..u32::MAX)).await;
    let dev = world.start().await;
    said(&dev, |status| status.why.iter().any(|why| why.contains("started again in 2 s"))).await;
    let store = &world.shared.store;
    let applies = store.applies(&dev.scope, 9).await.unwrap();
    let outcomes: Vec<_> = applies.iter().map(|apply| apply.outcome.clone()).collect();
    assert_eq!(outcomes, [Some(ApplyOutcome::Interrupted)]);
    world.stop().await;
}
