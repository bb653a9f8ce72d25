//! What the sources of secrets hold now, as marks: a value that changed there is rotated.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use naksha_environments::object::SecretValue;
use naksha_environments::quiet::Quiet;
use naksha_environments::rendered::{Rendered, RenderedUnit};
use naksha_environments::secret::{MarkKey, SecretMark, SecretRef};
use naksha_executor::port::secrets::{SecretError, SecretSource};
use tokio::time::Instant;

/// A source answers within milliseconds; a pass that waits longer heals nobody meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the source of secrets says now.
#[derive(Debug, Default)]
pub struct CurrentMarks {
    pub marks: BTreeMap<SecretRef, SecretMark>,
    /// Of these it is not known whether they changed.
    pub unread: Vec<SecretError>,
}

/// The marks of every secret that is referred to. For so long a source is asked, and no longer: healing must not wait for each of many in
/// turn.
pub async fn current_marks(
    secrets: &dyn SecretSource,
    key: &MarkKey,
    rendered: &Rendered,
    quiet: &Quiet,
) -> CurrentMarks {
    let (mut now, deadline) = (CurrentMarks::default(), Instant::now() + PATIENCE);
    let mut asked = BTreeSet::new();
    // A unit with secrets is never quiet.
    let units = rendered.units.values().filter(|unit| !quiet.has(&unit.name));
    for object in units.flat_map(RenderedUnit::objects) {
        for value in object.secrets.values() {
            let SecretValue::Reference(reference) = value else { continue };
            if !asked.insert(reference) {
                continue;
            }
            match tokio::time::timeout_at(deadline, secrets.resolve(reference)).await {
                Ok(Ok(secret)) => {
                    drop(now.marks.insert(reference.clone(), key.mark(secret.expose().as_bytes())));
                }
                Ok(Err(error)) => now.unread.push(error),
                Err(_) => {
                    let reason = "the source of secrets takes too long, and no other is asked for".to_owned();
                    now.unread.push(SecretError::Unavailable { reference: reference.clone(), reason });
                    return now;
                }
            }
        }
    }
    now
}
