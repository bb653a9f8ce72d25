//! Health rules: carried on as they are written.

use crate::definition::reading::{At, Reading};
use crate::health_rules::HealthRules;
use crate::ids::HealthRulesName;

pub(in crate::definition) fn health_rules(
    reading: &Reading<'_>,
    name: HealthRulesName,
    root: At<'_>,
) -> Option<HealthRules> {
    Some(HealthRules {
        name,
        place: reading.place(root.key("metadata").key("name")),
        path: reading.lines.path().clone(),
        text: reading.lines.text().into(),
        spec: root.key("spec").node()?.clone(),
    })
}
