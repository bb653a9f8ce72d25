//! The payloads of webhooks: what happened, with everything that GitHub tells along with it.

use serde_json::{Value, json};

use super::caller::Caller;
use super::refs::Moved;
use super::shapes::{Shapes, extend, node_id};
use super::state::{CheckRun, Comment, Group, Pull, State, moment};

/// A branch that was not there, or is not any more.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";
/// Commits that are told with a push.
const MOST_COMMITS: usize = 20;

impl State {
    pub(super) fn tell_pull(&mut self, action: &'static str, number: u64, actor: &str) {
        let Some(pull) = self.pull(number) else { return };
        let shapes = self.shapes();
        let mut payload = json!({"action": action, "number": number, "pull_request": shapes.pull_for(pull, &Caller::Nobody)});
        if action == "synchronize" {
            (payload["before"], payload["after"]) = (json!(NO_COMMIT), json!(pull.head));
        }
        if action == "edited" {
            payload["changes"] = json!({});
        }
        let payload = shapes.payload(payload, actor);
        self.tell("pull_request", Some(action), payload);
    }

    pub(super) fn tell_comment(&mut self, action: &'static str, comment: &Comment, actor: &str) {
        let Some(pull) = self.pull(comment.number) else { return };
        let shapes = self.shapes();
        let mut payload =
            json!({"action": action, "issue": shapes.issue(pull), "comment": shapes.comment(comment)});
        if action == "edited" {
            payload["changes"] = json!({});
        }
        let payload = shapes.payload(payload, actor);
        self.tell("issue_comment", Some(action), payload);
    }

    pub(super) fn tell_check(&mut self, action: &'static str, run: &CheckRun, actor: &str) {
        let shapes = self.shapes();
        let mut told = shapes.check(run);
        // The suite knows no branch where the head is in a fork.
        let here = told["pull_requests"][0]["head"]["ref"].clone();
        told["check_suite"] = json!({"id": 1, "head_branch": here, "head_sha": run.sha, "pull_requests": told["pull_requests"]});
        let payload = shapes.payload(json!({"action": action, "check_run": told}), actor);
        self.tell("check_run", Some(action), payload);
    }

    pub(super) fn tell_push(&mut self, moved: &Moved, actor: &str) -> anyhow::Result<()> {
        let payload = self.shapes().push(moved, actor)?;
        self.tell("push", None, payload);
        Ok(())
    }

    /// `reason`: why a group is no more.
    pub(super) fn tell_group(
        &mut self,
        action: &'static str,
        group: &Group,
        reason: Option<&str>,
    ) -> anyhow::Result<()> {
        let shapes = self.shapes();
        let commit = self.bare.commit(&group.head)?;
        let who = |one: &super::bare::Signature| json!({"name": one.name, "email": one.email});
        let mut payload = json!({"action": action, "merge_group": {"head_sha": group.head,
            "head_ref": format!("refs/heads/{}", group.branch), "base_sha": group.base, "base_ref": "refs/heads/main",
            "head_commit": {"id": commit.sha, "tree_id": commit.tree, "message": commit.message,
                "timestamp": commit.committer.date, "author": who(&commit.author), "committer": who(&commit.committer)}}});
        if let Some(reason) = reason {
            payload["reason"] = json!(reason);
        }
        let payload = shapes.payload(payload, "github-merge-queue[bot]");
        self.tell("merge_group", Some(action), payload);
        Ok(())
    }
}

