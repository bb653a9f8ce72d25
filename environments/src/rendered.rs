//! What an environment should be: the result of rendering, before it is compared with anything.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasherDefault;
use std::sync::{Arc, OnceLock};

use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::ids::{EnvironmentName, UnitName, WorkflowName};
use crate::inventory::Owned;
use crate::object::{DesiredObject, KeyMap, ObjectKey, SharedObjects};
use crate::unit::{ConflictPolicy, IgnoreRule, ImmutablePolicy};
use crate::variables::Variables;
use crate::workflow::WorkflowGraph;

/// Desired state of one environment.
#[derive(Debug, Clone)]
pub struct Rendered {
    pub environment: EnvironmentName,
    pub units: BTreeMap<UnitName, RenderedUnit>,
    pub workflows: BTreeMap<WorkflowName, Arc<WorkflowGraph>>,
    /// Workflows that the environment lists but that could not be read. Never deleted because of it.
    pub broken_workflows: BTreeSet<WorkflowName>,
    /// Everything found on the way, of every unit, sorted.
    pub diagnostics: Vec<Diagnostic>,
    /// Set when the definitions that steer the environment itself are broken: nothing may be applied or pruned.
    pub broken: bool,
    /// Worked out when it is first asked for. Begin with the default.
    pub index: ObjectIndex,
}

/// Which unit makes an object. Each has one: of two units that want the same object, rendering breaks one. Shared: a
/// commit that adds and removes no object leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct ObjectIndex(OnceLock<Arc<KeyMap<UnitName>>>);

impl From<Arc<KeyMap<UnitName>>> for ObjectIndex {
    fn from(makers: Arc<KeyMap<UnitName>>) -> Self {
        Self(makers.into())
    }
}

impl Rendered {
    /// Every object with its unit, unit by unit.
    pub fn objects(&self) -> impl Iterator<Item = (&RenderedUnit, &Arc<DesiredObject>)> {
        self.units.values().flat_map(|unit| unit.objects().iter().map(move |object| (unit, object)))
    }

    /// The unit that makes an object, and what it makes.
    pub fn maker(&self, key: &ObjectKey) -> Option<(&RenderedUnit, &Arc<DesiredObject>)> {
        let unit = self.units.get(self.makers().get(key)?)?;
        Some((unit, unit.objects().iter().find(|object| object.key == *key)?))
    }

    /// The units that make objects. Put together once: several steps of each pass look into it.
    pub fn makers(&self) -> &KeyMap<UnitName> {
        self.index.0.get_or_init(|| {
            let count = self.units.values().map(|unit| unit.objects().len()).sum();
            let mut makers = KeyMap::with_capacity_and_hasher(count, BuildHasherDefault::default());
            for (unit, object) in self.objects() {
                makers.entry(object.key.clone()).or_insert_with(|| unit.name.clone());
            }
            Arc::new(makers)
        })
    }

    /// Digest of the whole desired state; `lock.yaml` records it.
    pub fn digest(&self) -> Digest {
        let mut hasher = crate::digest::Hasher::new("naksha/render/1");
        for (name, unit) in &self.units {
            hasher.add(name.as_str());
            hasher.add(unit.digest.as_bytes());
        }
        for (name, graph) in &self.workflows {
            hasher.add(name.as_str());
            hasher.add(graph.digest().as_bytes());
        }
        hasher.finish()
    }
}

/// One unit of an environment.
#[derive(Debug, Clone)]
pub struct RenderedUnit {
    pub name: UnitName,
    pub state: UnitState,
    /// Declared and inferred; each names a unit of the same environment.
    pub depends_on: BTreeMap<UnitName, DependencyReason>,
    /// With their origins; for `--explain-values`.
    pub variables: Arc<Variables>,
    pub conflicts: ConflictPolicy,
    pub immutable: ImmutablePolicy,
    pub ignore: Arc<[IgnoreRule]>,
    /// Digest of the objects; of nothing when broken.
    pub digest: Digest,
}

#[derive(Debug, Clone)]
pub enum UnitState {
    Rendered(SharedObjects),
    /// Its desired state is not known; what is applied stays as it is. The diagnostics say why.
    Broken {
        reason: String,
    },
    /// Its source has no driver in this version: known, checked, and applied by nobody.
    Unsupported {
        source: &'static str,
    },
    /// Listed by the environment, but not in the pinned commit: it comes with the next promotion.
    NotYet,
}

impl RenderedUnit {
    /// Its objects; none unless it rendered.
    pub fn objects(&self) -> &[Arc<DesiredObject>] {
        self.shared_objects().map_or(&[], |objects| &**objects)
    }

    /// Whether an object that is as we wrote it has to be read all the same: fields were left out of that write, and
    /// whether they still are left to somebody else depends on what is live.
    pub fn must_see(&self, object: &DesiredObject, owned: &Owned) -> bool {
        let decides = |rule: &IgnoreRule| rule.when.is_some() && rule.is_about(&object.key);
        owned.applied.digest() != object.digest() && self.ignore.iter().any(decides)
    }

    /// Its objects, when it rendered. Of the same pointer: the same.
    pub fn shared_objects(&self) -> Option<&SharedObjects> {
        match &self.state {
            UnitState::Rendered(objects) => Some(objects),
            UnitState::Broken { .. } | UnitState::Unsupported { .. } | UnitState::NotYet => None,
        }
    }
}

/// Why one unit waits for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencyReason {
    Declared,
    /// `${{ units.X.outputs.Y }}`
    Output(String),
    /// It refers to an object that the other unit makes.
    Object(ObjectKey),
    /// It has objects of a kind (`group/Kind`) that the other unit defines.
    Definition(String),
}
