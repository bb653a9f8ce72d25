//! Looks out for what could not be observed, a server or the server of a group, and wakes whoever waits for it. Watches do that
//! too, but there is none before anything was observed, and none of what is not served.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use naksha_executor::retry::spread;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::connect::Api;
use crate::discovery::{Catalogue, Discovery};
use crate::refusal::Refusal;
use crate::watch::Cache;

/// First and longest pause between two looks. One look is one or two requests.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// Everybody who may use a server at all may read it.
const VERSION: &str = "/version";

/// At most one at a time; ended when dropped.
#[derive(Debug, Default)]
pub(crate) struct Lookout(Mutex<Looking>);

#[derive(Debug, Default)]
struct Looking {
    task: Option<AbortOnDropHandle<()>>,
    /// How often it was begun since everything could be observed: a server may answer to this and to nothing else.
    begun: u32,
}

impl Lookout {
    /// Looks until the server answers with more than a refusal.
    pub(crate) fn for_server(&self, cache: &Arc<Cache>, api: &Api) {
        let api = api.clone();
        self.begin(cache, move || {
            let api = api.clone();
            async move {
                let answer = api.get(VERSION, "application/json").await;
                answer.is_ok_and(|answer| Refusal::of(&answer).is_none())
            }
        });
    }

    /// Looks until something else is served than this.
    pub(crate) fn for_kinds(
        &self,
        cache: &Arc<Cache>,
        api: &Api,
        (discovery, known): (&Arc<Discovery>, &Arc<Catalogue>),
    ) {
        let (api, discovery, known) = (api.clone(), Arc::clone(discovery), Arc::clone(known));
        self.begin(cache, move || {
            let (api, discovery, known) = (api.clone(), Arc::clone(&discovery), Arc::clone(&known));
            async move { discovery.fresh(&api).await.is_ok_and(|now| *now != *known) }
        });
    }

    fn begin<F>(&self, cache: &Arc<Cache>, is_back: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = bool> + Send,
    {
        let mut looking = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looking.task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let mut pause = PAUSE.0.saturating_mul(1 << looking.begun.min(8)).min(PAUSE.1);
        looking.begun += 1;
        let cache = Arc::clone(cache);
        let look = async move {
            loop {
                tokio::time::sleep(pause.mul_f64(0.5 + spread())).await;
                pause = (pause * 2).min(PAUSE.1);
                if is_back().await {
                    debug!("what could not be observed is back");
                    cache.wake();
                    return;
                }
            }
        };
        looking.task = Some(AbortOnDropHandle::new(tokio::spawn(look)));
    }

    /// Everything was observed.
    pub(crate) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Looking::default();
    }
}
