//! What `main` asks for before something is merged into it: by its protection, and by a ruleset.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, refusal};
use super::call::Call;
use super::shapes::Shapes;
use super::state::State;

/// Checks by name, and the App that has to say it.
pub(super) type Required = BTreeMap<String, Option<u64>>;

/// The protection of `main`.
#[derive(Debug, Default)]
pub(super) struct Protection {
    pub(super) is_on: bool,
    /// Nothing: it requires no checks.
    pub(super) required: Required,
    /// What a ruleset requires. It is in force beside the protection.
    pub(super) ruled: Required,
}

impl State {
    /// Everything that has to pass.
    pub(super) fn required(&self) -> Required {
        let Protection { required, ruled, .. } = &self.repository.protection;
        required.iter().chain(ruled).map(|(name, app)| (name.clone(), *app)).collect()
    }
}

/// A check that is asked for. -1 is anybody.
fn asked(check: &Value) -> (String, Option<u64>) {
    (check["context"].as_str().unwrap_or_default().to_owned(), check["app_id"].as_u64())
}

/// What is written there: checks, and names that anybody may say.
fn read(body: &Value) -> Required {
    let names = body["contexts"].as_array().into_iter().flatten();
    let names = names.filter_map(|name| Some((name.as_str()?.to_owned(), None)));
    names.chain(body["checks"].as_array().into_iter().flatten().map(asked)).collect()
}

fn not_protected(words: &str) -> Answer {
    refusal(404, words)
}

pub(super) fn get(state: &State, call: &Call) -> Outcome {
    if call.part("branch") != "main" || !state.repository.protection.is_on {
        return Err(not_protected("Branch not protected"));
    }
    Ok(Answer::ok(state.shapes().protection()))
}

/// Replaces it as a whole.
pub(super) fn put(state: &mut State, call: &Call) -> Outcome {
    let branch = call.part("branch");
    if branch != "main" || state.head(branch).is_none() {
        return Err(refusal(404, "Branch not found"));
    }
    let protection = &mut state.repository.protection;
    protection.is_on = true;
    protection.required = read(&call.body["required_status_checks"]);
    Ok(Answer::ok(state.shapes().protected_branch()))
}

/// Replaces the checks.
pub(super) fn patch_checks(state: &mut State, call: &Call) -> Outcome {
    let protection = &mut state.repository.protection;
    if call.part("branch") != "main" || !protection.is_on || protection.required.is_empty() {
        return Err(not_protected("Required status checks not enabled"));
    }
    protection.required = read(&call.body);
    Ok(Answer::ok(state.shapes().checks_policy()))
}

/// Rules of rulesets that are in force for a branch.
pub(super) fn rules(state: &State, call: &Call) -> Answer {
    let ruled = &state.repository.protection.ruled;
    if call.part("branch") != "main" || ruled.is_empty() {
        return call.page(Vec::new());
    }
    let checks = ruled.iter().map(|(name, app)| match app {
        Some(app) => json!({"context": name, "integration_id": app}),
        None => json!({"context": name}),
    });
    let parameters = json!({"required_status_checks": checks.collect::<Vec<_>>(), "strict_required_status_checks_policy": false});
    let full_name = state.repository.full_name();
    call.page(vec![json!({"type": "required_status_checks", "parameters": parameters,
        "ruleset_source_type": "Repository", "ruleset_source": full_name, "ruleset_id": 1})])
}

impl Shapes<'_> {
    fn protection_url(&self) -> String {
        format!("{}/branches/main/protection", self.root())
    }

    fn checks(&self) -> (Vec<&String>, Vec<Value>) {
        let required = &self.state.repository.protection.required;
        let checks = required.iter().map(|(name, app)| json!({"context": name, "app_id": app}));
        (required.keys().collect(), checks.collect())
    }

    /// As everybody is told who reads the branch.
    pub(super) fn protection_in_branch(&self, branch: &str) -> Value {
        let is_on = branch == "main" && self.state.repository.protection.is_on;
        let (contexts, checks) = if is_on { self.checks() } else { Default::default() };
        let level = if contexts.is_empty() { "off" } else { "everyone" };
        json!({"enabled": is_on, "required_status_checks":
            {"enforcement_level": level, "contexts": contexts, "checks": checks}})
    }

    fn protection(&self) -> Value {
        let url = self.protection_url();
        let mut told =
            json!({"url": url, "enforce_admins": {"url": format!("{url}/enforce_admins"), "enabled": false}});
        if !self.state.repository.protection.required.is_empty() {
            told["required_status_checks"] = self.checks_policy();
        }
        told
    }

    fn protected_branch(&self) -> Value {
        self.protection()
    }

    fn checks_policy(&self) -> Value {
        let (contexts, checks) = self.checks();
        let url = format!("{}/required_status_checks", self.protection_url());
        json!({"url": url, "contexts_url": format!("{url}/contexts"), "strict": false, "contexts": contexts,
            "checks": checks})
    }
}
