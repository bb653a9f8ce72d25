//! Removing what the story made on the cluster: what is signed for its environment, and with the namespace all that is in it.

use std::path::Path;
use std::time::{Duration, Instant};

use naksha_environments::object::ObjectKey;
use naksha_environments::secret::MarkKey;
use naksha_executor::port::recovery::{Recovered, Search};
use naksha_executor::port::target::{Removal, Target as _, WriteError};
use naksha_executor_kubernetes::ClusterTarget;

use super::ground::Ground;
use super::people::access;
use crate::cli::block_on;

/// Pods on real nodes may take their time to end; more than this is told, and left.
const GONE_WITHIN: Duration = Duration::from_secs(180);

/// What became of what was left.
pub(super) struct Left {
    pub(super) removed: Vec<String>,
    /// With the reason.
    pub(super) stays: Vec<String>,
}

/// Removes whatever is left. The daemon has ended: nobody makes it again.
pub(super) fn clean(ground: &Ground, kubeconfig: &Path, context: &str) -> anyhow::Result<Left> {
    block_on(async {
        // Values of Secrets are read and compared with nothing.
        let marks = MarkKey::new([0; 32]);
        let scope = ground.scope()?;
        let target = ClusterTarget::open(&access(kubeconfig, context), &scope, marks).await?;
        let search = Search { scope, namespaces: [ground.name.as_str().into()].into() };
        let found = target.recover(&search).await?;
        let mut left = Left { removed: Vec::new(), stays: Vec::new() };
        // With the namespace goes what is in it; it is the last, so that the rest is not forgotten when it takes long.
        let (namespaces, others): (Vec<Recovered>, Vec<Recovered>) = found
            .objects
            .into_iter()
            .filter(|one| one.key.namespace.is_none())
            .partition(|one| is_namespace(&one.key));
        for Recovered { key, live, .. } in others.into_iter().chain(namespaces) {
            match remove(&target, Removal { key: key.clone(), expect: live.mark }).await {
                Ok(()) => left.removed.push(key.to_string()),
                Err(error) => left.stays.push(error.to_string()),
            }
        }
        anyhow::Ok(left)
    })?
}

fn is_namespace(key: &ObjectKey) -> bool {
    key.group.is_empty() && &*key.kind == "Namespace"
}

async fn remove(target: &ClusterTarget, removal: Removal) -> Result<(), WriteError> {
    let begun = Instant::now();
    loop {
        match target.remove(&removal).await {
            Err(WriteError::Transient { .. }) if begun.elapsed() < GONE_WITHIN => {}
            ended => return ended,
        }
    }
}
