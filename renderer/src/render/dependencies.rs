//! Which unit waits for which: as declared, and as inferred from what units read and refer to.
//!
//! The result has no circle. A declared one is an error that breaks its units, since their order is unknowable;
//! an inferred edge that would close one is left out, and said to be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::ids::UnitName;
use naksha_environments::object::{DesiredObject, KeyMap, ObjectKey, SharedObjects};
use naksha_environments::rendered::DependencyReason;
use naksha_environments::unit::Unit;

use super::cache::UnitRender;

/// What a unit waits for, and why.
pub(super) type Edges = BTreeMap<UnitName, BTreeMap<UnitName, DependencyReason>>;

/// One edge that somebody wants, and where to point when it cannot be.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) unit: &'a UnitName,
    pub(super) needed: UnitName,
    pub(super) reason: DependencyReason,
    pub(super) place: &'a Place,
}

/// The edges that `units` declare.
pub(super) fn declared<'a>(
    units: impl Iterator<Item = &'a Unit>,
    listed: &HashSet<&UnitName>,
) -> Vec<Wanted<'a>> {
    let mut wanted = Vec::new();
    for unit in units {
        for (needed, place) in
            unit.depends_on.iter().filter(|(needed, _)| *needed != unit.name && listed.contains(needed))
        {
            wanted.push(Wanted {
                unit: &unit.name,
                needed: needed.clone(),
                reason: DependencyReason::Declared,
                place,
            });
        }
    }
    wanted
}

/// The edges that follow from outputs that a unit reads.
pub(super) fn of_outputs<'a, 'o>(
    unit: &'a Unit,
    outputs: impl Iterator<Item = &'o (UnitName, String)>,
    wanted: &mut Vec<Wanted<'a>>,
) {
    wanted.extend(outputs.map(|(needed, output)| Wanted {
        unit: &unit.name,
        needed: needed.clone(),
        reason: DependencyReason::Output(output.clone()),
        place: &unit.place,
    }));
}

/// The namespaces that objects live in.
pub(super) fn namespaces(objects: &[Arc<DesiredObject>]) -> BTreeSet<Arc<str>> {
    objects.iter().filter_map(|object| object.key.namespace.clone()).collect()
}

/// Finds the edges that follow from objects.
#[derive(Debug)]
pub(super) struct Inferring<'a> {
    makers: &'a KeyMap<UnitName>,
    /// Who defines a custom kind.
    kinds: &'a BTreeMap<(String, String), UnitName>,
    /// Who makes a namespace, of those that were asked for: many objects live in few of them.
    namespaces: HashMap<Arc<str>, Option<(ObjectKey, UnitName)>>,
}

impl<'a> Inferring<'a> {
    pub(super) fn new(makers: &'a KeyMap<UnitName>, kinds: &'a BTreeMap<(String, String), UnitName>) -> Self {
        Self { makers, kinds, namespaces: HashMap::new() }
    }

    /// What a unit's pods refer to, the namespaces its objects live in, and the definitions of its custom kinds.
    pub(super) fn of_objects<'w>(
        &mut self,
        unit: &'w Unit,
        (objects, render): (&SharedObjects, &UnitRender),
        wanted: &mut Vec<Wanted<'w>>,
    ) {
        let mut needed: BTreeMap<UnitName, DependencyReason> = BTreeMap::new();
        let mut need = |maker: &UnitName, reason: &dyn Fn() -> DependencyReason| {
            if *maker != unit.name && !needed.contains_key(maker) {
                needed.insert(maker.clone(), reason());
            }
        };
        for key in &render.references {
            if let Some(maker) = self.makers.get(key) {
                need(maker, &|| DependencyReason::Object(key.clone()));
            }
        }
        let same = Arc::ptr_eq(objects, &render.objects);
        let rescoped = if same { BTreeSet::new() } else { namespaces(objects) };
        for namespace in if same { &render.namespaces } else { &rescoped } {
            if let Some((key, maker)) = self.namespace(namespace) {
                need(maker, &|| DependencyReason::Object(key.clone()));
            }
        }
        let custom = if self.kinds.is_empty() { &[] } else { &**objects };
        for key in custom.iter().map(|object| &object.key) {
            if let Some(maker) = self.kinds.get(&(key.group.to_string(), key.kind.to_string())) {
                need(maker, &|| DependencyReason::Definition(key.group_kind()));
            }
        }
        wanted.extend(needed.into_iter().map(|(needed, reason)| Wanted {
            unit: &unit.name,
            needed,
            reason,
            place: &unit.place,
        }));
    }

    fn namespace(&mut self, name: &Arc<str>) -> Option<&(ObjectKey, UnitName)> {
        if !self.namespaces.contains_key(name) {
            let key = ObjectKey::new("", "Namespace", None, name);
            let maker = self.makers.get(&key).cloned().map(|maker| (key, maker));
            self.namespaces.insert(Arc::clone(name), maker);
        }
        self.namespaces.get(name)?.as_ref()
    }
}

