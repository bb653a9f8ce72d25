//! Who somebody is, what they may do, and to which teams they belong.

use serde_json::json;

use super::answer::{Answer, Outcome, not_found};
use super::call::Call;
use super::caller::Caller;
use super::state::State;

pub(super) fn myself(state: &mut State, call: &Call) -> Outcome {
    let Caller::Person(login) = &call.caller else { return Err(not_found()) };
    Ok(Answer::ok(state.shapes().private_user(login)))
}

pub(super) fn repository(state: &State, call: &Call) -> Answer {
    Answer::ok(state.shapes().full_repository(&call.caller))
}

/// Somebody who is no collaborator has none; a name that nobody has is not found.
pub(super) fn permission(state: &mut State, call: &Call) -> Outcome {
    let login = call.part("username");
    state.person(login).ok_or_else(not_found)?;
    let role = state.role(login);
    let body = json!({"permission": role.permission(), "role_name": role.name(),
        "user": state.shapes().collaborator(login)});
    Ok(Answer::ok(body))
}

pub(super) fn membership(state: &mut State, call: &Call) -> Outcome {
    let (org, team, login) = (call.part("org"), call.part("team_slug"), call.part("username"));
    let key = format!("{org}/{team}/{login}").to_lowercase();
    let is_active = state.members.get(&key).copied().ok_or_else(not_found)?;
    let word = if is_active { "active" } else { "pending" };
    let url = format!("{}/orgs/{org}/teams/{team}/memberships/{login}", state.base);
    Ok(Answer::ok(json!({"url": url, "role": "member", "state": word})))
}
