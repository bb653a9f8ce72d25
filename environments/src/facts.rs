//! Facts that a render needs and only the outside knows, as recorded values: a render asks nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::ids::UnitName;

/// Recorded values, by where they came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Outputs of stacks: unit → name → value. Absent: not known yet.
    pub outputs: BTreeMap<UnitName, BTreeMap<String, Value>>,
    /// Custom kinds (group, kind) of which the target says that their objects have no namespace.
    pub cluster_kinds: BTreeSet<(Arc<str>, Arc<str>)>,
}
