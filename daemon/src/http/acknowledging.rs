//! `POST …/ack`: a person's word about one plan that waits.
//!
//! A word that lifts nothing is refused, with what does lift it: kept, it would look like help. One that lifts a part is
//! recorded, and the answer says what holds the plan all the same.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use naksha_environments::codes::daemon as codes;
use naksha_environments::plan::PlanId;
use naksha_environments::status::State as EnvironmentState;
use naksha_environments::verdict::{Acknowledgement, SOCKET};
use naksha_environments::wire::{DecisionDocument, HoldDocument};
use naksha_executor::port::store::{Scope, Store};
use naksha_renderer::present::clean_time;

use super::acting::{audit, reason_given, seen};
use super::api::{AckRequest, Done};
use super::reading::Which;
use super::refusal::Refused;
use super::request::{Asked, Given, Named};
use super::routes::{ApiState, Caller};
use crate::history;
use crate::registry::Handle;

/// Reasons that a refusal names; the rest is counted.
const FEW: usize = 3;

pub(super) async fn acknowledge(
    State(state): State<ApiState>,
    Named(prefix): Named,
    Asked(which): Asked<Which>,
    Extension(caller): Extension<Caller>,
    Given(AckRequest { reason, expires }): Given<AckRequest>,
) -> Result<Json<Done>, Refused> {
    let reason = reason_given(reason)?;
    let now = Timestamp::now();
    if let Some(expires) = expires.filter(|expires| *expires <= now) {
        return Err(Refused::bad(format!("the acknowledgement would have run out already: {expires}")));
    }
    let (handle, plan) = waiting_plan(&state, &which, &prefix).await?;
    let store = state.store.as_ref();
    let before = holds(store, &handle.scope, &plan).await?;
    let (lifted, others): (Vec<_>, Vec<_>) =
        before.into_iter().partition(HoldDocument::takes_acknowledgement);
    if lifted.is_empty() {
        return Err(in_vain(store, &handle.scope, &plan, &others, now).await?);
    }
    let (by, source) = (caller.0.clone(), SOCKET.to_owned());
    let ack = Acknowledgement { plan: plan.clone(), by, reason, at: Some(now), expires, source };
    let mut audit = audit(&caller, "ack", &ack.reason);
    audit.plan = Some(plan.clone());
    store.acknowledge(&handle.scope, &ack, &audit).await?;
    let is_seen = seen(&handle, Handle::poke).await;
    let remains = if is_seen { remaining(store, &handle, &plan).await? } else { others };
    let message = match (remains.is_empty(), is_seen) {
        (true, true) => format!("plan {} is acknowledged", plan.short()),
        (true, false) => format!("plan {} is acknowledged: the next pass shows it", plan.short()),
        (false, _) => format!("plan {} is acknowledged, and this holds it all the same:", plan.short()),
    };
    Ok(Json(Done { scopes: vec![handle.scope.to_string()], message, remains }))
}

/// The one plan of this name that waits for somebody. A word about any other would wait for it to come back, and let it
/// through unseen.
async fn waiting_plan(state: &ApiState, which: &Which, prefix: &str) -> Result<(Handle, PlanId), Refused> {
    history::check_prefix(prefix)?;
    let mut waiting = Vec::new();
    for handle in which.handles(state).await? {
        if let Some(plan) = waits(state.store.as_ref(), &handle).await? {
            waiting.push((handle, plan));
        }
    }
    let wanted = prefix.to_ascii_lowercase();
    let (mut fitting, others): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|(_, plan)| plan.as_str().starts_with(&wanted));
    match fitting.len() {
        0 => Err(none_waits(state, prefix, others).await?),
        1 => Ok(fitting.remove(0)),
        _ => {
            let message = format!("`{prefix}` names several plans: {}", names(&fitting));
            Err(Refused::bad(message)
                .hint("give more digits, or name the environment: ?environment=REPOSITORY/NAME, --env"))
        }
    }
}

/// No plan of that name waits; of the `others` those are named that a word would lift something of.
async fn none_waits(
    state: &ApiState,
    prefix: &str,
    others: Vec<(Handle, PlanId)>,
) -> Result<Refused, Refused> {
    let mut for_a_word = Vec::new();
    for (handle, plan) in others {
        let holds = holds(state.store.as_ref(), &handle.scope, &plan).await?;
        if holds.iter().any(HoldDocument::takes_acknowledgement) {
            for_a_word.push((handle, plan));
        }
    }
    let message = format!("no plan `{prefix}` waits for an acknowledgement");
    let hint = if for_a_word.is_empty() {
        "no plan waits for one now; `naksha status` says what is held".to_owned()
    } else {
        format!("these wait: {}", names(&for_a_word))
    };
    Ok(Refused::new(StatusCode::CONFLICT, codes::PLAN_NOT_WAITING, message).hint(hint))
}

