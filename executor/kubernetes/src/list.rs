//! Lists: many objects of a kind in few requests, a page at a time.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::connect::{Api, NoAnswer};
use crate::refusal::Refusal;
use crate::resource::{Resource, escape};
use crate::send::OBJECT;

/// Objects in an answer: a megabyte or two of usual ones.
const PAGE: usize = 500;
const NAMES: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

#[derive(Deserialize)]
struct List<'a> {
    metadata: Page,
    // Of nothing, some servers say `null`; what says nothing is no list.
    #[serde(borrow, deserialize_with = "Option::deserialize")]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, rename = "continue")]
    next: String,
}

/// Takes what is listed. Why the list ended early: what was taken is not all then.
pub(crate) async fn objects(
    api: &Api,
    kind: &Resource,
    namespace: Option<&str>,
    selector: &str,
    mut take: impl FnMut(String),
) -> Result<Option<Refusal>, NoAnswer> {
    let selector = format!("&{selector}");
    let whole = |item: &str| {
        take(whole(kind, item));
        Some(())
    };
    pages(api, kind, namespace, (&selector, OBJECT), whole).await
}

/// Takes the names of all objects of a kind.
pub(crate) async fn names(
    api: &Api,
    kind: &Resource,
    namespace: Option<&str>,
    mut take: impl FnMut(String),
) -> Result<Option<Refusal>, NoAnswer> {
    #[derive(Deserialize)]
    struct Item {
        metadata: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let named = |item: &str| {
        let Item { metadata: Named { name } } = serde_json::from_str(item).ok()?;
        take(name);
        Some(())
    };
    pages(api, kind, namespace, ("", NAMES), named).await
}

async fn pages(
    api: &Api,
    kind: &Resource,
    namespace: Option<&str>,
    (selector, accept): (&str, &str),
    mut take: impl FnMut(&str) -> Option<()>,
) -> Result<Option<Refusal>, NoAnswer> {
    let unreadable = || Ok(Some(Refusal::Unavailable("its list cannot be read".to_owned())));
    let mut next = String::new();
    loop {
        let path = format!("{}?limit={PAGE}{selector}{next}", kind.collection(namespace));
        let answer = api.get(&path, accept).await?;
        if let Some(refusal) = Refusal::of(&answer) {
            return Ok(Some(refusal));
        }
        let Ok(List { metadata, items }) = serde_json::from_slice(&answer.body) else {
            return unreadable();
        };
        if items.iter().flatten().any(|item| take(item.get()).is_none()) {
            return unreadable();
        }
        if metadata.next.is_empty() {
            return Ok(None);
        }
        next.clear();
        next.push_str("&continue=");
        escape(&metadata.next, &mut next);
    }
}

/// An item as an object: items of most lists do not say what they are, and one that does says it last.
fn whole(kind: &Resource, item: &str) -> String {
    let Resource { group, version, kind, .. } = kind;
    let rest = item.trim_start().strip_prefix('{').unwrap_or_default();
    let slash = if group.is_empty() { "" } else { "/" };
    format!(r#"{{"apiVersion":"{group}{slash}{version}","kind":"{kind}",{rest}"#)
}
