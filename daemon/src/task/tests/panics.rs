//! A loop that panics does not die: it says so, and goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use naksha_environments::secret::{Secret, SecretRef};
use naksha_environments::status::State;
use naksha_executor::port::secrets::{SecretError, SecretSource};

use super::world::{World, said};
use crate::metrics::TaskLabels;

/// A source with a bug that shows at the first two questions.
#[derive(Debug, Default)]
struct Buggy(AtomicU32);

#[async_trait]
impl SecretSource for Buggy {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret, SecretError> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) >= 2, "a bug in an adapter");
        Ok(Secret::new("open sesame"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_environment_whose_loop_panics_says_so_and_goes_on() {
    let world = World::new(Arc::new(Buggy::default())).await;
    let dev = world.start();
    let status = said(&dev, |status| status.why.iter().any(|why| why.contains("NK0906"))).await;
    assert_eq!(status.state.word(), "unknown");
    assert!(status.why[0].contains("a bug in an adapter"), "{status:?}");
    let status = said(&dev, |status| status.state == State::Synced).await;
    assert_eq!(status.objects, 2, "{status:?}");
    let labels = TaskLabels { task: "environment infra/dev".to_owned() };
    assert_eq!(world.shared.metrics.task_panics.get_or_create(&labels).get(), 2);
    world.stop().await;
}