/// Adds edges. The first reason for an edge stays. An edge that closes a circle is left out: a declared one breaks
/// the units of the circle (returned with the reason), an inferred one only says so.
pub(super) fn add(
    edges: &mut Edges,
    wanted: Vec<Wanted<'_>>,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<UnitName, String> {
    let mut circular = BTreeMap::new();
    let fresh: Vec<Wanted<'_>> = wanted
        .into_iter()
        .filter(|edge| edge.needed != *edge.unit)
        .filter(|edge| !edges.get(edge.unit).is_some_and(|own| own.contains_key(&edge.needed)))
        .collect();
    let mut graph = Graph::default();
    for (unit, needed) in edges.iter().flat_map(|(unit, own)| own.keys().map(move |needed| (unit, needed))) {
        graph.connect(unit, needed);
    }
    let known = graph.clone();
    for edge in &fresh {
        graph.connect(edge.unit, &edge.needed);
    }
    // Nearly always there is no circle, and all is said in one pass.
    let mut checked = (!graph.is_acyclic()).then_some(known);
    for edge in fresh {
        if let Some(graph) = &mut checked {
            if let Some(way) = graph.way(&edge.needed, edge.unit) {
                let message = left_out(&edge, &way, found);
                circular.extend(way.into_iter().filter_map(|name| Some((name, message.clone()?))));
                continue;
            }
            graph.connect(edge.unit, &edge.needed);
        }
        edges.entry(edge.unit.clone()).or_default().entry(edge.needed).or_insert(edge.reason);
    }
    circular
}

/// Reports an edge that would close a circle; the reason of the units on it when it was declared.
fn left_out(edge: &Wanted<'_>, way: &[UnitName], found: &mut Vec<Diagnostic>) -> Option<String> {
    let (unit, needed) = (edge.unit, &edge.needed);
    let why = match &edge.reason {
        DependencyReason::Declared => {
            let names: Vec<_> = std::iter::once(unit).chain(way).map(|name| format!("`{name}`")).collect();
            let message = format!("units wait for each other: {}", names.join(" → "));
            let finding = Diagnostic::new(codes::DEPENDENCY_CIRCLE, &*message).at(edge.place.clone());
            found.push(finding.hint("remove one `dependsOn` of the circle").unit(unit));
            return Some(message);
        }
        DependencyReason::Output(output) => format!("reads output `{output}` of unit `{needed}`"),
        DependencyReason::Object(object) => format!("needs {object} of unit `{needed}`"),
        DependencyReason::Definition(kind) => format!("needs the definition of {kind} of unit `{needed}`"),
    };
    let message = format!("unit `{unit}` {why}, which waits for `{unit}` itself; it does not wait");
    found.push(Diagnostic::new(codes::DEPENDENCY_CIRCLE_AVOIDED, message).at(edge.place.clone()).unit(unit));
    None
}

/// Edges between numbered units.
#[derive(Debug, Default, Clone)]
struct Graph {
    numbers: BTreeMap<UnitName, usize>,
    names: Vec<UnitName>,
    next: Vec<Vec<usize>>,
}

impl Graph {
    fn number(&mut self, unit: &UnitName) -> usize {
        if let Some(number) = self.numbers.get(unit) {
            return *number;
        }
        let number = self.names.len();
        self.numbers.insert(unit.clone(), number);
        self.names.push(unit.clone());
        self.next.push(Vec::new());
        number
    }

    fn connect(&mut self, from: &UnitName, to: &UnitName) {
        let (from, to) = (self.number(from), self.number(to));
        self.next[from].push(to);
    }

    /// Takes away units that nothing points at, until none is left or only circles are.
    fn is_acyclic(&self) -> bool {
        let mut incoming = vec![0_usize; self.names.len()];
        self.next.iter().flatten().for_each(|to| incoming[*to] += 1);
        let mut open: Vec<usize> = (0..incoming.len()).filter(|unit| incoming[*unit] == 0).collect();
        let mut taken = 0;
        while let Some(at) = open.pop() {
            taken += 1;
            for to in &self.next[at] {
                incoming[*to] -= 1;
                if incoming[*to] == 0 {
                    open.push(*to);
                }
            }
        }
        taken == self.names.len()
    }

    /// A way along the edges, both ends included.
    fn way(&self, from: &UnitName, to: &UnitName) -> Option<Vec<UnitName>> {
        let (from, to) = (*self.numbers.get(from)?, *self.numbers.get(to)?);
        let mut came_from = vec![None; self.names.len()];
        let mut seen = vec![false; self.names.len()];
        seen[from] = true;
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if at == to {
                let steps = std::iter::successors(Some(at), |step| came_from[*step]);
                let mut way: Vec<UnitName> = steps.map(|step| self.names[step].clone()).collect();
                way.reverse();
                return Some(way);
            }
            for next in &self.next[at] {
                if !std::mem::replace(&mut seen[*next], true) {
                    came_from[*next] = Some(at);
                    open.push(*next);
                }
            }
        }
        None
    }
}
