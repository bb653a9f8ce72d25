//! The plan of a pass, its verdict and admission, and their record in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::Digest;
use naksha_environments::ids::Generation;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::{ObjectKey, Observation};
use naksha_environments::plan::{Plan, PlanId, Preconditions};
use naksha_environments::quiet::Quiet;
use naksha_environments::secret::{SecretMark, SecretRef};
use naksha_environments::verdict::{Acknowledgement, Admission, HoldReason, Verdict};
use naksha_environments::wire::PlanDocument;
use naksha_environments::workflow_change::Contexts;
use naksha_executor::port::secrets::SecretError;
use naksha_executor::port::store::{
    ApplyOutcome, ApplyRecord, EnvironmentRecord, Proposal, StepOutcome, StoreError,
};
use naksha_policies::{AdmitInput, GateState, GateVerdict, admit};
use naksha_renderer::plan::{PlanInput, diagnostics as plan_diagnostics, plan};
use serde_json::Value;

use super::desired::Renders;
use super::gates::{gates, goes_on};
use super::review::{Review, review};
use super::sources::Ready;
use super::{PassError, Reconciler};
use crate::judgement::{Base, Begun, BegunPlan, Bench, judge as judge_plan, planner};
use crate::secret_marks::{CurrentMarks, current_marks};

/// Applies that are looked through for one that was begun and is not done: a failing step is tried every two minutes.
const LOOK_BACK: u32 = 100;

/// What is planned, and what may be done about it.
pub(super) struct Judgement {
    pub(super) plan: Arc<Plan>,
    pub(super) verdict: Arc<Verdict>,
    pub(super) admission: Admission,
    /// Words about this plan that count.
    acknowledgements: Vec<Acknowledgement>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Secrets of which it is not known whether they changed.
    pub(super) unread: Vec<SecretError>,
    /// A gate of its promotion is not open.
    pub(super) awaits_gates: bool,
}

impl Judgement {
    /// Whether there is nothing to do because everything is as Git wants it, and nothing is wrong with that.
    pub(super) fn is_settled(&self) -> bool {
        self.plan.is_empty() && self.plan.is_complete() && self.verdict.blocking().next().is_none()
    }
}

/// What was recorded last: the plan and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposed {
    plan: PlanId,
    decision: &'static str,
    reasons: Vec<HoldReason>,
}

impl Proposed {
    /// Absent: there is nothing to record.
    fn of(judgement: &Judgement) -> Option<Self> {
        let (decision, reasons) = match &judgement.admission {
            Admission::Nothing => return None,
            Admission::Apply(_) => ("apply", Vec::new()),
            Admission::Hold { reasons, .. } => ("hold", reasons.clone()),
            Admission::Wait { .. } => ("wait", Vec::new()),
        };
        Some(Self { plan: judgement.plan.id.clone(), decision, reasons })
    }
}

impl Reconciler {
    /// Whether somebody has to decide about a plan that was not recorded yet.
    pub(super) fn is_news(&self, judgement: &Judgement) -> bool {
        let proposed = Proposed::of(judgement).filter(|proposed| proposed.decision != "apply");
        proposed.is_some() && proposed != self.proposed
    }
}

/// Everything that a judgement is made from, owned, so that it can be made on another thread.
struct Case {
    sources: Arc<Ready>,
    renders: Renders,
    observation: Arc<Observation>,
    quiet: Arc<Quiet>,
    inventory: Arc<Inventory>,
    acknowledgements: Vec<Acknowledgement>,
    begun: Begun,
    secrets: BTreeMap<SecretRef, SecretMark>,
    /// Objects that are fought over.
    resting: BTreeSet<ObjectKey>,
    findings: Arc<naksha_policies::FindingCache>,
    review: Review,
    gates: Vec<GateVerdict>,
    /// It was begun, and windows do not stop it any more.
    goes_on: bool,
    now: Timestamp,
}

impl Case {
    /// What was applied last, planned against what is now.
    fn plan_of_applied(&self) -> Plan {
        let Some(applied) = &self.renders.applied else { return Plan::empty(&self.sources.environment.name) };
        let input =
            PlanInput::new(&applied.rendered, &self.observation, &self.inventory, &self.sources.environment);
        plan(&PlanInput { secrets: Some(&self.secrets), resting: Some(&self.resting), ..input })
    }
}

