//! The contract suite over real files, and what is particular to a directory.

mod contract;
mod emptied;
mod proven;
mod secrets;
mod volume;

use std::path::Path;

use naksha_environments::ids::UnitName;
use naksha_environments::object::{Body, ObjectKey, Observed};
use naksha_environments::secret::MarkKey;
use naksha_executor::port::store::Scope;
use naksha_executor::port::target::{Target, TargetError, Wanted, Write, WriteMode};
use serde_json::{Value, json};

use super::DirectoryTarget;

fn open(root: &Path) -> DirectoryTarget {
    DirectoryTarget::open(root, MarkKey::new([7; 32])).expect("should open")
}

fn scope() -> Scope {
    "infra/dev".parse().unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("", "ConfigMap", Some("ns"), name)
}

fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns"}, "data": {"v": value}})
}

fn write(key: &ObjectKey, mode: WriteMode, body: &Value) -> Write {
    Write {
        key: key.clone(),
        scope: scope(),
        unit: UnitName::parse("web").unwrap(),
        mode,
        previous: None,
        body: Body::new(body),
        secrets: std::collections::BTreeMap::new(),
        leave: Vec::new(),
    }
}

fn create(name: &str) -> Write {
    write(&key(name), WriteMode::Create, &config(name, "1"))
}

async fn observe(target: &DirectoryTarget, wanted: Wanted) -> Result<Observed, TargetError> {
    let Wanted { key, mark } = wanted.clone();
    target.observe(vec![wanted].into()).await.map(|observation| observation.of(&key, mark.as_ref()))
}

fn wanted(name: &str) -> Wanted {
    Wanted { key: key(name), mark: None }
}
