//! Handlers that change something: through the store, which remembers who and why, and a poke to the loop.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use naksha_environments::codes::daemon as codes;
use naksha_environments::plan::PlanId;
use naksha_environments::verdict::Acknowledgement;
use naksha_executor::port::store::{AuditEntry, Store, Suspension};

use super::api::{AckRequest, Done, ForgetRequest, Forgotten, NoRequest, SuspendRequest};
use super::reading::Which;
use super::refusal::Refused;
use super::repositories;
use super::request::{Asked, Given, Named};
use super::routes::{ApiState, Caller};
use crate::history;
use crate::registry::Handle;

/// So long a person who changes something waits to see it in the status. A pass takes milliseconds; one that is at work
/// may take longer, and is not waited for.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn sync(
    State(state): State<ApiState>,
    Asked(which): Asked<Which>,
    Given(NoRequest {}): Given<NoRequest>,
) -> Result<Json<Done>, Refused> {
    // Before anything is looked up: what was just pushed may be what is named.
    repositories::fetch(&state, SEEN_WITHIN).await;
    if which.environment.is_some() {
        let handle = which.one(&state).await?;
        handle.poke();
        return Ok(done(&[handle], "reconciling"));
    }
    let handles = state.registry.all();
    handles.iter().for_each(Handle::poke);
    let troubled = repositories::troubled(&state).await;
    let why: Vec<_> = troubled.iter().map(ToString::to_string).collect();
    let why = why.join("; ");
    match (handles.is_empty(), troubled.is_empty()) {
        (false, true) => return Ok(done(&handles, "reconciling")),
        (false, false) => return Ok(done(&handles, &format!("reconciling; {why}"))),
        (true, true) => return Ok(done(&[], "fetched; what the repositories define is looked at now")),
        (true, false) => {}
    }
    let message = format!("there is nothing to sync: {why}");
    let hint = troubled.into_iter().find_map(|repository| repository.problem?.hint).unwrap_or_default();
    Err(Refused::new(StatusCode::CONFLICT, codes::ENVIRONMENT_UNKNOWN, message).hint(hint))
}

pub(super) async fn suspend(
    State(state): State<ApiState>,
    Asked(which): Asked<Which>,
    Extension(caller): Extension<Caller>,
    Given(SuspendRequest { reason }): Given<SuspendRequest>,
) -> Result<Json<Done>, Refused> {
    let handle = which.one(&state).await?;
    let reason = reason_given(reason)?;
    let suspension = Suspension { by: caller.0.clone(), reason, since: Timestamp::now() };
    let audit = audit(&caller, "suspend", &suspension.reason);
    state.store.suspend(&handle.scope, Some(&suspension), &audit).await?;
    let seen = seen(&handle, Handle::halt).await;
    let message = if seen {
        "suspended: nothing is written until `naksha resume`"
    } else {
        "suspended: what is being written ends first, then nothing is until `naksha resume`"
    };
    Ok(done(&[handle], message))
}

/// Lifts everything that a person may lift: a suspension, a bar, and a rewritten history.
pub(super) async fn resume(
    State(state): State<ApiState>,
    Asked(which): Asked<Which>,
    Extension(caller): Extension<Caller>,
    Given(NoRequest {}): Given<NoRequest>,
) -> Result<Json<Done>, Refused> {
    let handle = which.one(&state).await?;
    let audit = audit(&caller, "resume", "");
    history::resume(state.store.as_ref(), &handle.scope, &state.heads, &audit).await?;
    let seen = seen(&handle, Handle::poke).await;
    Ok(done(&[handle], if seen { "resumed" } else { "resumed: the next pass shows it" }))
}