/// Plans, judges, admits.
pub(super) async fn judge(
    this: &Reconciler,
    (record, sources): (&EnvironmentRecord, &Arc<Ready>),
    renders: &Renders,
    (observation, quiet): (&Arc<Observation>, &Arc<Quiet>),
    inventory: &Arc<Inventory>,
) -> Result<Judgement, PassError> {
    let (shared, now) = (&this.shared, Timestamp::now());
    let acknowledgements = shared.store.acknowledgements(&this.scope).await.map_err(PassError::Store)?;
    let CurrentMarks { marks, unread } =
        current_marks(this.secrets.as_ref(), &shared.key, &renders.wanted.rendered, quiet).await;
    let case = Case {
        review: review(this, record, sources, renders).await?,
        gates: gates(this, (record, sources), renders).await?,
        goes_on: goes_on(this, sources).await?,
        begun: begun(this, sources, &acknowledgements).await?,
        sources: Arc::clone(sources),
        renders: renders.clone(),
        observation: Arc::clone(observation),
        quiet: Arc::clone(quiet),
        inventory: Arc::clone(inventory),
        acknowledgements,
        secrets: marks,
        findings: Arc::clone(&this.findings),
        resting: this.fights.resting(now),
        now,
    };
    let judged = tokio::task::spawn_blocking(move || decide(&case)).await.map_err(PassError::Computation)?;
    Ok(Judgement { unread, ..judged })
}

fn decide(case: &Case) -> Judgement {
    let Case { sources, renders, observation, inventory, .. } = case;
    let (rendered, base) = (&*renders.wanted.rendered, renders.applied.as_deref());
    let Ready { environment, control, content, frozen, rolled_back_from, .. } = sources.as_ref();
    let (control_definitions, content_definitions) =
        (&control.loaded.definitions, &content.loaded.definitions);
    let mut plan = plan(&PlanInput {
        preconditions: Preconditions {
            control: Some(control.revision.clone()),
            content: Some(content.revision.clone()),
            policies: None,
            planner: planner(),
        },
        contexts: Contexts {
            before: base.map(|base| &base.content.loaded.definitions.contexts),
            after: Some(&content_definitions.contexts),
        },
        secrets: Some(&case.secrets),
        resting: Some(&case.resting),
        quiet: Some(&case.quiet),
        ..PlanInput::new(rendered, observation, inventory, environment)
    });
    let bench = Bench {
        control: control_definitions,
        content: content_definitions,
        tree: &content.tree,
        environment,
        rendered,
        base: base.map(|base| Base {
            rendered: &base.rendered,
            definitions: &base.content.loaded.definitions,
            tree: &base.content.tree,
        }),
        inventory,
        acknowledgements: &case.acknowledgements,
        before: base.map(|base| &base.control.loaded.definitions),
        begun: &case.begun,
        cache: &case.findings,
    };
    let judged = judge_plan(&bench, &plan, case.now);
    plan.preconditions.policies = Some(judged.verdict.policies);
    let mut diagnostics = judged.diagnostics;
    diagnostics.extend(plan_diagnostics(&plan, rendered));
    let plan = Arc::new(plan);
    let input = AdmitInput {
        plan: Arc::clone(&plan),
        verdict: &judged.verdict,
        shown: &case.review.shown,
        unreviewed: case.review.unreviewed,
        acknowledgements: &judged.acknowledgements,
        ignored: &judged.ignored,
        history: frozen.as_ref(),
        unreadable: &control_definitions.broken.policies,
        windows: if case.goes_on { &[] } else { &environment.windows },
        gates: &case.gates,
        rollback: rolled_back_from.is_some(),
        now: case.now,
    };
    let admission = admit(input, || case.plan_of_applied());
    let mut acknowledgements = judged.acknowledgements;
    acknowledgements.retain(|given| given.counts(&plan.id, case.now));
    let awaits_gates = case.gates.iter().any(|verdict| verdict.state != GateState::Open);
    let verdict = Arc::new(judged.verdict);
    let unread = Vec::new();
    Judgement { plan, verdict, admission, acknowledgements, diagnostics, unread, awaits_gates }
}

