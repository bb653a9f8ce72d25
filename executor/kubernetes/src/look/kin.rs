//! What controllers made of our objects: found by owner references, from uid to uid, in the namespaces of our objects.
//!
//! Only kinds that may be among it are listed: for built-in kinds they are known; for what an operator makes of its own
//! kinds, workloads and the kinds of its own groups.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use naksha_environments::kubernetes::is_built_in;
use naksha_environments::object::{Health, ObjectKey};
use naksha_executor::port::look::{Descendant, Family, Made};
use naksha_executor::port::target::{TargetError, Wanted};
use naksha_kubernetes_health::RuleSet;
use serde_json::Value;
use tokio::time::Instant;

use super::ask::{AskError, End, MAX_LISTED, catalogue, list};
use super::pod::{text, trouble};
use super::words::words;
use crate::discovery::{Catalogue, Served};
use crate::list::Depth;
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::target::Inner;

/// All lists of one look. Whoever asked waits for ten seconds at most.
const WITHIN: Duration = Duration::from_secs(7);
/// Lists at a time.
const LISTS: usize = 4;
/// Namespaces that are looked at.
const MAX_NAMESPACES: usize = 20;
/// Children of one object that are told; those that are not well first.
const MAX_CHILDREN: usize = 100;
/// From child to child so far: deeper than anything that controllers make.
const MAX_DEPTH: usize = 8;

/// Group and name.
type Kind = (&'static str, &'static str);

/// Built-in kinds of which controllers make others, and the others.
const MAKES: &[(Kind, &[Kind])] = &[
    (("", "ReplicationController"), &[("", "Pod")]),
    (("", "Service"), &[("discovery.k8s.io", "EndpointSlice")]),
    (("apps", "DaemonSet"), &[("", "Pod")]),
    (("apps", "Deployment"), &[("apps", "ReplicaSet"), ("", "Pod")]),
    (("apps", "ReplicaSet"), &[("", "Pod")]),
    (("apps", "StatefulSet"), &[("", "Pod"), ("", "PersistentVolumeClaim")]),
    (("batch", "CronJob"), &[("batch", "Job"), ("", "Pod")]),
    (("batch", "Job"), &[("", "Pod")]),
];

