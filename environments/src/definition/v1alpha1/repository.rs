//! `naksha.yaml`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The repository's own rules: who may do what, which policies judge, what is shared.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
pub(in crate::definition) struct RepositorySpec {
    /// The branch that rules here. The daemon follows the one of its own configuration, else the one that the remote's
    /// HEAD names; a difference is a finding. Default: no branch is asked for.
    #[schemars(extend("examples" = ["main"]))]
    pub trunk: Option<String>,
    /// Files that many units may read, as patterns from the root: `terraform/modules/**`.
    pub shared: Vec<String>,
    /// Files that naksha leaves alone. Dotfiles, LICENSE and Markdown that nothing refers to always are.
    pub ignore: Vec<String>,
    /// Who may do what, by environment. Read from the base of a pull request, never from its head.
    pub owners: IndexMap<String, OwnersSpec>,
    /// Which policies judge, and how strictly.
    pub policies: PoliciesSpec,
    /// Values for every unit: over the units' defaults, under the environments' own.
    pub variables: Map<String, Value>,
    /// What happens to a commit on the trunk that no pull request brought. Default: `apply` where no forge is
    /// configured, `hold` where one is.
    pub unreviewed: Option<UnreviewedWord>,
}

/// Teams (`@org/team`) and people (`@person`), as the forge names them.
#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct OwnersSpec {
    /// One of these has to approve what a pull request does to the environment.
    pub approve: Vec<String>,
    /// May acknowledge a plan that a guard holds.
    pub acknowledge: Vec<String>,
    /// May merge a promotion.
    pub promote: Vec<String>,
    /// May skip a gate.
    pub skip: Vec<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct PoliciesSpec {
    /// Sets of bundled rules. Default: `[baseline]`.
    pub sets: Option<Vec<String>>,
    /// Environment → rule → how severe its findings are there.
    pub severity: IndexMap<String, IndexMap<String, SettingWord>>,
    /// Findings that are known and fine for now.
    pub waivers: Vec<WaiverSpec>,
}

/// "We know, and it is fine until then."
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct WaiverSpec {
    pub rule: String,
    /// What is waived, exactly: `Deployment naksha/web`, or a file.
    pub subject: String,
    /// Only in this environment. Default: in all.
    #[serde(default)]
    pub environment: Option<String>,
    /// Why it is fine. Shown wherever the finding is.
    pub reason: String,
    /// The last day on which it counts.
    #[schemars(extend("examples" = ["2027-01-31"], "format" = "date"))]
    pub expires: String,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::definition) enum UnreviewedWord {
    Apply,
    Hold,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::definition) enum SettingWord {
    Off,
    Info,
    Warning,
    Error,
}
