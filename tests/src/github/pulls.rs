//! Pull requests: opened, listed, told, amended and closed.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, broken_rule, invalid, not_found, too_long};
use super::call::Call;
use super::limits;
use super::shapes::{Shapes, extend, node_id};
use super::state::{Outlook, Pull, State, moment};

pub(super) fn list(state: &State, call: &Call) -> Answer {
    let wanted = call.asked("state").unwrap_or("open");
    let is_wanted = |pull: &&Pull| match wanted {
        "open" => pull.is_open(),
        "closed" => !pull.is_open(),
        _ => true,
    };
    // Without an owner before it, GitHub looks at no branch at all.
    let head = call.asked("head").filter(|head| head.contains(':'));
    let shapes = state.shapes();
    let found = state.pulls.iter().filter(is_wanted);
    let found = found.filter(|pull| head.is_none_or(|head| head == pull.label()));
    let found = found.filter(|pull| call.asked("base").is_none_or(|base| base == pull.base_branch));
    let mut found: Vec<&Pull> = found.collect();
    let sort = call.asked("sort").unwrap_or("created");
    if sort == "updated" {
        found.sort_by_key(|pull| pull.changed);
    }
    // The newest first, unless another order is asked for.
    let usual = if call.asked("sort").is_none() || sort == "created" { "desc" } else { "asc" };
    if call.asked("direction").unwrap_or(usual) == "desc" {
        found.reverse();
    }
    call.page(found.into_iter().map(|pull| shapes.simple_pull(pull, call)).collect())
}

pub(super) fn create(state: &mut State, call: &Call) -> Outcome {
    let Some(title) = call.text("title").filter(|title| !title.trim().is_empty()) else {
        return Err(invalid("PullRequest", "title", "missing_field"));
    };
    check_lengths(call)?;
    let (base, head) = (call.text("base").unwrap_or_default(), call.text("head").unwrap_or_default());
    let Some(base_head) = state.head(base).cloned() else {
        return Err(invalid("PullRequest", "base", "invalid"));
    };
    let owner = state.repository.owner.clone();
    let (head_owner, branch) = head.split_once(':').unwrap_or((&owner, head));
    let number = state.last_number + 1;
    let Some(sha) = state.bring_head(head_owner, branch, number)? else {
        return Err(invalid("PullRequest", "head", "invalid"));
    };
    let label = format!("{head_owner}:{branch}");
    if state.pulls.iter().any(|pull| pull.is_open() && pull.label() == label && pull.base_branch == base) {
        return Err(broken_rule("PullRequest", &format!("A pull request already exists for {label}.")));
    }
    if state.bare.is_ancestor(&sha, &base_head) {
        return Err(broken_rule("PullRequest", &format!("No commits between {base} and {branch}")));
    }
    let now = state.now();
    let pull = Pull {
        id: state.next_id(),
        number,
        title: title.to_owned(),
        body: call.text("body").map(str::to_owned),
        author: call.caller.login(state),
        head_owner: Some(head_owner.to_owned()),
        head_branch: branch.to_owned(),
        head: sha.clone(),
        base_branch: base.to_owned(),
        is_draft: call.body["draft"] == true,
        is_locked: false,
        made: now,
        changed: now,
        closed: None,
        merged: None,
        outlook: None,
        is_wondered: false,
    };
    state.last_number = number;
    state.bare.set_ref(&format!("refs/pull/{number}/head"), &sha)?;
    state.pulls.push(pull.clone());
    state.tell_pull("opened", number, &pull.author);
    Ok(Answer::created(state.shapes().pull(&pull, call)))
}

pub(super) fn get(state: &mut State, call: &Call) -> Outcome {
    let number = call.number("pull_number");
    state.wonder(number)?;
    let pull = state.pull(number).ok_or_else(not_found)?;
    Ok(Answer::ok(state.shapes().pull(pull, call)))
}

