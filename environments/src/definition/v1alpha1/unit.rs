//! `units/<name>/unit.yaml`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{CelText, DurationText};

/// What is rendered and applied together. Exactly one of `manifests`, `templates`, `helm`, `kustomize`,
/// `terraform`, `buckets`, `vault`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct UnitSpec {
    /// Units that go first. References between units are found without it.
    pub depends_on: Vec<String>,
    /// Plain YAML files, as patterns: `manifests/*.yaml`. Nothing in them is substituted.
    pub manifests: Option<Vec<String>>,
    /// Tera templates, as patterns: `manifests/*.yaml.tera`.
    pub templates: Option<Vec<String>>,
    pub helm: Option<HelmSpec>,
    pub kustomize: Option<KustomizeSpec>,
    pub terraform: Option<TerraformSpec>,
    /// Bucket → its settings.
    pub buckets: Option<IndexMap<String, Map<String, Value>>>,
    pub vault: Option<VaultSpec>,
    /// Defaults: the lowest layer.
    pub variables: Map<String, Value>,
    /// Secrets to make: object → key → where the value is (`vault:kv/naksha/db#url`). Read when they are applied.
    pub secrets: IndexMap<String, IndexMap<String, String>>,
    /// What other units may use as `${{ units.<name>.outputs.<key> }}`.
    pub outputs: IndexMap<String, String>,
    /// What happens to a field that somebody else set and that we never owned. Default: `refuse`.
    pub conflicts: ConflictWord,
    /// What happens to an object of which a field changed that cannot be changed in place. Default: `fail`.
    pub immutable: ImmutableWord,
    /// Fields that are left to somebody else: neither drift nor conflict.
    pub ignore: Vec<IgnoreSpec>,
    /// How long its objects may take to become healthy. Default: `10m`.
    pub timeout: Option<DurationText>,
}

/// A Helm chart.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct HelmSpec {
    /// `oci://…`, `https://…`, or a folder of the repository.
    #[schemars(extend("examples" = ["oci://registry.example/charts/nats"]))]
    pub chart: String,
    /// The exact version; needed unless the chart is a folder.
    #[serde(default)]
    #[schemars(extend("examples" = ["2.14.2"], "pattern" = "^v?[0-9]+\\.[0-9]+\\.[0-9]+([-+].*)?$"))]
    pub version: Option<String>,
    /// Values files, the last one wins.
    #[serde(default)]
    pub values: Vec<ValuesEntry>,
}

/// A values file, or one that may be absent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::definition) enum ValuesEntry {
    File(String),
    Entry(ValuesEntrySpec),
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct ValuesEntrySpec {
    #[schemars(extend("examples" = ["values.${{ environment.name }}.yaml"]))]
    pub file: String,
    /// It may be absent. Default: false.
    #[serde(default)]
    pub optional: bool,
}

/// A kustomization.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct KustomizeSpec {
    /// The folder with `kustomization.yaml`.
    #[schemars(extend("examples" = ["overlays/${{ environment.name }}"]))]
    pub path: String,
}

/// A stack of Terraform or OpenTofu.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct TerraformSpec {
    /// The folder with the root module; a leading `/` means the root of the repository.
    pub path: String,
    /// The program and its exact version.
    #[schemars(extend("examples" = ["tofu@1.12.6", "terraform@1.11.4"]))]
    pub tool: String,
    /// Values of its input variables.
    #[serde(default)]
    pub inputs: Map<String, Value>,
}

/// Configuration of a Vault server.
#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct VaultSpec {
    /// Policy → its paths and capabilities.
    pub policies: Map<String, Value>,
    /// Auth method → its roles.
    pub auth: Map<String, Value>,
    /// Audit device → its options.
    pub audit: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::definition) enum ConflictWord {
    #[default]
    Refuse,
    Take,
    Leave,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::definition) enum ImmutableWord {
    #[default]
    Fail,
    Recreate,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct IgnoreSpec {
    /// Kinds it is about. Default: every kind.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Names it is about. Default: every name.
    #[serde(default)]
    pub names: Vec<String>,
    /// JSON pointers: `/spec/replicas`. Fields, managers or both are given.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Field managers: whatever they set is theirs. On targets that keep track of who set what.
    #[serde(default)]
    pub managers: Vec<String>,
    /// CEL over `live` and `desired`: what is there, and what Git wants. It is about an object only while this is true.
    #[serde(default)]
    #[schemars(extend("examples" = [
        "has(live.metadata.annotations) && 'example.com/scaler' in live.metadata.annotations"
    ]))]
    pub when: Option<CelText>,
    /// Who sets them instead.
    pub reason: String,
}
