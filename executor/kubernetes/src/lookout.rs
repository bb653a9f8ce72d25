//! Looks out for a server that could not be observed, and wakes whoever waits for it. Watches do that too, but there is none
//! before anything was observed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use naksha_executor::retry::spread;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::connect::Api;
use crate::refusal::Refusal;
use crate::watch::Cache;

/// First and longest pause between two looks. One look is one small request.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// Everybody who may use a server at all may read it.
const VERSION: &str = "/version";

/// At most one at a time; ended when dropped.
#[derive(Debug, Default)]
pub(crate) struct Lookout(Mutex<Looking>);

#[derive(Debug, Default)]
struct Looking {
    task: Option<AbortOnDropHandle<()>>,
    /// How often it was begun since something could be observed: a server may answer to this and to nothing else.
    begun: u32,
}

impl Lookout {
    /// Looks until the server answers with more than a refusal.
    pub(crate) fn begin(&self, api: &Api, cache: &Arc<Cache>) {
        let mut looking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looking.task.as_ref().is_none_or(AbortOnDropHandle::is_finished) {
            let pause = PAUSE.0.saturating_mul(1 << looking.begun.min(8)).min(PAUSE.1);
            looking.begun += 1;
            looking.task =
                Some(AbortOnDropHandle::new(tokio::spawn(look(api.clone(), Arc::clone(cache), pause))));
        }
    }

    /// Something was observed.
    pub(crate) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Looking::default();
    }
}

async fn look(api: Api, cache: Arc<Cache>, mut pause: Duration) {
    loop {
        tokio::time::sleep(pause.mul_f64(0.5 + spread())).await;
        pause = (pause * 2).min(PAUSE.1);
        match api.get(VERSION, "application/json").await {
            Ok(answer) if Refusal::of(&answer).is_none() => {
                debug!(cluster = %api.cluster, "it answers again");
                cache.wake();
                return;
            }
            Ok(_) | Err(_) => {}
        }
    }
}
