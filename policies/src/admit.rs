//! Admission: whether a plan may be applied now, must wait for a person, or for time.
//!
//! Everything that holds a plan is said at once, each with what lifts it. A held or waiting plan still lets the
//! part of it through that only heals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::ids::RuleName;
use naksha_environments::moment::to_the_second;
use naksha_environments::plan::{Action, Cause, Plan, Resolution, Subject, Verb};
use naksha_environments::repository::Unreviewed;
use naksha_environments::verdict::{
    Acknowledgement, Admission, Finding, HoldKind, HoldReason, Shown, Standing, Verdict,
};
use naksha_environments::window::{Opening, Window, opening};

use crate::gates::{Gate, GateState, GateVerdict};
use crate::standing::acknowledgement;

/// Actions that a reason names one by one; the rest is counted.
const MAX_NAMED: usize = 10;

/// Everything that is decided on.
#[derive(Debug, Clone)]
pub struct AdmitInput<'a> {
    pub plan: Arc<Plan>,
    pub verdict: &'a Verdict,
    /// What people have seen on merged pull requests. While that may be more, what nobody is known to have seen waits, and
    /// is not held yet.
    pub shown: &'a Shown,
    /// What happens to actions that nobody has seen, with the default already filled in.
    pub unreviewed: Unreviewed,
    pub acknowledgements: &'a [Acknowledgement],
    /// Approvals of this plan that do not count, and why.
    pub ignored: &'a [String],
    /// Why the history cannot be trusted: the branch was rewritten, or is gone.
    pub history: Option<&'a HoldReason>,
    /// Rules of the repository that cannot be read: what they forbid is not known.
    pub unreadable: &'a BTreeSet<RuleName>,
    pub windows: &'a [Window],
    /// Of a promotion that was not applied yet; empty for everything else.
    pub gates: &'a [GateVerdict],
    /// The content goes back to what ran here before.
    pub rollback: bool,
    pub now: Timestamp,
}

/// Decides. `applied` plans what was applied last against what is now: while the plan waits, that is still healed.
pub fn admit(input: AdmitInput<'_>, applied: impl FnOnce() -> Plan) -> Admission {
    let mut reasons = reasons(&input);
    let pending = pending(&input, &mut reasons);
    let only_heals = input.plan.actions.iter().all(heals);
    if reasons.is_empty()
        && !input.plan.is_empty()
        && !only_heals
        && !input.rollback
        && let Opening::Closed { until, reason } = opening(input.windows, input.now)
    {
        return Admission::wait(until, reason, healing(&input.plan, &applied()));
    }
    if let Some((until, lifts)) = pending {
        return Admission::wait_or_lift(until, lifts, healing(&input.plan, &applied()));
    }
    let heal = if reasons.is_empty() { None } else { healing(&input.plan, &applied()) };
    Admission::of(input.plan, reasons, heal)
}

/// What is only a matter of time is not held: a gate that opens by itself, and what nobody can say yet was not reviewed. When that is
/// all there is: until when, and what of it a word would lift.
fn pending(
    input: &AdmitInput<'_>,
    reasons: &mut Vec<HoldReason>,
) -> Option<(Option<Timestamp>, Vec<HoldReason>)> {
    let mut waits = Vec::new();
    if let Some(pending) = &input.shown.pending {
        let held = reasons.len();
        reasons.retain(|reason| reason.kind != HoldKind::Unreviewed);
        if reasons.len() < held {
            let (kind, message, lift) = (HoldKind::Unreviewed, pending.clone(), by_itself(&input.plan));
            waits.push((None, HoldReason { kind, message, lift }));
        }
    }
    let gates = own_gates(input).filter_map(|verdict| match verdict.state {
        GateState::Waits { until } if !is_acknowledged(input) => Some((until, gate_reason(verdict, input))),
        GateState::Waits { .. } | GateState::Open | GateState::Shut => None,
    });
    if !reasons.is_empty() {
        // Everything that is in the way is said at once.
        let gates: Vec<HoldReason> = gates.map(|(_, reason)| reason).collect();
        reasons.extend(gates);
        return None;
    }
    waits.extend(gates);
    let last = |one: Option<Timestamp>, other: Option<Timestamp>| Some(one?.max(other?));
    let until = waits.iter().map(|(until, _)| *until).reduce(last)?;
    Some((until, waits.into_iter().map(|(_, reason)| reason).collect()))
}

