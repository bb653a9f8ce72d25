//! A small world: a renderer's output by hand, and a target with state that carries plans out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use naksha_environments::diagnostic::Place;
use naksha_environments::digest::Digest;
use naksha_environments::environment::{Environment, Follows, Gates, Guards, Lifecycle, Sync, TargetRef};
use naksha_environments::ids::{EnvironmentName, UnitName, WorkflowName};
use naksha_environments::inventory::{Inventory, Owned, RegisteredWorkflow};
use naksha_environments::object::{
    Body, DesiredObject, Health, Live, Mark, ObjectKey, Observation, Observed, Provenance, SecretValue, Uid,
};
use naksha_environments::plan::{Action, Payload, Plan, Resolution, Subject, Verb};
use naksha_environments::quiet::{Memory, Quiet};
use naksha_environments::rendered::{DependencyReason, ObjectIndex, Rendered, RenderedUnit, UnitState};
use naksha_environments::secret::{MarkKey, SecretRef};
use naksha_environments::source::TreePath;
use naksha_environments::stateful::is_stateful;
use naksha_environments::unit::{ConflictPolicy, ImmutablePolicy};
use naksha_environments::variables::Variables;
use naksha_environments::workflow::{Budgets, WorkflowGraph};
use serde_json::{Value, json};

use crate::diff::{merge, without};
use crate::plan::{PlanInput, objects_to_observe, plan};

pub(crate) fn unit_name(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

pub(crate) fn key(kind: &str, name: &str) -> ObjectKey {
    let group = match kind {
        "Deployment" | "StatefulSet" => "apps",
        _ => "",
    };
    ObjectKey::new(group, kind, Some("naksha"), name)
}

pub(crate) fn object(kind: &str, name: &str, fields: &Value) -> Arc<DesiredObject> {
    let mut body =
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "naksha"}});
    for (field, value) in fields.as_object().unwrap() {
        body[field] = value.clone();
    }
    let mut secrets = BTreeMap::new();
    for (name, value) in body["data"].as_object().into_iter().flatten().filter(|_| kind == "Secret") {
        let reference = SecretRef::parse(value.as_str().unwrap().strip_prefix("ref:").unwrap()).unwrap();
        secrets.insert(name.clone(), SecretValue::Reference(reference));
    }
    Arc::new(DesiredObject {
        key: key(kind, name),
        api_version: "v1".into(),
        body: Body::new(&body),
        secrets,
        wave: 0,
        provenance: Provenance {
            path: TreePath::parse(&format!("units/{name}.yaml")).unwrap(),
            line: 3,
            rendered: false,
        },
    })
}

pub(crate) fn unit(name: &str, needs: &[&str], state: UnitState) -> RenderedUnit {
    RenderedUnit {
        name: unit_name(name),
        state,
        depends_on: needs.iter().map(|name| (unit_name(name), DependencyReason::Declared)).collect(),
        variables: Arc::new(Variables::default()),
        conflicts: ConflictPolicy::Refuse,
        immutable: ImmutablePolicy::Recreate,
        ignore: Arc::new([]),
        digest: Digest::of_bytes(name.as_bytes()),
    }
}

pub(crate) fn objects(list: &[Arc<DesiredObject>]) -> UnitState {
    UnitState::Rendered(list.into())
}

pub(crate) fn rendered(units: Vec<RenderedUnit>) -> Rendered {
    Rendered {
        environment: EnvironmentName::parse("staging").unwrap(),
        units: units.into_iter().map(|unit| (unit.name.clone(), unit)).collect(),
        workflows: BTreeMap::new(),
        broken_workflows: BTreeSet::new(),
        diagnostics: vec![],
        broken: false,
        index: ObjectIndex::default(),
    }
}

pub(crate) fn graph(name: &str, definition: &Value) -> Arc<WorkflowGraph> {
    let json = naksha_environments::digest::canonical_json(definition);
    Arc::new(WorkflowGraph {
        name: WorkflowName::parse(name).unwrap(),
        place: place("workflows/x.yaml"),
        context: None,
        triggers: vec![],
        input: Value::Null,
        concurrency: None,
        nodes: [].into_iter().collect(),
        budget: Budgets::default(),
        digest: Digest::of_bytes(json.as_bytes()),
        json: json.into(),
    })
}

