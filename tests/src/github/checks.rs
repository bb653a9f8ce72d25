//! Check runs: what an App says about a commit, with texts and findings.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, not_found, refusal};
use super::call::Call;
use super::limits;
use super::shapes::{Shapes, node_id};
use super::state::{CheckRun, State, moment};

pub(super) fn create(state: &mut State, call: &Call) -> Outcome {
    let sha = call.text("head_sha").unwrap_or_default().to_owned();
    if !state.bare.has_commit(&sha) {
        return Err(refusal(422, format!("No commit found for SHA: {sha}")));
    }
    let mut run = CheckRun {
        id: state.next_id(),
        sha,
        is_foreign: false,
        name: String::new(),
        status: "queued".to_owned(),
        conclusion: None,
        details: None,
        external: None,
        title: None,
        summary: None,
        text: None,
        annotations: Vec::new(),
        started: Some(state.now()),
        completed: None,
    };
    apply(&mut run, call, state.now())?;
    state.checks.push(run.clone());
    state.tell_check("created", &run, &call.caller.login(state));
    if run.status == "completed" {
        state.tell_check("completed", &run, &call.caller.login(state));
    }
    Ok(Answer::created(state.shapes().check(&run)))
}

pub(super) fn update(state: &mut State, call: &Call) -> Outcome {
    let now = state.now();
    let mut run = state.check(call)?.clone();
    if run.is_foreign {
        return Err(refusal(
            403,
            "Invalid app_id - check run can only be modified by the GitHub App that created it.",
        ));
    }
    let was_completed = run.status == "completed";
    apply(&mut run, call, now)?;
    if let Some(kept) = state.checks.iter_mut().find(|kept| kept.id == run.id) {
        *kept = run.clone();
    }
    if run.status == "completed" && !was_completed {
        state.tell_check("completed", &run, &call.caller.login(state));
    }
    Ok(Answer::ok(state.shapes().check(&run)))
}

pub(super) fn get(state: &mut State, call: &Call) -> Outcome {
    Ok(Answer::ok(state.shapes().check(state.check(call)?)))
}

/// The newest first, and of each name of an App only that one unless all are asked for.
pub(super) fn list(state: &mut State, call: &Call) -> Outcome {
    let sha = state.commit_of(call.part("ref"))?;
    let is_wanted = |asked: Option<&str>, is: &str| asked.is_none_or(|asked| asked == is);
    let all = call.asked("filter") == Some("all");
    let mut found: Vec<&CheckRun> = Vec::new();
    for run in state.checks.iter().rev().filter(|run| run.sha == sha) {
        let is_known = |known: &&CheckRun| known.name == run.name && known.is_foreign == run.is_foreign;
        if all || !found.iter().any(is_known) {
            found.push(run);
        }
    }
    let app = |run: &CheckRun| state.shapes().app_of(run)["id"].to_string();
    found.retain(|run| {
        is_wanted(call.asked("check_name"), &run.name)
            && is_wanted(call.asked("status"), &run.status)
            && is_wanted(call.asked("app_id"), &app(run))
    });
    Ok(call.counted_page("check_runs", found.into_iter().map(|run| state.shapes().check(run)).collect()))
}

pub(super) fn annotations(state: &mut State, call: &Call) -> Outcome {
    let run = state.check(call)?;
    let shapes = state.shapes();
    let told = run.annotations.iter().map(|annotation| {
        let mut told = json!({"path": null, "blob_href": "", "start_line": 1, "end_line": 1, "start_column": null,
            "end_column": null, "annotation_level": null, "title": null, "message": null, "raw_details": null});
        super::shapes::extend(&mut told, annotation.clone());
        told["blob_href"] = json!(format!("{}/blob/{}/{}", shapes.page(), run.sha, annotation["path"]));
        told
    });
    Ok(call.page(told.collect()))
}

/// How much GitHub takes in one request. Reports differ whether characters or bytes are meant: the stricter.
fn check_lengths(output: &Value, annotations: &[Value]) -> Result<(), Answer> {
    for (field, most) in
        [("summary", limits::CHECK_TEXT), ("text", limits::CHECK_TEXT), ("title", limits::CHECK_TITLE)]
    {
        let length = output[field].as_str().map_or(0, str::len);
        if length > most {
            return Err(Call::too_many_characters(most, length));
        }
    }
    if annotations.len() > limits::ANNOTATIONS {
        let words = "Invalid request.\n\nNo more than 50 items are allowed; {} were supplied.";
        return Err(refusal(422, words.replace("{}", &annotations.len().to_string())));
    }
    for annotation in annotations {
        for (field, most) in [
            ("title", limits::CHECK_TITLE),
            ("message", limits::ANNOTATION),
            ("raw_details", limits::ANNOTATION),
        ] {
            let length = annotation[field].as_str().map_or(0, str::len);
            if length > most {
                return Err(Call::too_many_characters(most, length));
            }
        }
    }
    Ok(())
}

