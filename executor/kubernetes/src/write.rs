//! Writing one object: a server-side apply.
//!
//! Nothing is forced blindly. A first try takes no field from anybody. When it meets fields of others, it is sent again by
//! force only for a plan that saw the whole object, and only while the object is what that plan saw; any other plan is made
//! again with the object in sight.

use std::collections::BTreeMap;
use std::slice;
use std::sync::Arc;

use naksha_environments::merge::without;
use naksha_environments::object::{Health, Mark, ObjectKey};
use naksha_environments::plan::FieldPath;
use naksha_environments::secret::SecretMark;
use naksha_executor::port::target::{Write, WriteError, WriteMode, Written};
use serde_json::Value;

use crate::anew::look_into;
use crate::connect::{Answer, REQUEST_TIMEOUT};
use crate::discovery::{Catalogue, DiscoveryError, Served};
use crate::live::{Seen, answered, seen_whole};
use crate::managers::{Transfer, Transferred, transfer};
use crate::observe::{Got, get, served};
use crate::refusal::{FieldConflict, Refusal, unanswered};
use crate::resource::Resource;
use crate::send::{self, Sending};
use crate::target::Inner;
use crate::tried::trial;
use crate::version::Version;

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

/// Asks whether the server would take it, fields of others included: whose they are is known from the plan. What it took
/// lately is not asked again.
pub(crate) async fn try_out(inner: &Inner, write: &Write) -> Result<(), WriteError> {
    let body = send::body(write)?;
    let (_, resource) = resource(inner, &write.key, &body).await?;
    let trial = trial(write, &resource.object(&write.key), &body);
    if trial.as_ref().is_some_and(|trial| inner.tried.is_known(trial)) {
        return Ok(());
    }
    match call(inner, write, &resource, &body, Sending::DryRun).await? {
        Ok(_) => {
            if let Some(trial) = trial {
                inner.tried.learn(trial);
            }
            Ok(())
        }
        Err(refusal) => Err(refusal.to_write_error(&write.key)),
    }
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
    if let Served::Yes(preferred) = served(&catalogue, key, None) {
        inner.watchers.wrote(&preferred);
    }
    let adopts = matches!(write.mode, WriteMode::Adopt { .. });
    if adopts {
        return send_bound(inner, write, &catalogue, &resource, body, expect).await;
    }
    hand_over(inner, write, &resource).await?;
    match send_once(inner, write, &resource, &body, Sending::Gently).await? {
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
        Sent::Refused(refusal) => {
            let refusal = if expect.is_some() {
                look_into(inner, write, &resource, &body, refusal).await
            } else {
                refusal
            };
            Err(refused(inner, key, &refusal))
        }
    }
}

/// Fields of ours that are not sent any more and stay as they are get another owner first.
async fn hand_over(inner: &Inner, write: &Write, resource: &Resource) -> Result<(), WriteError> {
    let Some(previous) = write.previous.as_ref().filter(|_| !write.leave.is_empty()) else { return Ok(()) };
    let previous = previous.value();
    let was_ours = |path: &&FieldPath| without(&previous, slice::from_ref(*path)) != previous;
    let fields: Vec<FieldPath> = write.leave.iter().filter(was_ours).cloned().collect();
    if fields.is_empty() {
        return Ok(());
    }
    let change = Transfer::HandOver { fields: &fields };
    for _ in 0..BOUND_TRIES {
        match transfer(inner, &write.key, resource, None, change).await? {
            Transferred::At(_) => return Ok(()),
            Transferred::Refused(Refusal::Stale(_)) => {}
            Transferred::Refused(refusal) => return Err(refused(inner, &write.key, &refusal)),
        }
    }
    Err(restless(&write.key))
}

fn restless(key: &ObjectKey) -> WriteError {
    let reason = "it moves faster than it can be written".to_owned();
    WriteError::Transient { key: key.clone(), reason, after: None }
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
        let mut version = now.seen.resource_version.to_string();
        if matches!(write.mode, WriteMode::Adopt { .. }) {
            let change = Transfer::TakeOver { leave: &write.leave };
            match transfer(inner, key, resource, Some(&version), change).await? {
                Transferred::At(moved_to) => version = moved_to,
                Transferred::Refused(Refusal::Stale(_)) => continue,
                Transferred::Refused(refusal) => return Err(refused(inner, key, &refusal)),
            }
        }
        send::bind(&mut body, &version);
        match send_once(inner, write, resource, &body, Sending::ByForce).await? {
            Sent::Done(answered) => return Ok(*answered),
            // The status moved meanwhile, or something that matters: the next read tells.
            Sent::Refused(Refusal::Stale(_)) => {}
            Sent::Refused(refusal) => {
                let refusal = look_into(inner, write, resource, &body, refusal).await;
                return Err(refused(inner, key, &refusal));
            }
        }
    }
    Err(restless(key))
}

async fn send_once(
    inner: &Inner,
    write: &Write,
    resource: &Resource,
    body: &Value,
    sending: Sending,
) -> Result<Sent, WriteError> {
    let key = &write.key;
    let answer = match call(inner, write, resource, body, sending).await? {
        Ok(answer) => answer,
        Err(refusal) => return Ok(Sent::Refused(refusal)),
    };
    let text = std::str::from_utf8(&answer.body).ok();
    let answered = text.and_then(|text| answered(key, text, &inner.marks));
    let unreadable = || WriteError::Transient {
        key: key.clone(),
        reason: "what the server answered cannot be read".to_owned(),
        after: None,
    };
    answered.map(|answered| Sent::Done(Box::new(answered))).ok_or_else(unreadable)
}

/// The answer, unless it is a refusal.
async fn call(
    inner: &Inner,
    write: &Write,
    resource: &Resource,
    body: &Value,
    sending: Sending,
) -> Result<Result<Answer, Refusal>, WriteError> {
    let request = send::request(write, &resource.object(&write.key), body, sending)?;
    let answer = inner.api.call(request, REQUEST_TIMEOUT).await;
    let answer = answer.map_err(|error| unanswered(&write.key, &error))?;
    Ok(match Refusal::of(&answer) {
        None => Ok(answer),
        Some(refusal) => Err(refusal),
    })
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
