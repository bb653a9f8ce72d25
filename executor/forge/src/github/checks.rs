//! Checks: check runs of an App, statuses of anybody.
//!
//! GitHub knows both, and they may have one name. A run is known by its App, so that nobody else can set it; of statuses the last one under
//! a name counts, whoever set it.

use std::collections::BTreeMap;

use http::Method;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{Annotation, Check, CheckState, ForgeError, Reported};
use serde_json::{Value, json};

use super::installation::Scope;
use super::output::Output;
use super::wire::RunDto;
use super::{GitHub, Installation, Whom};
use crate::rest::segment;
use crate::wire::MadeDto;

/// Annotations in one request: more are refused.
const MAX_ANNOTATIONS: usize = 50;
/// Requests that annotations may take. Who has two hundred lines to look at does not look at more.
const MAX_UPDATES: usize = 4;

impl GitHub {
    /// Sets our run of that name, or makes it. It gets its conclusion last, and even where nothing but that is taken.
    pub(super) async fn set_run(
        &self,
        installation: &Installation,
        head: &Revision,
        check: &Check,
    ) -> Result<(), ForgeError> {
        let app = installation.granted(Scope::Usual).await?.app;
        let output = Output::of(check);
        let known = self.run(app, head, &check.name).await?;
        let mut id = known.filter(|run| run.can_become(check, &output)).map(|run| run.id);
        let shown = &check.annotations[..check.annotations.len().min(MAX_ANNOTATIONS * MAX_UPDATES)];
        let (last, earlier) = split(shown);
        for annotations in earlier.chunks(MAX_ANNOTATIONS) {
            let body = body(check, CheckState::Running, &output, annotations);
            match self.send_run(id, head, body).await {
                // The end says that there is something wrong with what is shown.
                Err(ForgeError::Invalid(_)) => break,
                sent => id = Some(sent?),
            }
        }
        match self.send_run(id, head, body(check, check.state, &output, last)).await {
            Err(ForgeError::Invalid(_)) => {
                let bare = body(check, check.state, &Output::bare(check), &[]);
                self.send_run(id, head, bare).await.map(drop)
            }
            sent => sent.map(drop),
        }
    }

    /// The newest run of an App under a name.
    async fn run(&self, app: u64, head: &Revision, name: &str) -> Result<Option<RunDto>, ForgeError> {
        let path = format!("/commits/{head}/check-runs?check_name={}&app_id={app}", segment(name));
        let runs: Vec<RunDto> = self.repo.list_in(&path, "check_runs").await?;
        let is_it = |run: &RunDto| run.name == name && run.app.as_ref().is_some_and(|own| own.id == app);
        Ok(runs.into_iter().filter(is_it).max_by_key(|run| run.id))
    }

    async fn send_run(&self, id: Option<u64>, head: &Revision, mut body: Value) -> Result<u64, ForgeError> {
        let made: MadeDto = if let Some(id) = id {
            let path = format!("/check-runs/{id}");
            self.repo.send(Method::PATCH, &path, &body).await?
        } else {
            body["head_sha"] = json!(head.as_str());
            self.repo.send(Method::POST, "/check-runs", &body).await?
        };
        Ok(made.id)
    }

    pub(super) async fn reported(&self, head: &Revision) -> Result<Vec<Reported>, ForgeError> {
        let mut reported = self.runs(head).await?;
        reported.extend(self.statuses(head).await?);
        reported.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(reported)
    }

    /// The newest of each App and name.
    async fn runs(&self, head: &Revision) -> Result<Vec<Reported>, ForgeError> {
        let path = format!("/commits/{head}/check-runs");
        let runs: Vec<RunDto> = match self.repo.list_in(&path, "check_runs").await {
            // Not every token may see them, and none can have set one.
            Err(ForgeError::Denied(_)) if matches!(self.whom, Whom::Person) => Vec::new(),
            runs => runs?,
        };
        let mut newest: BTreeMap<(String, Option<u64>), RunDto> = BTreeMap::new();
        for run in runs {
            let key = (run.name.clone(), run.app.as_ref().map(|app| app.id));
            if newest.get(&key).is_none_or(|known| known.id < run.id) {
                newest.insert(key, run);
            }
        }
        Ok(newest.into_values().map(RunDto::read).collect())
    }

    /// An App need not see them.
    async fn statuses(&self, head: &Revision) -> Result<Vec<Reported>, ForgeError> {
        if let Whom::App { installation, .. } = &self.whom
            && !installation.granted(Scope::Usual).await?.may_read("statuses")
        {
            return Ok(Vec::new());
        }
        self.repo.statuses(head).await
    }
}

impl RunDto {
    /// Whether it can be what is said now. One that ended does not begin again; and GitHub adds to the annotations of one instead of
    /// replacing them, and keeps a text that is not sent. Then a new run takes its place.
    fn can_become(&self, check: &Check, output: &Output) -> bool {
        let begins_again = self.is_completed() && check.state == CheckState::Running;
        let keeps = self.output.annotations_count > 0 || self.has_text() && !output.has_text();
        !begins_again && !keeps
    }
}