/// Windows are looked at by themselves: they say until when. What only heals was not promoted.
fn own_gates<'a>(input: &AdmitInput<'a>) -> impl Iterator<Item = &'a GateVerdict> {
    let is_change = !input.plan.actions.iter().all(heals);
    input.gates.iter().filter(move |verdict| is_change && verdict.gate != Gate::Window)
}

fn by_itself(plan: &Plan) -> String {
    format!("it goes on when that changes; sooner by {}", ack(plan))
}

fn gate_reason(verdict: &GateVerdict, input: &AdmitInput<'_>) -> HoldReason {
    HoldReason {
        kind: HoldKind::Gate,
        message: format!("promotion, {}: {}", verdict.gate.word(), verdict.words),
        lift: by_itself(&input.plan),
    }
}

fn is_acknowledged(input: &AdmitInput<'_>) -> bool {
    acknowledgement(&input.plan.id, input.acknowledgements, input.now).is_some()
}

/// Takes back what somebody else changed, or follows a secret: nothing that Git asks for newly.
fn heals(action: &Action) -> bool {
    matches!(action.cause, Cause::Drift | Cause::Rotation)
}

/// The part that may go ahead while the rest waits: what heals, and neither deletes nor fights. What is gone and is not
/// wanted by what waits is not made again: it may be gone because that was begun, and a claim that is made again is empty.
fn healing(waits: &Plan, applied: &Plan) -> Option<Arc<Plan>> {
    let deletes = |action: &Action| matches!(action.verb, Verb::Delete | Verb::Replace);
    let is_given_up = |action: &Action| match &action.subject {
        Subject::Object(key) => waits.forget.contains(key),
        Subject::Workflow(_) => false,
    };
    let may_go =
        |action: &Action| !deletes(action) && !is_given_up(action) && refused(action).next().is_none();
    let part = applied.subset(|action| heals(action) && may_go(action));
    (!part.is_empty()).then(|| Arc::new(part))
}

fn refused(action: &Action) -> impl Iterator<Item = &naksha_environments::plan::Conflict> {
    action.conflicts.iter().filter(|conflict| conflict.resolution.refuses())
}

fn reasons(input: &AdmitInput<'_>) -> Vec<HoldReason> {
    let mut reasons: Vec<HoldReason> =
        input.verdict.blocking().map(|finding| finding_reason(finding, &input.plan)).collect();
    reasons.extend(input.plan.actions.iter().flat_map(conflict_reasons));
    if !is_acknowledged(input) {
        reasons.extend(adoption(input));
        reasons.extend(unreviewed(input));
        reasons.extend(shut_gates(input));
    }
    reasons.extend(input.history.cloned());
    reasons.extend(input.unreadable.iter().map(unreadable));
    let notes = expired(input).into_iter().chain(input.ignored.iter().map(|why| format!("; {why}")));
    let notes: String = notes.collect();
    for reason in &mut reasons {
        if reason.kind.takes_acknowledgement() {
            reason.message.push_str(&notes);
        }
    }
    reasons.sort();
    reasons.dedup();
    reasons
}

fn unreadable(rule: &RuleName) -> HoldReason {
    HoldReason {
        kind: HoldKind::Policy,
        message: format!("policy `{rule}` cannot be read, so that what it forbids is not known"),
        lift: "mend its definition; `naksha check` says what is wrong with it".to_owned(),
    }
}

/// The two doors to an acknowledgement.
fn ack(plan: &Plan) -> String {
    let id = &plan.id;
    format!("`naksha ack {} --reason …`, or commit approvals/{id}.yaml", id.short())
}