/// What operators make of their own kinds.
const WORKLOADS: &[Kind] = &[
    ("", "PersistentVolumeClaim"),
    ("", "Pod"),
    ("", "Service"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("discovery.k8s.io", "EndpointSlice"),
];

/// Endings of groups that are everybody's: they make nobody a sibling.
const EVERYBODYS: &[&str] = &["k8s.io", "x-k8s.io"];

/// An object that was made for one of ours.
#[derive(Debug, Clone)]
pub(super) struct Kinsman {
    pub(super) key: ObjectKey,
    uid: String,
    owners: Vec<String>,
    health: Health,
    /// It is kept for a way back only: nothing is left of it.
    is_idle: bool,
}

/// Everything that was made for our objects.
#[derive(Debug, Default)]
pub(super) struct Kin {
    /// By the uid of what it was made for.
    by_owner: HashMap<String, Vec<Kinsman>>,
    pub(super) gaps: Vec<String>,
}

/// What was made for our objects, as trees.
pub(crate) async fn family(inner: &Inner, of: &[Wanted]) -> Result<Family, TargetError> {
    let kin = kin(inner, of).await?;
    let ours: HashSet<&str> = of.iter().filter_map(uid).collect();
    let mut made = BTreeMap::new();
    let mut seen = HashSet::new();
    for (key, uid) in of.iter().filter_map(|one| Some((&one.key, uid(one)?))) {
        let tree = kin.made(uid, &ours, &mut seen, MAX_DEPTH);
        if tree != Made::default() {
            made.insert(key.clone(), tree);
        }
    }
    Ok(Family { made, gaps: kin.gaps })
}

fn uid(wanted: &Wanted) -> Option<&str> {
    wanted.mark.as_ref()?.uid.as_ref().map(|uid| &*uid.0)
}

impl Kin {
    /// The tree beneath an object. Everything is in it once: references may go in circles.
    fn made(&self, uid: &str, ours: &HashSet<&str>, seen: &mut HashSet<String>, depth: usize) -> Made {
        let children = self.by_owner.get(uid).filter(|_| depth > 0);
        let mut made = Made::default();
        for child in children.into_iter().flatten() {
            if ours.contains(&*child.uid) || !seen.insert(child.uid.clone()) {
                continue;
            }
            let below = self.made(&child.uid, ours, seen, depth - 1);
            if child.is_idle && below.children.is_empty() {
                made.more += 1;
                continue;
            }
            let (key, health) = (child.key.clone(), child.health.clone());
            made.children.push(Descendant { key, health, made: below });
        }
        if made.children.len() > MAX_CHILDREN {
            made.children.sort_by(|one, other| {
                one.health.is_healthy().cmp(&other.health.is_healthy()).then_with(|| one.key.cmp(&other.key))
            });
            made.more += made.children.len() - MAX_CHILDREN;
            made.children.truncate(MAX_CHILDREN);
        }
        made.children.sort_by(|one, other| one.key.cmp(&other.key));
        made
    }

    /// Our objects and their kin by uid, each with the object of ours that it belongs to.
    pub(super) fn belonging(&self, of: &[Wanted]) -> HashMap<String, ObjectKey> {
        let mut known: HashMap<String, ObjectKey> =
            of.iter().filter_map(|one| Some((uid(one)?.to_owned(), one.key.clone()))).collect();
        let mut open: Vec<(String, ObjectKey)> =
            known.iter().map(|(uid, key)| (uid.clone(), key.clone())).collect();
        open.sort();
        while let Some((uid, key)) = open.pop() {
            for child in self.by_owner.get(&uid).into_iter().flatten() {
                if !known.contains_key(&child.uid) {
                    known.insert(child.uid.clone(), key.clone());
                    open.push((child.uid.clone(), key.clone()));
                }
            }
        }
        known
    }
}

/// Lists what may have been made for our objects.
pub(super) async fn kin(inner: &Inner, of: &[Wanted]) -> Result<Kin, TargetError> {
    let catalogue = catalogue(inner).await?;
    let mut kin = Kin::default();
    let mut places = places(&catalogue, of);
    let left_out = places.len().saturating_sub(MAX_NAMESPACES);
    if left_out > 0 {
        kin.gaps.push(format!("{left_out} more namespaces are not looked at"));
        places = places.into_iter().take(MAX_NAMESPACES).collect();
    }
    let lists = places.into_iter().flat_map(|(namespace, kinds)| {
        kinds.into_iter().map(move |resource| (Arc::clone(&namespace), resource))
    });
    let deadline = Instant::now() + WITHIN;
    let ask = |(namespace, resource): (Arc<str>, Arc<Resource>)| async move {
        let whole = RuleSet::bundled().has_status_rules(&resource.group, &resource.kind);
        let depth = if whole { Depth::Whole } else { Depth::Metadata };
        // What was taken before the time is up, or something fails, is told all the same.
        let mut found = Vec::new();
        let take = |item: Value| found.extend(kinsman(&resource, item));
        let end = list(inner, &resource, Some(&namespace), "", depth, take);
        let end = tokio::time::timeout_at(deadline, end).await;
        (namespace, resource, found, end)
    };
    let mut answers: Vec<_> = futures::stream::iter(lists).map(ask).buffer_unordered(LISTS).collect().await;
    // Whatever answers first: the same is told each time.
    answers.sort_by(|(one, its, ..), (other, others, ..)| (one, its).cmp(&(other, others)));
    for (namespace, resource, found, end) in answers {
        kin.take(found);
        let what = format!("{} of namespace {namespace}", resource.plural);
        match end {
            Ok(Ok(End::Reached) | Err(AskError::Refused(Refusal::Invalid { .. }))) => {}
            Ok(Ok(End::Cut)) => kin.gaps.push(format!("{what}: there are more than {MAX_LISTED}")),
            Ok(Err(error)) => kin.gaps.push(format!("{what}: {}", words(&error.to_string()))),
            Err(_) => kin.gaps.push(format!("{what}: no answer within {} s", WITHIN.as_secs())),
        }
    }
    Ok(kin)
}

impl Kin {
    fn take(&mut self, found: Vec<Kinsman>) {
        for kinsman in found {
            for owner in &kinsman.owners {
                self.by_owner.entry(owner.clone()).or_default().push(kinsman.clone());
            }
        }
    }
}

/// An item of a list, when something owns it.
fn kinsman(resource: &Resource, mut item: Value) -> Option<Kinsman> {
    let owners = item.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
    let owners: Vec<String> =
        owners.iter().filter_map(|owner| Some(owner.get("uid")?.as_str()?.to_owned())).collect();
    if owners.is_empty() {
        return None;
    }
    let group = (!resource.group.is_empty()).then_some(&resource.group);
    let version =
        group.map_or_else(|| resource.version.to_string(), |it| format!("{it}/{}", resource.version));
    // The items of a list leave out what all of them have.
    let fields = item.as_object_mut()?;
    fields.insert("apiVersion".to_owned(), version.into());
    fields.insert("kind".to_owned(), (*resource.kind).into());
    let (name, namespace) = (text(&item, "/metadata/name"), text(&item, "/metadata/namespace"));
    let namespace = (!namespace.is_empty()).then_some(namespace);
    let key = ObjectKey::new(&resource.group, &resource.kind, namespace, name);
    let uid = text(&item, "/metadata/uid").to_owned();
    let is_idle = &*resource.kind == "ReplicaSet"
        && ["/spec/replicas", "/status/replicas"].iter().all(|at| item.pointer(at).is_none_or(|it| *it == 0));
    Some(Kinsman { health: health(&key, &item), key, uid, owners, is_idle })
}

fn health(key: &ObjectKey, item: &Value) -> Health {
    let health = RuleSet::bundled().judge(item).health;
    let is_pod = key.group.is_empty() && &*key.kind == "Pod";
    let why = trouble(item).filter(|_| is_pod).map(|trouble| trouble.words);
    match (health, why) {
        // A pod says it better than the rule of its kind, which knows less of it.
        (Health::Progressing(_), Some(why)) => Health::Progressing(why),
        (Health::Degraded(_), Some(why)) => Health::Degraded(why),
        (health, _) => health,
    }
}

/// The namespaces of our objects that something may have been made for, and the kinds to look for there.
fn places(catalogue: &Catalogue, of: &[Wanted]) -> BTreeMap<Arc<str>, BTreeSet<Arc<Resource>>> {
    let mut kinds: BTreeMap<Arc<str>, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for wanted in of {
        let Some(namespace) = wanted.key.namespace.as_ref().filter(|_| uid(wanted).is_some()) else {
            continue;
        };
        let own = (&*wanted.key.group, &*wanted.key.kind);
        kinds.entry(Arc::clone(namespace)).or_default().insert(own);
    }
    let places = kinds.into_iter().map(|(namespace, owners)| {
        let made: BTreeSet<_> = owners.into_iter().flat_map(|owner| made_of(catalogue, owner)).collect();
        (namespace, made)
    });
    places.filter(|(_, kinds)| !kinds.is_empty()).collect()
}

fn made_of(catalogue: &Catalogue, (group, kind): (&str, &str)) -> Vec<Arc<Resource>> {
    let find = |kinds: &[(&str, &str)]| {
        let found = kinds.iter().filter_map(|(group, kind)| match catalogue.find(group, kind, None) {
            Served::Yes(resource) => Some(resource),
            Served::No | Served::Unknown(_) => None,
        });
        found.collect::<Vec<_>>()
    };
    if is_built_in(group) {
        let makes = MAKES.iter().find(|(its, _)| *its == (group, kind));
        return makes.map(|(_, made)| find(made)).unwrap_or_default();
    }
    let siblings = catalogue
        .kinds()
        .filter(|other| other.namespaced && !is_built_in(&other.group) && is_sibling(&other.group, group));
    find(WORKLOADS).into_iter().chain(siblings.cloned()).collect()
}

/// Whether two groups are likely one project's: `acme.cert-manager.io` and `cert-manager.io`.
fn is_sibling(one: &str, other: &str) -> bool {
    let is_below = |one: &str, other: &str| one.strip_suffix(other).is_some_and(|rest| rest.ends_with('.'));
    if one == other || is_below(one, other) || is_below(other, one) {
        return true;
    }
    let domain = |group: &str| {
        let mut labels = group.rsplit('.');
        let (last, before) = (labels.next()?, labels.next()?);
        Some(format!("{before}.{last}"))
    };
    let shared = domain(one).filter(|its| domain(other).as_ref() == Some(its));
    shared.is_some_and(|shared| !EVERYBODYS.contains(&&*shared))
}

#[cfg(test)]
mod tests;
