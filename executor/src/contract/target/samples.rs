//! Objects that the cases write, and short ways to write and observe them.

use std::collections::BTreeMap;
use std::time::Duration;

use naksha_environments::ids::UnitName;
use naksha_environments::object::{Body, Live, Mark, ObjectKey, Observed};
use naksha_environments::plan::FieldPath;
use naksha_environments::secret::Secret;
use serde_json::{Value, json};

use super::Fixture;
use crate::port::store::Scope;
use crate::port::target::{Removal, Target, Wanted, Write, WriteError, WriteMode, Written};

/// Only how long a broken target may hang a test; every wait ends as soon as what it waits for happens.
pub const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

pub fn scope() -> Scope {
    "infra/contract".parse().expect("should be a scope")
}

pub fn unit() -> UnitName {
    UnitName::parse("suite").expect("should be a name")
}

pub fn key(fixture: &impl Fixture, kind: &str, name: &str) -> ObjectKey {
    let group = if kind == "Deployment" { "apps" } else { "" };
    ObjectKey::new(group, kind, Some(&fixture.namespace()), name)
}

fn object(key: &ObjectKey, fields: &Value) -> Value {
    let version = if key.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", key.group) };
    let mut object = json!({"apiVersion": version, "kind": &*key.kind,
        "metadata": {"name": &*key.name, "namespace": key.namespace.as_deref()}});
    for (name, value) in fields.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    object
}

/// A ConfigMap with this `data`.
pub fn config(key: &ObjectKey, data: &Value) -> Value {
    object(key, &json!({"data": data}))
}

/// A Deployment with one container `app` of this image.
pub fn deployment(key: &ObjectKey, image: &str, replicas: u32) -> Value {
    let labels = json!({"app": &*key.name});
    let container = json!({"name": "app", "image": image});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let spec = json!({"replicas": replicas, "selector": {"matchLabels": labels}, "template": template});
    object(key, &json!({"spec": spec}))
}

/// A Secret as a plan has it: references where the values go.
pub fn secret(key: &ObjectKey, names: &[&str]) -> Value {
    let data: BTreeMap<&str, String> =
        names.iter().map(|name| (*name, format!("ref:vault:kv/contract#{name}"))).collect();
    object(key, &json!({"type": "Opaque", "data": data}))
}

/// A write of `body` without what most cases do not need.
pub fn write(key: &ObjectKey, mode: WriteMode, previous: Option<&Value>, body: &Value) -> Write {
    Write {
        key: key.clone(),
        scope: scope(),
        unit: unit(),
        mode,
        previous: previous.map(Body::new),
        body: Body::new(body),
        secrets: BTreeMap::new(),
        leave: Vec::new(),
    }
}

pub async fn create(target: &dyn Target, key: &ObjectKey, body: &Value) -> Written {
    target.write(&write(key, WriteMode::Create, None, body)).await.expect("should create")
}

/// Updates from the mark of an earlier write.
pub async fn update(
    target: &dyn Target,
    key: &ObjectKey,
    expect: &Mark,
    previous: &Value,
    body: &Value,
) -> Result<Written, WriteError> {
    let mode = WriteMode::Update { expect: expect.clone() };
    target.write(&write(key, mode, Some(previous), body)).await
}

/// A write of a Secret with these values.
pub fn secret_write(key: &ObjectKey, mode: WriteMode, values: &[(&str, &str)]) -> Write {
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let mut write = write(key, mode, None, &secret(key, &names));
    write.secrets = values.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(value))).collect();
    write
}

pub async fn remove(target: &dyn Target, key: &ObjectKey, expect: &Mark) -> Result<(), WriteError> {
    target.remove(&Removal { key: key.clone(), expect: expect.clone() }).await
}

pub async fn observe(target: &dyn Target, key: &ObjectKey, mark: Option<&Mark>) -> Observed {
    let wanted = Wanted { key: key.clone(), mark: mark.cloned() };
    let observation = target.observe(vec![wanted].into()).await.expect("should observe");
    observation.of(key, mark)
}

/// What is observed once the target has seen what somebody did.
pub async fn observe_until(
    fixture: &impl Fixture,
    target: &dyn Target,
    (key, mark): (&ObjectKey, &Mark),
    fits: impl Fn(&Observed) -> bool,
) -> Observed {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let observed = observe(target, key, Some(mark)).await;
        if fits(&observed) || fixture.sees_at_once() || tokio::time::Instant::now() >= deadline {
            return observed;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Whether it was read because it is not as its mark says.
pub fn is_live(observed: &Observed) -> bool {
    matches!(observed, Observed::Live(_))
}

/// An object as it is, with the mark that a write expects which was planned with it in sight.
pub async fn live(target: &dyn Target, key: &ObjectKey) -> Live {
    match observe(target, key, None).await {
        Observed::Live(live) => Live { mark: live.expected(), ..live },
        other => unreachable!("{key} should be live, not {other:?}"),
    }
}

/// Somebody else edits an object in place.
pub async fn edit(fixture: &impl Fixture, key: &ObjectKey, change: impl FnOnce(&mut Value)) {
    let mut object = fixture.peek(key).await.expect("should be there to be edited");
    change(&mut object);
    fixture.put(key, &object).await;
}

/// `spec.replicas`
pub fn path(keys: &[&str]) -> FieldPath {
    keys.iter().fold(FieldPath::default(), |path, key| path.key(key))
}
