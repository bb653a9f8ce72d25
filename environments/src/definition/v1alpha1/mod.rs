//! Wire twins of the definitions, version `naksha.dev/v1alpha1`: what people write, and where the JSON Schemas
//! come from.
//!
//! Texts stay texts here (names, durations, expressions); [`super::convert`] turns them into domain types. The
//! doc comments are the descriptions that editors show.

mod context;
mod environment;
mod lock;
mod policy;
mod repository;
mod unit;
mod workflow;

pub(super) use context::PolicyContextSpec;
pub(super) use environment::{
    EnvironmentSpec, GatesSpec, GuardsSpec, LifecycleWord, SyncSpec, TargetSpec, UnitEntry, WindowKindWord,
    WindowSpec,
};
pub(super) use lock::{ApprovalSpec, LockSpec};
pub(super) use policy::{MatchSpec, PolicySpec, SeverityWord};
pub(super) use repository::{
    OwnersSpec, PoliciesSpec, RepositorySpec, SettingWord, UnreviewedWord, WaiverSpec,
};
pub(super) use unit::{
    ConflictWord, HelmSpec, IgnoreSpec, ImmutableWord, TerraformSpec, UnitSpec, ValuesEntry,
};
pub(super) use workflow::{
    BudgetSpec, BudgetsSpec, ConcurrencySpec, EffectWord, NodeSpec, RetrySpec, TriggerSpec, WhenFullWord,
    WorkflowSpec,
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::duration::{EXAMPLES, PATTERN};

/// Who a definition is about.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metadata {
    /// Lower-case letters, digits, `-` and `.`; at most 63.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// A span of time: `30s`, `5m`, `1h30m`, `2d`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(inline, extend("examples" = EXAMPLES, "pattern" = PATTERN))]
pub(super) struct DurationText(pub String);

/// What schemas say of a schedule of cron.
pub(super) const FIVE_FIELDS: &str = r"^\s*\S+(\s+\S+){4}\s*$";

/// What schemas say of a text that is always an expression.
pub(super) const CEL: &str = "text/cel";

/// CEL, without `${{ }}` around it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(inline, extend("examples" = ["size(nodes.fetch.output.body) > 2000"], "contentMediaType" = CEL))]
pub(super) struct CelText(pub String);
