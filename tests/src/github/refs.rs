//! References of the repository, and what follows when one moves.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, not_found, refusal};
use super::call::Call;
use super::shapes::{Shapes, node_id};
use super::state::State;

/// Where a branch was and where it is; nothing: it was not, or is not any more.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) branch: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

pub(super) fn get(state: &mut State, call: &Call) -> Outcome {
    let name = format!("refs/{}", call.part("ref"));
    let sha = state.refs.get(&name).ok_or_else(not_found)?;
    Ok(Answer::ok(state.shapes().reference(&name, sha)))
}

/// Those that begin like this.
pub(super) fn matching(state: &State, call: &Call) -> Answer {
    let begins = format!("refs/{}", call.part("ref"));
    let found = state.refs.iter().filter(|(name, _)| name.starts_with(&begins));
    Answer::ok(found.map(|(name, sha)| state.shapes().reference(name, sha)).collect::<Vec<_>>().into())
}

pub(super) fn create(state: &mut State, call: &Call) -> Outcome {
    let (name, sha) = (call.text("ref").unwrap_or_default(), call.text("sha").unwrap_or_default());
    if !name.starts_with("refs/")
        || name.split('/').count() < 3
        || state.bare.git(&["check-ref-format", name]).is_err()
    {
        return Err(refusal(422, "Reference name is not valid"));
    }
    if state.refs.contains_key(name) {
        return Err(refusal(422, "Reference already exists"));
    }
    if !state.bare.has_commit(sha) {
        return Err(refusal(422, "Object does not exist"));
    }
    state.bare.set_ref(name, sha)?;
    state.settle(&call.caller.login(state))?;
    Ok(Answer::created(state.shapes().reference(name, sha)))
}

pub(super) fn update(state: &mut State, call: &Call) -> Outcome {
    let (name, sha) = (format!("refs/{}", call.part("ref")), call.text("sha").unwrap_or_default());
    let Some(old) = state.refs.get(&name).cloned() else {
        return Err(refusal(422, "Reference does not exist"));
    };
    if !state.bare.has_commit(sha) {
        return Err(refusal(422, "Object does not exist"));
    }
    if call.body["force"] != true && !state.bare.is_ancestor(&old, sha) {
        return Err(refusal(422, "Update is not a fast forward"));
    }
    state.bare.set_ref(&name, sha)?;
    state.settle(&call.caller.login(state))?;
    Ok(Answer::ok(state.shapes().reference(&name, sha)))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Outcome {
    let name = format!("refs/{}", call.part("ref"));
    if !state.refs.contains_key(&name) {
        return Err(refusal(422, "Reference does not exist"));
    }
    state.bare.delete_ref(&name)?;
    state.settle(&call.caller.login(state))?;
    Ok(Answer::nothing())
}

pub(super) fn branch(state: &mut State, call: &Call) -> Outcome {
    let name = call.part("branch");
    let Some(sha) = state.head(name) else { return Err(refusal(404, "Branch not found")) };
    Ok(Answer::ok(state.shapes().branch(name, sha)?))
}

impl Shapes<'_> {
    fn reference(&self, name: &str, sha: &str) -> Value {
        let url = format!("{}/git/{name}", self.root());
        json!({"ref": name, "node_id": node_id("REF", 0), "url": url,
            "object": {"type": "commit", "sha": sha, "url": format!("{}/git/commits/{sha}", self.root())}})
    }

    fn branch(&self, name: &str, sha: &str) -> anyhow::Result<Value> {
        let (root, page) = (self.root(), self.page());
        let protection = self.protection_in_branch(name);
        let url = format!("{root}/branches/{name}");
        Ok(json!({"name": name, "commit": self.commit(sha)?, "protected": protection["enabled"],
            "_links": {"self": url, "html": format!("{page}/tree/{name}")},
            "protection": protection,
            "protection_url": format!("{url}/protection")}))
    }

    /// A commit as the API tells it.
    pub(super) fn commit(&self, sha: &str) -> anyhow::Result<Value> {
        let commit = self.state.bare.commit(sha)?;
        let (root, page) = (self.root(), self.page());
        let git = |sha: &str| format!("{root}/git/commits/{sha}");
        let who =
            |one: &super::bare::Signature| json!({"name": one.name, "email": one.email, "date": one.date});
        let parents = commit.parents.iter().map(|sha| {
            json!({"sha": sha, "url": format!("{root}/commits/{sha}"), "html_url": format!("{page}/commit/{sha}")})
        });
        Ok(json!({"sha": commit.sha, "node_id": node_id("C", 0), "url": format!("{root}/commits/{sha}"),
            "html_url": format!("{page}/commit/{sha}"), "comments_url": format!("{root}/commits/{sha}/comments"),
            "commit": {"author": who(&commit.author), "committer": who(&commit.committer),
                "message": commit.message, "comment_count": 0, "url": git(sha),
                "tree": {"sha": commit.tree, "url": format!("{root}/git/trees/{}", commit.tree)},
                "verification": {"verified": false, "reason": "unsigned", "signature": null, "payload": null,
                    "verified_at": null}},
            "author": null, "committer": null, "parents": parents.collect::<Vec<_>>()}))
    }
}

