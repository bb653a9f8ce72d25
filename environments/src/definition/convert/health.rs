//! Health rules: carried on as they are written.

use crate::definition::reading::{At, Reading};
use crate::definition::v1alpha1::HealthRulesSpec;
use crate::health_rules::HealthRules;
use crate::ids::HealthRulesName;

pub(in crate::definition) fn health_rules(
    reading: &Reading<'_>,
    name: HealthRulesName,
    spec: HealthRulesSpec,
    root: At<'_>,
) -> Option<HealthRules> {
    // Its form is all that was asked of it here.
    let HealthRulesSpec { group: _, kinds: _ } = spec;
    Some(HealthRules {
        name,
        place: reading.place(root.key("metadata").key("name")),
        path: reading.lines.path().clone(),
        text: reading.lines.text().into(),
        spec: root.key("spec").node()?.clone(),
    })
}
