//! Lists: many objects of a kind in few requests, a page at a time.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::connect::{Api, NoAnswer};
use crate::refusal::Refusal;
use crate::resource::{Resource, escape};
use crate::send::OBJECT;

/// Objects in an answer: a megabyte or two of usual ones.
const PAGE: usize = 500;
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

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

/// How a list ended. What was taken is not all unless its end was reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Reached,
    /// There is more than was wanted.
    Cut,
    Refused(Refusal),
}

/// What is asked of a list.
pub(crate) struct Asked<'a> {
    /// `&labelSelector=…`, or nothing.
    pub(crate) query: &'a str,
    pub(crate) depth: Depth,
    /// No page is asked for once so many were taken.
    pub(crate) most: usize,
}

/// How much of each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    Whole,
    Metadata,
}

/// Takes each object that carries our label, as one that says what it is.
pub(crate) async fn objects(
    api: &Api,
    kind: &Resource,
    namespace: Option<&str>,
    selector: &str,
    mut take: impl FnMut(String),
) -> Result<Option<Refusal>, NoAnswer> {
    let query = format!("&{selector}");
    let asked = Asked { query: &query, depth: Depth::Whole, most: usize::MAX };
    let whole = |item: &str| {
        take(whole(kind, item));
        Some(())
    };
    Ok(refused(pages(api, kind, namespace, asked, whole).await?))
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
    let asked = Asked { query: "", depth: Depth::Metadata, most: usize::MAX };
    let named = |item: &str| {
        let Item { metadata: Named { name } } = serde_json::from_str(item).ok()?;
        take(name);
        Some(())
    };
    Ok(refused(pages(api, kind, namespace, asked, named).await?))
}

fn refused(end: End) -> Option<Refusal> {
    match end {
        End::Refused(refusal) => Some(refusal),
        End::Reached | End::Cut => None,
    }
}

/// Gives each item to `take`, which says whether it could be read. No more than a page of them is in memory at a time.
pub(crate) async fn pages(
    api: &Api,
    kind: &Resource,
    namespace: Option<&str>,
    asked: Asked<'_>,
    mut take: impl FnMut(&str) -> Option<()>,
) -> Result<End, NoAnswer> {
    let Asked { query, depth, most } = asked;
    let accept = if depth == Depth::Whole { OBJECT } else { METADATA };
    let unreadable = || Ok(End::Refused(Refusal::Unavailable("its list cannot be read".to_owned())));
    let (mut taken, mut next) = (0, String::new());
    loop {
        let path = format!("{}?limit={PAGE}{query}{next}", kind.collection(namespace));
        let answer = api.get(&path, accept).await?;
        if let Some(refusal) = Refusal::of(&answer) {
            return Ok(End::Refused(refusal));
        }
        let Ok(List { metadata, items }) = serde_json::from_slice(&answer.body) else {
            return unreadable();
        };
        let items = items.unwrap_or_default();
        taken += items.len();
        if items.iter().any(|item| take(item.get()).is_none()) {
            return unreadable();
        }
        if metadata.next.is_empty() {
            return Ok(End::Reached);
        }
        if taken >= most {
            return Ok(End::Cut);
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
