//! Files, read and written one by one.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, not_found, refusal};
use super::bare::Entry;
use super::call::Call;
use super::shapes::{Shapes, node_id};
use super::state::State;

/// Characters of a line of base64, as GitHub breaks it.
const LINE: usize = 60;

pub(super) fn get(state: &mut State, call: &Call) -> Outcome {
    let path = call.part("path");
    let at = call.asked("ref").unwrap_or("main");
    let Some(commit) = state.resolve(at) else {
        return Err(refusal(404, format!("No commit found for the ref {at}")));
    };
    let entry = state.bare.entry(&commit, path).ok_or_else(not_found)?;
    let shapes = state.shapes();
    if entry.kind == "tree" {
        let entries = state.bare.list(&commit, path).into_iter();
        let told = entries.map(|entry| shapes.entry(&format!("{path}/{}", entry.name), at, &entry));
        return Ok(Answer::ok(told.collect()));
    }
    let content = state.bare.blob(&entry.sha)?;
    let mut told = shapes.entry(path, at, &entry);
    told["encoding"] = json!("base64");
    told["content"] = json!(broken_lines(&BASE64_STANDARD.encode(&content)));
    told["size"] = json!(content.len());
    Ok(Answer::ok(told))
}

pub(super) fn put(state: &mut State, call: &Call) -> Outcome {
    let (path, branch) = (call.part("path"), call.text("branch").unwrap_or("main"));
    let Some(parent) = state.head(branch).cloned() else {
        return Err(refusal(404, format!("Branch {branch} not found")));
    };
    if branch == "main" && !state.required().is_empty() {
        return Err(refusal(
            409,
            "Required status checks are expected: changes must be made through a pull request.",
        ));
    }
    let content: String = call.text("content").unwrap_or_default().split_whitespace().collect();
    let Ok(content) = BASE64_STANDARD.decode(content) else {
        return Err(refusal(422, "content is not valid Base64"));
    };
    let (known, given) = (state.bare.entry(&parent, path), call.text("sha"));
    match (&known, given) {
        (Some(_), None) => return Err(refusal(422, "Invalid request.\n\n\"sha\" wasn't supplied.")),
        (known, Some(given)) if known.as_ref().is_none_or(|known| known.sha != given) => {
            return Err(refusal(409, format!("{path} does not match {given}")));
        }
        _ => {}
    }
    let message = call.text("message").unwrap_or_default();
    let (commit, blob) = state.bare.write(&parent, path, &content, message)?;
    state.bare.set_ref(&format!("refs/heads/{branch}"), &commit)?;
    state.settle(&call.caller.login(state))?;
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    let mut told = state.shapes().entry(path, branch, &Entry { name, kind: "blob".to_owned(), sha: blob });
    told["size"] = json!(content.len());
    let body = json!({"content": told, "commit": state.shapes().written(&commit)?});
    Ok(if known.is_some() { Answer::ok(body) } else { Answer::created(body) })
}

fn broken_lines(text: &str) -> String {
    text.as_bytes().chunks(LINE).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

impl State {
    /// The commit that somebody means: a branch, a reference or a commit's number.
    pub(super) fn resolve(&self, name: &str) -> Option<String> {
        let names = [
            format!("refs/heads/{name}"),
            format!("refs/tags/{name}"),
            format!("refs/{name}"),
            name.to_owned(),
        ];
        let known = names.iter().find_map(|name| self.refs.get(name)).cloned();
        known.or_else(|| self.bare.has_commit(name).then(|| name.to_owned()))
    }
}

impl Shapes<'_> {
    fn entry(&self, path: &str, at: &str, entry: &Entry) -> Value {
        let (root, page) = (self.root(), self.page());
        let (kind, git) = if entry.kind == "tree" { ("dir", "trees") } else { ("file", "blobs") };
        let url = format!("{root}/contents/{path}?ref={at}");
        let (git, html) = (format!("{root}/git/{git}/{}", entry.sha), format!("{page}/blob/{at}/{path}"));
        json!({"type": kind, "size": 0, "name": entry.name, "path": path, "sha": entry.sha, "url": url,
            "git_url": git, "html_url": html, "download_url": format!("{page}/raw/{at}/{path}"),
            "_links": {"self": url, "git": git, "html": html}})
    }

    fn written(&self, sha: &str) -> anyhow::Result<Value> {
        let told = self.commit(sha)?;
        let commit = &told["commit"];
        Ok(json!({"sha": sha, "node_id": node_id("C", 0), "url": commit["url"], "html_url": told["html_url"],
            "author": commit["author"], "committer": commit["committer"], "message": commit["message"],
            "tree": commit["tree"], "parents": told["parents"], "verification": commit["verification"]}))
    }
}
