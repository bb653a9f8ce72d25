//! Deployments: what was brought where, and what became of it.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, not_found, refusal, too_long};
use super::call::Call;
use super::limits;
use super::shapes::{Shapes, node_id};
use super::state::{Deployment, DeploymentStatus, State, moment};

pub(super) fn list(state: &State, call: &Call) -> Answer {
    let is_wanted = |name: &str, is: &str| call.asked(name).is_none_or(|asked| asked == is);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = state.deployments.iter().rev().filter(|deployment| {
        is_wanted("sha", &deployment.sha)
            && is_wanted("ref", &text(&deployment.asked["ref"]))
            && is_wanted("environment", &deployment.environment)
            && is_wanted("task", deployment.asked["task"].as_str().unwrap_or("deploy"))
    });
    call.page(found.map(|deployment| state.shapes().deployment(deployment)).collect())
}

/// With GitHub's defaults: it merges the default branch first, and all contexts have to be green.
pub(super) fn create(state: &mut State, call: &Call) -> Outcome {
    let name = call.text("ref").unwrap_or_default();
    let Some(sha) = state.resolve(name) else {
        return Err(refusal(422, format!("No ref found for: {name}")));
    };
    let words = |_| too_long("Deployment", "description", limits::DESCRIPTION);
    call.at_most("description", limits::DESCRIPTION, words)?;
    let main = state.head("main").cloned().unwrap_or_default();
    if call.body["auto_merge"] != false && !state.bare.is_ancestor(&main, &sha) {
        return merge_first(state, call, name, &main);
    }
    let of_commit = state.statuses.iter().filter(|status| status.sha == sha);
    let all = of_commit.map(|status| status.context.as_str());
    let asked = call.body["required_contexts"].as_array();
    let asked = asked.map(|names| names.iter().filter_map(Value::as_str).collect());
    let wanted: Vec<&str> = asked.unwrap_or_else(|| all.collect());
    let red = wanted.iter().any(|name| !is_green(state, &sha, name));
    if red {
        return Err(refusal(409, format!("Conflict: Commit status checks failed for {name}.")));
    }
    let now = state.now();
    let deployment = Deployment {
        id: state.next_id(),
        sha,
        asked: call.body.clone(),
        environment: call.text("environment").unwrap_or("production").to_owned(),
        author: call.caller.login(state),
        made: now,
        changed: now,
        statuses: Vec::new(),
    };
    state.deployments.push(deployment.clone());
    Ok(Answer::created(state.shapes().deployment(&deployment)))
}

fn is_green(state: &State, sha: &str, name: &str) -> bool {
    state.verdict(sha, name, None) == super::merge::Verdict::Green
}

/// What naksha must never ask for.
fn merge_first(state: &mut State, call: &Call, name: &str, main: &str) -> Outcome {
    let conflict = || refusal(409, format!("Conflict merging main into {name}."));
    let head = state.head(name).cloned().ok_or_else(conflict)?;
    let tree = state.bare.merge_tree(&head, main)?.ok_or_else(conflict)?;
    let commit = state.bare.commit_tree(&tree, &[&head, main], &format!("Merge main into {name}"), None)?;
    state.bare.set_ref(&format!("refs/heads/{name}"), &commit)?;
    state.settle(&call.caller.login(state))?;
    Ok(Answer::new(202, Some(json!({"message": format!("Auto-merged main into {name} on deployment.")}))))
}

pub(super) fn statuses(state: &mut State, call: &Call) -> Outcome {
    let id = call.number("deployment_id");
    let deployment = state.deployments.iter().find(|one| one.id == id).ok_or_else(not_found)?;
    let told = deployment.statuses.iter().rev();
    Ok(call.page(told.map(|status| state.shapes().deployment_status(deployment, status)).collect()))
}

pub(super) fn create_status(state: &mut State, call: &Call) -> Outcome {
    let words = |_| too_long("DeploymentStatus", "description", limits::DESCRIPTION);
    call.at_most("description", limits::DESCRIPTION, words)?;
    let (id, now, next) = (call.number("deployment_id"), state.now(), state.next_id());
    let new = call.text("state").unwrap_or_default().to_owned();
    let author = call.caller.login(state);
    let status =
        DeploymentStatus { id: next, asked: call.body.clone(), state: new.clone(), author, made: now };
    let deployment = state.deployments.iter_mut().find(|one| one.id == id).ok_or_else(not_found)?;
    deployment.statuses.push(status.clone());
    deployment.changed = now;
    let deployment = deployment.clone();
    if new == "success" && call.body["auto_inactive"] != false {
        retire(state, &deployment);
    }
    Ok(Answer::created(state.shapes().deployment_status(&deployment, &status)))
}

/// What was there before is not any more.
fn retire(state: &mut State, current: &Deployment) {
    let (now, next) = (state.now(), state.next_id());
    let older = state.deployments.iter_mut().filter(|one| {
        let stays = one.asked["transient_environment"] == true || is_production(one);
        one.environment == current.environment && one.id != current.id && !stays
    });
    for deployment in older {
        let is_over = deployment.statuses.last().is_none_or(|last| last.state != "success");
        if !is_over {
            let (author, state) = (current.author.clone(), "inactive".to_owned());
            deployment.statuses.push(DeploymentStatus {
                id: next,
                asked: json!({}),
                state,
                author,
                made: now,
            });
        }
    }
}

/// GitHub takes the environment of that name for one where nobody said.
fn is_production(deployment: &Deployment) -> bool {
    let said = deployment.asked["production_environment"].as_bool();
    said.unwrap_or(deployment.environment == "production")
}

impl Shapes<'_> {
    fn deployment(&self, deployment: &Deployment) -> Value {
        let Deployment { id, sha, asked, environment, author, made, changed, .. } = deployment;
        let url = format!("{}/deployments/{id}", self.root());
        let payload = if asked["payload"].is_null() { json!({}) } else { asked["payload"].clone() };
        json!({"url": url, "id": id, "node_id": node_id("DE", *id), "sha": sha, "ref": asked["ref"],
            "task": asked["task"].as_str().unwrap_or("deploy"), "payload": payload,
            "original_environment": environment, "environment": environment,
            "description": asked["description"], "creator": self.user(author), "created_at": moment(*made),
            "updated_at": moment(*changed), "statuses_url": format!("{url}/statuses"),
            "repository_url": self.root(), "transient_environment": asked["transient_environment"] == true,
            "production_environment": is_production(deployment), "performed_via_github_app": self.via(author)})
    }

    fn deployment_status(&self, deployment: &Deployment, status: &DeploymentStatus) -> Value {
        let DeploymentStatus { id, asked, state, author, made } = status;
        let of = format!("{}/deployments/{}", self.root(), deployment.id);
        let text = |field: &str| asked[field].as_str().unwrap_or_default().to_owned();
        let log = if asked["log_url"].is_string() { text("log_url") } else { text("target_url") };
        json!({"url": format!("{of}/statuses/{id}"), "id": id, "node_id": node_id("DES", *id), "state": state,
            "creator": self.user(author), "description": text("description"),
            "environment": asked["environment"].as_str().unwrap_or(&deployment.environment), "target_url": log,
            "created_at": moment(*made), "updated_at": moment(*made), "deployment_url": of,
            "repository_url": self.root(), "environment_url": text("environment_url"), "log_url": log,
            "performed_via_github_app": self.via(author)})
    }
}
