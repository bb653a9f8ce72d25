//! Looks a daemon's configuration over, from outside: whether each repository and its forge are as naksha needs them.
//!
//! One finding per thing, with what to do about it. Nothing is changed, nothing is fetched, and no daemon has to run. What one answer
//! makes pointless is not asked.
//!
//! ```text
//! configuration ──> repository ──> git: does the remote answer?
//!                       └── forge ──> clock ──> who are we? ──> repository ──> rights, webhook, protection, budget
//! ```

mod clock;
mod finding;
mod host;
mod protection;
mod remote;
mod webhook;

use std::sync::Arc;

use futures::future::join_all;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor_directory::NoSecrets;

use crate::config::{Config, RepositoryConfig};
use crate::forge::Lines;
use host::Hosted;

pub use finding::{Finding, Level};

/// What was found out about one repository.
#[derive(Debug, Clone)]
pub struct Examined {
    /// The daemon's name for it.
    pub repository: String,
    pub findings: Vec<Finding>,
}

/// Every repository, each by itself.
pub async fn examine(config: &Config) -> Vec<Examined> {
    // What cannot be opened is told of whoever needs it.
    let secrets = crate::secrets::open(&config.secrets).unwrap_or_else(|_| Arc::new(NoSecrets));
    join_all(config.repository.iter().map(|repository| examined(config, repository, &secrets))).await
}

async fn examined(
    config: &Config,
    repository: &RepositoryConfig,
    secrets: &Arc<dyn SecretSource>,
) -> Examined {
    let installation = repository.forge.as_ref().and_then(|forge| forge.installation(secrets));
    let known = (secrets, installation.as_ref());
    let mut findings = vec![remote::look(repository, known).await];
    match &repository.forge {
        None => findings.push(Finding::ok("forge", "none is configured: nobody looks at pull requests")),
        Some(forge) => match crate::forge::open(forge, known, &Lines::default()) {
            Ok(host) => {
                let hosted = Hosted { host: host.as_ref(), config, repository, forge, secrets };
                findings.extend(hosted.look().await);
            }
            Err((key, reason)) => {
                let hint = "correct it; `naksha daemon --check-config` names the line";
                findings.push(Finding::error("forge", format!("`forge.{key}`: {reason}"), hint));
            }
        },
    }
    Examined { repository: repository.name.to_string(), findings }
}
