//! The documented JSON of a plan.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::diagnostic::{DiagnosticDocument, PlaceDocument};
use super::shown::ShownDocument;
use super::workflow::WorkflowChangeDocument;
use crate::verdict::HoldKind;

/// Version of [`PlanDocument`]'s layout.
pub const PLAN_VERSION: u32 = 1;

/// What would change in one environment, what was found about it, and what was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanDocument {
    /// Layout of this document.
    pub version: u32,
    pub environment: String,
    /// Names the set of actions: 32 hex digits. Equal actions have equal ids, whatever the commit.
    pub id: String,
    pub counts: CountsDocument,
    /// By unit, then object; workflows last.
    pub actions: Vec<ActionDocument>,
    /// Objects that moved away from what was applied, and are not taken back.
    #[serde(default)]
    pub drifted: Vec<DriftDocument>,
    /// Objects in which fields are not as Git wants them and stay so. No part of the id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_alone: Vec<LeftDocument>,
    /// Objects that could not be observed. They are neither changed nor deleted.
    #[serde(default)]
    pub unknown: Vec<ReasonDocument>,
    /// Owned objects that Git no longer has and that stay all the same.
    #[serde(default)]
    pub kept: Vec<ReasonDocument>,
    /// Units of which nothing is planned.
    #[serde(default)]
    pub blocked: Vec<BlockedDocument>,
    /// What each unit with actions waits for.
    #[serde(default)]
    pub order: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub preconditions: PreconditionsDocument,
    /// What policies say; worst first.
    #[serde(default)]
    pub findings: Vec<FindingDocument>,
    /// How often each rule found what was there before the change; not listed among the findings.
    #[serde(default)]
    pub known_findings: BTreeMap<String, usize>,
    /// Who accepted this plan although something objects; only words that count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledgements: Vec<AcknowledgementDocument>,
    /// What was decided; absent when nobody asked, as on a laptop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionDocument>,
    #[serde(default)]
    pub diagnostics: Vec<DiagnosticDocument>,
}

/// How many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CountsDocument {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub adopt: usize,
    #[serde(rename = "move")]
    pub moved: usize,
    pub disown: usize,
    pub rotate: usize,
    pub unchanged: usize,
}

/// One thing to do to one object or workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionDocument {
    /// `sha256:…` over subject, verb and changed fields with their values, masked.
    pub digest: String,
    /// Absent for workflows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    pub subject: SubjectDocument,
    /// `create`, `update`, `replace`, `delete`, `adopt`, `move`, `disown` or `rotate`.
    pub verb: String,
    /// The unit that owned a moved object before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `change`: Git wants something new. `drift`: it heals. `rotation`: a secret changed at its source.
    pub cause: String,
    /// Deleting or replacing it loses data.
    #[serde(default)]
    pub stateful: bool,
    /// The base alone would cause it: it is not from the change under review.
    #[serde(default)]
    pub from_base: bool,
    /// Order within the unit: lower goes first.
    #[serde(default)]
    pub wave: i32,
    /// Where the object is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceDocument>,
    /// Changed fields, in path order.
    #[serde(default)]
    pub changes: Vec<ChangeDocument>,
    /// Fields that somebody else set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<ConflictDocument>,
    /// For a workflow: the change as a graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowChangeDocument>,
}

/// An object or a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectDocument {
    /// API group; empty for the core group and for workflows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// `Deployment`; `Workflow` for a workflow.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
}

/// One changed field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeDocument {
    /// `spec.template.spec.containers[name=app].image`
    pub path: String,
    /// What is there now; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<ShownDocument>,
    /// What will be there; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ShownDocument>,
    /// Who set what is there now. Only `naksha diff` says it, where the target knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
}

/// A field that somebody else set, and what the unit's policy makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConflictDocument {
    pub path: String,
    /// Who set it, as far as the target knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// `refuse`: the action is not executed. `take`, `leave`.
    pub resolution: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftDocument {
    pub subject: SubjectDocument,
    pub changes: Vec<ChangeDocument>,
}

/// What of one object is left as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftDocument {
    pub unit: String,
    pub subject: SubjectDocument,
    pub fields: Vec<LeftFieldDocument>,
}

/// A field that is left as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftFieldDocument {
    /// `before` is what is there and stays, `after` what Git wants.
    pub change: ChangeDocument,
    /// `rule`: an ignore rule says so. `autoscaler`: it is scaled. `target`: the target makes this of what Git wants.
    pub to: String,
    /// In words; of a rule, its own reason.
    pub reason: String,
    /// Where the rule stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceDocument>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReasonDocument {
    pub subject: SubjectDocument,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockedDocument {
    pub unit: String,
    /// `broken`, `unsupported`, `notYet` or `dependsOn`.
    pub kind: String,
    pub reason: String,
}

/// What the plan was made from. No part of its id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PreconditionsDocument {
    /// Commit at which rules and the environment were read; absent for a working tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// Commit at which units and workflows were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Digest of the policies that judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<String>,
    /// Version of the program that planned.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub planner: String,
}

/// One finding of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingDocument {
    pub severity: String,
    pub rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceDocument>,
    pub message: String,
    /// What makes it go away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    pub standing: StandingDocument,
    /// Whether it stops the plan by itself.
    pub blocks: bool,
}

/// Whether a finding counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum StandingDocument {
    New,
    Waived {
        reason: String,
    },
    /// It blocks until the plan is acknowledged.
    NeedsAcknowledgement,
    Acknowledged {
        by: String,
        reason: String,
    },
}

/// A person's word that the plan may be applied although something objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcknowledgementDocument {
    pub by: String,
    pub reason: String,
    /// When it was given (RFC 3339); absent for a file, whose commit says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Until when it counts (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// `socket`, or the file that it stands in: `approvals/<plan id>.yaml`.
    pub source: String,
}

/// What may happen to the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionDocument {
    /// `apply`, `hold`, `wait` or `nothing`.
    pub decision: String,
    /// Why it is held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldDocument>,
    /// Why it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when it waits (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How many actions go ahead meanwhile, because they only heal.
    #[serde(default)]
    pub heals: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldDocument {
    /// `guard`, `policy`, `unreviewed`, `history`, `adoption`, `conflict` or `gate`.
    pub kind: String,
    pub message: String,
    /// What lifts it.
    pub lift: String,
}

impl HoldDocument {
    /// Whether a person's word lifts it.
    pub fn takes_acknowledgement(&self) -> bool {
        HoldKind::parse(&self.kind).is_some_and(HoldKind::takes_acknowledgement)
    }
}

impl std::fmt::Display for SubjectDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

impl CountsDocument {
    /// Actions in all.
    pub fn actions(&self) -> usize {
        let Self { create, update, replace, delete, adopt, moved, disown, rotate, unchanged: _ } = self;
        create + update + replace + delete + adopt + moved + disown + rotate
    }
}

impl ActionDocument {
    /// Carrying it out loses data.
    pub fn loses_data(&self) -> bool {
        self.stateful && matches!(self.verb.as_str(), "delete" | "replace")
    }
}
