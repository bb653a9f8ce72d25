//! Comments on pull requests, and reactions to them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, invalid, not_found, refusal, too_long};
use super::call::Call;
use super::limits;
use super::shapes::{Shapes, node_id};
use super::state::{Comment, State, moment};

/// All that there are.
const REACTIONS: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

pub(super) fn list(state: &mut State, call: &Call) -> Outcome {
    let number = call.number("issue_number");
    state.pull(number).ok_or_else(not_found)?;
    let since = since(call)?;
    let found = state.comments.iter().filter(|comment| comment.number == number && comment.changed >= since);
    Ok(call.page(found.map(|comment| state.shapes().comment(comment)).collect()))
}

/// Those of the whole repository.
pub(super) fn list_all(state: &mut State, call: &Call) -> Outcome {
    let since = since(call)?;
    let mut found: Vec<&Comment> = state.comments.iter().filter(|comment| comment.changed >= since).collect();
    // A direction without a sort is not looked at.
    match call.asked("sort") {
        Some("updated") => found.sort_by_key(|comment| comment.changed),
        _ => found.sort_by_key(|comment| comment.id),
    }
    if call.asked("sort").is_some() && call.asked("direction").unwrap_or("desc") == "desc" {
        found.reverse();
    }
    Ok(call.page(found.into_iter().map(|comment| state.shapes().comment(comment)).collect()))
}

pub(super) fn create(state: &mut State, call: &Call) -> Outcome {
    let number = call.number("issue_number");
    let pull = state.pull(number).ok_or_else(not_found)?;
    // An App is nobody who may write, whatever it may do (actions/stale#51, renovate#6215).
    if pull.is_locked && call.caller.is_app() {
        return Err(refusal(403, "Unable to create comment because issue is locked."));
    }
    let body = body(call)?;
    let (id, author, now) = (state.next_id(), call.caller.login(state), state.now());
    let comment = Comment { id, number, author, body, made: now, changed: now, reactions: Vec::new() };
    if let Some(pull) = state.pull_mut(number) {
        pull.changed = now;
    }
    state.comments.push(comment.clone());
    state.tell_comment("created", &comment, &comment.author);
    Ok(Answer::created(state.shapes().comment(&comment)))
}

pub(super) fn get(state: &mut State, call: &Call) -> Outcome {
    let comment = state.comment(call.number("comment_id")).ok_or_else(not_found)?;
    Ok(Answer::ok(state.shapes().comment(comment)))
}

pub(super) fn update(state: &mut State, call: &Call) -> Outcome {
    let (id, now) = (call.number("comment_id"), state.now());
    let mut comment = state.comment(id).ok_or_else(not_found)?.clone();
    let body = body(call)?;
    may_change(state, call, &comment)?;
    if body != comment.body {
        (comment.body, comment.changed) = (body, now);
    }
    if let Some(kept) = state.comments.iter_mut().find(|kept| kept.id == id) {
        *kept = comment.clone();
    }
    state.tell_comment("edited", &comment, &call.caller.login(state));
    Ok(Answer::ok(state.shapes().comment(&comment)))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Outcome {
    let comment = state.comment(call.number("comment_id")).ok_or_else(not_found)?.clone();
    may_change(state, call, &comment)?;
    state.comments.retain(|kept| kept.id != comment.id);
    state.tell_comment("deleted", &comment, &call.caller.login(state));
    Ok(Answer::nothing())
}

pub(super) fn react(state: &mut State, call: &Call) -> Outcome {
    let (id, who) = (call.number("comment_id"), call.caller.login(state));
    let content = call.text("content").unwrap_or_default().to_owned();
    let next = state.next_id();
    let now = moment(state.now());
    let comment = state.comments.iter_mut().find(|comment| comment.id == id).ok_or_else(not_found)?;
    let is_it = |(of, what, _): &&(String, String, u64)| *of == who && *what == content;
    let known = comment.reactions.iter().find(is_it).map(|(.., id)| *id);
    if known.is_none() {
        comment.reactions.push((who.clone(), content.clone(), next));
    }
    let id = known.unwrap_or(next);
    let body = json!({"id": id, "node_id": node_id("REA", id), "user": state.shapes().user(&who),
        "content": content, "created_at": now});
    // The same again is the same one.
    Ok(if known.is_some() { Answer::ok(body) } else { Answer::created(body) })
}

pub(super) fn reactions(state: &mut State, call: &Call) -> Outcome {
    let comment = state.comment(call.number("comment_id")).ok_or_else(not_found)?;
    let told = comment.reactions.iter().map(|(who, content, id)| {
        json!({"id": id, "node_id": node_id("REA", *id), "user": state.shapes().user(who), "content": content,
            "created_at": moment(comment.made)})
    });
    Ok(call.page(told.collect()))
}

fn since(call: &Call) -> Result<Timestamp, Answer> {
    let Some(text) = call.asked("since") else { return Ok(Timestamp::UNIX_EPOCH) };
    text.parse().map_err(|_| refusal(422, "Invalid since"))
}

fn body(call: &Call) -> Result<String, Answer> {
    let body = call.text("body").unwrap_or_default();
    if body.trim().is_empty() {
        return Err(invalid("IssueComment", "body", "missing_field"));
    }
    call.at_most("body", limits::COMMENT, |_| too_long("IssueComment", "body", limits::COMMENT))?;
    Ok(body.to_owned())
}

/// Its author may, and whoever may write.
fn may_change(state: &State, call: &Call, comment: &Comment) -> Result<(), Answer> {
    let who = call.caller.login(state);
    let may = who == comment.author || call.caller.is_app() || state.role(&who) >= super::caller::Role::Write;
    if may { Ok(()) } else { Err(refusal(403, "Must have admin rights to Repository.")) }
}

impl State {
    pub(super) fn comment(&self, id: u64) -> Option<&Comment> {
        self.comments.iter().find(|comment| comment.id == id)
    }
}

impl Shapes<'_> {
    pub(super) fn comment(&self, comment: &Comment) -> Value {
        let (root, page) = (self.root(), self.page());
        let (id, number) = (comment.id, comment.number);
        let url = format!("{root}/issues/comments/{id}");
        let mut reactions =
            json!({"url": format!("{url}/reactions"), "total_count": comment.reactions.len()});
        for content in REACTIONS {
            let of_it = comment.reactions.iter().filter(|(_, what, _)| what == content);
            reactions[content] = json!(of_it.count());
        }
        json!({"id": id, "node_id": node_id("IC", id), "url": url, "body": comment.body,
            "html_url": format!("{page}/pull/{number}#issuecomment-{id}"), "user": self.user(&comment.author),
            "created_at": moment(comment.made), "updated_at": moment(comment.changed),
            "issue_url": format!("{root}/issues/{number}"), "author_association": "CONTRIBUTOR",
            "performed_via_github_app": self.via(&comment.author), "reactions": reactions})
    }
}