pub(super) fn update(state: &mut State, call: &Call) -> Outcome {
    check_lengths(call)?;
    let (number, now, actor) = (call.number("pull_number"), state.now(), call.caller.login(state));
    let pull = state.pull(number).ok_or_else(not_found)?.clone();
    if call.text("title").is_some_and(|title| title.trim().is_empty()) {
        return Err(invalid("PullRequest", "title", "missing_field"));
    }
    if let Some(base) = call.text("base").filter(|base| state.head(base).is_none()) {
        return Err(broken_rule("PullRequest", &format!("Proposed base branch '{base}' was not found")));
    }
    let mut actions = Vec::new();
    let mut changed = pull.clone();
    if call.body["title"].is_string() || call.body["body"].is_string() || call.body["base"].is_string() {
        changed.title = call.text("title").map_or(changed.title, str::to_owned);
        changed.body = call.text("body").map(str::to_owned).or(changed.body);
        changed.base_branch = call.text("base").map_or(changed.base_branch, str::to_owned);
        actions.push("edited");
    }
    match (call.text("state"), pull.is_open()) {
        (Some("closed"), true) => {
            changed.closed = Some(now);
            actions.push("closed");
        }
        (Some("open"), false) => {
            let branch = pull.head_owner.as_deref().map(|owner| state.head_of(owner, &pull.head_branch));
            if pull.merged.is_some() || branch.transpose()?.flatten().is_none() {
                return Err(invalid("PullRequest", "state", "invalid"));
            }
            changed.closed = None;
            actions.push("reopened");
        }
        _ => {}
    }
    changed.changed = now;
    let answer = state.shapes().pull(&changed, call);
    if let Some(pull) = state.pull_mut(number) {
        *pull = changed;
    }
    for action in actions {
        state.tell_pull(action, number, &actor);
    }
    Ok(Answer::ok(answer))
}

fn check_lengths(call: &Call) -> Result<(), Answer> {
    let words = |field: &'static str, most| move |_| too_long("PullRequest", field, most);
    call.at_most("title", limits::PULL_TITLE, words("title", limits::PULL_TITLE))?;
    call.at_most("body", limits::COMMENT, words("body", limits::COMMENT))
}

impl Pull {
    /// `owner:branch`
    pub(super) fn label(&self) -> String {
        format!("{}:{}", self.head_owner.as_deref().unwrap_or("unknown"), self.head_branch)
    }
}

impl State {
    /// Finds out whether something can be merged; not at once, as GitHub does.
    fn wonder(&mut self, number: u64) -> anyhow::Result<()> {
        let Some(pull) = self.pull(number).filter(|pull| pull.is_open()) else { return Ok(()) };
        if self.has_outlook(pull) {
            return Ok(());
        }
        let was_wondered = pull.is_wondered;
        if was_wondered {
            return self.look_out(number);
        }
        if let Some(pull) = self.pull_mut(number) {
            pull.is_wondered = true;
        }
        Ok(())
    }

    pub(super) fn has_outlook(&self, pull: &Pull) -> bool {
        let base = self.head(&pull.base_branch);
        pull.outlook.as_ref().is_some_and(|outlook| Some(&outlook.base) == base)
    }

    /// Tries the merge, and keeps it as `refs/pull/N/merge`.
    pub(super) fn look_out(&mut self, number: u64) -> anyhow::Result<()> {
        let Some(pull) = self.pull(number).cloned() else { return Ok(()) };
        let Some(base) = self.head(&pull.base_branch).cloned() else { return Ok(()) };
        let commit = match self.bare.merge_tree(&base, &pull.head)? {
            Some(tree) => {
                let message = format!("Merge {} into {base}", pull.head);
                let commit = self.bare.commit_tree(&tree, &[&base, &pull.head], &message, None)?;
                self.bare.set_ref(&format!("refs/pull/{number}/merge"), &commit)?;
                Some(commit)
            }
            None => None,
        };
        if let Some(pull) = self.pull_mut(number) {
            (pull.outlook, pull.is_wondered) = (Some(Outlook { base, commit }), false);
        }
        Ok(())
    }
}

