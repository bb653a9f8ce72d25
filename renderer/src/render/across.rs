//! What only shows when all units of an environment are seen together: custom kinds without a namespace, one
//! object wanted by two units, too many objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::Digest;
use naksha_environments::facts::Facts;
use naksha_environments::ids::UnitName;
use naksha_environments::object::{DesiredObject, KeyMap, ObjectKey, SharedObjects};
use naksha_environments::source::SourceTree;

use crate::normalise::without_namespace;

use super::cache::UnitRender;
use super::prepare::Made;
use super::unit::{digest, name_place};

/// Most objects of one unit. The largest charts of the wild make some 500.
pub const MAX_UNIT_OBJECTS: usize = 5_000;
/// Most objects of one environment; more want to be several environments.
pub const MAX_ENVIRONMENT_OBJECTS: usize = 50_000;

/// A unit's objects as seen among the others.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) objects: SharedObjects,
    pub(super) broken: Option<String>,
    pub(super) digest: Digest,
}

impl Settled {
    pub(super) fn broken(reason: String) -> Self {
        Self { objects: Arc::from([]), broken: Some(reason), digest: digest(&[]) }
    }
}

/// Who wants an object, of the units looked at so far.
#[derive(Debug)]
struct Maker<'a> {
    unit: &'a UnitName,
    object: Arc<DesiredObject>,
}

/// Which units make which objects, and the objects from which that was made out.
#[derive(Debug, Clone, Default)]
pub(super) struct Makers {
    pub(super) index: Arc<KeyMap<UnitName>>,
    units: Arc<[(UnitName, SharedObjects)]>,
}