fn place(path: &str) -> Place {
    Place::file(&TreePath::parse(path).unwrap())
}

pub(crate) fn environment() -> Environment {
    Environment {
        name: EnvironmentName::parse("staging").unwrap(),
        place: place("environments/staging/environment.yaml"),
        follows: Follows::Trunk,
        gates: Gates::default(),
        windows: vec![],
        target: TargetRef::Directory { path: "out".to_owned(), namespace: None },
        variables: Variables::default(),
        units: vec![],
        workflows: vec![],
        sync: Sync { prune: true, self_heal: true, interval: Duration::from_mins(5) },
        guards: Guards { max_deletions: 10, max_deletion_percent: 50 },
        lifecycle: Lifecycle::Active,
        production: false,
        sealed: false,
    }
}

/// A target with state, its inventory, and what the secret sources hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) objects: BTreeMap<ObjectKey, (u32, Value)>,
    pub(crate) inventory: Inventory,
    pub(crate) unreadable: BTreeSet<ObjectKey>,
    pub(crate) made: u32,
}

fn marks() -> MarkKey {
    MarkKey::new([1; 32])
}

impl World {
    pub(crate) fn edit_owned(&mut self, key: &ObjectKey, edit: impl FnOnce(&mut Owned)) {
        let mut owned = Owned::clone(&self.inventory[key]);
        edit(&mut owned);
        self.inventory.own(key.clone(), owned.into());
    }

    pub(crate) fn plan(&self, rendered: &Rendered, environment: &Environment) -> Plan {
        plan(&PlanInput::new(rendered, &self.observe(rendered), &self.inventory, environment))
    }

    pub(crate) fn observe(&self, rendered: &Rendered) -> Observation {
        self.look(objects_to_observe(rendered, &self.inventory, &Quiet::default()))
    }

    /// A plan as a pass makes it that remembers what was quiet.
    pub(crate) fn plan_with(
        &self,
        memory: &mut Memory,
        rendered: &Rendered,
        environment: &Environment,
    ) -> Plan {
        let inventory = Arc::new(self.inventory.clone());
        let quiet = memory.quiet(rendered, &inventory);
        let mut observation = self.look(objects_to_observe(rendered, &inventory, &quiet));
        let told = self.look(quiet.objects().map(|(key, mark)| (key.clone(), Some(mark.clone()))).collect());
        observation.objects.extend(told.objects);
        observation.objects.retain(|_, observed| !matches!(observed, Observed::InSync { .. }));
        let quiet = memory.learn(rendered, quiet, &observation);
        let input = PlanInput::new(rendered, &observation, &inventory, environment);
        plan(&PlanInput { quiet: Some(&quiet), ..input })
    }

    fn look(&self, asked: Vec<(ObjectKey, Option<Mark>)>) -> Observation {
        let observe = |(key, mark): (ObjectKey, Option<Mark>)| {
            let observed = match self.objects.get(&key) {
                _ if self.unreadable.contains(&key) => Observed::Unknown { reason: "timeout".to_owned() },
                None => Observed::Absent,
                Some((uid, body)) => {
                    let live = mark_of(*uid, body);
                    if mark.is_some_and(|mark| mark == live) {
                        Observed::InSync { mark: live, health: Health::Healthy }
                    } else {
                        Observed::Live(Live {
                            mark: live,
                            body: Body::new(body),
                            health: Health::Healthy,
                            managed: None,
                        })
                    }
                }
            };
            (key, observed)
        };
        Observation { objects: asked.into_iter().map(observe).collect() }
    }

    /// Somebody else writes an object, whole.
    pub(crate) fn edit(&mut self, key: &ObjectKey, edit: impl FnOnce(&mut Value)) {
        if let Some((_, body)) = self.objects.get_mut(key) {
            edit(body);
        }
    }

    /// Somebody else creates an object.
    pub(crate) fn put(&mut self, object: &DesiredObject) {
        self.made += 1;
        self.objects.insert(object.key.clone(), (self.made, resolved(object.body.value())));
    }

