//! Plans, verdicts and decisions as documents.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{DiagnosticDocument, PlaceDocument};
use super::plan::{
    AcknowledgementDocument, ActionDocument, BlockedDocument, ChangeDocument, ConflictDocument,
    CountsDocument, DecisionDocument, DriftDocument, FindingDocument, HoldDocument, LeftDocument,
    LeftFieldDocument, PLAN_VERSION, PlanDocument, PreconditionsDocument, ReasonDocument, StandingDocument,
    SubjectDocument,
};
use super::shown::{Marks, text_document};
use super::workflow::WorkflowChangeDocument;
use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::ids::UnitName;
use crate::object::{KeyParts, ObjectKey, Provenance};
use crate::plan::{
    Action, ApprovedPlan, Blocked, Cause, Change, Conflict, LeftAlone, LeftField, LeftTo, Payload, Plan,
    Preconditions, Resolution, Subject, Verb,
};
use crate::verdict::{Acknowledgement, Admission, Finding, HoldReason, Standing, Verdict};

impl PlanDocument {
    /// The plan alone. Nothing was judged or decided yet.
    pub fn of(plan: &Plan) -> Self {
        let Plan {
            environment,
            id,
            actions,
            unknown,
            // The objects are listed.
            unseen: _,
            blocked,
            drifted,
            left,
            kept,
            // Entries of objects that are gone: nothing happens to anything that is there.
            forget: _,
            unchanged,
            order,
            preconditions,
        } = plan;
        let mut marks = Marks::default();
        let reason = |(key, reason): (&ObjectKey, &String)| ReasonDocument {
            subject: SubjectDocument::of_key(key),
            reason: text_document(reason),
        };
        let acting: BTreeSet<&UnitName> = actions.iter().filter_map(|action| action.unit.as_ref()).collect();
        let names = |units: &Vec<UnitName>| units.iter().map(ToString::to_string).collect();
        Self {
            version: PLAN_VERSION,
            environment: environment.to_string(),
            id: id.to_string(),
            counts: counts(actions, *unchanged),
            actions: actions.iter().map(|it| action(it, &mut marks)).collect(),
            drifted: drifted.iter().map(|(key, changed)| drift(key, changed, &mut marks)).collect(),
            left_alone: left.iter().filter_map(|(key, left)| left_alone(key, left, &mut marks)).collect(),
            unknown: unknown.iter().map(reason).collect(),
            kept: kept.iter().map(reason).collect(),
            blocked: blocked.iter().map(|(unit, why)| block(unit, why)).collect(),
            order: order
                .iter()
                .filter(|(unit, _)| acting.contains(unit))
                .map(|(unit, needs)| (unit.to_string(), names(needs)))
                .collect(),
            preconditions: preconditions_document(preconditions),
            findings: Vec::new(),
            known_findings: BTreeMap::new(),
            acknowledgements: Vec::new(),
            decision: None,
            diagnostics: Vec::new(),
        }
    }

    /// Marks the actions that `base`, the plan of the base against the same target, has too.
    #[must_use]
    pub fn with_base(mut self, base: &Plan) -> Self {
        let known: BTreeSet<String> = base.actions.iter().map(|action| action.digest.to_string()).collect();
        for action in &mut self.actions {
            action.from_base = known.contains(&action.digest);
        }
        self
    }

    /// The actions that the base alone would not cause.
    pub fn own_actions(&self) -> BTreeSet<Digest> {
        let own = self.actions.iter().filter(|action| !action.from_base);
        own.filter_map(|action| Digest::parse(&action.digest)).collect()
    }

    #[must_use]
    pub fn with_verdict(mut self, verdict: &Verdict) -> Self {
        self.findings = verdict.findings.iter().map(FindingDocument::of).collect();
        self.known_findings = verdict.known.iter().map(|(rule, count)| (rule.to_string(), *count)).collect();
        self
    }

    /// `given`: those about this plan that count.
    #[must_use]
    pub fn with_acknowledgements(mut self, given: &[Acknowledgement]) -> Self {
        self.acknowledgements = given.iter().map(AcknowledgementDocument::of).collect();
        self
    }

    #[must_use]
    pub fn with_admission(mut self, admission: &Admission) -> Self {
        self.decision = Some(decision(admission));
        self
    }

    #[must_use]
    pub fn with_diagnostics(mut self, diagnostics: &[Diagnostic]) -> Self {
        self.diagnostics = DiagnosticDocument::all(diagnostics);
        self
    }
}

