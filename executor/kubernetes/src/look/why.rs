//! Why an object is not healthy, in a sentence: the pod that does not do its work, and its cause; else why there is none;
//! else the last warning about the object itself.
//!
//! Asked only while somebody waits, or about what was found to be unwell: each answer costs a few requests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::kubernetes::is_built_in;
use naksha_environments::object::ObjectKey;
use naksha_executor::live::is_secret;
use serde_json::Value;
use tracing::debug;

use super::ask::{AskError, catalogue, events_about, list, object, query};
use super::happening::{Happening, last, of_owner, of_pod, refusal};
use super::pod::{Cause, Trouble, controller, text, trouble};
use super::selector;
use super::words::{with, words};
use crate::discovery::{Catalogue, Served};
use crate::list::Depth;
use crate::target::Inner;

/// All requests of one explanation. Whoever waits looks at health meanwhile in vain.
const WITHIN: Duration = Duration::from_secs(5);
/// What happened longer ago explains nothing that is so now: a controller that is refused tries again within 17 minutes.
const RECENT: Duration = Duration::from_mins(20);
/// Objects between a pod and the one that it is asked about: a Deployment's pod belongs to a ReplicaSet.
const MAX_DEPTH: usize = 3;
/// Owners of pods that are looked up one by one.
const MAX_OWNERS: usize = 10;

/// Built-in kinds that have pods of their own.
const OF_PODS: &[(&str, &str)] = &[
    ("", "ReplicationController"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
];

/// Why the object is as it is, where more can be said than its own status does.
pub(crate) async fn explain(inner: &Inner, key: &ObjectKey) -> Option<String> {
    if is_secret(key) {
        return None;
    }
    match tokio::time::timeout(WITHIN, why(inner, key)).await {
        Ok(Ok(why)) => why,
        Ok(Err(error)) => {
            debug!(%key, %error, "why it is not healthy could not be looked at");
            Some(format!("its pods could not be looked at: {}", words(&error.to_string())))
        }
        Err(_) => None,
    }
}

async fn why(inner: &Inner, key: &ObjectKey) -> Result<Option<String>, AskError> {
    let Ok(catalogue) = catalogue(inner).await else { return Ok(None) };
    let Some(owner) = object(inner, &catalogue, key).await? else { return Ok(None) };
    let ask = Ask { inner, catalogue: &catalogue, namespace: key.namespace.as_deref() };
    if is_pod(key) {
        return Ok(match Sick::of(&owner) {
            Some(pod) => Some(ask.refined(&pod).await),
            None => None,
        });
    }
    let pods = if has_pods(key) { ask.troubled(&owner).await? } else { Vec::new() };
    let refused = condition_refusal(&owner);
    let worst = pods.first().map(|pod| pod.trouble.cause);
    // A pod that is only on its way says less than why the others are not made.
    if let Some(pod) = pods.first().filter(|_| refused.is_none() || worst >= Some(Cause::Lost)) {
        let name = words(&pod.name);
        let said = ask.refined(pod).await;
        let more = match pods.len() - 1 {
            0 => String::new(),
            1 => " (and one more pod)".to_owned(),
            more => format!(" (and {more} more pods)"),
        };
        return Ok(Some(format!("pod {name}: {said}{more}")));
    }
    if let Some(refused) = refused {
        return Ok(Some(not_made(&refused)));
    }
    let events = ask.events(text(&owner, "/metadata/uid")).await;
    let said = if has_pods(key) { of_owner(&events).map(|why| not_made(&why)) } else { None };
    Ok(said.or_else(|| last(&events)))
}

fn not_made(why: &str) -> String {
    with("a pod cannot be made", why)
}

fn is_pod(key: &ObjectKey) -> bool {
    key.group.is_empty() && &*key.kind == "Pod"
}

/// Whether it may have pods. What an operator makes of its own kinds is not known before it is looked at.
fn has_pods(key: &ObjectKey) -> bool {
    key.namespace.is_some() && (OF_PODS.contains(&(&key.group, &key.kind)) || !is_built_in(&key.group))
}

/// What a Deployment or ReplicaSet says of pods that it was refused.
fn condition_refusal(owner: &Value) -> Option<String> {
    let conditions = owner.pointer("/status/conditions")?.as_array()?;
    let failure = conditions.iter().find(|condition| text(condition, "/type") == "ReplicaFailure")?;
    (text(failure, "/status") == "True").then(|| refusal(text(failure, "/message")))
}

/// A pod that does not do its work, and no more of it than is told: there may be thousands.
struct Sick {
    name: String,
    uid: String,
    made: String,
    controller: Option<Value>,
    trouble: Trouble,
}

impl Sick {
    fn of(pod: &Value) -> Option<Self> {
        let trouble = trouble(pod)?;
        let part = |pointer: &str| text(pod, pointer).to_owned();
        Some(Self {
            name: part("/metadata/name"),
            uid: part("/metadata/uid"),
            made: part("/metadata/creationTimestamp"),
            controller: controller(pod).cloned(),
            trouble,
        })
    }
}

/// One explanation.
struct Ask<'a> {
    inner: &'a Inner,
    catalogue: &'a Catalogue,
    namespace: Option<&'a str>,
}

