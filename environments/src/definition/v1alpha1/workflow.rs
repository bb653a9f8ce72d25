//! `workflows/<name>.yaml`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{CelText, DurationText, FIVE_FIELDS};
use crate::definition::node_types::NODE_TYPES;

/// A directed graph of steps.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct WorkflowSpec {
    /// The policy context: what its nodes may touch.
    #[serde(default)]
    pub context: Option<String>,
    /// What starts a run. A run can always be started by hand and by a promotion gate.
    #[serde(default)]
    pub triggers: Vec<TriggerSpec>,
    /// JSON Schema of the input.
    #[serde(default)]
    pub input: Map<String, Value>,
    #[serde(default)]
    pub concurrency: Option<ConcurrencySpec>,
    /// The steps, by name. A name is letters, digits and `_`, so that expressions can say `nodes.<name>.output`.
    pub nodes: IndexMap<String, NodeSpec>,
    /// What a run, and all runs of a day, may cost.
    #[serde(default)]
    pub budget: BudgetsSpec,
}

/// Exactly one of `cron`, `nats`, `http`, `merge`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct TriggerSpec {
    /// Minute, hour, day of month, month, day of week.
    #[schemars(extend("examples" = ["0 * * * *"], "pattern" = FIVE_FIELDS))]
    pub cron: Option<String>,
    /// With `cron`: an IANA name. Default: `UTC`.
    #[schemars(extend("examples" = ["Europe/Berlin"]))]
    pub time_zone: Option<String>,
    /// A subject of the message bus.
    #[schemars(extend("examples" = ["files.created"]))]
    pub nats: Option<String>,
    /// With `nats`: events with an equal value start one run.
    pub dedupe: Option<CelText>,
    /// A request to the daemon: its settings.
    pub http: Option<Map<String, Value>>,
    /// A merge into the trunk: its settings.
    pub merge: Option<Map<String, Value>>,
    /// The run's input. `${{ event }}` is what started it.
    pub input: Map<String, Value>,
}

/// How many runs at a time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct ConcurrencySpec {
    /// Runs with equal values count together. Default: all runs do.
    #[serde(default)]
    pub key: Option<CelText>,
    #[schemars(range(min = 1))]
    pub limit: u32,
    /// What happens to one run more. Default: `queue`.
    #[serde(default)]
    pub when_full: WhenFullWord,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::definition) enum WhenFullWord {
    #[default]
    Queue,
    Drop,
    Replace,
}

/// One step.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct NodeSpec {
    /// What it does: `http`, `llm`, `slack.post`.
    #[schemars(extend("examples" = NODE_TYPES.iter().map(|(name, _)| *name).collect::<Vec<_>>()))]
    pub uses: String,
    /// Nodes that must be done before.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Its parameters. `prompt: {file: …}` is read from the repository.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// Run it only if this is true; otherwise it is skipped.
    #[serde(default)]
    pub when: Option<CelText>,
    /// Run it once for each item of this list; the item is `item`.
    #[serde(default)]
    pub for_each: Option<CelText>,
    /// With `forEach`: how many at a time.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_parallel: Option<u32>,
    /// Run it again until this is true. Needs `maxIterations`.
    #[serde(default)]
    pub until: Option<CelText>,
    /// With `until`: give up after so many.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_iterations: Option<u32>,
    #[serde(default)]
    pub retry: Option<RetrySpec>,
    /// How long one attempt may take.
    #[serde(default)]
    pub timeout: Option<DurationText>,
    /// What a second call would do; decides what a crash in flight means.
    #[serde(default)]
    pub effect: Option<EffectWord>,
}

/// What happens when an attempt fails.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::definition) struct RetrySpec {
    /// Attempts in all, the first one included.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    #[serde(default)]
    pub backoff: BackoffSpec,
}

/// How long to wait before the next attempt.
#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct BackoffSpec {
    /// Before the second attempt. Default: `1s`.
    pub initial: Option<DurationText>,
    /// Never longer than this. Default: `60s`.
    pub max: Option<DurationText>,
    /// Each wait is so many times the one before. Default: 2.
    #[schemars(range(min = 1, max = 100))]
    pub factor: Option<f64>,
    /// Vary the waits, so that many runs do not retry at once. Default: true.
    pub jitter: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::definition) enum EffectWord {
    /// It changes nothing.
    None,
    /// A second call changes nothing more.
    Idempotent,
    /// A second call is acceptable.
    AtLeastOnce,
    /// A second call would be noticed: a person decides after a crash in flight.
    External,
}

#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct BudgetsSpec {
    /// Of one run.
    pub run: BudgetSpec,
    /// Of all runs of a day.
    pub day: BudgetSpec,
}

#[derive(Debug, Clone, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::definition) struct BudgetSpec {
    #[schemars(range(min = 0))]
    pub usd: Option<f64>,
    pub tokens: Option<u64>,
}
