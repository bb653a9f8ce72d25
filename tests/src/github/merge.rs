//! Merging: by a commit, squashed or rebased, and what keeps something from being merged.

use anyhow::Context as _;
use serde_json::json;

use super::answer::{Answer, Outcome, not_found, refusal};
use super::call::Call;
use super::state::{Merged, Pull, State};

pub(super) fn merge(state: &mut State, call: &Call) -> Outcome {
    let number = call.number("pull_number");
    let pull = state.pull(number).ok_or_else(not_found)?.clone();
    let method = call.text("merge_method").unwrap_or("merge");
    check(state, &pull, method, call.text("sha"))?;
    let Some(base) = state.head(&pull.base_branch).cloned() else { return Err(not_mergeable()) };
    let title = call.text("commit_title").map(str::to_owned);
    let Some(commit) = made(state, &pull, &base, method, title)? else { return Err(not_mergeable()) };
    let by = call.caller.login(state);
    state.bare.set_ref(&format!("refs/heads/{}", pull.base_branch), &commit)?;
    state.mark_merged(number, &by, &commit);
    state.settle(&by)?;
    let body = json!({"sha": commit, "merged": true, "message": "Pull Request successfully merged"});
    Ok(Answer::ok(body))
}

/// What stands in the way.
fn check(state: &mut State, pull: &Pull, method: &str, sha: Option<&str>) -> Result<(), Answer> {
    if !pull.is_open() {
        return Err(not_mergeable());
    }
    if sha.is_some_and(|sha| sha != pull.head) {
        return Err(refusal(409, "Head branch was modified. Review and try the merge again."));
    }
    if pull.is_draft {
        return Err(refusal(405, "Pull Request is still a draft"));
    }
    if !state.repository.methods.contains(method) {
        let name = match method {
            "merge" => "Merge commits are",
            "squash" => "Squash merges are",
            _ => "Rebase merges are",
        };
        return Err(refusal(405, format!("{name} not allowed on this repository.")));
    }
    let had_outlook = pull.outlook.is_some();
    let is_stale = had_outlook && !state.has_outlook(pull);
    if is_stale || !had_outlook {
        state.look_out(pull.number)?;
    }
    if is_stale {
        return Err(refusal(405, "Base branch was modified. Review and try the merge again."));
    }
    if let Some(words) = state.missing_checks(pull) {
        return Err(refusal(405, words));
    }
    Ok(())
}

fn not_mergeable() -> Answer {
    refusal(405, "Pull Request is not mergeable")
}

/// The commit that the base gets; nothing: they conflict.
fn made(
    state: &State,
    pull: &Pull,
    base: &str,
    method: &str,
    title: Option<String>,
) -> anyhow::Result<Option<String>> {
    let (git, number) = (&state.bare, pull.number);
    if method == "rebase" {
        let mut top = base.to_owned();
        for commit in git.between(base, &pull.head)? {
            let Some(picked) = git.pick(&top, &commit)? else { return Ok(None) };
            top = picked;
        }
        return Ok(Some(top));
    }
    let Some(tree) = git.merge_tree(base, &pull.head)? else { return Ok(None) };
    let commit = if method == "squash" {
        let title = title.unwrap_or_else(|| format!("{} (#{number})", pull.title));
        git.commit_tree(&tree, &[base], &title, None)?
    } else {
        let from = pull.label().replace(':', "/");
        let title = title.unwrap_or_else(|| format!("Merge pull request #{number} from {from}"));
        let message = format!("{title}\n\n{}", pull.title);
        git.commit_tree(&tree, &[base, &pull.head], &message, None)?
    };
    Ok(Some(commit))
}

impl State {
    /// Merges it as one commit, whatever the rules say; the new head of its base.
    pub(super) fn merge_by_hand(&mut self, number: u64, by: &str) -> anyhow::Result<String> {
        let pull = self.pull(number).context("there is no such pull request")?.clone();
        let base = self.head(&pull.base_branch).context("there is no base")?.clone();
        let commit = made(self, &pull, &base, "squash", None)?.context("it conflicts")?;
        self.bare.set_ref(&format!("refs/heads/{}", pull.base_branch), &commit)?;
        self.mark_merged(number, by, &commit);
        self.settle(by)?;
        Ok(commit)
    }

    pub(super) fn mark_merged(&mut self, number: u64, by: &str, commit: &str) {
        let now = self.now();
        if let Some(pull) = self.pull_mut(number) {
            (pull.closed, pull.changed) = (Some(now), now);
            pull.merged = Some(Merged { by: by.to_owned(), commit: commit.to_owned() });
        }
        self.tell_pull("closed", number, by);
    }

    /// Why the rules of the base do not let a head in.
    pub(super) fn missing_checks(&self, pull: &Pull) -> Option<String> {
        if pull.base_branch != "main" {
            return None;
        }
        self.missing_on(&pull.head)
    }

    /// Which required check is not green on a commit, in GitHub's words.
    pub(super) fn missing_on(&self, sha: &str) -> Option<String> {
        let required = self.required();
        let verdicts = required.iter().filter_map(|(name, app)| {
            let word = match self.verdict(sha, name, *app) {
                Verdict::Green => return None,
                Verdict::Missing => "is expected",
                Verdict::Pending => "is pending",
                Verdict::Red => "is failing",
            };
            Some(format!("Required status check \"{name}\" {word}."))
        });
        let missing: Vec<String> = verdicts.collect();
        match &missing[..] {
            [] => None,
            [one] => Some(one.clone()),
            all => Some(format!(
                "{} of {} required status checks have not succeeded.",
                all.len(),
                required.len()
            )),
        }
    }

    /// A status and a check of one name have to be green both. Where an App is named, only what it says counts.
    pub(super) fn verdict(&self, sha: &str, name: &str, app: Option<u64>) -> Verdict {
        let statuses = self.statuses.iter().rev().filter(|_| app.is_none());
        let status = statuses.into_iter().find(|status| status.sha == sha && status.context == name);
        let status = status.map(|status| match status.state.as_str() {
            "success" => Verdict::Green,
            "pending" => Verdict::Pending,
            _ => Verdict::Red,
        });
        let counts = |foreign: bool| app.is_none_or(|app| (app == self.app.id) != foreign);
        let mut checks = self.checks.iter().rev().filter(|check| counts(check.is_foreign));
        let check = checks.find(|check| check.sha == sha && check.name == name);
        let check = check.map(|check| match check.conclusion.as_deref() {
            None => Verdict::Pending,
            // GitHub, "About protected branches": all three count as success.
            Some("success" | "skipped" | "neutral") => Verdict::Green,
            Some(_) => Verdict::Red,
        });
        status.into_iter().chain(check).max().unwrap_or(Verdict::Missing)
    }
}

/// The worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Green,
    Pending,
    Red,
    Missing,
}
