//! An environment with its store, its target, and the loop that the daemon runs over them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;
use jiff::Timestamp;
use naksha_environments::diagnostic::Place;
use naksha_environments::digest::Digest;
use naksha_environments::ids::{EnvironmentName, Generation, RepositoryName, UnitName, WorkflowName};
use naksha_environments::object::{Body, DesiredObject, ObjectKey, Observation, Provenance, SecretValue};
use naksha_environments::plan::Plan;
use naksha_environments::rendered::{DependencyReason, ObjectIndex, Rendered, RenderedUnit, UnitState};
use naksha_environments::secret::{Secret, SecretRef};
use naksha_environments::source::TreePath;
use naksha_environments::unit::{ConflictPolicy, ImmutablePolicy};
use naksha_environments::verdict::Admission;
use naksha_environments::workflow::{Budgets, WorkflowGraph};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::fuse::Fuse;
use super::planner;
use super::store::FakeStore;
use super::target::FakeTarget;
use crate::port::secrets::{SecretError, SecretSource};
use crate::port::store::{AuditEntry, Scope, Store};
use crate::port::target::{Target, Wanted};
use crate::realise::{
    Conclusion, Input, Progress, RealiseError, RealiseOutcome, Timeouts, Waits, confirm, realise, settle,
};

type Watcher = Box<dyn Fn(&Progress) + Send + Sync>;

pub(super) struct World {
    pub fuse: Arc<Fuse>,
    pub store: FakeStore,
    pub target: FakeTarget,
    pub vault: Vault,
    pub cancel: CancellationToken,
    pub scope: Scope,
    pub inventory_timeout: Duration,
    /// What others change while an apply waits is healed.
    pub heals: bool,
    /// Of an apply that was disturbed.
    pub waits: Waits,
    /// Everything that was told, as its text.
    pub told: Arc<Mutex<Vec<String>>>,
    /// Called with everything that is told.
    pub watcher: Option<Watcher>,
}

/// Answers for every reference below `kv/`, with the field's name as the value.
#[derive(Debug, Default)]
pub(super) struct Vault {
    pub missing: Mutex<Vec<SecretRef>>,
    pub away: Mutex<u32>,
    /// Answers everything with this.
    pub refuses: Mutex<Option<SecretError>>,
}

#[async_trait]
impl SecretSource for Vault {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        if let Some(error) = self.refuses.lock().unwrap().clone() {
            return Err(error);
        }
        let mut away = self.away.lock().unwrap();
        if *away > 0 {
            *away -= 1;
            return Err(SecretError::Unavailable {
                reference: reference.clone(),
                reason: "it is sealed".to_owned(),
            });
        }
        if self.missing.lock().unwrap().contains(reference) {
            return Err(SecretError::NotFound {
                reference: reference.clone(),
                place: "the vault".to_owned(),
            });
        }
        Ok(Secret::new(&format!("canary-{}", reference.field)))
    }
}

impl World {
    pub(super) fn new() -> Self {
        let fuse: Arc<Fuse> = Arc::default();
        Self {
            store: FakeStore::new(fuse.clone()),
            target: FakeTarget::new(fuse.clone()),
            fuse,
            vault: Vault::default(),
            cancel: CancellationToken::new(),
            scope: Scope {
                repository: RepositoryName::parse("acme").unwrap(),
                environment: EnvironmentName::parse("dev").unwrap(),
            },
            inventory_timeout: Duration::from_mins(5),
            heals: false,
            waits: Waits::new(),
            told: Arc::default(),
            watcher: None,
        }
    }

    /// One reconcile, as the daemon makes it. `None`: there was nothing to do.
    pub(super) async fn reconcile(&self, rendered: &Rendered) -> Result<Option<RealiseOutcome>, String> {
        let generation = Generation(1);
        let inventory = self.store.inventory(&self.scope).await.map_err(|error| error.to_string())?;
        let mut inventory = naksha_environments::inventory::Inventory::clone(&inventory);
        let objects = rendered.units.values().flat_map(RenderedUnit::objects).map(|object| &object.key);
        let mut wanted: BTreeMap<ObjectKey, Wanted> = BTreeMap::new();
        for key in objects.chain(inventory.keys()) {
            let mark = inventory.get(key).and_then(|owned| owned.mark.clone());
            wanted.insert(key.clone(), Wanted { key: key.clone(), mark });
        }
        let wanted: Vec<Wanted> = wanted.into_values().collect();
        let observation = self.target.observe(wanted.into()).await.map_err(|error| error.to_string())?;
        let confirmed = confirm(&self.scope, &inventory, &observation);
        let refreshed = self.store.refresh_marks(&self.scope, generation, &confirmed).await;
        refreshed.map_err(|error| error.to_string())?;
        inventory.extend(confirmed);
        let plan = planner::plan(rendered, &inventory, &observation);
        let settled = settle(&plan, rendered, &observation, &inventory);
        let refreshed = self.store.refresh_marks(&self.scope, generation, &settled).await;
        refreshed.map_err(|error| error.to_string())?;
        inventory.extend(settled);
        if plan.is_empty() {
            return Ok(None);
        }
        let outcome = self.apply_knowing(plan, &inventory, self.heals.then_some(&observation)).await;
        outcome.map(Some).map_err(|error| error.to_string())
    }

    pub(super) async fn apply(
        &self,
        plan: Plan,
        inventory: &naksha_environments::inventory::Inventory,
    ) -> Result<RealiseOutcome, RealiseError> {
        self.apply_knowing(plan, inventory, None).await
    }

