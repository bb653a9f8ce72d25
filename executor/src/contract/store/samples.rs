//! Values that the cases put into a store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use naksha_environments::digest::Digest;
use naksha_environments::ids::{EnvironmentName, Generation, RepositoryName, Revision, UnitName};
use naksha_environments::inventory::Owned;
use naksha_environments::object::{Body, DesiredObject, Mark, ObjectKey, Provenance, Uid};
use naksha_environments::plan::PlanId;
use naksha_environments::rendered::{ObjectIndex, Rendered, RenderedUnit, UnitState};
use naksha_environments::run_once::RunEnd;
use naksha_environments::secret::MarkKey;
use naksha_environments::source::TreePath;
use naksha_environments::unit::{ConflictPolicy, ImmutablePolicy};
use serde_json::json;

use crate::port::store::{
    ApplyEnd, ApplyId, ApplyOutcome, ApplyStart, AuditEntry, Effect, NewMessage, Proposal, Revisions, Scope,
    SharedStore, StepOutcome, StepRecord,
};

/// Long enough to outlast any case.
pub const LONG: Duration = Duration::from_mins(10);

pub fn scope(environment: &str) -> Scope {
    Scope {
        repository: RepositoryName::parse("acme").expect("should be a name"),
        environment: EnvironmentName::parse(environment).expect("should be a name"),
    }
}

/// `seconds` after a fixed moment.
pub fn at(seconds: i64) -> Timestamp {
    let start = Timestamp::from_second(1_900_000_000).expect("should be a time");
    start + SignedDuration::from_secs(seconds) + SignedDuration::from_micros(7)
}

pub fn revision(digit: char) -> Revision {
    Revision::parse(&digit.to_string().repeat(40)).expect("should be a revision")
}

pub fn revisions(digit: char) -> Revisions {
    Revisions { control: revision('0'), content: revision(digit) }
}

pub fn plan_id(digit: char) -> PlanId {
    PlanId::parse(&digit.to_string().repeat(32)).expect("should be a plan id")
}

pub fn unit(name: &str) -> UnitName {
    UnitName::parse(name).expect("should be a name")
}

pub fn audit(what: &str) -> AuditEntry {
    AuditEntry {
        at: at(0),
        who: "ada".to_owned(),
        what: what.to_owned(),
        revision: Some(revision('a')),
        plan: Some(plan_id('a')),
        result: "done".to_owned(),
    }
}

pub fn key(name: &str) -> ObjectKey {
    ObjectKey::new("apps", "Deployment", Some("naksha"), name)
}

/// An owned object with every field set.
pub fn owned(name: &str) -> Owned {
    let body = json!({"kind": "Deployment", "metadata": {"name": name}, "spec": {"replicas": 2, "note": "é\n\u{1}"}});
    let marks = MarkKey::new([7; 32]);
    Owned {
        unit: unit("web"),
        api_version: "apps/v1".into(),
        desired: Digest::of_bytes(name.as_bytes()),
        applied: Body::new(&body),
        mark: Some(Mark {
            uid: Some(Uid("0a1b".into())),
            version: "42".into(),
            fingerprint: Digest::of_bytes(b"live"),
        }),
        secrets: BTreeMap::from([
            ("url".to_owned(), marks.mark(b"one")),
            ("key".to_owned(), marks.mark(b"two")),
        ]),
        stateful: true,
        end: Some(RunEnd::Failed("it failed: é".to_owned())),
    }
}

/// An object that is wanted with the body of [`owned`] of another name.
pub fn desired(name: &str, like: &str) -> DesiredObject {
    let path = TreePath::parse("units/web/web.yaml").expect("should be a path");
    DesiredObject {
        key: key(name),
        api_version: "apps/v1".into(),
        body: owned(like).applied,
        secrets: BTreeMap::new(),
        wave: 0,
        provenance: Provenance { path, line: 1, rendered: false },
    }
}

/// What one unit makes.
pub fn rendered<const N: usize>(objects: [DesiredObject; N]) -> Rendered {
    let unit = RenderedUnit {
        name: unit("web"),
        state: UnitState::Rendered(objects.into_iter().map(Arc::new).collect()),
        depends_on: BTreeMap::new(),
        variables: Arc::default(),
        conflicts: ConflictPolicy::Refuse,
        immutable: ImmutablePolicy::Fail,
        ignore: [].into(),
        digest: Digest::of_bytes(b"objects"),
    };
    Rendered {
        environment: EnvironmentName::parse("dev").expect("should be a name"),
        units: BTreeMap::from([(unit.name.clone(), unit)]),
        workflows: BTreeMap::new(),
        broken_workflows: BTreeSet::new(),
        diagnostics: Vec::new(),
        broken: false,
        index: ObjectIndex::default(),
    }
}

/// An object that is only meant to be ours.
pub fn intent(name: &str) -> Owned {
    Owned { mark: None, secrets: BTreeMap::new(), stateful: false, end: None, ..owned(name) }
}

pub fn proposal(scope: &Scope, generation: Generation, plan: char, parent: Option<char>) -> Proposal {
    Proposal {
        scope: scope.clone(),
        generation,
        plan: plan_id(plan),
        parent: parent.map(plan_id),
        approved: true,
        revisions: Some(revisions(plan)),
        document: json!({"plan": plan.to_string(), "actions": [{"verb": "create"}]}).to_string(),
        decision: "apply".to_owned(),
        reasons: vec!["every action was reviewed".to_owned()],
        at: at(1),
    }
}

/// Where everything is that the cases own.
pub const PLACE: &str = "directory out";

pub fn start(scope: &Scope, generation: Generation, plan: char) -> ApplyStart {
    ApplyStart {
        scope: scope.clone(),
        generation,
        plan: plan_id(plan),
        revisions: Some(revisions(plan)),
        place: PLACE.into(),
        intents: BTreeMap::new(),
        at: at(2),
    }
}

pub fn step(subject: &str, effect: Effect) -> StepRecord {
    StepRecord {
        subject: subject.to_owned(),
        unit: Some(unit("web")),
        verb: "create".to_owned(),
        outcome: StepOutcome::Done,
        attempts: 1,
        started: at(3),
        ended: at(4),
        effect,
    }
}

pub fn end(outcome: ApplyOutcome) -> ApplyEnd {
    ApplyEnd { outcome, at: at(5), audit: audit("apply"), messages: Vec::new() }
}

pub fn message(topic: &str, text: &str) -> NewMessage {
    let body = json!({"text": text}).to_string();
    NewMessage { sink: "log".to_owned(), topic: topic.to_owned(), body, at: at(6) }
}

/// Leases an environment for as long as the case runs.
pub async fn lease(store: &SharedStore, scope: &Scope) -> Generation {
    store.lease(scope, "one", LONG).await.expect("should lease")
}

/// Proposes `plan` on top of `parent` and begins to apply it.
pub async fn begin(
    store: &SharedStore,
    scope: &Scope,
    generation: Generation,
    (parent, plan): (Option<char>, char),
) -> ApplyId {
    store.propose(&proposal(scope, generation, plan, parent)).await.expect("should become the target");
    store.begin(&start(scope, generation, plan)).await.expect("should begin")
}