impl Shapes<'_> {
    /// As it stands in a list.
    pub(super) fn simple_pull(&self, pull: &Pull, call: &Call) -> Value {
        self.simple_pull_for(pull, &call.caller)
    }

    pub(super) fn simple_pull_for(&self, pull: &Pull, viewer: &super::caller::Caller) -> Value {
        let (number, owner) = (pull.number, &self.state.repository.owner);
        let (url, issue) =
            (format!("{}/pulls/{number}", self.root()), format!("{}/issues/{number}", self.root()));
        let page = format!("{}/pull/{number}", self.page());
        let urls = [
            ("commits", format!("{url}/commits")),
            ("review_comments", format!("{url}/comments")),
            ("review_comment", format!("{}/pulls/comments{{/number}}", self.root())),
            ("comments", format!("{issue}/comments")),
            ("statuses", format!("{}/statuses/{}", self.root(), pull.head)),
            ("issue", issue.clone()),
        ];
        let links = urls.iter().cloned().chain([("html", page.clone()), ("self", url.clone())]);
        let links = links.map(|(name, to)| (name.to_owned(), json!({"href": to})));
        let links: serde_json::Map<_, _> = links.collect();
        let base_sha = self.state.head(&pull.base_branch).cloned().unwrap_or_default();
        let repo = |owner: &str| self.repository_of(owner, viewer);
        let head_repo = pull.head_owner.as_deref().map(repo);
        // Whose fork is gone is there all the same.
        let head_user = self.user(pull.head_owner.as_deref().unwrap_or(&pull.author));
        let commit = match (&pull.merged, &pull.outlook) {
            (Some(merged), _) => Some(&merged.commit),
            (None, outlook) => outlook.as_ref().and_then(|outlook| outlook.commit.as_ref()),
        };
        let mut value = json!({"url": url, "id": pull.id, "node_id": node_id("PR", pull.id), "html_url": page,
            "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"), "number": number,
            "state": if pull.is_open() { "open" } else { "closed" }, "locked": pull.is_locked, "title": pull.title,
            "user": self.user(&pull.author), "body": pull.body, "labels": [], "milestone": null,
            "active_lock_reason": null, "created_at": moment(pull.made), "updated_at": moment(pull.changed),
            "closed_at": pull.closed.map(moment),
            "merged_at": pull.merged.as_ref().and(pull.closed).map(moment), "merge_commit_sha": commit,
            "assignee": null, "assignees": [], "requested_reviewers": [], "requested_teams": [],
            "head": {"label": pull.label(), "ref": pull.head_branch, "sha": pull.head, "repo": head_repo,
                "user": head_user},
            "base": {"label": format!("{owner}:{}", pull.base_branch), "ref": pull.base_branch, "sha": base_sha,
                "repo": repo(owner), "user": self.user(owner)},
            "_links": links, "author_association": "CONTRIBUTOR", "auto_merge": null, "draft": pull.is_draft});
        for (name, to) in urls {
            value[format!("{name}_url")] = json!(to);
        }
        value
    }

    /// As it is told by itself.
    pub(super) fn pull(&self, pull: &Pull, call: &Call) -> Value {
        self.pull_for(pull, &call.caller)
    }

    pub(super) fn pull_for(&self, pull: &Pull, viewer: &super::caller::Caller) -> Value {
        let mut value = self.simple_pull_for(pull, viewer);
        let known = pull.outlook.as_ref().filter(|_| pull.is_open() && self.state.has_outlook(pull));
        let mergeable = known.map(|outlook| outlook.commit.is_some());
        let how = match mergeable {
            None => "unknown",
            Some(false) => "dirty",
            Some(true) if self.state.missing_checks(pull).is_some() => "blocked",
            Some(true) => "clean",
        };
        let comments = self.state.comments.iter().filter(|comment| comment.number == pull.number).count();
        let base = value["base"]["sha"].as_str().unwrap_or_default();
        let commits = self.state.bare.between(base, &pull.head).map_or(0, |commits| commits.len());
        let (added, deleted, files) = self.state.bare.diff_counts(base, &pull.head).unwrap_or_default();
        let more = json!({"merged": pull.merged.is_some(), "mergeable": mergeable, "rebaseable": mergeable,
            "mergeable_state": how, "merged_by": pull.merged.as_ref().map(|merged| self.user(&merged.by)),
            "comments": comments, "review_comments": 0, "maintainer_can_modify": false, "commits": commits,
            "additions": added, "deletions": deleted, "changed_files": files});
        extend(&mut value, more);
        value
    }
}
