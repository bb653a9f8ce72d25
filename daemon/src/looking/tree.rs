//! The objects of an environment by unit, each with what was made for it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::{Health, ObjectKey};
use naksha_environments::wire::{TREE_VERSION, TreeDocument, TreeNodeDocument, UnitTreeDocument};
use naksha_executor::port::look::{Descendant, Family, Made};
use naksha_executor::port::store::{Scope, Store};

use super::{LookError, health_of, objects};
use crate::scene::Scene;

/// Objects of one unit that are told; those that are not well first.
const MAX_OBJECTS: usize = 200;
/// Objects that are asked why they are not well. What was made for the others says it beneath them.
const MAX_EXPLAINED: usize = 10;

pub async fn tree(scope: &Scope, scene: &Scene, store: &dyn Store) -> Result<TreeDocument, LookError> {
    let inventory = store.inventory(scope).await.map_err(LookError::Store)?;
    let wanted = objects(scene, &inventory);
    let observation = scene.target.observe(wanted.clone().into()).await.map_err(LookError::Target)?;
    let healths = wanted.iter().map(|wanted| (&wanted.key, health_of(&observation, wanted, &inventory)));
    let healths: Vec<(&ObjectKey, Health)> = healths.collect();
    let (family, mut whys) = tokio::join!(scene.target.family(&wanted), whys(scene, &healths));
    let mut family = family.map_err(LookError::Target)?;
    let mut units: BTreeMap<&UnitName, Vec<(ObjectKey, Health)>> = BTreeMap::new();
    for (key, health) in healths {
        let Some(unit) = unit_of(scene, &inventory, key) else { continue };
        let health = health.because(whys.remove(key).flatten().as_deref());
        units.entry(unit).or_default().push((key.clone(), health));
    }
    let units = units.into_iter().map(|(unit, objects)| unit_tree(unit, &objects, &mut family)).collect();
    Ok(TreeDocument {
        version: TREE_VERSION,
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        units,
        gaps: family.gaps,
    })
}

/// Why those that are not healthy are not, where more can be said than their own status does.
async fn whys(scene: &Scene, healths: &[(&ObjectKey, Health)]) -> BTreeMap<ObjectKey, Option<String>> {
    let unwell = |health: &Health| matches!(health, Health::Progressing(_) | Health::Degraded(_));
    let unwell = healths.iter().filter(|(_, health)| unwell(health)).take(MAX_EXPLAINED);
    let whys = unwell.map(|(key, _)| async move { ((*key).clone(), scene.target.explain(key).await) });
    join_all(whys).await.into_iter().collect()
}

/// The unit that wants an object, else the one that owns it.
pub(super) fn unit_of<'a>(
    scene: &'a Scene,
    inventory: &'a Inventory,
    key: &ObjectKey,
) -> Option<&'a UnitName> {
    scene.rendered.makers().get(key).or_else(|| inventory.owner(key))
}

fn unit_tree(unit: &UnitName, objects: &[(ObjectKey, Health)], family: &mut Family) -> UnitTreeDocument {
    let more = objects.len().saturating_sub(MAX_OBJECTS);
    let unwell = objects.iter().filter(|(_, health)| !health.is_healthy());
    let well = objects.iter().filter(|(_, health)| health.is_healthy());
    let told: BTreeSet<&ObjectKey> = unwell.chain(well).take(MAX_OBJECTS).map(|(key, _)| key).collect();
    let told = objects.iter().filter(|(key, _)| told.contains(key));
    let nodes = told.map(|(key, health)| node(key, health, family.made.remove(key).unwrap_or_default()));
    UnitTreeDocument { unit: unit.to_string(), objects: nodes.collect(), more }
}

fn node(key: &ObjectKey, health: &Health, made: Made) -> TreeNodeDocument {
    let Made { children, more } = made;
    let child = |Descendant { key, health, made }: Descendant| node(&key, &health, made);
    TreeNodeDocument {
        children: children.into_iter().map(child).collect(),
        more,
        ..TreeNodeDocument::of(key, health)
    }
}
