//! What the sources of secrets hold now, as marks: a value that changed there is rotated.

use std::collections::BTreeMap;

use naksha_environments::object::SecretValue;
use naksha_environments::quiet::Quiet;
use naksha_environments::rendered::{Rendered, RenderedUnit};
use naksha_environments::secret::{MarkKey, SecretMark, SecretRef};
use naksha_executor::port::secrets::{SecretError, SecretSource};

/// The marks of every secret that is referred to. One that cannot be read is left out; its step says so when it is written. Once a source
/// does not answer, no other is asked for: healing must not wait for each of them in turn.
pub async fn current_marks(
    secrets: &dyn SecretSource,
    key: &MarkKey,
    rendered: &Rendered,
    quiet: &Quiet,
) -> BTreeMap<SecretRef, SecretMark> {
    let mut marks = BTreeMap::new();
    // A unit with secrets is never quiet.
    let units = rendered.units.values().filter(|unit| !quiet.has(&unit.name));
    for object in units.flat_map(RenderedUnit::objects) {
        for value in object.secrets.values() {
            let SecretValue::Reference(reference) = value else { continue };
            if marks.contains_key(reference) {
                continue;
            }
            match secrets.resolve(reference).await {
                Ok(secret) => drop(marks.insert(reference.clone(), key.mark(secret.expose().as_bytes()))),
                Err(SecretError::Unavailable { .. }) => return marks,
                Err(SecretError::NotFound { .. } | SecretError::Denied { .. }) => {}
            }
        }
    }
    marks
}
