//! Removing one object: by uid, and not before it was looked at.

use std::time::Duration;

use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use naksha_environments::object::{Mark, ObjectKey};
use naksha_executor::port::target::{Removal, WriteError};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::connect::REQUEST_TIMEOUT;
use crate::discovery::{Catalogue, DiscoveryError, Served};
use crate::live::{Told, seen_whole};
use crate::observe::{Got, get, served};
use crate::refusal::{Refusal, unanswered};
use crate::target::Inner;

/// How long an object may take to go. Longer, and the step says what holds it and is tried again.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// First and longest pause between two looks at an object that is on its way out.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How often a deletion is sent again because the status moved between the read and the deletion.
const TRIES: u32 = 5;

pub(crate) async fn remove(inner: &Inner, removal: &Removal) -> Result<(), WriteError> {
    let key = &removal.key;
    let flight = inner.cache.begin_write(key);
    let removed = remove_it(inner, removal).await;
    let news = flight.end(None);
    if removed.is_ok() {
        inner.cache.removed(key);
    } else if let Some(seen) = news.and_then(|text| seen_whole(key, &text, &inner.marks)) {
        inner.cache.told(key.clone(), seen);
    }
    removed
}

async fn remove_it(inner: &Inner, removal: &Removal) -> Result<(), WriteError> {
    let Removal { key, expect } = removal;
    let moved = |reason: &str| WriteError::Moved { key: key.clone(), reason: reason.to_owned() };
    let unknown = |error: DiscoveryError| error.to_write_error(key);
    // What was not served when that was asked may only have been away for a moment.
    let has = |catalogue: &Catalogue| served(catalogue, key, None) != Served::No;
    let catalogue = inner.discovery.having(&inner.api, has).await.map_err(unknown)?;
    for _ in 0..TRIES {
        let Some(now) = look(inner, &catalogue, key, expect).await? else { return Ok(()) };
        if expect.uid.is_none() || expect.uid != now.live.mark.uid {
            return Err(moved("another object has its name now"));
        }
        if expect.fingerprint != now.live.mark.fingerprint {
            inner.cache.suspect(key);
            return Err(moved("somebody changed it"));
        }
        if now.seen.deleting {
            return await_gone(inner, &catalogue, key, expect).await;
        }
        match delete(inner, &catalogue, key, &now).await? {
            None => return await_gone(inner, &catalogue, key, expect).await,
            Some(Refusal::Missing) => return Ok(()),
            // The status moved meanwhile, or something that matters: the next look tells.
            Some(Refusal::Stale(_)) => {}
            Some(refusal) => return Err(refusal.to_write_error(key)),
        }
    }
    let reason = "it moves faster than it can be deleted".to_owned();
    Err(WriteError::Transient { key: key.clone(), reason, after: None })
}

/// The object as it is; none when it is not there.
async fn look(
    inner: &Inner,
    catalogue: &Catalogue,
    key: &ObjectKey,
    expect: &Mark,
) -> Result<Option<Box<Told>>, WriteError> {
    match get(inner, catalogue, key, Some(expect)).await.map_err(|error| unanswered(key, &error))? {
        Got::Object(told) => Ok(Some(told)),
        Got::Nothing => Ok(None),
        Got::Unknown(reason) => Err(WriteError::Transient { key: key.clone(), reason, after: None }),
        Got::Refused(refusal) => Err(refusal.to_write_error(key)),
    }
}

/// `None`: the server took it.
async fn delete(
    inner: &Inner,
    catalogue: &Catalogue,
    key: &ObjectKey,
    now: &Told,
) -> Result<Option<Refusal>, WriteError> {
    let Served::Yes(resource) = served(catalogue, key, None) else { return Ok(Some(Refusal::NotServed)) };
    let options = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": &*now.seen.uid, "resourceVersion": &*now.seen.resource_version},
    });
    let request = Request::delete(resource.object(key))
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json")
        .body(options.to_string().into_bytes())
        .expect("should be a request: its path is escaped");
    let answer = inner.api.call(request, REQUEST_TIMEOUT).await.map_err(|error| unanswered(key, &error))?;
    Ok(Refusal::of(&answer))
}

async fn await_gone(
    inner: &Inner,
    catalogue: &Catalogue,
    key: &ObjectKey,
    expect: &Mark,
) -> Result<(), WriteError> {
    let (deadline, mut pause) = (Instant::now() + GONE_WITHIN, LOOK.0);
    loop {
        let now = look(inner, catalogue, key, expect).await?;
        let Some(now) = now.filter(|now| now.live.mark.uid == expect.uid) else { return Ok(()) };
        if Instant::now() >= deadline {
            let reason = format!("it is still there after {} s: {}", GONE_WITHIN.as_secs(), holds(&now));
            return Err(WriteError::Transient { key: key.clone(), reason, after: None });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK.1);
    }
}

/// What keeps an object from going.
fn holds(now: &Told) -> String {
    let body = now.live.body.value();
    let finalizers = body.pointer("/metadata/finalizers").and_then(Value::as_array);
    let names: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() {
        "it is being deleted".to_owned()
    } else {
        format!("blocked by {}", names.join(", "))
    }
}
