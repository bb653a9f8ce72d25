//! The objects of an environment by unit, each with what was made for it.

use std::collections::{BTreeMap, BTreeSet};

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

pub async fn tree(scope: &Scope, scene: &Scene, store: &dyn Store) -> Result<TreeDocument, LookError> {
    let inventory = store.inventory(scope).await.map_err(LookError::Store)?;
    let wanted = objects(scene, &inventory);
    let (observed, family) =
        tokio::join!(scene.target.observe(wanted.clone().into()), scene.target.family(&wanted));
    let observation = observed.map_err(LookError::Target)?;
    let mut family = family.map_err(LookError::Target)?;
    let mut units: BTreeMap<&UnitName, Vec<(ObjectKey, Health)>> = BTreeMap::new();
    for wanted in &wanted {
        let Some(unit) = unit_of(scene, &inventory, &wanted.key) else { continue };
        units.entry(unit).or_default().push((wanted.key.clone(), health_of(&observation, wanted)));
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