impl Makers {
    fn new(index: Arc<KeyMap<UnitName>>, units: &[Made<'_>], settled: &[Settled]) -> Self {
        let units = units.iter().zip(settled);
        let units = units.map(|(made, settled)| (made.unit.name.clone(), Arc::clone(&settled.objects)));
        Self { index, units: units.collect() }
    }

    /// Whether units with these objects make the same ones, each the same. Nearly always they do.
    fn are_of(&self, units: &[Made<'_>], settled: &[Settled]) -> bool {
        let same = |((name, before), (made, settled)): (&(UnitName, Arc<_>), (&Made<'_>, &Settled))| {
            *name == made.unit.name
                && (Arc::ptr_eq(before, &settled.objects) || keys(before).eq(keys(&settled.objects)))
        };
        self.units.len() == units.len() && self.units.iter().zip(units.iter().zip(settled)).all(same)
    }
}

fn keys(objects: &[Arc<DesiredObject>]) -> impl Iterator<Item = &ObjectKey> {
    objects.iter().map(|object| &object.key)
}

/// Settles the units in the order in which the environment lists them: the first to want an object has it; a
/// later one that wants it too is broken as a whole, since the rest of it may rely on that object. `last`: what came of
/// it the last time.
pub(super) fn settle(
    tree: &SourceTree,
    units: &[Made<'_>],
    facts: &Facts,
    last: Option<Makers>,
    found: &mut Vec<Diagnostic>,
) -> (Vec<Settled>, Makers) {
    let cluster_kinds: BTreeSet<(&str, &str)> = units
        .iter()
        .flat_map(|made| &made.render.custom_kinds)
        .filter(|custom| custom.cluster_scoped)
        .map(|custom| (custom.group.as_str(), custom.kind.as_str()))
        .chain(facts.cluster_kinds.iter().map(|(group, kind)| (&**group, &**kind)))
        .collect();
    let alone = |Made { render, .. }: &Made<'_>| {
        let (objects, digest) = rescoped(render, &cluster_kinds);
        Settled { objects, broken: render.broken.clone(), digest }
    };
    let mut settled: Vec<Settled> = units.iter().map(alone).collect();
    // What had no double has none.
    if let Some(last) = last.filter(|last| last.are_of(units, &settled)) {
        let makers = Makers::new(last.index, units, &settled);
        return (settled, makers);
    }
    let mut makers: KeyMap<Maker<'_>> = KeyMap::default();
    for (Made { unit, render, .. }, settled) in units.iter().zip(&mut settled) {
        let Settled { objects, broken, .. } = &*settled;
        let broken = broken.clone();
        let broken = broken.or_else(|| too_many(makers.len() + objects.len(), &unit.name, found));
        let broken = broken.or_else(|| doubled(tree, &unit.name, render, objects, found));
        let broken = broken.or_else(|| taken(tree, &unit.name, objects, &makers, found));
        if let Some(reason) = broken {
            *settled = Settled::broken(reason);
            continue;
        }
        let maker = |object: &Arc<DesiredObject>| Maker { unit: &unit.name, object: Arc::clone(object) };
        makers.extend(objects.iter().map(|object| (object.key.clone(), maker(object))));
    }
    let index = makers.into_iter().map(|(key, maker)| (key, maker.unit.clone())).collect();
    let makers = Makers::new(Arc::new(index), units, &settled);
    (settled, makers)
}

/// Why a unit with which the environment has `total` objects is broken, if it is.
fn too_many(total: usize, unit: &UnitName, found: &mut Vec<Diagnostic>) -> Option<String> {
    if total <= MAX_ENVIRONMENT_OBJECTS {
        return None;
    }
    let message = format!(
        "with unit `{unit}` the environment has {total} objects, and it may have {MAX_ENVIRONMENT_OBJECTS}"
    );
    found.push(Diagnostic::new(codes::TOO_MANY_OBJECTS, message).unit(unit).hint("split the environment"));
    Some(format!("the environment may have {MAX_ENVIRONMENT_OBJECTS} objects"))
}

/// Why a unit is broken of which objects became one when their kind turned out to have no namespace.
fn doubled(
    tree: &SourceTree,
    unit: &UnitName,
    render: &UnitRender,
    objects: &SharedObjects,
    found: &mut Vec<Diagnostic>,
) -> Option<String> {
    if Arc::ptr_eq(objects, &render.objects) {
        return None;
    }
    let mut first: KeyMap<&DesiredObject> = KeyMap::default();
    let mut broken = None;
    for object in &**objects {
        let Some(other) = first.insert(object.key.clone(), object) else { continue };
        let message = format!("{} is wanted twice by unit `{unit}`: its kind has no namespace", object.key);
        let finding = Diagnostic::new(codes::OBJECT_TWICE, &*message).at(name_place(tree, object)).unit(unit);
        found.push(finding.note(Some(name_place(tree, other)), "the other one is here"));
        broken.get_or_insert(message);
    }
    broken
}

/// Why a unit is broken that wants objects which another one has. All of them are told.
fn taken(
    tree: &SourceTree,
    unit: &UnitName,
    objects: &[Arc<DesiredObject>],
    makers: &KeyMap<Maker<'_>>,
    found: &mut Vec<Diagnostic>,
) -> Option<String> {
    let mut broken = None;
    for object in objects {
        let Some(Maker { unit: owner, object: other }) = makers.get(&object.key) else { continue };
        let message = format!("{} is wanted by unit `{unit}` and by unit `{owner}`", object.key);
        let finding = Diagnostic::new(codes::OBJECT_TWICE, message).at(name_place(tree, object)).unit(unit);
        let note = format!("unit `{owner}`, which is listed first, has it here");
        found.push(finding.note(Some(name_place(tree, other)), note).hint("rename one of them, or drop it"));
        broken.get_or_insert_with(|| format!("{} belongs to unit `{owner}`", object.key));
    }
    broken
}

/// The objects, without a namespace where their kind turned out to have none.
fn rescoped(render: &UnitRender, cluster_kinds: &BTreeSet<(&str, &str)>) -> (SharedObjects, Digest) {
    let misplaced = |object: &DesiredObject| {
        object.key.namespace.is_some() && cluster_kinds.contains(&(&*object.key.group, &*object.key.kind))
    };
    if cluster_kinds.is_empty() || !render.objects.iter().any(|object| misplaced(object)) {
        return (Arc::clone(&render.objects), render.digest);
    }
    let moved = render.objects.iter().map(|object| {
        if misplaced(object) { Arc::new(without_namespace(object)) } else { Arc::clone(object) }
    });
    let objects: SharedObjects = moved.collect();
    let digest = digest(&objects);
    (objects, digest)
}