impl State {
    /// The head of a branch, in the repository of this owner.
    pub(super) fn head_of(&self, owner: &str, branch: &str) -> anyhow::Result<Option<String>> {
        if owner.eq_ignore_ascii_case(&self.repository.owner) {
            return Ok(self.head(branch).cloned());
        }
        let Some(fork) = self.forks.get(owner) else { return Ok(None) };
        Ok(fork.refs()?.get(&format!("refs/heads/{branch}")).cloned())
    }

    /// The same, and has it in the repository itself as `refs/pull/N/head`.
    pub(super) fn bring_head(
        &self,
        owner: &str,
        branch: &str,
        number: u64,
    ) -> anyhow::Result<Option<String>> {
        let head = self.head_of(owner, branch)?;
        if let (Some(_), Some(fork)) = (&head, self.forks.get(owner)) {
            let from = fork.folder().to_string_lossy().into_owned();
            let what = format!("+refs/heads/{branch}:refs/pull/{number}/head");
            self.bare.git(&["fetch", "--quiet", &from, &what])?;
        }
        Ok(head)
    }

    /// Looks at what moved, as GitHub does after a push: heads of pull requests follow, some are closed or merged by it, and
    /// everybody is told.
    pub(super) fn settle(&mut self, actor: &str) -> anyhow::Result<()> {
        let new = self.bare.refs()?;
        let moved = moved(&self.refs, &new);
        self.refs = new;
        for moved in &moved {
            self.tell_push(moved, actor)?;
        }
        self.follow_heads(actor)?;
        self.find_merged(&moved, actor);
        self.refs = self.bare.refs()?;
        Ok(())
    }

    fn follow_heads(&mut self, actor: &str) -> anyhow::Result<()> {
        let open: Vec<_> = self.pulls.iter().filter(|pull| pull.is_open()).cloned().collect();
        for pull in open {
            let Some(owner) = &pull.head_owner else { continue };
            match self.head_of(owner, &pull.head_branch)? {
                Some(head) if head == pull.head => {}
                Some(head) => {
                    self.bring_head(owner, &pull.head_branch, pull.number)?;
                    self.bare.set_ref(&format!("refs/pull/{}/head", pull.number), &head)?;
                    let now = self.now();
                    if let Some(pull) = self.pull_mut(pull.number) {
                        (pull.head, pull.outlook, pull.is_wondered, pull.changed) = (head, None, false, now);
                    }
                    self.tell_pull("synchronize", pull.number, actor);
                }
                None => {
                    let now = self.now();
                    if let Some(pull) = self.pull_mut(pull.number) {
                        (pull.closed, pull.changed) = (Some(now), now);
                    }
                    self.tell_pull("closed", pull.number, actor);
                }
            }
        }
        Ok(())
    }

    /// What a push brought into its base is merged.
    fn find_merged(&mut self, moved: &[Moved], actor: &str) {
        for Moved { branch, new, .. } in moved {
            let Some(new) = new else { continue };
            let is_in = |head: &str| self.bare.is_ancestor(head, new);
            let open = self.pulls.iter().filter(|pull| pull.is_open() && pull.base_branch == *branch);
            let merged: Vec<_> = open.filter(|pull| is_in(&pull.head)).map(|pull| pull.number).collect();
            for number in merged {
                self.mark_merged(number, actor, new);
            }
        }
    }
}

fn moved(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Moved> {
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let moved = names.filter(|name| old.get(*name) != new.get(*name)).filter_map(|name| {
        let branch = name.strip_prefix("refs/heads/")?.to_owned();
        Some(Moved { branch, old: old.get(name).cloned(), new: new.get(name).cloned() })
    });
    moved.collect()
}