fn counts(actions: &[Action], unchanged: usize) -> CountsDocument {
    let mut counts = CountsDocument { unchanged, ..CountsDocument::default() };
    for action in actions {
        let count = match action.verb {
            Verb::Create => &mut counts.create,
            Verb::Update => &mut counts.update,
            Verb::Replace => &mut counts.replace,
            Verb::Delete => &mut counts.delete,
            Verb::Adopt => &mut counts.adopt,
            Verb::Move { .. } => &mut counts.moved,
            Verb::Disown => &mut counts.disown,
            Verb::Rotate => &mut counts.rotate,
        };
        *count += 1;
    }
    counts
}

fn action(action: &Action, marks: &mut Marks) -> ActionDocument {
    let Action { digest, unit, subject, verb, cause, changes: changed, conflicts, stateful, wave, payload } =
        action;
    let from = match verb {
        Verb::Move { from } => Some(from.to_string()),
        _ => None,
    };
    let (place, workflow) = match payload {
        Payload::Write { desired, .. } => (Some(provenance(&desired.provenance)), None),
        Payload::Remove { .. } => (None, None),
        Payload::Register { graph, change } => {
            (Some(PlaceDocument::of(&graph.place)), Some(WorkflowChangeDocument::of(change, Some(graph))))
        }
        Payload::Retire { change } => (None, Some(WorkflowChangeDocument::of(change, None))),
    };
    ActionDocument {
        digest: digest.to_string(),
        unit: unit.as_ref().map(ToString::to_string),
        subject: SubjectDocument::of(subject),
        verb: verb.as_str().to_owned(),
        from,
        cause: cause_word(*cause).to_owned(),
        stateful: *stateful,
        from_base: false,
        wave: *wave,
        place,
        changes: changes(changed, marks),
        conflicts: conflicts.iter().map(conflict).collect(),
        workflow,
    }
}

fn cause_word(cause: Cause) -> &'static str {
    match cause {
        Cause::Change => "change",
        Cause::Drift => "drift",
        Cause::Rotation => "rotation",
    }
}

fn provenance(provenance: &Provenance) -> PlaceDocument {
    // The line of a template's output leads nowhere in the repository.
    let line = (!provenance.rendered).then_some(provenance.line);
    PlaceDocument { path: provenance.path.to_string(), line, column: None, width: None, text: None }
}

fn changes(changes: &[Change], marks: &mut Marks) -> Vec<ChangeDocument> {
    changes.iter().map(|change| change_document(change, marks)).collect()
}

fn change_document(change: &Change, marks: &mut Marks) -> ChangeDocument {
    ChangeDocument {
        path: text_document(&change.path.to_string()),
        before: change.before.as_ref().map(|shown| marks.shown(shown)),
        after: change.after.as_ref().map(|shown| marks.shown(shown)),
        set_by: None,
    }
}

fn conflict(conflict: &Conflict) -> ConflictDocument {
    let resolution = match conflict.resolution {
        Resolution::Refuse => "refuse",
        Resolution::Take => "take",
        Resolution::Leave => "leave",
        Resolution::Immutable => "immutable",
        Resolution::HandOver => "hand-over",
    };
    ConflictDocument {
        path: text_document(&conflict.path.to_string()),
        manager: conflict.manager.as_deref().map(text_document),
        resolution: resolution.to_owned(),
    }
}

fn drift(key: &ObjectKey, changed: &[Change], marks: &mut Marks) -> DriftDocument {
    DriftDocument { subject: SubjectDocument::of_key(key), changes: changes(changed, marks) }
}

/// Absent: only a condition gave no answer there, which the diagnostics say.
fn left_alone(key: &ObjectKey, left: &LeftAlone, marks: &mut Marks) -> Option<LeftDocument> {
    let LeftAlone { unit, fields, unjudged: _ } = left;
    let mut field = |LeftField { change, to }: &LeftField| {
        let (to, reason, place) = match to {
            LeftTo::Rule { place, reason } => ("rule", text_document(reason), Some(PlaceDocument::of(place))),
            LeftTo::Autoscaler => ("autoscaler", "scaled by an autoscaler".to_owned(), None),
            LeftTo::Target => ("target", "rewritten by the target".to_owned(), None),
        };
        LeftFieldDocument { change: change_document(change, marks), to: to.to_owned(), reason, place }
    };
    let fields: Vec<LeftFieldDocument> = fields.iter().map(&mut field).collect();
    let (unit, subject) = (unit.to_string(), SubjectDocument::of_key(key));
    (!fields.is_empty()).then_some(LeftDocument { unit, subject, fields })
}