/// The annotations that go with the conclusion, and those that go before it.
fn split(annotations: &[Annotation]) -> (&[Annotation], &[Annotation]) {
    let earlier = annotations.len().saturating_sub(1) / MAX_ANNOTATIONS * MAX_ANNOTATIONS;
    let (earlier, last) = annotations.split_at(earlier);
    (last, earlier)
}

/// A run is completed when it has a conclusion, and has one when it is completed.
fn body(check: &Check, state: CheckState, output: &Output, annotations: &[Annotation]) -> Value {
    let conclusion = match state {
        CheckState::Running => None,
        CheckState::Passed => Some("success"),
        // It keeps a merge from going ahead, and says that somebody is waited for.
        CheckState::Waits => Some("action_required"),
        CheckState::Failed => Some("failure"),
    };
    let external_id = check.content().to_string();
    let mut body =
        json!({"name": check.name, "external_id": external_id, "output": output.body(annotations)});
    match conclusion {
        None => body["status"] = json!("in_progress"),
        Some(conclusion) => {
            body["status"] = json!("completed");
            body["conclusion"] = json!(conclusion);
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use naksha_executor::port::forge::Login;

    use super::*;

    fn check(state: CheckState) -> Check {
        let (name, summary) = ("naksha".to_owned(), "fine".to_owned());
        Check { name, state, summary, text: None, annotations: Vec::new() }
    }

    fn run(text: &str) -> RunDto {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_run_is_completed_when_it_has_a_conclusion() {
        let said = |state| {
            let body = body(&check(state), state, &Output::bare(&check(state)), &[]);
            (body["status"].as_str().unwrap().to_owned(), body.get("conclusion").cloned())
        };
        assert_eq!(said(CheckState::Running), ("in_progress".to_owned(), None));
        for (state, conclusion) in [
            (CheckState::Passed, "success"),
            (CheckState::Waits, "action_required"),
            (CheckState::Failed, "failure"),
        ] {
            assert_eq!(said(state), ("completed".to_owned(), Some(json!(conclusion))));
        }
    }

    #[test]
    fn what_github_says_of_a_run_is_what_it_means_for_a_merge() {
        for (status, conclusion, state) in [
            ("queued", "null", CheckState::Running),
            ("in_progress", "null", CheckState::Running),
            ("waiting", "null", CheckState::Running),
            ("completed", "\"success\"", CheckState::Passed),
            ("completed", "\"neutral\"", CheckState::Passed),
            ("completed", "\"skipped\"", CheckState::Passed),
            ("completed", "\"action_required\"", CheckState::Waits),
            ("completed", "\"failure\"", CheckState::Failed),
            ("completed", "\"cancelled\"", CheckState::Failed),
            ("completed", "\"stale\"", CheckState::Failed),
            ("completed", "null", CheckState::Failed),
        ] {
            let text = format!(
                r#"{{"id": 1, "name": "x", "status": "{status}", "conclusion": {conclusion},
                     "output": {{"title": "t"}}, "app": {{"id": 7, "slug": "naksha"}}}}"#
            );
            let reported = run(&text).read();
            assert_eq!(reported.state, state, "{text}");
            assert_eq!((reported.summary.as_str(), reported.author), ("t", Some(Login::new("naksha[bot]"))));
        }
    }

    #[test]
    fn a_run_goes_on_unless_something_of_it_would_stay() {
        let can = |output: &str, status: &str, check: &Check| {
            let text = format!(r#"{{"id": 1, "name": "x", "status": "{status}", "output": {output}}}"#);
            run(&text).can_become(check, &Output::of(check))
        };
        let passed = check(CheckState::Passed);
        assert!(can("{}", "in_progress", &passed));
        assert!(can("{}", "completed", &check(CheckState::Failed)));
        assert!(!can("{}", "completed", &check(CheckState::Running)));
        assert!(!can(r#"{"annotations_count": 3}"#, "in_progress", &passed));
        assert!(!can(r#"{"text": "more"}"#, "completed", &passed));
        let long = Check { text: Some("line\n".repeat(20_000)), ..passed };
        assert!(can(r#"{"text": "more"}"#, "completed", &long));
    }

    #[test]
    fn annotations_go_fifty_at_a_time_and_the_last_with_the_conclusion() {
        let annotation = Annotation {
            path: "a".to_owned(),
            line: 0,
            is_error: true,
            title: "t".to_owned(),
            message: String::new(),
        };
        for (all, last, earlier) in
            [(0, 0, 0), (1, 1, 0), (50, 50, 0), (51, 1, 50), (100, 50, 50), (120, 20, 100)]
        {
            let annotations = vec![annotation.clone(); all];
            let (with, before) = split(&annotations);
            assert_eq!((with.len(), before.len()), (last, earlier), "{all}");
        }
    }
}
