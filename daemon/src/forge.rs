//! The forge that the daemon's configuration names, opened.

use std::sync::Arc;

use naksha_executor::port::forge::Forge;
use naksha_executor_forge::{GitHub, Gitea, Installation, Setup};

use crate::config::{Access, ForgeConfig, Wrong};

/// A forge that is used while the daemon runs, and that is set up and looked over.
pub trait Host: Forge + Setup {}

impl<T: Forge + Setup> Host for T {}

/// Asks nothing yet. `installation`: the App that the configuration names, where others use it too. Must be called inside a tokio
/// runtime.
pub fn open(config: &ForgeConfig, installation: Option<&Installation>) -> Result<Arc<dyn Host>, Wrong> {
    Ok(match (config.opened()?, installation) {
        (Access::Gitea { address, token }, _) => Arc::new(Gitea::new(&address, &config.repository, token)),
        (Access::GitHub { .. }, Some(installation)) => Arc::new(GitHub::installed(installation)),
        (Access::GitHub { address, identity }, None) => {
            Arc::new(GitHub::new(&address, &config.repository, identity))
        }
    })
}
