//! Recovering the inventory from the target, after the database was lost.
//!
//! What is taken is what the target proves to be ours. Where Git wants an object just as it is, it is as if it had been
//! applied from there; of any other it is only known that it was ours, and it is never deleted without a person's word
//! (`guard-recovered`).

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::environment::TargetRef;
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Owned;
use naksha_environments::object::{Body, DesiredObject, ObjectKey};
use naksha_environments::rendered::Rendered;
use naksha_environments::secret::SecretMark;
use naksha_environments::stateful::is_stateful;
use naksha_executor::port::recovery::{Recovered, Recovery, Search, Unproven, Unseen};
use naksha_executor::port::store::AuditEntry;
use naksha_executor::port::target::TargetError;
use naksha_renderer::diff::{FieldDiff, Sides, compare};
use serde_json::{Map, Value};
use tracing::info;

use super::desired::{self, Renders};
use super::sources::{self, Idle, Ready, Sources};
use super::{PassError, Reconciler};
use crate::http::api::{NotTaken, Rebuilt, Taken};

/// Why the inventory cannot be recovered.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error(transparent)]
    Pass(#[from] PassError),
    #[error("the environment is {state}: {why}")]
    Idle { state: &'static str, why: String },
    #[error("the target cannot be looked through")]
    Search(#[source] TargetError),
}

impl Reconciler {
    /// What would be taken into the inventory; with `taking`, it is taken.
    pub async fn rebuild(&mut self, taking: Option<&AuditEntry>) -> Result<Rebuilt, RebuildError> {
        // I/O: what Git wants, and where
        let generation = self.own().await?;
        let record = self.shared.store.environment(&self.scope).await.map_err(PassError::Store)?;
        let sources = match sources::read(self, &record).await? {
            Sources::Ready(sources) => *sources,
            Sources::Nothing(Idle { state, why, .. }) => {
                let why = why.into_iter().next().unwrap_or_default();
                return Err(RebuildError::Idle { state: state.word(), why });
            }
        };
        let Renders { wanted, .. } = desired::render(self, &record, &sources).await?;
        let (target, inventory) = (self.open(&sources).await?, self.inventory().await?);
        // I/O: what the target says
        let search = self.search(&sources, &wanted.rendered);
        let Recovery { mut objects, unproven, unseen } =
            target.target().recover(&search).await.map_err(RebuildError::Search)?;
        let found = objects.len();
        let is_known = |key: &ObjectKey| inventory.get(key).is_some_and(|owned| owned.mark.is_some());
        objects.retain(|one| !is_known(&one.key));
        let known = found - objects.len();
        // pure: what that makes ours
        let owned = taken(objects, &wanted.rendered);
        let answer = Rebuilt {
            scope: self.scope.to_string(),
            taken: taking.is_some(),
            known,
            objects: owned.iter().map(|(key, owned)| told(key, owned, &wanted.rendered)).collect(),
            unproven: unproven.into_iter().map(not_proven).collect(),
            unseen: unseen.into_iter().map(not_seen).collect(),
        };
        let Some(audit) = taking else { return Ok(answer) };
        // I/O
        let place = sources.environment.target.place();
        let store = &self.shared.store;
        store.recover(&self.scope, generation, &place, &owned, audit).await.map_err(PassError::Store)?;
        self.inventory = None;
        self.proposed = None;
        info!(objects = owned.len(), by = audit.who, "the inventory is recovered from the target");
        Ok(answer)
    }

    fn search(&self, sources: &Ready, rendered: &Rendered) -> Search {
        let own = match &sources.environment.target {
            TargetRef::Kubernetes { namespace, .. } => namespace.as_deref().map(Into::into),
            TargetRef::Directory { .. } | TargetRef::FromUnit { .. } => None,
        };
        let objects = rendered.units.values().flat_map(|unit| unit.objects().iter());
        let namespaces = objects.filter_map(|object| object.key.namespace.clone());
        Search { scope: self.scope.clone(), namespaces: own.into_iter().chain(namespaces).collect() }
    }
}

fn taken(objects: Vec<Recovered>, rendered: &Rendered) -> BTreeMap<ObjectKey, Arc<Owned>> {
    let own = |recovered: Recovered| {
        let wanted = rendered.maker(&recovered.key).map(|(_, object)| object.as_ref());
        let key = recovered.key.clone();
        (key, Arc::new(owned(recovered, wanted)))
    };
    objects.into_iter().map(own).collect()
}

fn owned(recovered: Recovered, wanted: Option<&DesiredObject>) -> Owned {
    let Recovered { key, unit, api_version, live, applied } = recovered;
    let body = live.body.value();
    let desired = wanted.map(|object| object.body.value());
    let applied = match (applied.map(|applied| applied.value()), &desired) {
        (Some(applied), _) => applied,
        // Who set what is not known: what Git names was ours, and whatever else is there may be somebody else's.
        (None, Some(desired)) => common(&body, desired),
        (None, None) => body.clone(),
    };
    let secrets = marks(&applied, &body);
    let as_wanted = wanted.zip(desired.as_ref()).filter(|(object, desired)| {
        let sides = Sides { desired, live: Some(&body), applied: Some(&applied) };
        let diffs = compare(&key.kind, sides);
        diffs.iter().all(|diff| is_reference(object, diff))
    });
    let (applied, desired) = match as_wanted {
        Some((object, _)) => (object.body.clone(), object.digest()),
        None => (Body::new(&applied), Owned::recovered()),
    };
    let (mark, stateful) = (Some(live.mark), is_stateful(&key));
    let owned = Owned { unit, api_version, desired, applied, mark, secrets, stateful, end: None };
    owned.ended(&key, &live.health).unwrap_or(owned)
}

/// A reference of a Secret cannot be told from the value that is there; whether that is the one of its source is found out
/// by the mark that is kept.
fn is_reference(object: &DesiredObject, diff: &FieldDiff) -> bool {
    let begins = |side: Option<&Value>, with: &str| {
        side.and_then(Value::as_str).is_some_and(|text| text.starts_with(with))
    };
    !object.secrets.is_empty() && begins(diff.live.as_ref(), "mark:") && begins(diff.desired.as_ref(), "ref:")
}

/// The part of `live` that `desired` names; lists are one value.
fn common(live: &Value, desired: &Value) -> Value {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            let both = desired
                .iter()
                .filter_map(|(key, desired)| Some((key.clone(), common(live.get(key)?, desired))));
            Value::Object(both.collect())
        }
        _ => live.clone(),
    }
}

