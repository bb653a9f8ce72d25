//! Which units are not planned, and why.

use std::collections::BTreeMap;

use naksha_environments::ids::UnitName;
use naksha_environments::plan::Blocked;
use naksha_environments::rendered::{Rendered, UnitState};

pub(super) fn blocked_units(rendered: &Rendered) -> BTreeMap<UnitName, Blocked> {
    let mut blocked = BTreeMap::new();
    for (name, unit) in &rendered.units {
        let reason = match &unit.state {
            UnitState::Rendered(_) if !rendered.broken => continue,
            UnitState::Rendered(_) => {
                Blocked::Broken("the environment's own definitions are broken".to_owned())
            }
            UnitState::Broken { reason } => Blocked::Broken(reason.clone()),
            UnitState::Unsupported { source } => Blocked::Unsupported(source),
            UnitState::NotYet => Blocked::NotYet,
        };
        blocked.insert(name.clone(), reason);
    }
    block_dependents(rendered, &mut blocked);
    blocked
}

/// A unit that needs a blocked one is blocked itself. Every pass blocks one more unit, or ends: a cycle does too.
fn block_dependents(rendered: &Rendered, blocked: &mut BTreeMap<UnitName, Blocked>) {
    loop {
        let next = rendered.units.iter().filter(|(name, _)| !blocked.contains_key(*name)).find_map(
            |(name, unit)| {
                let needed = unit.depends_on.keys().find(|needed| blocked.contains_key(*needed))?;
                Some((name.clone(), needed.clone()))
            },
        );
        let Some((name, needed)) = next else { return };
        blocked.insert(name, Blocked::DependsOn(needed));
    }
}
