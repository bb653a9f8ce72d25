//! A unit: what is rendered and applied together. `units/<name>/unit.yaml`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use crate::diagnostic::Place;
use crate::expression::{Expression, Text};
use crate::globs::Globs;
use crate::ids::UnitName;
use crate::object::ObjectKey;
use crate::plan::Resolution;
use crate::secret::SecretRef;
use crate::source::TreePath;
use crate::variables::Variables;

#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    pub name: UnitName,
    /// The folder of its `unit.yaml`; its file names are relative to it. `None` at the root.
    pub folder: Option<TreePath>,
    pub place: Place,
    pub depends_on: Vec<(UnitName, Place)>,
    pub source: UnitSource,
    /// Defaults: the lowest layer.
    pub variables: Variables,
    /// Secrets to make: object name → key → where the value is.
    pub secrets: BTreeMap<String, BTreeMap<String, SecretRef>>,
    /// What other units may refer to as `units.<name>.outputs.<key>`.
    pub outputs: IndexMap<String, Text>,
    pub conflicts: ConflictPolicy,
    pub immutable: ImmutablePolicy,
    pub ignore: Arc<[IgnoreRule]>,
    /// How long its objects may take to become healthy.
    pub timeout: Duration,
}

/// Where a unit's objects come from: exactly one.
#[derive(Debug, Clone, PartialEq)]
pub enum UnitSource {
    Manifests(Globs),
    Templates(Globs),
    Helm(HelmSource),
    Kustomize {
        path: Text,
    },
    Terraform(TerraformSource),
    /// Bucket name → its settings, as written.
    Buckets(IndexMap<String, Value>),
    /// As written; checked by its driver.
    Vault(Value),
}

impl UnitSource {
    /// The key that definitions write.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Manifests(_) => "manifests",
            Self::Templates(_) => "templates",
            Self::Helm(_) => "helm",
            Self::Kustomize { .. } => "kustomize",
            Self::Terraform(_) => "terraform",
            Self::Buckets(_) => "buckets",
            Self::Vault(_) => "vault",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct HelmSource {
    /// `oci://…`, `https://…` or a folder of the repository.
    pub chart: String,
    /// Exact version; absent only for a folder of the repository.
    pub version: Option<String>,
    pub values: Vec<ValuesFile>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ValuesFile {
    pub file: Text,
    pub optional: bool,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TerraformSource {
    /// The folder with the root module.
    pub path: TreePath,
    /// `tofu@1.12.6` or `terraform@1.11.4`.
    pub tool: String,
    pub inputs: IndexMap<String, Value>,
}

/// What happens to a field that somebody else set and that we never owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConflictPolicy {
    #[default]
    Refuse,
    Take,
    Leave,
}

impl From<ConflictPolicy> for Resolution {
    fn from(policy: ConflictPolicy) -> Self {
        match policy {
            ConflictPolicy::Refuse => Resolution::Refuse,
            ConflictPolicy::Take => Resolution::Take,
            ConflictPolicy::Leave => Resolution::Leave,
        }
    }
}

/// What happens to an object of which a field changed that cannot be changed in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImmutablePolicy {
    /// The change is refused.
    #[default]
    Fail,
    /// The object is deleted and made again.
    Recreate,
}

/// Fields that are left to somebody else: neither drift nor conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreRule {
    /// Empty: every kind.
    pub kinds: Vec<String>,
    /// Empty: every name.
    pub names: Vec<String>,
    /// JSON pointers (RFC 6901): `/spec/replicas`.
    pub fields: Vec<String>,
    /// Field managers whose fields are theirs.
    pub managers: Vec<String>,
    /// Over `live` and `desired`, the two versions of the object. Absent: always.
    pub when: Option<Expression>,
    pub reason: String,
    pub place: Place,
}

impl IgnoreRule {
    /// Whether the object is one of those that the rule names, whatever its condition says.
    pub fn is_about(&self, key: &ObjectKey) -> bool {
        let kind = || self.kinds.iter().any(|kind| **kind == *key.kind || *kind == key.group_kind());
        let name = || self.names.iter().any(|name| **name == *key.name);
        (self.kinds.is_empty() || kind()) && (self.names.is_empty() || name())
    }
}