/// Marks of the values of a Secret that we applied.
fn marks(applied: &Value, live: &Value) -> BTreeMap<String, SecretMark> {
    if live.get("kind").and_then(Value::as_str) != Some("Secret") {
        return BTreeMap::new();
    }
    let data = |object: &Value| object.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
    let (ours, there): (Map<String, Value>, _) = (data(applied), data(live));
    let mark = |name: &String| {
        let text = there.get(name)?.as_str()?.strip_prefix("mark:")?.to_owned();
        serde_json::from_value(Value::String(text)).ok()
    };
    ours.keys().filter_map(|name| Some((name.clone(), mark(name)?))).collect()
}

fn told(key: &ObjectKey, owned: &Owned, rendered: &Rendered) -> Taken {
    let maker: Option<&UnitName> = rendered.maker(key).map(|(unit, _)| &unit.name);
    let state = match maker {
        None => "not in Git",
        Some(_) if owned.is_recovered() => "differs",
        Some(_) => "as wanted",
    };
    Taken { object: key.to_string(), unit: owned.unit.to_string(), state: state.to_owned() }
}

fn not_proven(unproven: Unproven) -> NotTaken {
    NotTaken { what: unproven.key.to_string(), reason: unproven.reason }
}

fn not_seen(unseen: Unseen) -> NotTaken {
    NotTaken { what: unseen.what, reason: unseen.reason }
}
