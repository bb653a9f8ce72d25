//! Writing one object: a server-side apply.
//!
//! Nothing is forced blindly. A first try takes no field from anybody. When it meets fields of others, it is sent again by
//! force only for a plan that saw the whole object, and only while the object is what that plan saw; any other plan is made
//! again with the object in sight.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use naksha_environments::object::{Health, Mark, ObjectKey};
use naksha_environments::secret::SecretMark;
use naksha_executor::port::target::{Write, WriteError, WriteMode, Written};
use serde_json::Value;

use crate::connect::REQUEST_TIMEOUT;
use crate::discovery::{Catalogue, DiscoveryError, Served};
use crate::fields::MANAGER;
use crate::live::{Seen, answered, seen_whole};
use crate::observe::{Got, get, served};
use crate::refusal::{FieldConflict, Refusal, unanswered};
use crate::resource::Resource;
use crate::send;
use crate::target::Inner;
use crate::version::Version;

const APPLY: &str = "application/apply-patch+yaml";
/// How often a forced write is sent again because the status moved between the read and the write.
const BOUND_TRIES: u32 = 5;

pub(crate) async fn write(inner: &Inner, write: &Write) -> Result<Written, WriteError> {
    let flight = inner.cache.begin_write(&write.key);
    let answer = send_all(inner, write).await;
    let news = flight.end(answer.as_ref().ok().map(|(seen, _)| seen.clone()));
    if let Some(seen) = news.and_then(|text| seen_whole(&write.key, &text, &inner.marks)) {
        inner.cache.told(write.key.clone(), seen);
    }
    let (seen, mark) = answer?;
    let marks: BTreeMap<String, SecretMark> = write
        .secrets
        .iter()
        .map(|(name, value)| (name.clone(), inner.marks.mark(value.expose().as_bytes())))
        .collect();
    let health = seen.whole.map_or(Health::Healthy, |whole| whole.health);
    Ok(Written { mark, secrets: marks, health })
}

/// What came of one request.
enum Sent {
    Done(Box<(Seen, Mark)>),
    Refused(Refusal),
}

async fn send_all(inner: &Inner, write: &Write) -> Result<(Seen, Mark), WriteError> {
    let key = &write.key;
    let body = send::body(write)?;
    let (catalogue, resource) = resource(inner, key, &body).await?;
    let expect = match &write.mode {
        WriteMode::Create => None,
        WriteMode::Update { expect } | WriteMode::Adopt { expect } => Some(expect),
    };
    // From now on it is ours: what happens to it is told.
    if let Served::Yes(preferred) = served(&catalogue, key, None) {
        inner.watchers.start(&preferred, None);
    }
    let adopts = matches!(write.mode, WriteMode::Adopt { .. });
    if adopts {
        return send_bound(inner, write, &catalogue, &resource, body, expect).await;
    }
    match send_once(inner, write, &resource, &body, false).await? {
        Sent::Done(answered) => Ok(*answered),
        Sent::Refused(Refusal::Stale(_)) if expect.is_none() => {
            Err(WriteError::Moved { key: key.clone(), reason: "it exists already".to_owned() })
        }
        Sent::Refused(Refusal::Conflicts(conflicts)) => {
            let seen_whole = expect.is_some_and(|expect| whole(expect).is_some());
            if seen_whole {
                return send_bound(inner, write, &catalogue, &resource, body, expect).await;
            }
            Err(unseen(inner, key, conflicts))
        }
        Sent::Refused(refusal) => Err(refused(inner, key, &refusal)),
    }
}

/// Fields of others that the plan did not see: it is made again, with the object in sight.
fn unseen(inner: &Inner, key: &ObjectKey, conflicts: Vec<FieldConflict>) -> WriteError {
    inner.cache.suspect(key);
    Refusal::Conflicts(conflicts).to_write_error(key)
}

fn refused(inner: &Inner, key: &ObjectKey, refusal: &Refusal) -> WriteError {
    let error = refusal.to_write_error(key);
    if matches!(error, WriteError::Moved { .. }) {
        inner.cache.suspect(key);
    }
    error
}

fn whole(mark: &Mark) -> Option<u64> {
    Version::parse(&mark.version)?.whole
}