    pub(super) async fn apply_knowing(
        &self,
        plan: Plan,
        inventory: &naksha_environments::inventory::Inventory,
        heals: Option<&Observation>,
    ) -> Result<RealiseOutcome, RealiseError> {
        let Admission::Apply(approved) = Admission::of(Arc::new(plan), Vec::new(), None) else {
            unreachable!("the plan is not empty");
        };
        let tell = |progress: &Progress| {
            self.told.lock().unwrap().push(progress.to_string());
            if let Some(watcher) = &self.watcher {
                watcher(progress);
            }
        };
        let conclude = |outcome: &RealiseOutcome| Conclusion {
            audit: AuditEntry {
                at: Timestamp::UNIX_EPOCH,
                who: "daemon".to_owned(),
                what: "apply".to_owned(),
                revision: None,
                plan: None,
                result: format!("{:?}", outcome.outcome),
            },
            messages: Vec::new(),
        };
        let timeouts = Timeouts { units: BTreeMap::new(), default: self.inventory_timeout };
        realise(Input {
            plan: &approved,
            scope: &self.scope,
            generation: Generation(1),
            inventory,
            heals,
            waits: &self.waits,
            target: &self.target,
            place: "directory out",
            store: &self.store,
            secrets: &self.vault,
            timeouts: &timeouts,
            cancel: &self.cancel,
            progress: &tell,
            conclude: &conclude,
        })
        .await
    }

    /// Reconciles until there is nothing to do.
    pub(super) async fn converge(&self, rendered: &Rendered) {
        for _ in 0..6 {
            if self.reconcile(rendered).await.expect("should reconcile").is_none() {
                return;
            }
        }
        unreachable!(
            "should converge; last told: {:?}",
            self.told.lock().unwrap().iter().rev().take(9).collect::<Vec<_>>()
        );
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

/// Builds desired states.
#[derive(Debug, Clone)]
pub(super) struct Desired(Rendered);

impl Desired {
    pub(super) fn new() -> Self {
        Self(Rendered {
            environment: EnvironmentName::parse("dev").unwrap(),
            units: BTreeMap::new(),
            workflows: BTreeMap::new(),
            broken_workflows: std::collections::BTreeSet::default(),
            diagnostics: Vec::new(),
            broken: false,
            index: ObjectIndex::default(),
        })
    }

    pub(super) fn unit(mut self, name: &str, needs: &[&str], objects: Vec<DesiredObject>) -> Self {
        let unit = RenderedUnit {
            name: unit(name),
            state: UnitState::Rendered(objects.into_iter().map(Arc::new).collect()),
            depends_on: needs.iter().map(|need| (unit(need), DependencyReason::Declared)).collect(),
            variables: Arc::default(),
            conflicts: ConflictPolicy::Refuse,
            immutable: ImmutablePolicy::Fail,
            ignore: [].into(),
            digest: Digest::of_bytes(name.as_bytes()),
        };
        self.0.units.insert(unit.name.clone(), unit);
        self
    }

    pub(super) fn workflow(mut self, name: &str, version: &str) -> Self {
        let name = WorkflowName::parse(name).unwrap();
        let graph = WorkflowGraph {
            name: name.clone(),
            place: Place::file(&TreePath::parse("workflows/w.yaml").unwrap()),
            context: None,
            triggers: Vec::new(),
            input: Value::Null,
            concurrency: None,
            nodes: IndexMap::new(),
            budget: Budgets::default(),
            json: version.into(),
            digest: Digest::of_bytes(version.as_bytes()),
        };
        self.0.workflows.insert(name, Arc::new(graph));
        self
    }

    pub(super) fn rendered(&self) -> &Rendered {
        &self.0
    }
}

pub(super) fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

pub(super) fn key(kind: &str, name: &str) -> ObjectKey {
    let group = match kind {
        "Deployment" | "StatefulSet" => "apps",
        "Job" => "batch",
        _ => "",
    };
    ObjectKey::new(group, kind, Some("ns"), name)
}

/// An object of `wave` with these further fields.
pub(super) fn object(kind: &str, name: &str, wave: i32, fields: &Value) -> DesiredObject {
    let key = key(kind, name);
    let version = if key.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", key.group) };
    let metadata =
        json!({"name": name, "namespace": "ns", "annotations": {"naksha.dev/wave": wave.to_string()}});
    let mut body = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
    for (name, value) in fields.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    DesiredObject {
        key,
        api_version: version.into(),
        body: Body::new(&body),
        secrets: BTreeMap::new(),
        wave,
        provenance: Provenance { path: TreePath::parse("m.yaml").unwrap(), line: 1, rendered: false },
    }
}

pub(super) fn config(name: &str, wave: i32, value: &str) -> DesiredObject {
    object("ConfigMap", name, wave, &json!({"data": {"value": value}}))
}

/// A Secret whose keys come from the vault.
pub(super) fn secret(name: &str, fields: &[&str]) -> DesiredObject {
    let references: BTreeMap<String, SecretValue> =
        fields.iter().map(|field| ((*field).to_owned(), SecretValue::Reference(reference(field)))).collect();
    let data: BTreeMap<&str, String> =
        fields.iter().map(|field| (*field, format!("ref:{}", reference(field)))).collect();
    let mut object = object("Secret", name, 0, &json!({"data": data}));
    object.secrets = references;
    object
}

pub(super) fn reference(field: &str) -> SecretRef {
    SecretRef::parse(&format!("vault:kv/test#{field}")).unwrap()
}
