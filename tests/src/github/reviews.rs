//! Reviews of pull requests: approvals, and taking them back.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, not_found, refusal};
use super::call::Call;
use super::caller::Role;
use super::shapes::{Shapes, node_id};
use super::state::{Review, State, moment};

pub(super) fn list(state: &mut State, call: &Call) -> Outcome {
    let number = call.number("pull_number");
    state.pull(number).ok_or_else(not_found)?;
    let found = state.reviews.iter().filter(|review| review.number == number);
    Ok(call.page(found.map(|review| state.shapes().review(review)).collect()))
}

pub(super) fn create(state: &mut State, call: &Call) -> Outcome {
    let (number, author) = (call.number("pull_number"), call.caller.login(state));
    let pull = state.pull(number).ok_or_else(not_found)?;
    let kind = match call.text("event") {
        Some("APPROVE") if pull.author == author => {
            return Err(refusal(422, "Can not approve your own pull request"));
        }
        Some("APPROVE") => "APPROVED",
        Some("REQUEST_CHANGES") => "CHANGES_REQUESTED",
        _ => "COMMENTED",
    };
    let (head, body) = (pull.head.clone(), call.text("body").unwrap_or_default().to_owned());
    let (id, made) = (state.next_id(), state.now());
    let review = Review { id, number, author, state: kind, body, head, made };
    state.reviews.push(review.clone());
    Ok(Answer::ok(state.shapes().review(&review)))
}

pub(super) fn dismiss(state: &mut State, call: &Call) -> Outcome {
    let (number, id) = (call.number("pull_number"), call.number("review_id"));
    let who = call.caller.login(state);
    if !call.caller.is_app() && state.role(&who) < Role::Write {
        return Err(refusal(403, "Must have write access to dismiss a review"));
    }
    let is_it = |review: &&mut Review| review.number == number && review.id == id;
    let review = state.reviews.iter_mut().find(is_it).ok_or_else(not_found)?;
    if !matches!(review.state, "APPROVED" | "CHANGES_REQUESTED") {
        return Err(refusal(422, "Can not dismiss a review of this state"));
    }
    review.state = "DISMISSED";
    let review = review.clone();
    Ok(Answer::ok(state.shapes().review(&review)))
}

impl Shapes<'_> {
    fn review(&self, review: &Review) -> Value {
        let (id, number) = (review.id, review.number);
        let page = format!("{}/pull/{number}#pullrequestreview-{id}", self.page());
        let pull = format!("{}/pulls/{number}", self.root());
        json!({"id": id, "node_id": node_id("PRR", id), "user": self.user(&review.author), "body": review.body,
            "state": review.state, "html_url": page, "pull_request_url": pull,
            "_links": {"html": {"href": page}, "pull_request": {"href": pull}},
            "submitted_at": moment(review.made), "commit_id": review.head, "author_association": "CONTRIBUTOR"})
    }
}