impl Shapes<'_> {
    /// With who and where, as in each of them.
    fn payload(&self, mut payload: Value, actor: &str) -> Value {
        let installation = self.state.app.installation;
        let more = json!({"repository": self.repository(&Caller::Nobody), "sender": self.user(actor),
            "organization": self.organization(), "installation": {"id": installation, "node_id": node_id("I", installation)}});
        extend(&mut payload, more);
        payload
    }

    fn organization(&self) -> Value {
        let login = &self.state.repository.owner;
        let url = format!("{}/orgs/{login}", self.base);
        let mut value = json!({"login": login, "id": 1, "node_id": node_id("O", 1), "url": url,
            "avatar_url": format!("{}/avatars/1", self.base), "description": "",
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}")});
        for below in ["repos", "events", "hooks", "issues"] {
            value[format!("{below}_url")] = json!(format!("{url}/{below}"));
        }
        value
    }

    /// A pull request as the issue that it also is.
    fn issue(&self, pull: &Pull) -> Value {
        let (number, page) = (pull.number, format!("{}/pull/{}", self.page(), pull.number));
        let (url, api) =
            (format!("{}/issues/{number}", self.root()), format!("{}/pulls/{number}", self.root()));
        let comments = self.state.comments.iter().filter(|comment| comment.number == number).count();
        // One of the two descriptions of an issue knows fewer fields.
        let mut user = self.user(&pull.author);
        if let Some(user) = user.as_object_mut() {
            user.remove("user_view_type");
        }
        let reactions = json!({"url": format!("{url}/reactions"), "total_count": 0, "+1": 0, "-1": 0, "laugh": 0,
            "hooray": 0, "confused": 0, "heart": 0, "rocket": 0, "eyes": 0});
        json!({"url": url, "repository_url": self.root(), "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"), "html_url": page,
            "id": pull.id, "node_id": node_id("PR", pull.id), "number": number, "title": pull.title,
            "user": user, "labels": [], "state": if pull.is_open() { "open" } else { "closed" },
            "locked": pull.is_locked, "assignee": null, "assignees": [], "milestone": null, "comments": comments,
            "created_at": moment(pull.made), "updated_at": moment(pull.changed), "closed_at": pull.closed.map(moment),
            "author_association": "CONTRIBUTOR", "active_lock_reason": null, "body": pull.body,
            "reactions": reactions, "timeline_url": format!("{url}/timeline"), "draft": pull.is_draft,
            "performed_via_github_app": null, "state_reason": null,
            "pull_request": {"url": api, "html_url": page, "diff_url": format!("{page}.diff"),
                "patch_url": format!("{page}.patch"), "merged_at": pull.merged.as_ref().and(pull.closed).map(moment)}})
    }

    fn push(&self, moved: &Moved, actor: &str) -> anyhow::Result<Value> {
        let Moved { branch, old, new } = moved;
        let bare = &self.state.bare;
        let (before, after) = (old.as_deref().unwrap_or(NO_COMMIT), new.as_deref().unwrap_or(NO_COMMIT));
        let is_forced = old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| !bare.is_ancestor(old, new));
        let new_ones = match (old, new) {
            (Some(_), Some(_)) => bare.between(before, after)?,
            _ => Vec::new(),
        };
        let told = new_ones.iter().rev().take(MOST_COMMITS).rev();
        let commits = told.map(|sha| self.pushed(sha)).collect::<anyhow::Result<Vec<_>>>()?;
        let head = new.as_ref().map(|sha| self.pushed(sha)).transpose()?;
        let payload = json!({"ref": format!("refs/heads/{branch}"), "before": before, "after": after,
            "created": old.is_none(), "deleted": new.is_none(), "forced": is_forced, "base_ref": null,
            "compare": format!("{}/compare/{before}...{after}", self.page()), "commits": commits, "head_commit": head,
            "pusher": {"name": actor, "email": null}});
        let mut payload = self.payload(payload, actor);
        // Seconds, in this one alone.
        let made = self.state.repository.made.as_second();
        (payload["repository"]["created_at"], payload["repository"]["pushed_at"]) =
            (json!(made), json!(made));
        Ok(payload)
    }

    fn pushed(&self, sha: &str) -> anyhow::Result<Value> {
        let commit = self.state.bare.commit(sha)?;
        let who =
            |one: &super::bare::Signature| json!({"name": one.name, "email": one.email, "date": one.date});
        Ok(json!({"id": sha, "tree_id": commit.tree, "distinct": true, "message": commit.message,
            "timestamp": commit.committer.date, "url": format!("{}/commit/{sha}", self.page()),
            "author": who(&commit.author), "committer": who(&commit.committer),
            "added": [], "removed": [], "modified": []}))
    }
}
