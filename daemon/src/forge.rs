//! The forge that the daemon's configuration names, opened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use naksha_executor::port::forge::Forge;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor_forge::{Address, GitHub, Gitea, Identity, Installation, Setup, Turns};

use crate::config::{Access, ForgeConfig, Wrong};

/// A forge that is used while the daemon runs, and that is set up and looked over.
pub trait Host: Forge + Setup {}

impl<T: Forge + Setup> Host for T {}

/// By whom a forge counts: repositories that are in the same place as the same one wait for each other.
#[derive(Debug, Default)]
pub struct Lines(Mutex<BTreeMap<String, Turns>>);

impl Lines {
    /// GitHub counts an App by its installation, which is of one owner.
    fn of(&self, config: &ForgeConfig, address: &Address, identity: &Identity) -> Turns {
        let owner = config.repository.split_once('/').map_or("", |(owner, _)| owner).to_lowercase();
        let whom = match identity {
            Identity::Token(place) => format!("{address} {place}"),
            Identity::App { id, .. } => format!("{address} App {id} of {owner}"),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(whom).or_default().clone()
    }
}

/// Asks nothing yet. `secrets`: where references of the configuration lead. `installation`: the App that the configuration names, where others use it too. Must be called inside a tokio
/// runtime.
pub fn open(
    config: &ForgeConfig,
    (secrets, installation): (&Arc<dyn SecretSource>, Option<&Installation>),
    lines: &Lines,
) -> Result<Arc<dyn Host>, Wrong> {
    Ok(match config.opened(secrets)? {
        Access::Gitea { address, token } => Arc::new(Gitea::new(&address, &config.repository, token)),
        Access::GitHub { address, identity } => {
            let turns = lines.of(config, &address, &identity);
            let github = match installation {
                Some(installation) => GitHub::installed(installation),
                None => GitHub::new(&address, &config.repository, identity),
            };
            Arc::new(github.in_line(turns))
        }
    })
}