/// Plans that somebody said yes to, that were begun since the last apply that succeeded, and are not done.
async fn begun(
    this: &Reconciler,
    sources: &Ready,
    acknowledgements: &[Acknowledgement],
) -> Result<Begun, PassError> {
    let approvals = sources.control.loaded.definitions.approvals.iter().map(|approval| &approval.plan);
    let acknowledged: BTreeSet<&PlanId> =
        acknowledgements.iter().map(|given| &given.plan).chain(approvals).collect();
    let mut begun = Begun::default();
    if acknowledged.is_empty() {
        return Ok(begun);
    }
    let store = &this.shared.store;
    let applies = store.applies(&this.scope, LOOK_BACK).await.map_err(PassError::Store)?;
    let is_through =
        |apply: &&ApplyRecord| apply.outcome == Some(ApplyOutcome::Succeeded) && apply.revisions.is_some();
    let unfinished = applies.iter().take_while(|apply| !is_through(apply));
    let unfinished = unfinished.filter(|apply| apply.outcome != Some(ApplyOutcome::Succeeded));
    let mut done = BTreeSet::new();
    for ApplyRecord { id, plan, .. } in unfinished {
        let steps = store.steps(*id).await.map_err(PassError::Store)?;
        let steps = steps.into_iter().filter(|step| step.outcome == StepOutcome::Done);
        done.extend(steps.map(|step| (step.subject, step.verb)));
        if !acknowledged.contains(plan) || begun.0.contains_key(plan) {
            continue;
        }
        let document = store.plan_document(&this.scope, plan).await.map_err(PassError::Store)?;
        let actions = document.as_ref().and_then(|document| document.get("actions")?.as_array());
        let digest = |action: &Value| Digest::parse(action.get("digest")?.as_str()?);
        let actions = actions.into_iter().flatten().filter_map(digest).collect();
        begun.0.insert(plan.clone(), BegunPlan { actions, done: BTreeSet::new() });
    }
    // Whichever of them did it.
    begun.0.values_mut().for_each(|plan| plan.done.clone_from(&done));
    Ok(begun)
}

/// Records what was decided, unless it was recorded already. The part that heals is a plan of its own.
pub(super) async fn propose(
    this: &mut Reconciler,
    generation: Generation,
    record: &EnvironmentRecord,
    sources: &Ready,
    judgement: &Judgement,
) -> Result<(), PassError> {
    let Some(proposed) = Proposed::of(judgement) else {
        this.proposed = None;
        return Ok(());
    };
    let heal = match &judgement.admission {
        Admission::Hold { heal, .. } | Admission::Wait { heal, .. } => heal.as_ref(),
        Admission::Apply(_) | Admission::Nothing => None,
    };
    let (plan, decision) = (&judgement.plan, proposed.decision);
    let suspended = record.suspension.is_some();
    let approved = decision == "apply" && !suspended;
    let proposal = Proposal {
        scope: this.scope.clone(),
        generation,
        plan: plan.id.clone(),
        parent: record.target.clone(),
        approved,
        revisions: Some(sources.revisions()),
        document: String::new(),
        decision: decision.to_owned(),
        reasons: said(judgement),
        at: Timestamp::now(),
    };
    if this.proposed.as_ref() != Some(&proposed) || approved {
        record_proposal(this, &Proposal { document: document(judgement), ..proposal.clone() }).await?;
        this.proposed = Some(proposed);
    }
    if let Some(heal) = heal.filter(|_| !suspended) {
        let heal = heal.plan();
        let (document, decision) = (text(&PlanDocument::of(heal)), "apply".to_owned());
        let (plan, reasons) = (heal.id.clone(), Vec::new());
        record_proposal(this, &Proposal { plan, approved: true, document, decision, reasons, ..proposal })
            .await?;
    }
    Ok(())
}

async fn record_proposal(this: &mut Reconciler, proposal: &Proposal) -> Result<(), PassError> {
    match this.shared.store.propose(proposal).await {
        Ok(()) => Ok(()),
        Err(error @ StoreError::Stale { .. }) => {
            this.proposed = None;
            Err(PassError::Store(error))
        }
        Err(error) => Err(PassError::Store(error)),
    }
}

fn document(judgement: &Judgement) -> String {
    let document = PlanDocument::of(&judgement.plan)
        .with_verdict(&judgement.verdict)
        .with_acknowledgements(&judgement.acknowledgements)
        .with_admission(&judgement.admission)
        .with_diagnostics(&judgement.diagnostics);
    text(&document)
}

fn text(document: &PlanDocument) -> String {
    serde_json::to_string(document).expect("should write a document of texts and numbers")
}

fn said(judgement: &Judgement) -> Vec<String> {
    match &judgement.admission {
        Admission::Hold { reasons, .. } => {
            reasons.iter().map(|reason| format!("{}; {}", reason.message, reason.lift)).collect()
        }
        Admission::Wait { reason, .. } => vec![reason.clone()],
        Admission::Apply(_) | Admission::Nothing => Vec::new(),
    }
}
