//! Reading what is not ours: single objects, and lists up to a limit. Nothing of it is kept.

use std::sync::Arc;

use naksha_environments::object::ObjectKey;
use naksha_executor::live::is_secret;
use naksha_executor::port::target::TargetError;
use serde_json::Value;

use super::happening::{Happening, happening};
use crate::connect::NoAnswer;
use crate::discovery::{Catalogue, Served};
use crate::list::{self, Asked, Depth};
use crate::observe::{served, unreachable};
use crate::refusal::Refusal;
use crate::resource::{Resource, escape};
use crate::send::OBJECT;
use crate::target::Inner;

/// Objects of one list that are looked at. What more there is is not looked at, and said to be there.
pub(super) const MAX_LISTED: usize = 5_000;

/// Whether a list was looked at to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Reached,
    /// There are more than [`MAX_LISTED`].
    Cut,
}

/// What may not be looked at, or could not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AskError {
    #[error("{0}")]
    NoAnswer(NoAnswer),
    #[error("{}", .0.words())]
    Refused(Refusal),
    #[error("what the server says cannot be read")]
    Strange,
}

/// What is served, as it was found last.
pub(super) async fn catalogue(inner: &Inner) -> Result<Arc<Catalogue>, TargetError> {
    let known = inner.discovery.having(&inner.api, |_| true).await;
    known.map_err(|error| unreachable(inner, error))
}

/// A whole object. `None`: it is not there, its kind is not served, or it is a Secret.
pub(super) async fn object(
    inner: &Inner,
    catalogue: &Catalogue,
    key: &ObjectKey,
) -> Result<Option<Value>, AskError> {
    let Served::Yes(resource) = served(catalogue, key, None) else { return Ok(None) };
    if is_secret(key) || resource.namespaced != key.namespace.is_some() {
        return Ok(None);
    }
    let answer = inner.api.get(&resource.object(key), OBJECT).await.map_err(AskError::NoAnswer)?;
    match Refusal::of(&answer) {
        None => serde_json::from_slice(&answer.body).map(Some).map_err(|_| AskError::Strange),
        Some(Refusal::Missing | Refusal::NamespaceMissing | Refusal::NotServed) => Ok(None),
        Some(refusal) => Err(AskError::Refused(refusal)),
    }
}

/// Gives the objects of a kind in a namespace that a query fits (`&labelSelector=…`) to `take`.
pub(super) async fn list(
    inner: &Inner,
    resource: &Resource,
    namespace: Option<&str>,
    query: &str,
    depth: Depth,
    mut take: impl FnMut(Value),
) -> Result<End, AskError> {
    let asked = Asked { query, depth, most: MAX_LISTED };
    let take = |item: &str| serde_json::from_str(item).map(&mut take).ok();
    let end = list::pages(&inner.api, resource, namespace, asked, take).await.map_err(AskError::NoAnswer)?;
    match end {
        list::End::Reached | list::End::Refused(Refusal::NotServed | Refusal::NamespaceMissing) => {
            Ok(End::Reached)
        }
        list::End::Cut => Ok(End::Cut),
        list::End::Refused(refusal) => Err(AskError::Refused(refusal)),
    }
}

/// `&labelSelector=…`, as a query has it.
pub(super) fn query(name: &str, value: &str) -> String {
    let mut query = format!("&{name}=");
    escape(value, &mut query);
    query
}

/// The events about one object of a namespace.
pub(super) async fn events_about(
    inner: &Inner,
    catalogue: &Catalogue,
    namespace: Option<&str>,
    uid: &str,
) -> Vec<Happening> {
    let query = query("fieldSelector", &format!("involvedObject.uid={uid}"));
    let listed = events(inner, catalogue, namespace.unwrap_or(DEFAULT), &query).await;
    listed.map(|(events, _)| events).unwrap_or_default()
}

/// Where events about objects without a namespace are.
pub(super) const DEFAULT: &str = "default";

/// The events of a namespace.
pub(super) async fn events(
    inner: &Inner,
    catalogue: &Catalogue,
    namespace: &str,
    query: &str,
) -> Result<(Vec<Happening>, End), AskError> {
    // The core group's, whose fields can be asked for; the other group has the same objects.
    let mut found = Vec::new();
    let Served::Yes(resource) = catalogue.find("", "Event", Some("v1")) else {
        return Ok((found, End::Reached));
    };
    let take = |event: Value| found.extend(happening(&event));
    let end = list(inner, &resource, Some(namespace), query, Depth::Whole, take).await?;
    Ok((found, end))
}
