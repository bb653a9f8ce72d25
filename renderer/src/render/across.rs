//! What only shows when all units of an environment are seen together: custom kinds without a namespace, one
//! object wanted by two units, too many objects.

use std::collections::BTreeSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::Digest;
use naksha_environments::ids::UnitName;
use naksha_environments::object::{DesiredObject, KeyMap};
use naksha_environments::rendered::Maker;
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
    pub(super) objects: Arc<[Arc<DesiredObject>]>,
    pub(super) broken: Option<String>,
    pub(super) digest: Digest,
}

impl Settled {
    pub(super) fn broken(reason: String) -> Self {
        Self { objects: Arc::from([]), broken: Some(reason), digest: digest(&[]) }
    }
}

/// Settles the units in the order in which the environment lists them: the first to want an object has it; a
/// later one that wants it too is broken as a whole, since the rest of it may rely on that object.
pub(super) fn settle(
    tree: &SourceTree,
    units: &[Made<'_>],
    found: &mut Vec<Diagnostic>,
) -> (Vec<Settled>, KeyMap<Maker>) {
    let cluster_kinds: BTreeSet<(&str, &str)> = units
        .iter()
        .flat_map(|made| &made.render.custom_kinds)
        .filter(|custom| custom.cluster_scoped)
        .map(|custom| (custom.group.as_str(), custom.kind.as_str()))
        .collect();
    let total = units.iter().map(|made| made.render.objects.len()).sum();
    let mut makers = KeyMap::with_capacity_and_hasher(total, BuildHasherDefault::default());
    let mut settled = Vec::with_capacity(units.len());
    for Made { unit, render, .. } in units {
        let (objects, digest) = rescoped(render, &cluster_kinds);
        let broken = render.broken.clone();
        let broken = broken.or_else(|| too_many(makers.len() + objects.len(), &unit.name, found));
        let broken = broken.or_else(|| doubled(tree, &unit.name, render, &objects, found));
        let broken = broken.or_else(|| taken(tree, &unit.name, &objects, &makers, found));
        if let Some(reason) = broken {
            settled.push(Settled::broken(reason));
            continue;
        }
        let maker =
            |object: &Arc<DesiredObject>| Maker { unit: unit.name.clone(), object: Arc::clone(object) };
        makers.extend(objects.iter().map(|object| (object.key.clone(), maker(object))));
        settled.push(Settled { objects, broken: None, digest });
    }
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
    objects: &Arc<[Arc<DesiredObject>]>,
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
    makers: &KeyMap<Maker>,
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
fn rescoped(
    render: &UnitRender,
    cluster_kinds: &BTreeSet<(&str, &str)>,
) -> (Arc<[Arc<DesiredObject>]>, Digest) {
    let misplaced = |object: &DesiredObject| {
        object.key.namespace.is_some() && cluster_kinds.contains(&(&*object.key.group, &*object.key.kind))
    };
    if cluster_kinds.is_empty() || !render.objects.iter().any(|object| misplaced(object)) {
        return (Arc::clone(&render.objects), render.digest);
    }
    let moved = render.objects.iter().map(|object| {
        if misplaced(object) { Arc::new(without_namespace(object)) } else { Arc::clone(object) }
    });
    let objects: Arc<[Arc<DesiredObject>]> = moved.collect();
    let digest = digest(&objects);
    (objects, digest)
}
