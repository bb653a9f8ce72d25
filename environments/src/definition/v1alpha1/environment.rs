//! `environments/<name>/environment.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{DurationText, FIVE_FIELDS};

/// Where units and workflows run, and under which rules.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct EnvironmentSpec {
    /// Environments whose healthy source is proposed for this one; `lock.yaml` pins it. Default: follow the trunk.
    #[serde(default)]
    pub promotes_from: Vec<String>,
    /// Follow a branch of its own instead of the trunk.
    #[serde(default)]
    #[schemars(extend("examples" = ["release"]))]
    pub branch: Option<String>,
    /// What must be true before a promotion into this environment.
    #[serde(default)]
    pub gates: GatesSpec,
    /// When merges and applies may happen. Healing and rollbacks always may.
    #[serde(default)]
    pub windows: Vec<WindowSpec>,
    pub target: TargetSpec,
    /// Values for every unit here: over the repository's.
    #[serde(default)]
    pub variables: Map<String, Value>,
    /// The units of this environment: a name, or a name with variables of its own.
    #[serde(default)]
    pub units: Vec<UnitEntry>,
    /// The workflows of this environment.
    #[serde(default)]
    pub workflows: Vec<String>,
    #[serde(default)]
    pub sync: SyncSpec,
    #[serde(default)]
    pub guards: GuardsSpec,
    /// `destroy` deletes everything the environment owns once that plan is acknowledged; `disown` leaves
    /// everything and gives up ownership. Default: `active`.
    #[serde(default)]
    pub lifecycle: LifecycleWord,
    /// Marks the environment for the rules that are stricter in production.
    #[serde(default)]
    pub production: bool,
    /// A reference to something that nothing creates is an error here, not a warning.
    #[serde(default)]
    pub sealed: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct GatesSpec {
    /// How long a source must be healthy upstream.
    pub soak: Option<DurationText>,
    /// Workflows that must succeed upstream.
    pub verify: Vec<String>,
    /// Merge the promotion when every gate is green. Default: false.
    pub auto_merge: bool,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct WindowSpec {
    pub kind: WindowKindWord,
    /// When it opens: minute, hour, day of month, month, day of week.
    #[schemars(extend("examples" = ["0 9 * * 1-5"], "pattern" = FIVE_FIELDS))]
    pub schedule: String,
    /// How long it stays open.
    pub duration: DurationText,
    /// IANA name. Default: `UTC`.
    #[serde(default)]
    #[schemars(extend("examples" = ["Europe/Berlin"]))]
    pub time_zone: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::definition) enum WindowKindWord {
    Allow,
    Deny,
}

/// Where it is applied: exactly one of `kubernetes`, `fromUnit`, `directory`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct TargetSpec {
    #[serde(default)]
    pub kubernetes: Option<KubernetesSpec>,
    /// The unit of this environment that makes the cluster.
    #[serde(default)]
    pub from_unit: Option<String>,
    /// With `fromUnit` or `directory`: the namespace of objects that name none. Default: `default`.
    #[serde(default)]
    pub namespace: Option<String>,
    /// A folder that gets one file per object.
    #[serde(default)]
    #[schemars(extend("examples" = ["dev/"]))]
    pub directory: Option<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct KubernetesSpec {
    /// An entry of the daemon's configuration: credentials and addresses stand there, not here.
    pub cluster: String,
    /// The namespace of objects that name none.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// A unit, or a unit with variables.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::definition) enum UnitEntry {
    Name(String),
    Entry(UnitEntrySpec),
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct UnitEntrySpec {
    pub name: String,
    /// Values for this unit in this environment: the highest layer.
    #[serde(default)]
    pub variables: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct SyncSpec {
    /// Delete what Git no longer has. Default: true.
    pub prune: bool,
    /// Take back what somebody else changed. Default: true.
    pub self_heal: bool,
    /// How often to look at what cannot be watched. Default: `5m`.
    pub interval: Option<DurationText>,
}

impl Default for SyncSpec {
    fn default() -> Self {
        Self { prune: true, self_heal: true, interval: None }
    }
}

#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct GuardsSpec {
    /// More deletions than this in one plan need an acknowledgement. Default: 10.
    pub max_deletions: Option<u32>,
    /// The same, as a share of what is owned. Default: 50.
    #[schemars(range(min = 0, max = 100))]
    pub max_deletion_percent: Option<u8>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::definition) enum LifecycleWord {
    #[default]
    Active,
    Destroy,
    Disown,
}