impl Ask<'_> {
    /// The pods of an owner that do not do their work, the one that says most first.
    async fn troubled(&self, owner: &Value) -> Result<Vec<Sick>, AskError> {
        let Served::Yes(pods) = self.catalogue.find("", "Pod", Some("v1")) else { return Ok(Vec::new()) };
        let selector = selector::of_owner(owner).map(|selector| query("labelSelector", &selector));
        let selector = selector.unwrap_or_default();
        let mut sick = Vec::new();
        let take = |pod: Value| sick.extend(Sick::of(&pod));
        list(self.inner, &pods, self.namespace, &selector, Depth::Whole, take).await?;
        let mut parents = Parents { ask: self, known: BTreeMap::new() };
        let uid = text(owner, "/metadata/uid");
        let mut found = Vec::new();
        for pod in sick {
            if parents.descends(pod.controller.as_ref(), uid).await {
                found.push(pod);
            }
        }
        // The newest of those that say most: it is of what Git wants now.
        found.sort_by(|one, other| {
            let order = other.trouble.cause.cmp(&one.trouble.cause).then_with(|| other.made.cmp(&one.made));
            order.then_with(|| one.name.cmp(&other.name))
        });
        Ok(found)
    }

    /// What a pod's trouble is, with what its events add to it.
    async fn refined(&self, pod: &Sick) -> String {
        let Trouble { cause, words } = &pod.trouble;
        if !matches!(cause, Cause::NotReady | Cause::Starting | Cause::Crash) {
            return words.clone();
        }
        match of_pod(*cause, &self.events(&pod.uid).await) {
            Some(added) => format!("{words}; {added}"),
            None => words.clone(),
        }
    }

    /// What happened to an object lately.
    async fn events(&self, uid: &str) -> Vec<Happening> {
        let mut events = events_about(self.inner, self.catalogue, self.namespace, uid).await;
        let since = Timestamp::now().checked_sub(RECENT).unwrap_or(Timestamp::MIN);
        events.retain(|event| event.at >= since);
        events
    }
}

/// Who made whom, looked up once each.
struct Parents<'a> {
    ask: &'a Ask<'a>,
    /// The owner of an object, by uid; absent where it has none.
    known: BTreeMap<String, Option<Value>>,
}

impl Parents<'_> {
    /// Whether what this controller made was made by the one with this uid, or by one that it made.
    async fn descends(&mut self, controller: Option<&Value>, uid: &str) -> bool {
        let mut next = controller.cloned();
        for _ in 0..MAX_DEPTH {
            let Some(owner) = next else { return false };
            let its = text(&owner, "/uid").to_owned();
            if its == uid {
                return true;
            }
            if !self.known.contains_key(&its) {
                if self.known.len() >= MAX_OWNERS {
                    return false;
                }
                let above = self.look_up(&owner).await;
                self.known.insert(its.clone(), above);
            }
            next = self.known.get(&its).cloned().flatten();
        }
        false
    }

    /// The controller of a controller.
    async fn look_up(&self, owner: &Value) -> Option<Value> {
        let group = text(owner, "/apiVersion").split_once('/').map_or("", |(group, _)| group);
        let key = ObjectKey::new(group, text(owner, "/kind"), self.ask.namespace, text(owner, "/name"));
        let found = object(self.ask.inner, self.ask.catalogue, &key).await.ok().flatten()?;
        // Another one may have its name by now.
        (text(&found, "/metadata/uid") == text(owner, "/uid")).then(|| controller(&found).cloned()).flatten()
    }
}
