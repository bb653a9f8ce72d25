//! What the sources of secrets hold now, as marks: a value that changed there is rotated.

use std::collections::BTreeMap;
use std::time::Duration;

use naksha_environments::object::SecretValue;
use naksha_environments::quiet::Quiet;
use naksha_environments::rendered::{Rendered, RenderedUnit};
use naksha_environments::secret::{MarkKey, SecretMark, SecretRef};
use naksha_executor::port::secrets::SecretSource;
use tokio::time::Instant;
use tracing::warn;

/// A source answers within milliseconds; a pass that waits longer heals nobody meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// The marks of every secret that is referred to. One that cannot be read is left out; its step says so when it is written. For so long a
/// source is asked, and no longer: healing must not wait for each of many in turn.
pub async fn current_marks(
    secrets: &dyn SecretSource,
    key: &MarkKey,
    rendered: &Rendered,
    quiet: &Quiet,
) -> BTreeMap<SecretRef, SecretMark> {
    let (mut marks, deadline) = (BTreeMap::new(), Instant::now() + PATIENCE);
    // A unit with secrets is never quiet.
    let units = rendered.units.values().filter(|unit| !quiet.has(&unit.name));
    for object in units.flat_map(RenderedUnit::objects) {
        for value in object.secrets.values() {
            let SecretValue::Reference(reference) = value else { continue };
            if marks.contains_key(reference) {
                continue;
            }
            match tokio::time::timeout_at(deadline, secrets.resolve(reference)).await {
                Ok(Ok(secret)) => drop(marks.insert(reference.clone(), key.mark(secret.expose().as_bytes()))),
                Ok(Err(_)) => {}
                Err(_) => {
                    warn!(%reference, "the source of secrets takes too long: what was changed there is not looked at further");
                    return marks;
                }
            }
        }
    }
    marks
}