/// What a request says of a run. Annotations are added to those that it has.
fn apply(run: &mut CheckRun, call: &Call, now: Timestamp) -> Result<(), Answer> {
    let output = &call.body["output"];
    let annotations = output["annotations"].as_array().cloned().unwrap_or_default();
    check_lengths(output, &annotations)?;
    let set = |field: &mut Option<String>, value: &Value| {
        if let Some(text) = value.as_str() {
            *field = Some(text.to_owned());
        }
    };
    let status = call.text("status").map(str::to_owned);
    match (status, call.text("conclusion")) {
        (_, Some("stale")) => return Err(refusal(422, "Invalid request.\n\nstale is set by GitHub only.")),
        (_, Some(conclusion)) => {
            "completed".clone_into(&mut run.status);
            run.conclusion = Some(conclusion.to_owned());
            run.completed = Some(now);
        }
        (Some(status), None) if status == "completed" && run.conclusion.is_none() => {
            return Err(refusal(422, "Invalid request.\n\n\"conclusion\" wasn't supplied."));
        }
        (Some(status), None) => {
            if status != "completed" {
                (run.conclusion, run.completed) = (None, None);
            }
            run.status = status;
        }
        (None, None) => {}
    }
    run.name = call.text("name").map_or_else(|| run.name.clone(), str::to_owned);
    set(&mut run.details, &call.body["details_url"]);
    set(&mut run.external, &call.body["external_id"]);
    set(&mut run.title, &output["title"]);
    set(&mut run.summary, &output["summary"]);
    set(&mut run.text, &output["text"]);
    run.annotations.extend(annotations);
    Ok(())
}

impl State {
    fn check(&self, call: &Call) -> Result<&CheckRun, Answer> {
        let id = call.number("check_run_id");
        self.checks.iter().find(|run| run.id == id).ok_or_else(not_found)
    }
}

impl Shapes<'_> {
    fn app_of(&self, run: &CheckRun) -> Value {
        let mut app = self.app();
        if run.is_foreign {
            (app["id"], app["slug"], app["name"]) = (json!(1), json!("another-app"), json!("Another App"));
        }
        app
    }

    pub(super) fn check(&self, run: &CheckRun) -> Value {
        let (root, id) = (self.root(), run.id);
        let url = format!("{root}/check-runs/{id}");
        let details = run.details.clone().unwrap_or_else(|| format!("{}/naksha", self.base));
        json!({"id": id, "head_sha": run.sha, "node_id": node_id("CR", id), "external_id": run.external.clone().unwrap_or_default(),
            "url": url, "html_url": format!("{}/runs/{id}", self.page()), "details_url": details,
            "status": run.status, "conclusion": run.conclusion, "started_at": run.started.map(moment),
            "completed_at": run.completed.map(moment), "name": run.name, "check_suite": {"id": 1},
            "output": {"title": run.title, "summary": run.summary, "text": run.text,
                "annotations_count": run.annotations.len(), "annotations_url": format!("{url}/annotations")},
            "app": self.app_of(run), "pull_requests": self.pulls_at(&run.sha)})
    }

    /// Pull requests with this head; none of forks, whatever their head is.
    pub(super) fn pulls_at(&self, sha: &str) -> Value {
        let repository = &self.state.repository;
        let repo = json!({"id": repository.id, "url": self.root(), "name": repository.name});
        let is_here = |owner: &Option<String>| owner.as_ref() == Some(&repository.owner);
        let here = self.state.pulls.iter().filter(|pull| pull.is_open() && pull.head == sha);
        let here = here.filter(|pull| is_here(&pull.head_owner)).map(|pull| {
            let base = self.state.head(&pull.base_branch);
            json!({"id": pull.id, "number": pull.number, "url": format!("{}/pulls/{}", self.root(), pull.number),
                "head": {"ref": pull.head_branch, "sha": pull.head, "repo": repo},
                "base": {"ref": pull.base_branch, "sha": base, "repo": repo}})
        });
        here.collect()
    }
}
