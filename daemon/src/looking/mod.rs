//! Looking into a target, for people who ask: what is there and why it is as it is, what happened, what differs from Git.
//!
//! Nothing is kept, nothing is written, and no loop is disturbed: each look uses what the loop works on ([`Scene`]) and the
//! inventory of the store, and asks the target itself.

mod diff;
mod events;
mod tree;

use naksha_environments::codes::{Code, daemon as codes};
use naksha_environments::inventory::Inventory;
use naksha_environments::object::{Health, ObjectKey, Observation, Observed};
use naksha_environments::status::EnvironmentStatus;
use naksha_executor::port::store::{Scope, StoreError};
use naksha_executor::port::target::{TargetError, Wanted};

pub use self::diff::diff;
pub use self::events::{Told, events, events_of_all};
pub use self::tree::tree;
use crate::registry::Handle;
use crate::scene::Scene;

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error("{scope} cannot be looked into: it is {state}")]
    Nothing { scope: Scope, state: String },
    #[error("the state cannot be read")]
    Store(#[source] StoreError),
    #[error("the target cannot be observed")]
    Target(#[source] TargetError),
    #[error("a computation ended abnormally")]
    Computation(#[source] tokio::task::JoinError),
}

impl LookError {
    pub fn code(&self) -> Code {
        match self {
            Self::Nothing { .. } => codes::NOT_OPEN,
            Self::Store(error) => error.code(),
            Self::Target(error) => error.code(),
            Self::Computation(_) => codes::TASK_PANICKED,
        }
    }

    pub fn hint(&self) -> String {
        match self {
            Self::Nothing { scope, .. } => format!("`naksha status {scope}` says why"),
            Self::Store(error) => error.hint(),
            Self::Target(error) => error.hint().to_owned(),
            Self::Computation(_) => "this is a bug; the log has its place".to_owned(),
        }
    }
}

/// What the loop of an environment works on.
pub fn scene(handle: &Handle) -> Result<std::sync::Arc<Scene>, LookError> {
    handle.window.look().ok_or_else(|| {
        let words = |status: &EnvironmentStatus| match status.why.first() {
            Some(why) => format!("{}: {why}", status.state.word()),
            None => status.state.word().to_owned(),
        };
        let state = handle.status().map_or_else(
            || "not looked at yet: its first reconcile has not ended".to_owned(),
            |status| words(&status),
        );
        LookError::Nothing { scope: handle.scope.clone(), state }
    })
}

/// Everything that is wanted or owned, with its identity where it is known, by unit and object.
fn objects(scene: &Scene, inventory: &Inventory) -> Vec<Wanted> {
    let mut keys: Vec<&ObjectKey> = scene.rendered.makers().keys().chain(inventory.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let wanted = |key: &ObjectKey| {
        let mark = inventory.get(key).and_then(|owned| owned.mark.clone());
        Wanted { key: key.clone(), mark }
    };
    keys.into_iter().map(wanted).collect()
}

fn health_of(observation: &Observation, wanted: &Wanted, inventory: &Inventory) -> Health {
    match observation.of(&wanted.key, wanted.mark.as_ref()) {
        Observed::InSync { health, .. } => health,
        Observed::Live(live) => live.health,
        Observed::Absent => {
            let ended = inventory.get(&wanted.key).and_then(|owned| owned.health_when_gone(&wanted.key));
            ended.unwrap_or(Health::Missing)
        }
        Observed::Unknown { reason } => Health::Unknown(reason),
    }
}
