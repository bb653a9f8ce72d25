//! Commit statuses: what anybody who may write says about a commit.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, refusal, too_long};
use super::call::Call;
use super::limits;
use super::shapes::{Shapes, node_id};
use super::state::{State, Status, moment};

pub(super) fn create(state: &mut State, call: &Call) -> Outcome {
    let sha = state.commit_of(call.part("sha"))?;
    call.at_most("description", limits::DESCRIPTION, |_| {
        too_long("Status", "description", limits::DESCRIPTION)
    })?;
    let context = call.text("context").unwrap_or("default").to_owned();
    let said = state.statuses.iter().filter(|status| status.sha == sha && status.context == context);
    if said.count() >= limits::STATUSES {
        return Err(refusal(422, "This SHA and context has reached the maximum number of statuses."));
    }
    let status = Status {
        id: state.next_id(),
        sha,
        state: call.text("state").unwrap_or_default().to_owned(),
        context,
        description: call.text("description").map(str::to_owned),
        target: call.text("target_url").map(str::to_owned),
        author: call.caller.login(state),
        made: state.now(),
    };
    state.statuses.push(status.clone());
    Ok(Answer::created(state.shapes().status(&status)))
}

/// Every one that was ever set, the newest first.
pub(super) fn list(state: &mut State, call: &Call) -> Outcome {
    let sha = state.commit_of(call.part("ref"))?;
    let found = state.statuses.iter().rev().filter(|status| status.sha == sha);
    Ok(call.page(found.map(|status| state.shapes().status(status)).collect()))
}

/// The last word of each context, and what they come to.
pub(super) fn combined(state: &mut State, call: &Call) -> Outcome {
    let sha = state.commit_of(call.part("ref"))?;
    let mut latest: Vec<&Status> = Vec::new();
    for status in state.statuses.iter().rev().filter(|status| status.sha == sha) {
        if !latest.iter().any(|known| known.context == status.context) {
            latest.push(status);
        }
    }
    let has = |wanted: &str| latest.iter().any(|status| status.state == wanted);
    let verdict = match (has("failure") || has("error"), has("pending") || latest.is_empty()) {
        (true, _) => "failure",
        (false, true) => "pending",
        (false, false) => "success",
    };
    let shapes = state.shapes();
    let simple = |status: &&Status| {
        let mut told = shapes.status(status);
        if let Some(told) = told.as_object_mut() {
            told.remove("creator");
        }
        told
    };
    let url = format!("{}/commits/{sha}", shapes.root());
    let (statuses, total) = (latest.iter().map(simple).collect(), latest.len());
    let mut answer = call.page(statuses);
    answer.body = answer.body.map(|statuses| {
        json!({"state": verdict, "statuses": statuses, "sha": sha, "total_count": total, "commit_url": url,
            "repository": shapes.repository(&call.caller), "url": format!("{url}/status")})
    });
    Ok(answer)
}

impl State {
    /// The commit that is spoken of.
    pub(super) fn commit_of(&self, name: &str) -> Result<String, Answer> {
        self.resolve(name).ok_or_else(|| refusal(422, format!("No commit found for SHA: {name}")))
    }
}

impl Shapes<'_> {
    fn status(&self, status: &Status) -> Value {
        let creator = self.user(&status.author);
        json!({"url": format!("{}/statuses/{}", self.root(), status.sha), "avatar_url": creator["avatar_url"],
            "id": status.id, "node_id": node_id("SC", status.id), "state": status.state,
            "description": status.description, "target_url": status.target, "context": status.context,
            "created_at": moment(status.made), "updated_at": moment(status.made), "creator": creator})
    }
}