    /// Carries a plan out, as the executor does.
    pub(crate) fn apply(&mut self, plan: &Plan) {
        for action in &plan.actions {
            self.act(action);
        }
        for key in &plan.forget {
            self.inventory.forget(key);
        }
    }

    fn act(&mut self, action: &Action) {
        match (&action.subject, &action.payload) {
            (Subject::Object(key), Payload::Write { desired, expect, leave }) => {
                if action.conflicts.iter().any(|it| it.resolution == Resolution::Refuse) {
                    return;
                }
                let live = self.objects.get(key).cloned();
                assert_eq!(
                    live.as_ref().map(|(uid, body)| mark_of(*uid, body)),
                    *expect,
                    "{key} was observed"
                );
                let previous = self.inventory.get(key).map(|owned| owned.applied.value());
                let (live, previous) = match action.verb {
                    Verb::Create | Verb::Replace => (None, None),
                    Verb::Adopt => (live, None),
                    _ => (live, previous),
                };
                let uid = live.as_ref().map_or(self.made + 1, |(uid, _)| *uid);
                self.made = self.made.max(uid);
                let body = resolved(desired.body.value());
                let previous = previous.map(resolved);
                let merged =
                    merge(&key.kind, live.as_ref().map(|(_, body)| body), previous.as_ref(), &body, leave);
                let mark = Some(mark_of(uid, &merged));
                self.objects.insert(key.clone(), (uid, merged));
                let owned = owned(
                    action.unit.as_ref().unwrap(),
                    desired,
                    mark,
                    &without(&desired.body.value(), leave),
                );
                self.inventory.own(key.clone(), owned.into());
            }
            (Subject::Object(key), Payload::Remove { .. }) => {
                let owned = self.inventory.forget(key).unwrap();
                if action.verb == Verb::Delete {
                    let (uid, _) = self.objects.remove(key).unwrap();
                    assert_eq!(
                        owned.mark.as_ref().unwrap().uid,
                        Some(Uid(uid.to_string().into())),
                        "{key} is ours"
                    );
                }
            }
            (Subject::Workflow(name), Payload::Register { graph, .. }) => {
                let registered =
                    RegisteredWorkflow { digest: graph.digest(), graph: graph.to_json().clone() };
                self.inventory.workflows.insert(name.clone(), registered);
            }
            (Subject::Workflow(name), Payload::Retire { .. }) => {
                self.inventory.workflows.remove(name).unwrap();
            }
            (subject, payload) => panic!("{subject} with {payload:?}"),
        }
    }
}

pub(crate) fn owned(unit: &UnitName, desired: &DesiredObject, mark: Option<Mark>, applied: &Value) -> Owned {
    let secret = |(name, value): (&String, &SecretValue)| match value {
        SecretValue::Reference(reference) => (name.clone(), marks().mark(reference.to_string().as_bytes())),
        SecretValue::Inline(_) => panic!("this world has references only"),
    };
    Owned {
        unit: unit.clone(),
        api_version: desired.api_version.clone(),
        desired: desired.digest(),
        applied: Body::new(applied),
        mark,
        secrets: desired.secrets.iter().map(secret).collect(),
        stateful: is_stateful(&desired.key),
        end: None,
    }
}

fn mark_of(uid: u32, body: &Value) -> Mark {
    let fingerprint = Digest::of_json(body);
    Mark { uid: Some(Uid(uid.to_string().into())), version: fingerprint.hex().into(), fingerprint }
}

/// The value of `vault:a#b` is the text `vault:a#b`; what can be read back is its mark.
fn resolved(mut body: Value) -> Value {
    for (_, value) in body["data"].as_object_mut().into_iter().flatten() {
        if let Some(reference) = value.as_str().and_then(|text| text.strip_prefix("ref:")) {
            *value = format!("mark:{}", marks().mark(reference.as_bytes()).as_str()).into();
        }
    }
    if body["data"].is_null() {
        body.as_object_mut().map(|fields| fields.shift_remove("data"));
    }
    body
}
