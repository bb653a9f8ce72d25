//! Whether an autoscaler stands behind the replicas that one set: its name stays on the field when it is gone.

use std::sync::Arc;

use naksha_environments::object::{FieldOwners, Live, ObjectKey};
use naksha_environments::plan::FieldPath;
use serde::Deserialize;

use crate::discovery::{Catalogue, Served};
use crate::refusal::Refusal;
use crate::target::Inner;

/// More autoscalers than this are not looked through: then one of them is taken to be meant.
const LIMIT: usize = 500;

#[derive(Deserialize)]
struct List {
    metadata: Page,
    items: Vec<Autoscaler>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, rename = "continue")]
    next: String,
}

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
    let path = format!("{}?limit={LIMIT}", resource.collection(key.namespace.as_deref()));
    let answer = inner.api.get(&path, "application/json").await.ok()?;
    if Refusal::of(&answer).is_some() {
        return None;
    }
    let List { metadata, items } = serde_json::from_slice(&answer.body).ok()?;
    let scales = |one: &Autoscaler| {
        let Scaled { kind, name, api_version } = &one.spec.scale_target_ref;
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        *name == *key.name && *kind == *key.kind && (api_version.is_empty() || *group == *key.group)
    };
    let found = items.iter().any(scales);
    (found || metadata.next.is_empty()).then_some(found)
}
