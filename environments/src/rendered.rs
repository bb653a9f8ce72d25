//! What an environment should be: the result of rendering, before it is compared with anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::ids::{EnvironmentName, UnitName, WorkflowName};
use crate::object::DesiredObject;
use crate::unit::{ConflictPolicy, IgnoreRule};
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
    pub order: ObjectOrder,
}

/// The objects of all units by their keys: which unit, which of its objects.
#[derive(Debug, Clone, Default)]
pub struct ObjectOrder(OnceLock<Box<[(u32, u32)]>>);

impl Rendered {
    /// Every object with its unit, by key; an object that several units want once for each. Sorted once: several
    /// steps of each pass walk along it.
    pub fn objects_by_key(&self) -> impl Iterator<Item = (&RenderedUnit, &Arc<DesiredObject>)> {
        let units: Vec<&RenderedUnit> = self.units.values().collect();
        let order = self.order.0.get_or_init(|| order(&units));
        order.iter().map(move |(unit, object)| {
            let unit = units[*unit as usize];
            (unit, &unit.objects()[*object as usize])
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
    pub ignore: Arc<[IgnoreRule]>,
    /// Digest of the objects; of nothing when broken.
    pub digest: Digest,
}

#[derive(Debug, Clone)]
pub enum UnitState {
    Rendered(Arc<[Arc<DesiredObject>]>),
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
        match &self.state {
            UnitState::Rendered(objects) => objects,
            UnitState::Broken { .. } | UnitState::Unsupported { .. } | UnitState::NotYet => &[],
        }
    }
}

fn order(units: &[&RenderedUnit]) -> Box<[(u32, u32)]> {
    let mut order = Vec::new();
    for (unit, at) in units.iter().zip(0..) {
        order.extend(unit.objects().iter().zip(0..).map(|(_, object)| (at, object)));
    }
    let object = |&(unit, object): &(u32, u32)| &units[unit as usize].objects()[object as usize];
    order.sort_by(|one, two| {
        // Units are in the order of their names.
        let rest = || (one.0, &object(one).provenance).cmp(&(two.0, &object(two).provenance));
        object(one).key.cmp(&object(two).key).then_with(rest)
    });
    order.into()
}

/// Why one unit waits for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencyReason {
    Declared,
    /// `${{ units.X.outputs.Y }}`
    Output(String),
    /// It refers to an object that the other unit makes.
    Object(String),
}
