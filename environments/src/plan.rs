//! The plan: what would change, as a value. Complete (nothing is chosen when it is executed) and immutable.
//!
//! A plan is a set of actions. Each action's digest covers object, verb and changed fields with their live and
//! desired values, masked; the plan's id digests the set. Commit ids, versions and tool versions are *not* in it:
//! they are [`Preconditions`], recorded beside it and checked again before each write.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::Place;
use crate::digest::{Digest, Hasher};
use crate::ids::{EnvironmentName, InvalidName, Revision, UnitName, WorkflowName};
use crate::object::{DesiredObject, Mark, ObjectKey};
use crate::secret::SecretMark;
use crate::workflow::WorkflowGraph;
use crate::workflow_change::WorkflowChange;

/// Names a plan: 32 hex digits of the digest of its actions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanId(Arc<str>);

impl PlanId {
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && text.len() == 32 {
            return Ok(Self(text.into()));
        }
        let reason = "a plan id has 32 lower-case hex digits";
        Err(InvalidName { what: "plan", value: text.to_owned(), reason })
    }

    /// The id of a set of actions of one environment.
    pub fn of(environment: &EnvironmentName, actions: &[Action]) -> Self {
        let mut digests: Vec<_> = actions.iter().map(|action| action.digest).collect();
        digests.sort_unstable();
        let mut hasher = Hasher::new("naksha/plan/1").part(environment.as_str());
        for digest in digests {
            hasher.add(digest.as_bytes());
        }
        Self(hasher.finish().hex()[..32].into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people; commands take any unique prefix of eight or more.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl TryFrom<String> for PlanId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<PlanId> for String {
    fn from(id: PlanId) -> Self {
        id.0.to_string()
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What would change in one environment.
#[derive(Debug, Clone)]
pub struct Plan {
    pub environment: EnvironmentName,
    pub id: PlanId,
    /// In the order of presentation: unit, then object.
    pub actions: Vec<Action>,
    /// Objects whose state could not be observed, with the reason. They are neither changed nor deleted.
    pub unknown: BTreeMap<ObjectKey, String>,
    /// Units that want one of these, and the first of them in words: what depends on such a unit does not start.
    pub unseen: BTreeMap<UnitName, String>,
    /// Units of which nothing is planned, and why.
    pub blocked: BTreeMap<UnitName, Blocked>,
    /// Objects that moved away from what was applied and are not taken back, because the environment does not
    /// heal: what they would need.
    pub drifted: BTreeMap<ObjectKey, Vec<Change>>,
    /// Objects in which something is left as it is although Git wants it otherwise. It takes part in no digest.
    pub left: BTreeMap<ObjectKey, LeftAlone>,
    /// Owned objects that Git no longer has and that are not deleted all the same, with the reason.
    pub kept: BTreeMap<ObjectKey, String>,
    /// Inventory entries whose object is gone and wanted by nobody. They are dropped without a write; no action.
    pub forget: BTreeSet<ObjectKey>,
    pub unchanged: usize,
    /// For every unit with a desired state: what it waits for, in the order it must be applied.
    pub order: BTreeMap<UnitName, Vec<UnitName>>,
    pub preconditions: Preconditions,
}

impl Plan {
    /// A plan in which nothing happens.
    pub fn empty(environment: &EnvironmentName) -> Self {
        Self {
            environment: environment.clone(),
            id: PlanId::of(environment, &[]),
            actions: Vec::new(),
            unknown: BTreeMap::new(),
            unseen: BTreeMap::new(),
            blocked: BTreeMap::new(),
            drifted: BTreeMap::new(),
            left: BTreeMap::new(),
            kept: BTreeMap::new(),
            forget: BTreeSet::new(),
            unchanged: 0,
            order: BTreeMap::new(),
            preconditions: Preconditions::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The plan with only some of its actions. It has an id of its own, and forgets nothing: what is left out is
    /// left as it is.
    #[must_use]
    pub fn subset(&self, keep: impl Fn(&Action) -> bool) -> Plan {
        let actions: Vec<Action> = self.actions.iter().filter(|action| keep(action)).cloned().collect();
        let id = PlanId::of(&self.environment, &actions);
        Plan { id, actions, forget: BTreeSet::new(), ..self.clone() }
    }

    /// Whether it says everything about its revision: no unit is left out for a reason that goes away, and every
    /// object was seen. Only then is the revision applied when the plan is.
    pub fn is_complete(&self) -> bool {
        let known = |blocked: &Blocked| matches!(blocked, Blocked::Unsupported(_) | Blocked::NotYet);
        self.unknown.is_empty() && self.blocked.values().all(known)
    }

    pub fn count(&self, verb: fn(&Verb) -> bool) -> usize {
        self.actions.iter().filter(|action| verb(&action.verb)).count()
    }
}

/// Why nothing of a unit is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocked {
    /// Its desired state is not known.
    Broken(String),
    /// This version has no driver for its source.
    Unsupported(&'static str),
    /// It comes with the next promotion.
    NotYet,
    /// It depends on a unit that is blocked itself.
    DependsOn(UnitName),
}

/// What a plan was made from. No part of its id; judged again when one of them moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// Where rules, gates and the environment itself were read; absent for a working tree.
    pub control: Option<Revision>,
    /// Where units and workflows were read.
    pub content: Option<Revision>,
    /// Digest of the policies that judged.
    pub policies: Option<Digest>,
    /// Version of the program that planned.
    pub planner: String,
}

/// One thing to do to one object or workflow.
#[derive(Debug, Clone)]
pub struct Action {
    pub digest: Digest,
    pub unit: Option<UnitName>,
    pub subject: Subject,
    pub verb: Verb,
    pub cause: Cause,
    /// Changed fields, in path order. Empty for a delete.
    pub changes: Vec<Change>,
    /// Fields that somebody else set and that we never owned.
    pub conflicts: Vec<Conflict>,
    /// Deleting or replacing it loses data.
    pub stateful: bool,
    /// Order within the unit.
    pub wave: i32,
    pub payload: Payload,
}

impl Action {
    /// It changes nothing in the target, and only records what is already so.
    pub fn only_records(&self) -> bool {
        self.verb == Verb::Update && self.cause == Cause::Drift && self.changes.is_empty()
    }

    /// Digest over subject, verb and changed fields with their masked values. `unit` takes part only in a move.
    pub fn digest_of(subject: &Subject, verb: &Verb, changes: &[Change]) -> Digest {
        let mut hasher = Hasher::new("naksha/action/1").part(subject.to_string()).part(verb.digest_part());
        for change in changes {
            hasher.add(change.path.to_string());
            hasher.add(Shown::digest_part(change.before.as_ref()));
            hasher.add(Shown::digest_part(change.after.as_ref()));
        }
        hasher.finish()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Object(ObjectKey),
    Workflow(WorkflowName),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(key) => key.fmt(f),
            Self::Workflow(name) => write!(f, "Workflow {name}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Create,
    Update,
    /// Delete and create again: a field that cannot be changed in place.
    Replace,
    Delete,
    /// It exists, we never owned it, and would from now on.
    Adopt,
    /// Another unit of the same environment owned it before.
    Move {
        from: UnitName,
    },
    /// Give up ownership; the object stays.
    Disown,
    /// A secret's value changed at its source; nothing in Git did.
    Rotate,
}

impl Verb {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Adopt => "adopt",
            Self::Move { .. } => "move",
            Self::Disown => "disown",
            Self::Rotate => "rotate",
        }
    }

    fn digest_part(&self) -> String {
        match self {
            Self::Move { from } => format!("move from {from}"),
            other => other.as_str().to_owned(),
        }
    }
}

/// What made an action necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Git wants something else than was applied last.
    Change,
    /// Git wants what was applied last; the target moved away from it.
    Drift,
    /// A secret's value changed at its source.
    Rotation,
}

/// One changed field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub path: FieldPath,
    /// What is there now; absent: nothing.
    pub before: Option<Shown>,
    /// What will be there; absent: nothing.
    pub after: Option<Shown>,
}

/// What of one object is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    pub unit: UnitName,
    /// In path order.
    pub fields: Vec<LeftField>,
    pub unjudged: Vec<Unjudged>,
}

/// A field that is not as Git wants it, and stays so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftField {
    /// What would change if it were ours.
    pub change: Change,
    pub to: LeftTo,
}

/// To whom a field is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftTo {
    /// To whom an ignore rule of the unit says: where it stands, and its reason.
    Rule { place: Place, reason: String },
    /// To Kubernetes' own autoscaler.
    Autoscaler,
    /// To the target: it answered this value when we wrote what Git wants, and would do so again.
    Target,
}

