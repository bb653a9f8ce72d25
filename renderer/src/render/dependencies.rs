//! Which unit waits for which: as declared, and as inferred from what units read and refer to.
//!
//! The result has no circle. A declared one is an error that breaks its units, since their order is unknowable;
//! an inferred edge that would close one is left out, and said to be.

use std::collections::{BTreeMap, BTreeSet};

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::UnitName;
use naksha_environments::object::{DesiredObject, ObjectKey};
use naksha_environments::rendered::DependencyReason;
use naksha_environments::unit::Unit;

use super::across::Makers;

/// What a unit waits for, and why.
pub(super) type Edges = BTreeMap<UnitName, BTreeMap<UnitName, DependencyReason>>;

/// The declared edges between `units`, and the units that wait for each other by them.
pub(super) fn declared<'a>(
    units: impl Iterator<Item = &'a Unit> + Clone,
    listed: &BTreeSet<UnitName>,
    found: &mut Vec<Diagnostic>,
) -> (Edges, BTreeMap<UnitName, String>) {
    let mut edges = Edges::new();
    let mut circular = BTreeMap::new();
    for unit in units {
        for (needed, place) in &unit.depends_on {
            if *needed == unit.name || !listed.contains(needed) {
                continue;
            }
            if let Some(path) = path(&edges, needed, &unit.name) {
                let names: Vec<_> =
                    std::iter::once(&unit.name).chain(&path).map(|name| format!("`{name}`")).collect();
                let message = format!("units wait for each other: {}", names.join(" → "));
                let finding = Diagnostic::new(codes::DEPENDENCY_CIRCLE, &*message).at(place.clone());
                found.push(finding.hint("remove one `dependsOn` of the circle").unit(&unit.name));
                circular.extend(path.into_iter().map(|name| (name, message.clone())));
                continue;
            }
            edges.entry(unit.name.clone()).or_default().insert(needed.clone(), DependencyReason::Declared);
        }
    }
    (edges, circular)
}

/// Adds the edges that follow from outputs that a unit reads.
pub(super) fn add_outputs(
    edges: &mut Edges,
    unit: &Unit,
    outputs: &BTreeSet<(UnitName, String)>,
    found: &mut Vec<Diagnostic>,
) {
    for (needed, output) in outputs {
        add(edges, unit, needed, DependencyReason::Output(output.clone()), found);
    }
}

/// Adds the edges that follow from objects: what its pods refer to, the namespaces its objects live in, and the
/// definitions of its custom kinds.
pub(super) fn add_objects<'a>(
    edges: &mut Edges,
    unit: &Unit,
    objects: impl Iterator<Item = &'a DesiredObject>,
    references: &[ObjectKey],
    makers: &Makers,
    kinds: &BTreeMap<(String, String), UnitName>,
    found: &mut Vec<Diagnostic>,
) {
    let mut needed: BTreeMap<&UnitName, String> = BTreeMap::new();
    for key in references {
        if let Some(maker) = makers.get(key) {
            needed.entry(maker).or_insert_with(|| key.to_string());
        }
    }
    let mut namespaces = BTreeSet::new();
    for object in objects {
        if let Some(namespace) = &object.key.namespace
            && namespaces.insert(namespace)
            && let Some((key, maker)) =
                makers.get_key_value(&ObjectKey::new("", "Namespace", None, namespace))
        {
            needed.entry(maker).or_insert_with(|| key.to_string());
        }
        if !kinds.is_empty()
            && let Some(maker) = kinds.get(&(object.key.group.to_string(), object.key.kind.to_string()))
        {
            needed.entry(maker).or_insert_with(|| format!("definition of {}", object.key.group_kind()));
        }
    }
    for (maker, object) in needed {
        add(edges, unit, maker, DependencyReason::Object(object), found);
    }
}

fn add(
    edges: &mut Edges,
    unit: &Unit,
    needed: &UnitName,
    reason: DependencyReason,
    found: &mut Vec<Diagnostic>,
) {
    let known = edges.get(&unit.name).is_some_and(|own| own.contains_key(needed));
    if known || *needed == unit.name {
        return;
    }
    if path(edges, needed, &unit.name).is_some() {
        let why = match &reason {
            DependencyReason::Output(output) => format!("reads output `{output}` of unit `{needed}`"),
            DependencyReason::Object(object) => format!("needs {object} of unit `{needed}`"),
            DependencyReason::Declared => format!("depends on unit `{needed}`"),
        };
        let message =
            format!("unit `{}` {why}, which waits for `{}` itself; it does not wait", unit.name, unit.name);
        let finding = Diagnostic::new(codes::DEPENDENCY_CIRCLE_AVOIDED, message).at(unit.place.clone());
        found.push(finding.unit(&unit.name));
        return;
    }
    edges.entry(unit.name.clone()).or_default().insert(needed.clone(), reason);
}

/// A way from one unit to another along the edges, both ends included.
fn path(edges: &Edges, from: &UnitName, to: &UnitName) -> Option<Vec<UnitName>> {
    let mut came_from: BTreeMap<&UnitName, &UnitName> = BTreeMap::new();
    let mut open = vec![from];
    let mut seen = BTreeSet::from([from]);
    while let Some(at) = open.pop() {
        if at == to {
            let mut way = vec![at.clone()];
            let mut step = at;
            while let Some(before) = came_from.get(step) {
                way.push((*before).clone());
                step = before;
            }
            way.reverse();
            return Some(way);
        }
        for next in edges
            .get(at)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .filter(|next| !seen.contains(next))
            .collect::<Vec<_>>()
        {
            seen.insert(next);
            came_from.insert(next, at);
            open.push(next);
        }
    }
    None
}
