//! What the sources of secrets hold now, as marks: a value that changed there is rotated.

use std::collections::BTreeMap;

use naksha_environments::object::SecretValue;
use naksha_environments::quiet::Quiet;
use naksha_environments::rendered::{Rendered, RenderedUnit};
use naksha_environments::secret::{MarkKey, SecretMark, SecretRef};
use naksha_executor::port::secrets::SecretSource;

/// The marks of every secret that is referred to. One that cannot be read is left out; its step says so when it is written.
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
            if let SecretValue::Reference(reference) = value
                && !marks.contains_key(reference)
                && let Ok(secret) = secrets.resolve(reference).await
            {
                marks.insert(reference.clone(), key.mark(secret.expose().as_bytes()));
            }
        }
    }
    marks
}
