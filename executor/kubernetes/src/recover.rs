//! What on the cluster is ours by what it says itself: all that is left when the database was lost.
//!
//! Objects are found by the label of the environment, over every kind that is served. One is proven to be ours when its
//! annotation names just this object, and the server says that our field manager applied it. A copy carries the name of its
//! original; an annotation that somebody wrote is not applied by us; what has the label alone is of no interest.

use std::sync::Arc;

use futures::StreamExt as _;
use naksha_environments::object::{Body, ObjectKey};
use naksha_executor::port::recovery::{Recovered, Recovery, Search, Unproven, Unseen};
use naksha_executor::port::target::{OWNER_ANNOTATION, TargetError, signer_of};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::connect::NoAnswer;
use crate::discovery::{Catalogue, DiscoveryError};
use crate::fields::Entry;
use crate::list;
use crate::live::{Told, head, told};
use crate::observe::{Got, get, unreachable};
use crate::owned_part::owned_part;
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::send::{ENVIRONMENT_LABEL, selector};
use crate::target::Inner;
use crate::version::Version;

/// Kinds that are listed at a time.
const LISTS: usize = 16;

pub(crate) async fn recover(inner: &Inner, search: &Search) -> Result<Recovery, TargetError> {
    // Not what was believed before: a kind that is missing in it would be missed.
    let catalogue = inner.discovery.having(&inner.api, |_| false).await;
    let catalogue = catalogue.map_err(|error| unreachable(inner, error))?;
    let (kinds, unknown) = catalogue.all();
    let mut found = Recovery::default();
    found.unseen.extend(unknown.iter().map(|(group, reason)| unseen(group, reason)));
    let listed = futures::stream::iter(kinds).map(|kind| async {
        let listed = list(inner, search, &kind).await;
        (kind, listed)
    });
    let mut listed = listed.buffer_unordered(LISTS);
    while let Some((kind, listed)) = listed.next().await {
        // Half a look would look whole.
        let listed = listed.map_err(|error| unreachable(inner, DiscoveryError::NoAnswer(error)))?;
        let Listed { objects, refusal } = listed;
        found.unseen.extend(refusal.map(|refusal| unseen(&name(&kind), &refusal.words())));
        for text in &objects {
            judge(inner, search, &catalogue, (&kind, text), &mut found).await;
        }
    }
    found.objects.sort_by(|one, other| one.key.cmp(&other.key));
    found.unproven.sort_by(|one, other| one.key.cmp(&other.key));
    found.unseen.sort_by(|one, other| one.what.cmp(&other.what));
    Ok(found)
}

fn unseen(what: &str, reason: &str) -> Unseen {
    Unseen { what: what.to_owned(), reason: reason.to_owned() }
}

fn name(kind: &Resource) -> String {
    if kind.group.is_empty() { kind.kind.to_string() } else { format!("{}/{}", kind.group, kind.kind) }
}

/// The labelled objects of a kind, and why there may be more.
#[derive(Default)]
struct Listed {
    objects: Vec<String>,
    refusal: Option<Refusal>,
}

/// Everywhere; where we may not do that, in the namespaces that are named.
async fn list(inner: &Inner, search: &Search, kind: &Resource) -> Result<Listed, NoAnswer> {
    let mut listed = Listed::default();
    let refusal = pages(inner, search, kind, None, &mut listed.objects).await?;
    if !kind.namespaced || !matches!(refusal, Some(Refusal::Forbidden(_))) {
        listed.refusal = refusal.filter(is_news);
        return Ok(listed);
    }
    listed.refusal = refusal;
    for namespace in &search.namespaces {
        match pages(inner, search, kind, Some(namespace), &mut listed.objects).await? {
            // Elsewhere the environment has no business.
            None => listed.refusal = None,
            Some(refusal) => return Ok(Listed { refusal: Some(refusal), ..listed }),
        }
    }
    Ok(listed)
}

/// A kind that cannot be listed at all, or is not there any more, hides nothing.
fn is_news(refusal: &Refusal) -> bool {
    !matches!(refusal, Refusal::NotServed | Refusal::Missing | Refusal::Invalid { .. })
}