fn names(plans: &[(Handle, PlanId)]) -> String {
    let names: Vec<_> = plans.iter().map(|(handle, plan)| format!("{plan} ({})", handle.scope)).collect();
    names.join(", ")
}

/// The plan of an environment that waits, as of its last pass.
async fn waits(store: &dyn Store, handle: &Handle) -> Result<Option<PlanId>, Refused> {
    let Some(plan) = handle.status().and_then(|status| status.plan.clone()) else { return Ok(None) };
    let record = store.plan(Some(&handle.scope), plan.as_str()).await?.into_iter().next();
    let is_waiting = record.is_some_and(|record| matches!(record.decision.as_str(), "hold" | "wait"));
    Ok(is_waiting.then_some(plan))
}

/// Everything that holds a plan, as it was recorded last.
async fn holds(store: &dyn Store, scope: &Scope, plan: &PlanId) -> Result<Vec<HoldDocument>, Refused> {
    let document = store.plan_document(scope, plan).await?;
    let decision = document.and_then(|mut document| document.get_mut("decision").map(std::mem::take));
    // One that cannot be read was written by another version: the next pass says what holds it.
    let decision = decision.and_then(|decision| serde_json::from_value::<DecisionDocument>(decision).ok());
    Ok(decision.map(held_by).unwrap_or_default())
}

/// Pure. A window holds a plan like anything else.
fn held_by(decision: DecisionDocument) -> Vec<HoldDocument> {
    let DecisionDocument { decision, mut holds, reason, until, heals: _ } = decision;
    if decision == "wait" && holds.is_empty() {
        let by_itself = until.map(|until| format!("it goes ahead by itself at {}; ", clean_time(&until)));
        holds.push(HoldDocument {
            kind: "window".to_owned(),
            message: reason.unwrap_or_else(|| "a window is closed".to_owned()),
            lift: format!("{}`windows` in environment.yaml rule that", by_itself.unwrap_or_default()),
        });
    }
    holds
}

/// What holds the plan now that a pass has looked at the word about it.
async fn remaining(store: &dyn Store, handle: &Handle, plan: &PlanId) -> Result<Vec<HoldDocument>, Refused> {
    let Some(status) = handle.status().filter(|status| status.plan.as_ref() == Some(plan)) else {
        return Ok(Vec::new());
    };
    let mut remains = holds(store, &handle.scope, plan).await?;
    if let EnvironmentState::Suspended { by, reason } = &status.state {
        remains.push(HoldDocument {
            kind: "suspension".to_owned(),
            message: format!("{} is suspended by {by}: {reason}", handle.scope),
            lift: format!("`naksha resume {}` lifts it", handle.scope),
        });
    }
    Ok(remains)
}

/// Why the word is not taken, and what helps instead.
async fn in_vain(
    store: &dyn Store,
    scope: &Scope,
    plan: &PlanId,
    others: &[HoldDocument],
    now: Timestamp,
) -> Result<Refused, Refused> {
    let given = store.acknowledgements(scope).await?;
    let given = given.iter().find(|ack| ack.counts(plan, now));
    let given = given.map(|ack| format!(" (it is acknowledged already, by {})", ack.by)).unwrap_or_default();
    let why: Vec<&str> = others.iter().map(|hold| hold.message.as_str()).collect();
    let message =
        format!("an acknowledgement does not lift what holds plan {}{given}: {}", plan.short(), few(&why));
    let mut lifts: Vec<&str> = Vec::new();
    for hold in others {
        if !lifts.contains(&hold.lift.as_str()) {
            lifts.push(&hold.lift);
        }
    }
    Ok(Refused::new(StatusCode::CONFLICT, codes::ACKNOWLEDGED_IN_VAIN, message).hint(few(&lifts)))
}

fn few(words: &[&str]) -> String {
    let mut text = words.iter().take(FEW).copied().collect::<Vec<_>>().join("; ");
    if words.len() > FEW {
        text.push_str(&format!("; and {} more (`naksha status` names them)", words.len() - FEW));
    }
    text
}
