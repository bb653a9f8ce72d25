//! Whether a kind that discovery does not list is really not served.
//!
//! What owned objects are of such a kind are gone, and are forgotten: that must be certain. A server that begins lists
//! what it serves before it serves everything, and its kinds of custom resources come last. Asked for a group itself, it says
//! "not found" only once it is whole, and "not yet" (503) before.

use serde::de::DeserializeOwned;

use super::{Group, PLAIN, ResourceList, is_kept, parse};
use crate::connect::Api;
use crate::refusal::Refusal;

/// `None`: it is not served. Otherwise why that is not certain.
pub(crate) async fn doubt(api: &Api, group: &str, kind: &str) -> Option<String> {
    let versions = if group.is_empty() {
        vec!["v1".to_owned()]
    } else {
        match ask::<Group>(api, &format!("/apis/{group}")).await {
            Ok(Some(found)) => found.versions.into_iter().map(|one| one.version).collect(),
            Ok(None) => return None,
            Err(reason) => return Some(reason),
        }
    };
    for version in versions {
        let path =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        match ask::<ResourceList>(api, &path).await {
            Ok(Some(list)) if list.resources.iter().any(|one| one.kind == kind && is_kept(&one.verbs)) => {
                return Some("its kind is served again".to_owned());
            }
            Ok(_) => {}
            Err(reason) => return Some(reason),
        }
    }
    None
}

/// `Ok(None)`: there is no such thing.
async fn ask<T: DeserializeOwned>(api: &Api, path: &str) -> Result<Option<T>, String> {
    let answer = api.get(path, PLAIN).await.map_err(|error| error.to_string())?;
    match Refusal::of(&answer) {
        None => parse(path, &answer.body).map(Some).map_err(|error| error.words()),
        Some(Refusal::NotServed | Refusal::Missing) => Ok(None),
        Some(refusal) => Err(refusal.words()),
    }
}