/// An ignore rule that does not apply to an object, because its condition gives no answer there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged {
    /// Of the condition.
    pub place: Place,
    /// Of the rule.
    pub reason: String,
    pub why: String,
    pub hint: Option<String>,
}

/// A value as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Value(Value),
    /// A secret. The mark tells only whether two of one plan are equal; a reference may be shown.
    Secret {
        reference: Option<String>,
        mark: Option<SecretMark>,
    },
}

impl Shown {
    /// What of a value goes into a digest: never a secret, nor its hash.
    fn digest_part(shown: Option<&Self>) -> String {
        match shown {
            None => "-".to_owned(),
            Some(Self::Value(value)) => format!("={}", crate::digest::canonical_json(value)),
            Some(Self::Secret { reference, .. }) => format!("!{}", reference.as_deref().unwrap_or_default()),
        }
    }
}

/// A field that somebody else set, and what the unit's policy makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub path: FieldPath,
    /// Who, as far as the target knows.
    pub manager: Option<String>,
    pub resolution: Resolution,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The action is not executed.
    Refuse,
    Take,
    /// Our value is left out of what is sent.
    Leave,
    /// It cannot be changed in place, and the unit's policy is not to make the object anew: the action is not executed.
    Immutable,
    /// It was ours, Git does not set it any more, and it stays as it is.
    HandOver,
}