async fn pages(
    inner: &Inner,
    search: &Search,
    kind: &Resource,
    namespace: Option<&str>,
    objects: &mut Vec<String>,
) -> Result<Option<Refusal>, NoAnswer> {
    list::objects(&inner.api, kind, namespace, &selector(&search.scope), |object| objects.push(object)).await
}

/// Whether an object is proven to be ours.
async fn judge(
    inner: &Inner,
    search: &Search,
    catalogue: &Arc<Catalogue>,
    (kind, text): (&Resource, &str),
    found: &mut Recovery,
) {
    // Controllers copy labels to what they make: without a signature it is theirs.
    let Some((namespace, name, _)) = head(text).filter(|_| text.contains(OWNER_ANNOTATION)) else { return };
    let key = ObjectKey::new(&kind.group, &kind.kind, namespace.as_deref(), &name);
    match proven(inner, search, catalogue, &key, text).await {
        Ok(recovered) => found.objects.push(recovered),
        Err(reason) => found.unproven.push(Unproven { key, reason }),
    }
}

async fn proven(
    inner: &Inner,
    search: &Search,
    catalogue: &Arc<Catalogue>,
    key: &ObjectKey,
    text: &str,
) -> Result<Recovered, String> {
    let Signed { metadata } = serde_json::from_str(text).map_err(|_| "it cannot be read".to_owned())?;
    let signature = metadata.annotations.get(OWNER_ANNOTATION).and_then(Value::as_str);
    let signature = signature.ok_or("it has our label, and no signature")?;
    let (scope, unit) = signer_of(signature, key).ok_or("its signature is not of this object")?;
    if scope != search.scope {
        return Err(format!("it is signed for environment `{scope}`"));
    }
    let entry = metadata.managed_fields.iter().find(|entry| entry.is_ours());
    let entry = entry.ok_or("naksha did not write it: our field manager owns nothing of it")?;
    let unreadable = || "it cannot be read".to_owned();
    let Told { seen, live, .. } = told(key, text, None, &inner.marks).ok_or_else(unreadable)?;
    if seen.deleting {
        return Err("it is being deleted".to_owned());
    }
    let listed_in = Version::parse(&live.mark.version).and_then(|version| version.api_version);
    // Its fields are named in the version that they were written in.
    let live = if listed_in.as_deref() == object_version(text).as_deref() {
        live
    } else {
        match get(inner, catalogue, key, Some(&live.mark)).await {
            Ok(Got::Object(again)) if again.live.mark.uid == live.mark.uid => again.live,
            _ => return Err("it cannot be read in the version that it was written in".to_owned()),
        }
    };
    let api_version = listed_in.or_else(|| object_version(text)).unwrap_or_default();
    let applied = applied(key, &api_version, &entry.tree(), &live.body);
    Ok(Recovered { key: key.clone(), unit, api_version, applied: Some(applied), live })
}

#[derive(Deserialize)]
struct Signed<'a> {
    #[serde(borrow)]
    metadata: SignedMetadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedMetadata<'a> {
    #[serde(default)]
    annotations: Map<String, Value>,
    #[serde(borrow, default)]
    managed_fields: Vec<Entry<'a>>,
}

fn object_version(text: &str) -> Option<Arc<str>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        api_version: String,
    }
    serde_json::from_str::<Head>(text).ok().map(|head| head.api_version.into())
}

/// What we applied last, without our marks.
fn applied(key: &ObjectKey, api_version: &str, owned: &Map<String, Value>, live: &Body) -> Body {
    let mut applied = owned_part(owned, &live.value());
    applied["apiVersion"] = api_version.into();
    applied["kind"] = (*key.kind).into();
    applied["metadata"]["name"] = (*key.name).into();
    if let Some(namespace) = &key.namespace {
        applied["metadata"]["namespace"] = (**namespace).into();
    }
    let marks = [("annotations", OWNER_ANNOTATION), ("labels", ENVIRONMENT_LABEL)];
    let metadata = applied["metadata"].as_object_mut().expect("should be a map: a name was put into it");
    for (part, name) in marks {
        let is_empty = metadata.get_mut(part).and_then(Value::as_object_mut).is_some_and(|values| {
            values.shift_remove(name);
            values.is_empty()
        });
        if is_empty {
            metadata.shift_remove(part);
        }
    }
    Body::new(&applied)
}