fn block(unit: &UnitName, why: &Blocked) -> BlockedDocument {
    let (kind, reason) = match why {
        Blocked::Broken(reason) => ("broken", reason.clone()),
        Blocked::Unsupported(source) => ("unsupported", format!("this version cannot apply `{source}`")),
        Blocked::NotYet => ("notYet", "it comes with the next promotion".to_owned()),
        Blocked::DependsOn(needed) => ("dependsOn", format!("it needs unit `{needed}`")),
    };
    BlockedDocument { unit: unit.to_string(), kind: kind.to_owned(), reason: text_document(&reason) }
}

fn preconditions_document(preconditions: &Preconditions) -> PreconditionsDocument {
    let Preconditions { control, content, policies, planner } = preconditions;
    PreconditionsDocument {
        control: control.as_ref().map(ToString::to_string),
        content: content.as_ref().map(ToString::to_string),
        policies: policies.map(|digest| digest.to_string()),
        planner: planner.clone(),
    }
}

impl FindingDocument {
    pub fn of(finding: &Finding) -> Self {
        let Finding { severity, rule, unit, subject, field, place, message, fix, standing } = finding;
        let standing = match standing {
            Standing::New => StandingDocument::New,
            Standing::Waived { reason } => StandingDocument::Waived { reason: text_document(reason) },
            Standing::NeedsAcknowledgement => StandingDocument::NeedsAcknowledgement,
            Standing::Acknowledged { by, reason } => {
                StandingDocument::Acknowledged { by: text_document(by), reason: text_document(reason) }
            }
        };
        Self {
            severity: severity.as_str().to_owned(),
            rule: rule.to_string(),
            unit: unit.as_ref().map(ToString::to_string),
            subject: subject.as_ref().map(SubjectDocument::of),
            field: field.as_deref().map(text_document),
            place: place.as_ref().map(PlaceDocument::of),
            message: text_document(message),
            fix: fix.as_deref().map(text_document),
            standing,
            blocks: finding.blocks(),
        }
    }
}

fn decision(admission: &Admission) -> DecisionDocument {
    let word = |decision: &str| DecisionDocument {
        decision: decision.to_owned(),
        holds: Vec::new(),
        reason: None,
        until: None,
        heals: 0,
    };
    let heals = |heal: &Option<ApprovedPlan>| heal.as_ref().map_or(0, |heal| heal.plan().actions.len());
    match admission {
        Admission::Apply(_) => word("apply"),
        Admission::Nothing => word("nothing"),
        Admission::Hold { reasons, heal } => DecisionDocument {
            holds: reasons.iter().map(HoldDocument::of).collect(),
            heals: heals(heal),
            ..word("hold")
        },
        Admission::Wait { until, reason, lifts, heal } => DecisionDocument {
            holds: lifts.iter().map(HoldDocument::of).collect(),
            reason: Some(text_document(reason)),
            until: until.map(|until| until.to_string()),
            heals: heals(heal),
            ..word("wait")
        },
    }
}

impl AcknowledgementDocument {
    pub fn of(given: &Acknowledgement) -> Self {
        let Acknowledgement { plan: _, by, reason, at, expires, source } = given;
        Self {
            by: text_document(by),
            reason: text_document(reason),
            at: at.map(|at| at.to_string()),
            expires: expires.map(|expires| expires.to_string()),
            source: text_document(source),
        }
    }
}

impl HoldDocument {
    pub fn of(hold: &HoldReason) -> Self {
        let HoldReason { kind, message, lift } = hold;
        Self { kind: kind.word().to_owned(), message: text_document(message), lift: text_document(lift) }
    }
}

impl SubjectDocument {
    pub fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Object(key) => Self::of_key(key),
            Subject::Workflow(name) => Self {
                group: String::new(),
                kind: "Workflow".to_owned(),
                namespace: None,
                name: name.to_string(),
            },
        }
    }

    pub fn of_key(key: &ObjectKey) -> Self {
        let KeyParts { group, kind, namespace, name } = &**key;
        Self {
            group: group.to_string(),
            kind: kind.to_string(),
            namespace: namespace.as_ref().map(ToString::to_string),
            name: text_document(name),
        }
    }
}
