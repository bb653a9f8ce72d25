//! Handlers that change something: through the store, which remembers who and why, and a poke to the loop.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use naksha_environments::codes::daemon as codes;
use naksha_executor::port::store::{AuditEntry, Suspension};

use super::api::{
    Done, ForgetRequest, Forgotten, NoRequest, RebuildRequest, Rebuilt, Resumed, SuspendRequest,
};
use super::reading::Which;
use super::refusal::Refused;
use super::repositories;
use super::request::{Asked, Given};
use super::routes::{ApiState, Caller};
use crate::registry::Handle;
use crate::resume;

/// So long a person who changes something waits to see it in the status. A pass takes milliseconds; one that is at work
/// may take longer, and is not waited for.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// So long a person waits for a look through the whole target; a little less than for any answer.
const FOUND_WITHIN: Duration = Duration::from_secs(9);

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
        let (_, suspended) = by_suspension(&state, vec![handle.clone()]).await?;
        return if suspended.is_empty() {
            Ok(done(&[handle], "reconciling"))
        } else {
            Err(in_vain(&suspended))
        };
    }
    let handles = state.registry.all();
    handles.iter().for_each(Handle::poke);
    let (handles, suspended) = by_suspension(&state, handles).await?;
    let troubled = repositories::troubled(&state).await;
    let why: Vec<_> = suspended.iter().cloned().chain(troubled.iter().map(ToString::to_string)).collect();
    let why = why.join("; ");
    match (handles.is_empty(), troubled.is_empty()) {
        (false, _) if why.is_empty() => return Ok(done(&handles, "reconciling")),
        (false, _) => return Ok(done(&handles, &format!("reconciling; {why}"))),
        (true, _) if !suspended.is_empty() => return Err(in_vain(&suspended)),
        (true, true) => return Ok(done(&[], "fetched; what the repositories define is looked at now")),
        (true, false) => {}
    }
    let message = format!("there is nothing to sync: {why}");
    let hint = troubled.into_iter().find_map(|repository| repository.problem?.hint).unwrap_or_default();
    Err(Refused::new(StatusCode::CONFLICT, codes::ENVIRONMENT_UNKNOWN, message).hint(hint))
}

/// Those that reconcile, and a line for each that is suspended: it is looked at, and nothing is written there.
async fn by_suspension(state: &ApiState, all: Vec<Handle>) -> Result<(Vec<Handle>, Vec<String>), Refused> {
    let (mut active, mut suspended) = (Vec::new(), Vec::new());
    for handle in all {
        match state.store.environment(&handle.scope).await?.suspension {
            Some(Suspension { by, reason, since: _ }) => {
                suspended.push(format!("{} is suspended by {by}: {reason}", handle.scope));
            }
            None => active.push(handle),
        }
    }
    Ok((active, suspended))
}

/// Nothing is written, however often somebody asks.
fn in_vain(suspended: &[String]) -> Refused {
    let message = format!("there is nothing to sync: {}", suspended.join("; "));
    Refused::new(StatusCode::CONFLICT, codes::SUSPENDED, message).hint("`naksha resume ENV` lifts it")
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
) -> Result<Json<Resumed>, Refused> {
    let handle = which.one(&state).await?;
    let audit = audit(&caller, "resume", "");
    let lifted = resume::resume(state.store.as_ref(), &handle.scope, &state.heads, &audit).await?;
    let words: Vec<_> = lifted.iter().map(ToString::to_string).collect();
    let message = if lifted.is_empty() {
        format!("there was nothing to resume: {}", state_of(&handle))
    } else if seen(&handle, Handle::poke).await {
        format!("resumed: {}", words.join("; "))
    } else {
        format!("resumed: {}; the next pass shows it", words.join("; "))
    };
    let lifted = lifted.iter().map(|lifted| lifted.word().to_owned()).collect();
    Ok(Json(Resumed { scopes: vec![handle.scope.to_string()], message, lifted }))
}

/// The state in words, with the first reason where it has one.
fn state_of(handle: &Handle) -> String {
    let Some(status) = handle.status() else { return "its first reconcile has not ended yet".to_owned() };
    let why = status.why.first().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("it is {}{why}", status.state.word())
}

/// Wakes the loop, and waits until it has looked at what was just recorded; false: it has more to do than that.
pub(super) async fn seen(handle: &Handle, wake: impl Fn(&Handle)) -> bool {
    // Passes are counted from before it is woken.
    let pass = handle.voice.next_pass(SEEN_WITHIN);
    wake(handle);
    pass.await
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

/// Recovers the inventory of an environment from its target. Its loop does it: nobody else writes there.
pub(super) async fn rebuild(
    State(state): State<ApiState>,
    Asked(which): Asked<Which>,
    Extension(caller): Extension<Caller>,
    Given(RebuildRequest { take }): Given<RebuildRequest>,
) -> Result<Json<Rebuilt>, Refused> {
    let handle = which.one(&state).await?;
    let taking = take.then(|| audit(&caller, "inventory rebuild", "taken from the target"));
    let why = match tokio::time::timeout(FOUND_WITHIN, handle.rebuild(taking)).await {
        Ok(Ok(Ok(rebuilt))) => return Ok(Json(rebuilt)),
        Ok(Ok(Err(why))) => why,
        Ok(Err(_)) | Err(_) => format!("{} is busy; ask again", handle.scope),
    };
    let message = format!("the inventory cannot be recovered now: {why}");
    Err(Refused::new(StatusCode::CONFLICT, codes::NOT_REBUILT, message)
        .hint("`naksha status` says how the environment is; what was taken is not taken twice"))
}

/// A reason is for those who wonder later; blanks tell them nothing.
pub(super) fn reason_given(reason: String) -> Result<String, Refused> {
    if reason.trim().is_empty() {
        return Err(Refused::bad("`reason` is empty: say why, for those who wonder later"));
    }
    Ok(reason)
}

pub(super) fn audit(caller: &Caller, what: &str, result: &str) -> AuditEntry {
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
    Json(Done { scopes, message: message.to_owned(), ..Done::default() })
}
