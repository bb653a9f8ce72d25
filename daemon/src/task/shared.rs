//! What every environment's loop uses, and none of them owns.

use std::sync::Arc;

use naksha_environments::facts::Facts;
use naksha_environments::ids::EnvironmentName;
use naksha_environments::rendered::Rendered;
use naksha_environments::secret::MarkKey;
use naksha_executor::port::review::SharedReviews;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor::port::soak::SharedSoaks;
use naksha_executor::port::store::SharedStore;
use naksha_executor::port::verify::SharedVerifier;
use naksha_renderer::render::{RenderCache, RenderInput, render};
use naksha_renderer::template::TemplateEngine;
use tokio::sync::{Notify, watch};

use crate::config::Config;
use crate::forge::Lines;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::task::LoadedRevision;
use crate::task::publish::Sayings;

#[derive(Debug)]
pub struct Shared {
    pub config: Config,
    pub store: SharedStore,
    /// What pull requests showed; the same database.
    pub reviews: SharedReviews,
    pub secrets: Arc<dyn SecretSource>,
    pub engine: Arc<dyn TemplateEngine>,
    pub renders: RenderCache,
    pub key: MarkKey,
    pub registry: Arc<Registry>,
    pub metrics: Arc<Metrics>,
    /// Whoever writes to forges waits in these.
    pub lines: Lines,
    /// The sinks that every message goes to.
    pub sinks: Vec<&'static str>,
    /// How environments were with what they ran; the same database.
    pub soaks: SharedSoaks,
    /// Tells that more is known of that.
    pub soaked: watch::Sender<()>,
    pub verifier: SharedVerifier,
    /// Tells that an environment said something.
    pub spoken: watch::Sender<()>,
    /// What every environment says now.
    pub sayings: Arc<Sayings>,
    /// Tells the publisher that the outbox has something.
    pub outbox: Arc<Notify>,
    /// Names this process in leases.
    pub owner: String,
}

impl Shared {
    /// An environment, by the rules of one revision and with the content of another. Blocks.
    pub fn render(
        &self,
        control: &LoadedRevision,
        content: &LoadedRevision,
        environment: &EnvironmentName,
        facts: &Facts,
    ) -> Rendered {
        render(&RenderInput {
            control: &control.loaded.definitions,
            content: &content.loaded.definitions,
            tree: &content.tree,
            environment,
            facts,
            engine: self.engine.as_ref(),
            cache: &self.renders,
            key: &self.key,
        })
    }
}