/// By force, while it is what the plan saw: the request is bound to the version that was just read.
async fn send_bound(
    inner: &Inner,
    write: &Write,
    catalogue: &Catalogue,
    resource: &Arc<Resource>,
    mut body: Value,
    expect: Option<&Mark>,
) -> Result<(Seen, Mark), WriteError> {
    let key = &write.key;
    let moved = |reason: &str| WriteError::Moved { key: key.clone(), reason: reason.to_owned() };
    let Some(expect) = expect else { return Err(moved("it exists already")) };
    for _ in 0..BOUND_TRIES {
        let got = get(inner, catalogue, key, Some(expect)).await.map_err(|error| unanswered(key, &error))?;
        let now = match got {
            Got::Object(told) => told,
            Got::Nothing => return Err(moved("it is gone")),
            Got::Unknown(reason) => {
                return Err(WriteError::Transient { key: key.clone(), reason, after: None });
            }
            Got::Refused(refusal) => return Err(refusal.to_write_error(key)),
        };
        if expect.uid != now.live.mark.uid {
            return Err(moved("another object has its name now"));
        }
        if whole(expect) != Some(now.whole) {
            inner.cache.suspect(key);
            return Err(moved("somebody changed it"));
        }
        send::bind(&mut body, &now.seen.resource_version);
        match send_once(inner, write, resource, &body, true).await? {
            Sent::Done(answered) => return Ok(*answered),
            // The status moved meanwhile, or something that matters: the next read tells.
            Sent::Refused(Refusal::Stale(_)) => {}
            Sent::Refused(refusal) => return Err(refused(inner, key, &refusal)),
        }
    }
    let reason = "it moves faster than it can be written".to_owned();
    Err(WriteError::Transient { key: key.clone(), reason, after: None })
}

async fn send_once(
    inner: &Inner,
    write: &Write,
    resource: &Resource,
    body: &Value,
    force: bool,
) -> Result<Sent, WriteError> {
    let key = &write.key;
    let path = resource.object(key);
    let force = if force { "&force=true" } else { "" };
    let request = Request::patch(format!("{path}?fieldManager={MANAGER}&fieldValidation=Strict{force}"))
        .header(CONTENT_TYPE, APPLY)
        .header(ACCEPT, "application/json")
        .body(send::text(write, body)?)
        .expect("should be a request: its path is escaped");
    let answer = inner.api.call(request, REQUEST_TIMEOUT).await.map_err(|error| unanswered(key, &error))?;
    if let Some(refusal) = Refusal::of(&answer) {
        return Ok(Sent::Refused(refusal));
    }
    let text = std::str::from_utf8(&answer.body).ok();
    let answered = text.and_then(|text| answered(key, text, &inner.marks));
    let unreadable = || WriteError::Transient {
        key: key.clone(),
        reason: "what the server answered cannot be read".to_owned(),
        after: None,
    };
    answered.map(|answered| Sent::Done(Box::new(answered))).ok_or_else(unreadable)
}

/// Where the object is written to: in its own version.
async fn resource(
    inner: &Inner,
    key: &ObjectKey,
    body: &Value,
) -> Result<(Arc<Catalogue>, Arc<Resource>), WriteError> {
    let api_version = body.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let version = api_version.rsplit('/').next().unwrap_or(api_version);
    let unknown = |error: DiscoveryError| error.to_write_error(key);
    let has = |catalogue: &Catalogue| served(catalogue, key, Some(version)) != Served::No;
    let catalogue = inner.discovery.having(&inner.api, has).await.map_err(unknown)?;
    match served(&catalogue, key, Some(version)) {
        Served::Yes(resource) if resource.namespaced == key.namespace.is_some() => Ok((catalogue, resource)),
        Served::Yes(resource) if resource.namespaced => Err(WriteError::Invalid {
            key: key.clone(),
            field: Some("metadata.namespace".to_owned()),
            reason: format!("{} lies in namespaces, and it names none", key.group_kind()),
        }),
        // Under the name with a namespace nobody would find it again.
        Served::Yes(_) => Err(WriteError::Invalid {
            key: key.clone(),
            field: Some("metadata.namespace".to_owned()),
            reason: format!(
                "{} lies in no namespace; list the unit with its CustomResourceDefinition in this environment, so that this is known",
                key.group_kind()
            ),
        }),
        Served::No => Err(Refusal::NotServed.to_write_error(key)),
        Served::Unknown(reason) => Err(WriteError::Transient { key: key.clone(), reason, after: None }),
    }
}