/// Wakes the loop, and waits until it has looked at what was just recorded; false: it has more to do than that.
async fn seen(handle: &Handle, wake: impl Fn(&Handle)) -> bool {
    // Passes are counted from before it is woken.
    let pass = handle.voice.next_pass(SEEN_WITHIN);
    wake(handle);
    pass.await
}

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
    let by = caller.0.clone();
    let ack = Acknowledgement { plan: plan.clone(), by, reason, expires, source: "socket".to_owned() };
    let mut audit = audit(&caller, "ack", &ack.reason);
    audit.plan = Some(plan.clone());
    state.store.acknowledge(&handle.scope, &ack, &audit).await?;
    handle.poke();
    Ok(done(&[handle], &format!("plan {} is acknowledged", plan.short())))
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
    let list = |plans: &[(Handle, PlanId)]| {
        let names: Vec<_> = plans.iter().map(|(handle, plan)| format!("{plan} ({})", handle.scope)).collect();
        names.join(", ")
    };
    match (fitting.len(), others.len()) {
        (1, _) => Ok(fitting.remove(0)),
        (0, waiting) => {
            let message = format!("no plan `{prefix}` waits for an acknowledgement");
            let hint = if waiting == 0 {
                "no plan waits for one now; `naksha status` says what is held".to_owned()
            } else {
                format!("these wait: {}", list(&others))
            };
            Err(Refused::new(StatusCode::CONFLICT, codes::PLAN_NOT_WAITING, message).hint(hint))
        }
        _ => {
            let message = format!("`{prefix}` names several plans: {}", list(&fitting));
            Err(Refused::bad(message)
                .hint("give more digits, or name the environment: ?environment=REPOSITORY/NAME, --env"))
        }
    }
}

/// The plan of an environment that waits, as of its last pass.
async fn waits(store: &dyn Store, handle: &Handle) -> Result<Option<PlanId>, Refused> {
    let Some(plan) = handle.status().and_then(|status| status.plan.clone()) else { return Ok(None) };
    let record = store.plan(Some(&handle.scope), plan.as_str()).await?.into_iter().next();
    let is_waiting = record.is_some_and(|record| matches!(record.decision.as_str(), "hold" | "wait"));
    Ok(is_waiting.then_some(plan))
}

/// Gives an environment up whose definition is gone. Its loop decides that, and does it: nobody else writes there.
pub(super) async fn forget(
    State(state): State<ApiState>,
    Asked(which): Asked<Which>,
    Extension(caller): Extension<Caller>,
    Given(ForgetRequest { reason }): Given<ForgetRequest>,
) -> Result<Json<Forgotten>, Refused> {
    let handle = which.one(&state).await?;
    let reason = reason_given(reason)?;
    let asked = handle.forget(audit(&caller, "forget", &reason));
    let why = match tokio::time::timeout(SEEN_WITHIN, asked).await {
        Ok(Ok(Ok(left))) => {
            let left = left.iter().map(ToString::to_string).collect();
            return Ok(Json(Forgotten { scope: handle.scope.to_string(), left }));
        }
        Ok(Ok(Err(why))) => why,
        Ok(Err(_)) | Err(_) => format!("{} is busy; ask again", handle.scope),
    };
    let message = format!("only an environment whose definition is gone is forgotten: {why}");
    Err(Refused::new(StatusCode::CONFLICT, codes::NOT_ORPHANED, message).hint(
        "commit `lifecycle: destroy` or `lifecycle: disown` first, then remove its file from the trunk",
    ))
}

/// A reason is for those who wonder later; blanks tell them nothing.
fn reason_given(reason: String) -> Result<String, Refused> {
    if reason.trim().is_empty() {
        return Err(Refused::bad("`reason` is empty: say why, for those who wonder later"));
    }
    Ok(reason)
}

fn audit(caller: &Caller, what: &str, result: &str) -> AuditEntry {
    AuditEntry {
        at: Timestamp::now(),
        who: caller.0.clone(),
        what: what.to_owned(),
        revision: None,
        plan: None,
        result: result.to_owned(),
    }
}

fn done(handles: &[Handle], message: &str) -> Json<Done> {
    let scopes = handles.iter().map(|handle| handle.scope.to_string()).collect();
    Json(Done { scopes, message: message.to_owned() })
}