fn finding_reason(finding: &Finding, plan: &Plan) -> HoldReason {
    let place = finding.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    let subject = finding.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
    let message = format!("{}: {subject}{}{place}", finding.rule, finding.message);
    if finding.standing == Standing::NeedsAcknowledgement {
        return HoldReason { kind: HoldKind::Guard, message, lift: ack(plan) };
    }
    let waive = "or waive it with a reason and a day under `policies.waivers` in naksha.yaml";
    let lift = match &finding.fix {
        Some(fix) => format!("{fix}; {waive}"),
        None => format!("fix it, {waive}"),
    };
    HoldReason { kind: HoldKind::Policy, message, lift }
}

fn conflict_reasons(action: &Action) -> impl Iterator<Item = HoldReason> {
    refused(action).map(|conflict| {
        let who = conflict.manager.as_deref().unwrap_or("somebody else");
        let unit = action.unit.as_ref().map_or("the unit", |unit| unit.as_str());
        if conflict.resolution == Resolution::Immutable {
            return HoldReason {
                kind: HoldKind::Conflict,
                message: format!("{}: field `{}` cannot be changed in place", action.subject, conflict.path),
                lift: format!(
                    "undo the change, or set `immutable: recreate` in unit.yaml of `{unit}`: the object is deleted and made again"
                ),
            };
        }
        HoldReason {
            kind: HoldKind::Conflict,
            message: format!("{}: field `{}` was set by `{who}`", action.subject, conflict.path),
            lift: format!(
                "set `conflicts: take` or `conflicts: leave` in unit.yaml of `{unit}`, or let `{who}` give the field up"
            ),
        }
    })
}

fn adoption(input: &AdmitInput<'_>) -> Option<HoldReason> {
    let adopted: Vec<&Action> =
        input.plan.actions.iter().filter(|action| action.verb == Verb::Adopt).collect();
    if adopted.is_empty() {
        return None;
    }
    Some(HoldReason {
        kind: HoldKind::Adoption,
        message: format!("it takes over what exists and was not made by it: {}", named(&adopted)),
        lift: format!(
            "{}; where the database was lost, first `naksha inventory rebuild {}`",
            ack(&input.plan),
            input.plan.environment
        ),
    })
}

fn unreviewed(input: &AdmitInput<'_>) -> Vec<HoldReason> {
    if input.unreviewed == Unreviewed::Apply {
        return Vec::new();
    }
    let unseen = |action: &&Action| !heals(action) && !input.shown.actions.contains(&action.digest);
    let mut by_reason: BTreeMap<&str, Vec<&Action>> = BTreeMap::new();
    for action in input.plan.actions.iter().filter(unseen) {
        let reason = input.shown.unapproved.get(&action.digest);
        by_reason
            .entry(reason.map_or("no pull request showed this", String::as_str))
            .or_default()
            .push(action);
    }
    let reason = |(reason, actions): (&str, Vec<&Action>)| HoldReason {
        kind: HoldKind::Unreviewed,
        message: format!("{reason}: {}", named(&actions)),
        lift: ack(&input.plan),
    };
    by_reason.into_iter().map(reason).collect()
}

fn shut_gates(input: &AdmitInput<'_>) -> Vec<HoldReason> {
    let shut = own_gates(input).filter(|verdict| verdict.state == GateState::Shut);
    shut.map(|verdict| gate_reason(verdict, input)).collect()
}

fn named(actions: &[&Action]) -> String {
    let mut words: Vec<String> = actions
        .iter()
        .take(MAX_NAMED)
        .map(|action| format!("{} {}", action.verb.as_str(), subject(action)))
        .collect();
    if actions.len() > MAX_NAMED {
        words.push(format!("and {} more", actions.len() - MAX_NAMED));
    }
    words.join(", ")
}

fn subject(action: &Action) -> String {
    match &action.subject {
        Subject::Object(key) => key.to_string(),
        Subject::Workflow(name) => format!("Workflow {name}"),
    }
}

/// A plan that was acknowledged too long ago says so.
fn expired(input: &AdmitInput<'_>) -> Option<String> {
    let old = input.acknowledgements.iter().find(|one| one.plan == input.plan.id)?;
    let expires = old.expires.filter(|expires| *expires <= input.now)?;
    Some(format!("; the acknowledgement of {} ended at {}", old.by, to_the_second(expires)))
}
