//! Whether an autoscaler stands behind the replicas that one set: its name stays on the field when it is gone.

use std::sync::Arc;

use naksha_environments::object::{FieldOwners, Live, ObjectKey};
use naksha_environments::plan::FieldPath;
use serde::Deserialize;

use crate::discovery::{Catalogue, Served};
use crate::list::{self, Asked, Depth, End};
use crate::target::Inner;

/// More autoscalers than this are not looked through: then one of them is taken to be meant.
const LIMIT: usize = 500;

#[derive(Deserialize)]
struct Autoscaler {
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    scale_target_ref: Scaled,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scaled {
    kind: String,
    name: String,
    #[serde(default)]
    api_version: String,
}

/// Where no autoscaler scales the object any more, what one set belongs to nobody.
pub(crate) async fn release_replicas(inner: &Inner, catalogue: &Catalogue, key: &ObjectKey, live: &mut Live) {
    let replicas = FieldPath::default().key("spec").key("replicas");
    let is_scaled = live.owners().and_then(|owners| owners.of(&replicas)) == Some(FieldOwners::AUTOSCALER);
    if is_scaled
        && is_there(inner, catalogue, key).await == Some(false)
        && let Some(managed) = &mut live.managed
    {
        Arc::make_mut(managed).owners.release(&replicas);
    }
}

/// `None`: that cannot be told.
async fn is_there(inner: &Inner, catalogue: &Catalogue, key: &ObjectKey) -> Option<bool> {
    let found = catalogue.find("autoscaling", "HorizontalPodAutoscaler", Some("v2"));
    let Served::Yes(resource) = found else { return None };
    let scales = |one: &Autoscaler| {
        let Scaled { kind, name, api_version } = &one.spec.scale_target_ref;
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        *name == *key.name && *kind == *key.kind && (api_version.is_empty() || *group == *key.group)
    };
    let mut found = false;
    let take = |item: &str| {
        found |= scales(&serde_json::from_str(item).ok()?);
        Some(())
    };
    let asked = Asked { query: "", depth: Depth::Whole, most: LIMIT };
    let end = list::pages(&inner.api, &resource, key.namespace.as_deref(), asked, take).await.ok()?;
    match end {
        End::Reached => Some(found),
        End::Cut | End::Refused(_) => found.then_some(true),
    }
}