impl Resolution {
    /// Whether the action is not executed because of it.
    pub fn refuses(self) -> bool {
        matches!(self, Self::Refuse | Self::Immutable)
    }
}

/// A path to a field: `spec.template.spec.containers[name=app].image`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FieldPath(pub Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    Key(String),
    /// An item of a list map, by its key fields.
    Item(Vec<(String, String)>),
    Index(usize),
}

/// Paths are looked up by their beginnings.
impl Borrow<[Segment]> for FieldPath {
    fn borrow(&self) -> &[Segment] {
        &self.0
    }
}

impl FieldPath {
    #[must_use]
    pub fn with(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if key.contains(['.', '/', '[', ' ', '"']) => {
                    write!(f, "[{}]", serde_json::to_string(key).map_err(|_| fmt::Error)?)?;
                }
                Segment::Key(key) if index == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Item(fields) => {
                    let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    write!(f, "[{}]", fields.join(","))?;
                }
                Segment::Index(at) => write!(f, "[{at}]")?,
            }
        }
        Ok(())
    }
}

/// What executing an action needs, so that nothing has to be looked up or decided then.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Write an object. `expect`: what was observed; the write is refused when it moved (absent: it must not be
    /// there). `leave`: fields of the desired object that are not sent.
    Write { desired: Arc<DesiredObject>, expect: Option<Mark>, leave: Vec<FieldPath> },
    /// Delete an object, or give it up.
    Remove { expect: Option<Mark> },
    /// Make this version of the graph the current one.
    Register { graph: Arc<WorkflowGraph>, change: Box<WorkflowChange> },
    /// Retire a workflow: no new runs.
    Retire { change: Box<WorkflowChange> },
}

/// A plan that may be executed. Made only from an [`crate::verdict::Admission`].
#[derive(Debug, Clone)]
pub struct ApprovedPlan(Arc<Plan>);

impl ApprovedPlan {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self(plan)
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_paths_read_like_kubernetes_writes_them() {
        let path = FieldPath::default()
            .key("spec")
            .key("containers")
            .with(Segment::Item(vec![("name".to_owned(), "app".to_owned())]))
            .key("image");
        assert_eq!(path.to_string(), "spec.containers[name=app].image");
        let label = FieldPath::default().key("metadata").key("labels").key("app.kubernetes.io/name");
        assert_eq!(label.to_string(), r#"metadata.labels["app.kubernetes.io/name"]"#);
    }
}
