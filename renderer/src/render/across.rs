//! What only shows when all units of an environment are seen together: custom kinds without a namespace, one
//! object wanted by two units, too many objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::Digest;
use naksha_environments::ids::UnitName;
use naksha_environments::object::{DesiredObject, ObjectKey};
use naksha_environments::source::SourceTree;

use crate::normalise::without_namespace;

use super::cache::UnitRender;
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

/// Which unit makes an object. Only asked, never listed.
pub(super) type Makers = HashMap<ObjectKey, (UnitName, Arc<DesiredObject>)>;

/// Settles the units in the order in which the environment lists them: the first to want an object has it; a
/// later one that wants it too is broken as a whole, since the rest of it may rely on that object.
pub(super) fn settle(
    tree: &SourceTree,
    renders: &[(UnitName, Arc<UnitRender>)],
    found: &mut Vec<Diagnostic>,
) -> (BTreeMap<UnitName, Settled>, Makers) {
    let cluster_kinds: BTreeSet<(&str, &str)> = renders
        .iter()
        .flat_map(|(_, render)| &render.custom_kinds)
        .filter(|custom| custom.cluster_scoped)
        .map(|custom| (custom.group.as_str(), custom.kind.as_str()))
        .collect();
    let mut taken = Makers::new();
    let mut settled = BTreeMap::new();
    for (unit, render) in renders {
        let (objects, mut unit_digest) = rescoped(render, &cluster_kinds);
        let mut broken = render.broken.clone();
        let total = taken.len() + objects.len();
        if total > MAX_ENVIRONMENT_OBJECTS {
            let message = format!(
                "with unit `{unit}` the environment has {total} objects, and it may have {MAX_ENVIRONMENT_OBJECTS}"
            );
            found.push(
                Diagnostic::new(codes::TOO_MANY_OBJECTS, message).unit(unit).hint("split the environment"),
            );
            broken = Some(format!("the environment may have {MAX_ENVIRONMENT_OBJECTS} objects"));
        }
        for object in &*objects {
            let Some((owner, other)) = taken.get(&object.key) else { continue };
            let message = format!("{} is wanted by unit `{unit}` and by unit `{owner}`", object.key);
            let finding =
                Diagnostic::new(codes::OBJECT_TWICE, message).at(name_place(tree, object)).unit(unit);
            let note = format!("unit `{owner}`, which is listed first, has it here");
            found.push(
                finding.note(Some(name_place(tree, other)), note).hint("rename one of them, or drop it"),
            );
            broken.get_or_insert_with(|| format!("{} belongs to unit `{owner}`", object.key));
        }
        let objects = if broken.is_some() { Arc::from([]) } else { objects };
        if broken.is_some() {
            unit_digest = digest(&[]);
        }
        taken.extend(objects.iter().map(|object| (object.key.clone(), (unit.clone(), Arc::clone(object)))));
        settled.insert(unit.clone(), Settled { objects, broken, digest: unit_digest });
    }
    (settled, taken)
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
