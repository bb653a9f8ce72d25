//! `policies/*.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::CelText;

/// One rule of the repository's own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct PolicySpec {
    pub r#match: MatchSpec,
    /// CEL; true means fine. Objects: `object`, `oldObject`, `environment`, `unit`, `action`. Workflows:
    /// `workflow`, `oldWorkflow`, `environment`. The plan: `plan`, `environment`.
    #[schemars(extend("examples" = ["!has(object.spec.type) || object.spec.type != 'NodePort'"]))]
    pub rule: CelText,
    /// What is wrong where the rule is false, in one sentence.
    pub message: String,
    /// What makes it go away.
    #[serde(default)]
    pub fix: Option<String>,
    /// Default: `error`.
    #[serde(default)]
    pub severity: SeverityWord,
}

/// What the rule is evaluated for, once each: exactly one of `kinds`, `workflows`, `plan`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct MatchSpec {
    /// Rendered objects of these kinds: `Service`, `apps/Deployment`. Empty: all.
    pub kinds: Option<Vec<String>>,
    /// Workflow graphs.
    pub workflows: Option<bool>,
    /// The plan as a whole.
    pub plan: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::definition) enum SeverityWord {
    Info,
    Warning,
    #[default]
    Error,
}
